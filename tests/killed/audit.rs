//! The audit over processes: killed at any moment it loses no line that was acknowledged, and needs no repair.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use chrono::Utc;
use dagtop::history::Audit;
use dagtop::history::audit::{Kind, Trail, Verdict, Wanted, What};

const DIR: &str = "DAGTOP_TEST_AUDIT_DIR";

/// Not a test of its own: what `killed_at_any_moment…` starts, and kills.
#[test]
fn writer() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    // small files, so that it is killed while one is put aside too
    let mut audit = Audit::open(Path::new(&dir)).unwrap().rotated_at(20_000);
    let mut out = std::io::stderr();
    loop {
        let what = What::done(Kind::Alert, "ack", "run-failing:prod/orders");
        let link = audit.write(Utc::now(), what).unwrap();
        // one write: whoever reads it has all of it or nothing
        let line = format!("{} {}\n", link.n, link.hash);
        out.write_all(line.as_bytes()).unwrap();
    }
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "audit::writer", "--nocapture"])
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_any_moment_it_loses_no_line_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |most: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % most
    };
    // two at a time, two hundred in all
    for _ in 0..100 {
        let mut writers = [start(dir.path()), start(dir.path())];
        std::thread::sleep(Duration::from_millis(10 + random(60)));
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
            let mut told = String::new();
            writer
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut told)
                .unwrap();
            for line in told.lines() {
                let (n, hash) = line.split_once(' ').expect(line);
                acknowledged.push(Wanted {
                    hash: hash.parse().unwrap(),
                    n: Some(n.parse().unwrap()),
                    by: "the writer".to_owned(),
                });
            }
            std::thread::sleep(Duration::from_millis(random(5)));
        }
    }
    let count = acknowledged.len();
    let verdict = Verdict::of(Trail::of(dir.path()).unwrap(), acknowledged).unwrap();
    assert!(verdict.holds(), "{:#?}", verdict.broken);
    assert_eq!(verdict.met.len(), count, "every one of them is there");
    assert!(count > 200, "only {count} lines: nothing was tried");
    println!(
        "{count} lines acknowledged, {} in {} files, {} writes cut off",
        verdict.lines,
        verdict.files,
        verdict.notes.len()
    );
}

fn dagtop(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dagtop"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("USER", "ann")
        .env("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_is_done_on_the_command_line_is_listed_verified_and_exported() {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| dagtop(home.path(), args);
    let state = home.path().join(".local/state/dagtop");
    assert_eq!(text(&run(&["audit"])), "nothing of it is in the audit\n");
    let add = [
        "silence",
        "add",
        "--match",
        "pipeline=orders_*",
        "--for",
        "2h",
        "--reason",
        "=a|b",
    ];
    let id = text(&run(&add)).trim().to_owned();
    assert!(run(&["silence", "end", &id]).status.success());
    let listed = text(&run(&["audit"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[0].contains("ann@192.0.2.7  silence ")
            && lines[0].contains("match: pipeline=orders_*"),
        "{listed}"
    );
    assert!(lines[1].contains("  unsilence "), "{listed}");
    let one = text(&run(&[
        "audit", "--json", "--action", "un*", "--since", "1h",
    ]));
    let one: serde_json::Value = serde_json::from_str(one.trim()).unwrap();
    assert_eq!(
        (&one["n"], &one["target"]),
        (&2.into(), &id.as_str().into())
    );
    assert_eq!(
        (&one["user"], &one["from"]),
        (&"ann".into(), &"192.0.2.7".into())
    );

    let verified = run(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    assert!(text(&verified).contains("line 2 is the one that the history noted"));
    let cef = text(&run(&["audit", "export", "--format", "cef"]));
    assert!(
        cef.starts_with("CEF:0|dagtop|dagtop|") && cef.contains("reason: \\=a|b"),
        "{cef}"
    );
    let file = home.path().join("audit.out");
    assert!(
        run(&["audit", "export", "-o", file.to_str().unwrap()])
            .status
            .success()
    );
    let raw = std::fs::read_to_string(&file).unwrap();
    let kept = std::fs::read_to_string(state.join("audit.jsonl")).unwrap();
    assert!(
        kept.starts_with(&raw) && raw.lines().count() == 3,
        "as it stands there"
    );
    let exports = text(&run(&["audit", "--action", "export"]));
    assert_eq!(exports.lines().count(), 2, "{exports}");

    // a line that was changed
    let changed = kept.replacen("pipeline=orders_*", "pipeline=other_*", 1);
    std::fs::write(state.join("audit.jsonl"), &changed).unwrap();
    let broken = run(&["audit", "verify"]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(
        text(&broken).contains("audit.jsonl:1: line 1 was changed"),
        "{}",
        text(&broken)
    );
    // an end that was cut off: only the note in the history shows it
    let first = kept.lines().next().unwrap();
    std::fs::write(state.join("audit.jsonl"), format!("{first}\n")).unwrap();
    let cut = run(&["audit", "verify", "--json"]);
    assert_eq!(cut.status.code(), Some(2));
    let cut: serde_json::Value = serde_json::from_slice(&cut.stdout).unwrap();
    assert_eq!(cut["holds"], false);
    assert!(
        cut["broken"][0]["what"]
            .as_str()
            .unwrap()
            .contains("the history noted it"),
        "{cut}"
    );
    let aside = run(&["audit", "verify", "--dir", state.to_str().unwrap()]);
    assert_eq!(aside.status.code(), Some(0));
}
