//! `dagtop serve` and the commands beside it: people are told once, whatever happens to the process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::home::{Going, Home, until};

const FAILS: &str = "name = \"bad\"\n[[node]]\nid = \"load\"\n\
    run = \"echo 'ValueError: bad row 7' >&2; exit 3\"\n";
const WORKS: &str = "name = \"bad\"\n[[node]]\nid = \"load\"\nrun = \"echo fine\"\n";

/// A home with a pipeline that fails and a channel that writes down what it is told.
fn home(more: &str) -> Home {
    let home = Home::new();
    home.pipeline("bad", FAILS);
    let told = home.path().join("told.jsonl");
    home.here(&format!(
        "[[channel]]\nname = \"book\"\nkind = \"command\"\n\
        command = [\"sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]\n{more}",
        told.display()
    ));
    home
}

/// Occasion and id of everything that was told, in order.
fn told(home: &Home) -> Vec<(String, String)> {
    lines(home, "told.jsonl")
        .iter()
        .map(|line| {
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            (word("occasion"), word("id"))
        })
        .collect()
}

fn lines(home: &Home, file: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(home.path().join(file)).unwrap_or_default();
    // a line that is being written is not there yet
    let whole = text.lines().filter(|line| !line.is_empty());
    whole
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn occasions(home: &Home) -> Vec<String> {
    told(home)
        .into_iter()
        .map(|(occasion, _)| occasion)
        .collect()
}

/// Messages of which it is not known that they arrived.
fn on_their_way(home: &Home) -> i64 {
    let db = rusqlite::Connection::open(home.state().join("history.db")).unwrap();
    let count = "select count(*) from documents where shelf = 'deliveries' and json_extract(body, '$.state') <> 'sent'";
    db.query_row(count, [], |row| row.get(0)).unwrap()
}

fn serve(home: &Home) -> Going {
    let mut serve = home.start(&["serve"]);
    serve.until_complains("event=backend");
    serve
}

fn trigger(home: &Home) {
    home.dagtop(&["act", "trigger", "here/bad", "--yes"]);
}

#[test]
fn a_failure_is_told_once_with_its_error_and_its_end() {
    let home = home("");
    let serve = serve(&home);
    trigger(&home);
    until("the failure is told", || occasions(&home) == ["fired"]);
    let line = &lines(&home, "told.jsonl")[0];
    assert_eq!(line["alert"], "run-failing:here/bad");
    assert_eq!(line["error"], "ValueError: bad row 7", "{line}");
    let text = line["text"].as_str().unwrap();
    for part in ["where: here / bad", "load", "dagtop open here/bad/"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let time = |key: &str| -> chrono::DateTime<chrono::Utc> {
        line[key].as_str().unwrap().parse().unwrap()
    };
    let took = (time("sent") - time("since")).num_milliseconds();
    println!("from the end of the node to the message: {took} ms");
    home.pipeline("bad", WORKS);
    trigger(&home);
    until("its end is told", || {
        occasions(&home) == ["fired", "resolved"]
    });
    serve.signal(Signal::TERM);
    serve.wait().code(0);
}

#[test]
fn killed_again_and_again_it_tells_everything_and_nothing_new() {
    let home = home("");
    let first = serve(&home);
    trigger(&home);
    until("the failure is told", || !told(&home).is_empty());
    first.signal(Signal::KILL);
    first.wait();
    let begun = Instant::now();
    let mut kills = 1;
    while kills < 8 {
        let again = home.start(&["serve"]);
        // at another moment of its start each time
        std::thread::sleep(Duration::from_millis(60 * kills * kills));
        again.signal(Signal::KILL);
        again.wait();
        kills += 1;
    }
    println!("{kills} kills in {:.1} s", begun.elapsed().as_secs_f64());
    // an acknowledgement outlives them too
    home.dagtop(&["alerts", "ack", "bad"]).code(0);
    let last = serve(&home);
    until("the acknowledgement is told", || {
        occasions(&home).contains(&"acknowledged".to_owned())
    });
    home.pipeline("bad", WORKS);
    trigger(&home);
    until("its end is told", || {
        occasions(&home).contains(&"resolved".to_owned())
    });
    last.signal(Signal::TERM);
    last.wait().code(0);
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (occasion, id) in told(&home) {
        *count.entry(id.clone()).or_default() += 1;
        let known = ids.entry(occasion).or_default();
        if !known.contains(&id) {
            known.push(id);
        }
    }
    for occasion in ["fired", "acknowledged", "resolved"] {
        assert_eq!(ids[occasion].len(), 1, "{ids:?}: each is one thing");
    }
    // what was being told when it was killed is told again, with the same id
    let times = |occasion: &str| count[&ids[occasion][0]];
    assert!(
        times("fired") <= usize::try_from(kills).unwrap() + 1,
        "{count:?}"
    );
    // nobody killed the one that told these
    assert_eq!(
        (times("acknowledged"), times("resolved")),
        (1, 1),
        "{count:?}"
    );
    println!("told: {count:?}");
}

#[test]
fn one_of_two_tells_and_the_other_takes_over() {
    let home = home("");
    let mut first = serve(&home);
    first.until_complains("this program tells people");
    let mut second = serve(&home);
    second.until_complains("another program on this state directory tells people");
    trigger(&home);
    until("the failure is told", || occasions(&home) == ["fired"]);
    // what is still on its way when its program is killed is told again, with the same id
    until("it is known to be told", || on_their_way(&home) == 0);
    first.signal(Signal::KILL);
    first.wait();
    second.until_complains("text=\"this program tells people\"");
    home.pipeline("bad", WORKS);
    trigger(&home);
    until("its end is told", || occasions(&home).len() == 2);
    assert_eq!(
        occasions(&home),
        ["fired", "resolved"],
        "by two programs, once each"
    );
    second.signal(Signal::TERM);
    second.wait().code(0);
}

#[test]
fn a_person_acts_from_the_command_line() {
    let home = home("");
    home.dagtop(&["alerts"]).code(0).says(&["no alerts"]);
    home.dagtop(&["alerts", "ack", "bad"])
        .code(1)
        .complains(&["there is no alert `bad`"]);
    let serve = serve(&home);
    trigger(&home);
    until("the failure is told", || !told(&home).is_empty());
    let listed = || home.dagtop(&["alerts"]).code(0);
    until("it is written down", || listed().out.contains("P1 firing"));
    home.dagtop(&["alerts", "note", "bad", "the vendor\u{1b}[2J is on it"])
        .code(0);
    home.dagtop(&["alerts", "ack", "run-failing:here/bad"])
        .code(0);
    listed().says(&["acknowledged", "the vendor is on it"]);
    home.dagtop(&["alerts", "ack", "bad"])
        .code(1)
        .complains(&["nothing to be done"]);
    home.dagtop(&["alerts", "unack", "bad"]).code(0);
    listed().says(&["P1 firing"]);
    let rows = home.dagtop(&["alerts", "--json"]).code(0).json();
    assert_eq!(rows[0]["name"], "run-failing:here/bad");
    assert_eq!(rows[0]["told"][0], "book");
    // quiet, and the end of it
    let add = [
        "silence",
        "add",
        "--match",
        "pipeline=bad",
        "--for",
        "1h",
        "--reason",
        "we know",
    ];
    let id = home.dagtop(&add).code(0).out.trim().to_owned();
    until("the silence is heard", || {
        home.dagtop(&["alerts"]).out.contains("silenced")
    });
    home.dagtop(&["silence"]).code(0).says(&[&id, "we know"]);
    home.dagtop(&["silence", "end", &id]).code(0);
    until("its end is heard", || {
        home.dagtop(&["alerts"]).out.contains("P1 firing")
    });
    home.dagtop(&["silence", "end", &id]).code(1);
    home.dagtop(&["alerts", "resolve", "bad"]).code(0);
    until("that it is over is told", || {
        occasions(&home).contains(&"resolved".to_owned())
    });
    for wrong in [
        &[
            "silence", "add", "--match", "pipeline", "--for", "1h", "--reason", "x",
        ][..],
        &[
            "silence", "add", "--match", "a=b", "--for", "0s", "--reason", "x",
        ],
        &["silence", "add", "--for", "1h", "--reason", "x"],
    ] {
        home.dagtop(wrong).code(2);
    }
    // what was seen, rules would have found again
    home.dagtop(&["rules", "test", "--since", "1h"])
        .code(0)
        .says(&["fired", "run-failing:here/bad", "-> book", "1 alerts in"]);
    serve.signal(Signal::TERM);
    serve.wait().code(0);
}

#[test]
fn a_channel_that_fails_is_told_on_another() {
    let home = home(
        "[[channel]]\nname = \"mute\"\nkind = \"command\"\n\
        command = [\"sh\", \"-c\", \"echo no such number >&2; exit 1\"]\n",
    );
    let serve = serve(&home);
    trigger(&home);
    until("the channel's failure is told", || {
        let all = lines(&home, "told.jsonl");
        all.iter().any(|l| l["alert"] == "channel-failing:mute")
    });
    let all = lines(&home, "told.jsonl");
    let line = all.iter().find(|l| l["alert"] == "channel-failing:mute");
    let reason = line.unwrap()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("no such number"), "{reason}");
    serve.signal(Signal::TERM);
    serve.wait().code(0);
}

#[test]
fn the_service_manager_is_told_of_its_life() {
    let home = home("");
    let path: PathBuf = home.path().join("notify.sock");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let heard = || {
        let mut buffer = [0; 256];
        let n = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).trim().to_owned()
    };
    let serve = home.start_with(
        &["--json", "serve"],
        &[
            ("NOTIFY_SOCKET", path.to_str().unwrap()),
            ("WATCHDOG_USEC", "2000000"),
        ],
    );
    assert_eq!(heard(), "READY=1");
    assert_eq!(heard(), "WATCHDOG=1");
    assert_eq!(heard(), "WATCHDOG=1");
    serve.signal(Signal::TERM);
    while heard() != "STOPPING=1" {}
    let done = serve.wait().code(0);
    for line in done.err.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["at"].is_string() && line["event"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn with_a_damaged_history_people_are_told_all_the_same() {
    let home = home("");
    let garbage = "not a database at all, ".repeat(100);
    home.file(".local/state/dagtop/history.db", &garbage);
    let mut serve = serve(&home);
    serve.until_complains("is damaged");
    serve.until_complains("this program tells people");
    trigger(&home);
    until("the failure is told", || occasions(&home) == ["fired"]);
    home.dagtop(&["alerts"]).code(1).complains(&["is damaged"]);
    let doctor = home.dagtop(&["doctor"]).code(1);
    assert!(doctor.out.contains("is damaged"), "{doctor:?}");
    serve.signal(Signal::TERM);
    serve.wait().code(0);
    let left = std::fs::read_to_string(home.state().join("history.db")).unwrap();
    assert_eq!(left, garbage, "it is left as it is");
}
