//! dbt's command lines: what a run is told, and how dbt is asked what it would run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::backends::process::{Ending, Marks, Spec};

use super::Settings;
use super::cut::tail;
use super::json_line;
use super::manifest::Manifest;
use super::results::Args;
use super::said::What;
use super::store::RunDir;

/// A listing that takes longer is given up. dbt reads the whole project first.
const LIST_LIMIT: Duration = Duration::from_secs(180);
/// The folder of a run, told to its dbt; it also marks the processes of a run.
const RUN_DIR: &str = "DAGTOP_DBT_RUN_DIR";
/// As much of what dbt complains about is told, in bytes.
const MAX_COMPLAINT: usize = 2000;

/// What a run's processes carry.
pub fn marks(dir: &RunDir) -> Marks {
    vec![(RUN_DIR, dir.mark())]
}

/// What is run for a run of dagtop's own.
pub fn spec(settings: &Settings, program: PathBuf, words: Vec<String>, dir: &RunDir) -> Spec {
    let mut args = strings(&["--log-format", "json", "--log-level", "debug"]);
    args.extend(words);
    Spec {
        program,
        args,
        cwd: settings.project.clone(),
        env: Vec::new(),
        marks: marks(dir),
        apart: true,
        timeout: None,
        grace: settings.grace,
        ending: Ending::Interrupt,
    }
}

/// A command line without the program and without how it logs.
pub fn words(settings: &Settings, args: &Args) -> Vec<String> {
    let mut words = match args.which.as_str() {
        "freshness" => strings(&["source", "freshness"]),
        which => vec![which.to_owned()],
    };
    words.extend(places(settings));
    // a retry does with these as the command before it did
    if args.which == "retry" {
        return words;
    }
    words.extend(selection(args));
    if args.full_refresh {
        words.push("--full-refresh".to_owned());
    }
    if let Some(target) = args.target.as_ref().or(settings.target.as_ref()) {
        words.extend(["--target".to_owned(), target.clone()]);
    }
    if !args.vars.is_empty() {
        words.extend(["--vars".to_owned(), args.vars.clone()]);
    }
    words
}

/// Where the project and its profiles are, for any command.
pub fn places(settings: &Settings) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(dir) = &settings.profiles {
        words.extend(["--profiles-dir".to_owned(), dir.display().to_string()]);
    }
    words
}

fn selection(args: &Args) -> Vec<String> {
    let mut words = Vec::new();
    for (flag, list) in [("--select", &args.select), ("--exclude", &args.exclude)] {
        if !list.is_empty() {
            words.push(flag.to_owned());
            words.extend(list.iter().cloned());
        }
    }
    words
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// Which kinds of nodes a command runs, as unique ids begin.
fn kinds(which: &str) -> &'static [&'static str] {
    match which {
        "build" => &["model.", "seed.", "snapshot.", "test.", "unit_test."],
        "run" => &["model."],
        "test" => &["test.", "unit_test."],
        "seed" => &["seed."],
        "snapshot" => &["snapshot."],
        "freshness" => &["source."],
        _ => &[],
    }
}

fn runs(manifest: &Manifest, which: &str, id: &str) -> bool {
    let item = manifest.get(id);
    kinds(which).iter().any(|kind| id.starts_with(kind))
        && (which != "freshness" || item.is_some_and(|i| i.freshness.is_some()))
        // such a model is a part of those that use it
        && item.is_none_or(|i| i.materialized != "ephemeral")
}

/// Every node that a command without a selection runs.
pub fn all_of(manifest: &Manifest, which: &str) -> Vec<String> {
    let all = manifest.items.keys();
    all.filter(|id| runs(manifest, which, id))
        .cloned()
        .collect()
}

/// What dbt answers when it is asked what it would run: unique ids, or why not.
pub type Listing = Result<Vec<String>, String>;

/// Asks dbt. Nothing in the warehouse is touched; the manifest is written anew.
pub async fn list(
    settings: Settings,
    program: PathBuf,
    args: Args,
    manifest: &Manifest,
) -> Listing {
    let mut words = strings(&["--log-format", "json", "--log-level-file", "none", "ls"]);
    words.extend(strings(&["--output", "json", "--output-keys", "unique_id"]));
    words.extend(places(&settings));
    words.extend(selection(&args));
    if let Some(target) = args.target.as_ref().or(settings.target.as_ref()) {
        words.extend(["--target".to_owned(), target.clone()]);
    }
    if !args.vars.is_empty() {
        words.extend(["--vars".to_owned(), args.vars.clone()]);
    }
    let output = Command::new(&program)
        .args(&words)
        .current_dir(&settings.project)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(LIST_LIMIT, output).await {
        Ok(Ok(output)) => output,
        Ok(Err(e)) => return Err(format!("dbt can't be started: {e}")),
        Err(_) => return Err(format!("dbt ls did not end within {LIST_LIMIT:?}")),
    };
    let mut ids = BTreeSet::new();
    let mut fatal = None;
    for line in output.stdout.split(|b| *b == b'\n') {
        let Some(said) = json_line::parse(line) else {
            continue;
        };
        if let What::Fatal(why) = said.what {
            fatal = fatal.or(Some(why));
        } else if let Ok(listed) = serde_json::from_str::<Listed>(&said.text) {
            ids.insert(listed.unique_id);
        }
    }
    if !output.status.success() || fatal.is_some() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let why = fatal.unwrap_or_else(|| complaint.trim().to_owned());
        return Err(tail(why.trim(), MAX_COMPLAINT).to_owned());
    }
    Ok(ids
        .into_iter()
        .filter(|id| runs(manifest, &args.which, id))
        .collect())
}

#[derive(Deserialize)]
struct Listed {
    unique_id: String,
}
