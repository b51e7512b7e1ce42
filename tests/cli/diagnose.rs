//! `dagtop diagnose`: what it prints, and what it says to input that is no log.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn diagnose(input: &[u8], args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dagtop"))
        .arg("diagnose")
        .args(args)
        .current_dir(home.path())
        .env("HOME", home.path())
        .env_remove("DAGTOP_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        // a program that says no early need not read to the end
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

const LOG: &str = "2026-11-27 02:00:01 INFO etl: 300 rows, 0 errors
Traceback (most recent call last):
  File \"load.py\", line 3, in <module>
    main()
ConnectionRefusedError: [Errno 111] Connection refused
2026-11-27 02:00:02 ERROR etl: job failed with exit code 1
";

#[test]
fn a_log_from_a_pipe_as_json() {
    let (code, out, err) = said(&diagnose(LOG.as_bytes(), &["-", "--json"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["class"], "dependency");
    assert_eq!(found["evidence"][0]["line"], 5);
    assert_eq!(
        found["evidence"][0]["text"],
        "ConnectionRefusedError: [Errno 111] Connection refused"
    );
    assert!(found["confidence"].as_f64().unwrap() > 0.5);
    assert!(found["cause"].is_string() && found["advice"][0].is_string());
    let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[test]
fn a_file_as_text_in_eighty_columns() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.log");
    std::fs::write(&file, LOG.replace("refused", &"refused ".repeat(40))).unwrap();
    let (code, out, _) = said(&diagnose(b"", &[file.to_str().unwrap()]));
    assert_eq!(code, Some(0));
    assert!(
        out.starts_with("dependency: ") && out.contains("\n      5  ConnectionRefusedError"),
        "{out}"
    );
    assert!(out.contains("\ntry: "), "{out}");
    for line in out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_went_well_and_what_is_not_known_have_no_diagnosis() {
    let (code, out, _) = said(&diagnose(
        b"INFO 0 errors\nWARN timeout is 30 s\nINFO completed successfully\n",
        &["-"],
    ));
    assert_eq!(code, Some(3));
    assert!(
        out.starts_with("unknown: nothing in it tells of a failure"),
        "{out}"
    );
    let (code, out, _) = said(&diagnose(b"ERROR the frob is not nice\n", &["-", "--json"]));
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, found["class"].as_str()), (Some(3), Some("unknown")));
    assert_eq!(found["evidence"][0]["line"], 1);
}

#[test]
fn input_that_is_no_log_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("empty"), b"").unwrap();
    std::fs::write(path("packed"), b"\x1f\x8b\x08\0\0\0\0\0").unwrap();
    std::fs::write(path("binary"), [0u8, 1, 2, 0].repeat(999)).unwrap();
    let refused = |file: &str| {
        let (code, out, err) = said(&diagnose(b"", &[file]));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{file}: {err}");
        err
    };
    assert!(refused(&path("absent")).contains("absent"));
    assert!(refused(dir.path().to_str().unwrap()).contains("is a directory"));
    assert!(refused(&path("empty")).contains("is empty"));
    assert!(refused(&path("packed")).contains("zcat FILE | dagtop diagnose -"));
    assert!(refused(&path("binary")).contains("binary"));
    assert!(refused("-").contains("stdin is empty"));
}

#[test]
fn broken_text_and_huge_lines_are_read() {
    let mut log = b"\xff\xfe\xc3 start \xf0\x28\n".to_vec();
    log[0] = b'x';
    log.extend(vec![b'a'; 3 << 20]);
    log.extend_from_slice(b"\nERROR: relation \"staging.orders\" does not exist\n");
    let (code, out, _) = said(&diagnose(&log, &["-", "--json"]));
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, found["class"].as_str()),
        (Some(0), Some("missing_input"))
    );
    assert_eq!(found["evidence"][0]["line"], 3);
}

#[test]
fn patterns_of_the_user_stand_first_and_mistakes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("config.toml", "[diagnosis]\npatterns = \"mine.toml\"\n");
    write(
        "mine.toml",
        "[[pattern]]\nclass = \"quality\"\ncause = \"the frob is ugly\"\nwords = [\"frob is not nice\"]\n[[pattern]]\nclass = \"qualty\"\ncause = \"x\"\nwords = [\"something\"]\n",
    );
    let config = dir.path().join("config.toml");
    let args = ["-", "--json", "--config", config.to_str().unwrap()];
    let (code, out, err) = said(&diagnose(b"ERROR the frob is not nice\n", &args));
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, found["class"].as_str()), (Some(0), Some("quality")));
    assert!(
        err.contains("mine.toml:6:9") && err.contains("quality"),
        "{err}"
    );
    let absent = Path::new("/nonexistent/config.toml").to_str().unwrap();
    assert_eq!(
        said(&diagnose(b"x\n", &["-", "--config", absent])).0,
        Some(2)
    );
}
