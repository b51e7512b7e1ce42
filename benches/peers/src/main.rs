//! The layout of dagtop beside that of other crates and of Graphviz, on the same graphs with boxes of the same size.
//! `cargo run --release -- A.edges B.edges` prints a table; each layout runs in a process of its own with a time limit.

// dagtop's layout is usable alone: it is built here from its source, without the rest of the program
#[allow(dead_code, unused_imports)]
#[path = "../../../src/graph/mod.rs"]
mod graph;
mod score;
mod tools;

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(10);
const TOOLS: [&str; 5] = ["dagtop", "dot", "ascii-dag", "rust-sugiyama", "dugong"];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, tool, file] = &args[..]
        && flag == "--one"
    {
        println!(
            "{}",
            tools::run(tool, file).unwrap_or_else(|e| e.to_string())
        );
        return;
    }
    println!("| graph | {} |", TOOLS.join(" | "));
    println!("| --- |{}", " --- |".repeat(TOOLS.len()));
    for file in &args {
        let name = file
            .rsplit('/')
            .next()
            .unwrap_or(file)
            .trim_end_matches(".edges");
        let cells = TOOLS.map(|tool| one(tool, file).replace('\n', " "));
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// One tool on one graph.
fn one(tool: &str, file: &str) -> String {
    let this = std::env::current_exe().expect("this program has a path");
    let child = Command::new(this)
        .args(["--one", tool, file])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return "can't start".to_owned();
    };
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let mut said = String::new();
                let pipe = child.stdout.as_mut().map(|o| o.read_to_string(&mut said));
                return match pipe {
                    Some(Ok(_)) if status.success() => said.trim().to_owned(),
                    _ => "failed".to_owned(),
                };
            }
            Ok(None) if begun.elapsed() > LIMIT => {
                let _ = child.kill();
                let _ = child.wait();
                return format!("> {} s", LIMIT.as_secs());
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return "failed".to_owned(),
        }
    }
}
