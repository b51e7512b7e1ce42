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
    let told = text(&verified);
    assert!(told.contains("line 2 is the one that the history noted"));
    assert!(
        told.contains("2 lines in 1 file: the chain holds"),
        "{told}"
    );
    let copied = told.lines().find(|line| line.starts_with("2 lines of "));
    assert!(
        copied.is_some_and(|line| line.ends_with(" in the history: the chain holds")),
        "{told}"
    );
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

#[test]
fn a_file_gets_as_long_as_the_configuration_says_and_one_that_is_gone_is_found() {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| dagtop(home.path(), args);
    let state = home.path().join(".local/state/dagtop");
    let dir = home.path().join(".config/dagtop");
    std::fs::create_dir_all(&dir).unwrap();
    let configure = |size: &str| {
        let text = format!("[history]\naudit_file = \"{size}\"\n");
        std::fs::write(dir.join("config.toml"), text).unwrap();
    };
    configure("999KB");
    let refused = run(&["doctor"]);
    let said = [&refused.stdout[..], &refused.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.contains("`history.audit_file` must be at least 1MB"),
        "{said}"
    );
    configure("1MB");
    let add = ["silence", "add", "--match", "a=b", "--for", "2h"];
    let id = text(&run(&[&add[..], &["--reason", "x"]].concat()));
    let file = state.join("audit.jsonl");
    assert!(file.exists());
    // as if a thousand more had been written by an older version
    let old = "{\"at\":\"2026-11-20T03:00:00Z\",\"user\":\"ann\",\"action\":\"ack\",\"target\":\"x\",\"step\":\"done\"}\n";
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, old.repeat(1_000_000 / old.len())).unwrap();
    assert!(run(&["silence", "end", id.trim()]).status.success());
    assert!(state.join("audit-0001.jsonl").exists() && !file.exists());
    run(&[
        "audit",
        "export",
        "-o",
        home.path().join("out").to_str().unwrap(),
    ]);
    assert!(file.exists());
    let dir = state.to_str().unwrap();
    let whole = run(&["audit", "verify", "--dir", dir]);
    assert!(
        text(&whole).contains("2 lines in 2 files: the chain holds"),
        "{}",
        text(&whole)
    );
    std::fs::remove_file(state.join("audit-0001.jsonl")).unwrap();
    let gone = run(&["audit", "verify", "--dir", dir]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(
        text(&gone).contains("line 1 is missing before line 2"),
        "{}",
        text(&gone)
    );
}

/// Two machines on one server: each sees what was done on the other, and what was touched.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn postgres_shows_a_team_who_did_what() {
    let team = crate::team::Team::new("audit");
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let configure = |home: &Path, url: &str| {
        let dir = home.join(".config/dagtop");
        std::fs::create_dir_all(&dir).unwrap();
        // the address holds a password, which must not show
        let text = format!("[history]\nurl = \"{url}\"\n");
        std::fs::write(dir.join("config.toml"), text).unwrap();
    };
    for home in &homes {
        configure(home.path(), &team.url());
    }
    let [a, b] = homes.each_ref().map(|home| {
        let home = home.path();
        move |args: &[&str]| dagtop(home, args)
    });
    let state = homes[0].path().join(".local/state/dagtop");
    let add = ["silence", "add", "--match", "pipeline=x", "--for", "2h"];
    let id = text(&a(&[&add[..], &["--reason", "quiet"]].concat()));
    let ended = b(&["silence", "end", id.trim()]);
    assert!(ended.status.success(), "{ended:?}");

    let listed = text(&b(&["audit"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[0].contains("  silence ") && lines[1].contains("  unsilence "),
        "{listed}"
    );
    assert!(lines[0].contains("ann@192.0.2.7 on "), "{listed}");
    let rows: Vec<serde_json::Value> = text(&a(&["audit", "--json"]))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((&rows[0]["n"], &rows[1]["n"]), (&1.into(), &1.into()));
    assert_ne!(rows[0]["machine"], rows[1]["machine"]);
    // lines as they stand in the files, to be checked by whoever has them
    let raw = text(&a(&["audit", "export"]));
    let kept = std::fs::read_to_string(state.join("audit.jsonl")).unwrap();
    assert_eq!(raw.lines().next(), kept.lines().next());
    assert_eq!(raw.lines().count(), 2);
    let table = text(&b(&["export", "audit", "--format", "jsonl"]));
    assert_eq!(
        table.lines().count(),
        3,
        "the export of a is there too: {table}"
    );
    let report = text(&b(&["report", "--period", "1d", "--format", "json"]));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let told = &report["compliance"];
    assert_eq!(told["machines"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&told["chain_holds"], &told["lines"]),
        (&true.into(), &4.into())
    );

    let verified = a(&["audit", "verify"]);
    let told = text(&verified);
    assert_eq!(verified.status.code(), Some(0), "{told}");
    assert_eq!(
        told.matches(" in the history: the chain holds").count(),
        2,
        "{told}"
    );
    // the last line is taken out of the file: nothing in it shows that, and the copy does
    let first = kept.lines().next().unwrap();
    std::fs::write(state.join("audit.jsonl"), format!("{first}\n")).unwrap();
    let cut = a(&["audit", "verify"]);
    assert_eq!(cut.status.code(), Some(2));
    assert!(text(&cut).contains("line 2 is here, and not in the files of this machine"));
    assert_eq!(b(&["audit", "verify"]).status.code(), Some(0));

    // the server can't be reached: what was done here is there all the same, and that it is all is said
    configure(
        homes[1].path(),
        "postgres://ann:hunter2@127.0.0.1:1/x?sslmode=disable",
    );
    let alone = b(&["audit"]);
    let said = String::from_utf8(alone.stderr.clone()).unwrap();
    assert!(
        said.contains("only what was done on this machine") && !said.contains("hunter2"),
        "{said}"
    );
    assert!(text(&alone).contains("  unsilence ") && !text(&alone).contains("  silence "));
}
