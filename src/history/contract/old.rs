//! What is old goes away, what isn't stays, and what is archived is there once.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use chrono::Duration;
use flate2::read::MultiGzDecoder;

use super::*;
use crate::history::retention::{Policy, Retention};
use crate::history::tend::TendError;

/// How old what is written is, in hours.
const AGES: [i64; 6] = [1, 3 * 24, 10 * 24, 20 * 24, 40 * 24, 400 * 24];
/// Lines of one millisecond, more than a piece of an archive.
const AT_ONCE: usize = 1_300;

type Open<'a> = dyn Fn() -> Box<dyn Store> + 'a;

pub(in crate::history) const ALL: [for<'a> fn(&Open<'a>); 3] = [goes, is_archived, fits];

fn now() -> DateTime<Utc> {
    t(0)
}

fn policy(archive: Option<&Path>) -> Policy {
    Policy {
        runs: Duration::days(30),
        events: Duration::days(7),
        tails: Duration::days(14),
        points: [2, 7, 30, 365].map(Duration::days),
        days: Duration::days(365),
        size: None,
        archive: archive.map(Path::to_owned),
    }
}

fn of_age(hours: i64) -> Vec<Write> {
    let second = -hours * 3_600;
    let past = past("a", &format!("{hours} h"), second);
    let key = past.run.key.clone();
    let log = key.node(&NodeId::new("load")).log(1);
    let mut all = vec![
        Write::Run(Box::new(past)),
        Write::Node(Box::new(attempt(&key, "load", 1, second))),
        Write::Tail {
            log,
            at: t(second),
            text: format!("it failed {hours} h ago"),
        },
        append(Log::Tellings, second, "{\"told\":1}"),
        append(Log::Worlds, second, "{\"world\":1}"),
        append(Log::Events, second, "no JSON"),
    ];
    let begins = Grain::ALL.map(|grain| (grain, grain.begin(t(second))));
    all.extend(begins.map(|(grain, at)| {
        Write::Point(Point {
            at,
            ..point("x", grain, 0, 1)
        })
    }));
    all
}

fn fill(store: &mut dyn Store) {
    for hours in AGES {
        store.write(&of_age(hours)).unwrap();
    }
    let at_once: Vec<Write> = (0..AT_ONCE)
        .map(|n| append(Log::Events, -9 * 86_400, &n.to_string()))
        .collect();
    store.write(&at_once).unwrap();
}

fn prune(store: &mut dyn Store, policy: Policy) -> Result<HashMap<&'static str, usize>, TendError> {
    let pruned = Retention::new(policy).all(store, now(), &mut |_| {})?;
    Ok(pruned.records.into_iter().collect())
}

fn count(store: &mut dyn Store) -> HashMap<&'static str, u64> {
    store.size().unwrap().records.into_iter().collect()
}

fn ages(store: &mut dyn Store) -> Vec<String> {
    let ask = Ask {
        of: Of::All,
        from: t(-500 * 86_400),
        to: now(),
        newest_first: true,
        most: usize::MAX,
    };
    let mut all = Vec::new();
    store
        .runs(&ask, &mut |past| {
            all.push(past.run.key.run.raw().to_owned());
            true
        })
        .unwrap();
    all
}

/// Each kind stays as long as it is to, and no longer.
fn goes(open: &Open<'_>) {
    let mut store = open();
    fill(store.as_mut());
    let all = count(store.as_mut());
    let for_ever = Policy {
        runs: Duration::MAX,
        events: Duration::MAX,
        tails: Duration::MAX,
        points: [Duration::MAX; 4],
        days: Duration::MAX,
        ..policy(None)
    };
    assert!(prune(store.as_mut(), for_ever).unwrap().is_empty());
    assert_eq!(count(store.as_mut()), all);

    let pruned = prune(store.as_mut(), policy(None)).unwrap();
    let left = count(store.as_mut());
    for (kind, gone, stays) in [
        ("runs", 2, 4),
        ("tellings", 2, 4),
        ("worlds", 4, 2),
        ("events", 4 + AT_ONCE, 2),
        // after 2, 7, 30 and 365 days
        ("points", 5 + 4 + 2 + 1, 1 + 2 + 4 + 5),
        ("days", 1, 5),
    ] {
        assert_eq!(pruned.get(kind), Some(&gone), "{kind}: {pruned:?}");
        assert_eq!(left.get(kind), Some(&stays), "{kind}: {left:?}");
    }
    // those of runs that went went with them
    assert_eq!((left["nodes"], left["tails"]), (4, 3), "{left:?}");
    assert_eq!(ages(store.as_mut()), ["1 h", "72 h", "240 h", "480 h"]);
    let points = store.points("x", Grain::Minute, t(-86_400), now()).unwrap();
    assert_eq!(points.len(), 1);
    assert!(prune(store.as_mut(), policy(None)).unwrap().is_empty());
    store.check().unwrap();
}

/// Kinds of the records in a folder of archives, and how many of each.
fn archived(dir: &Path) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut text = String::new();
        MultiGzDecoder::new(std::fs::File::open(&path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let mut kind = record.as_object().unwrap().keys().next().unwrap().clone();
            if kind == "line" {
                name.split('-').next().unwrap().clone_into(&mut kind);
            }
            *found.entry(kind).or_default() += 1;
        }
    }
    found
}

/// What goes is written down before, each of it once; what can't be stays.
fn is_archived(open: &Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("archive");
    let mut store = open();
    fill(store.as_mut());
    let all = count(store.as_mut());
    std::fs::write(&archive, "in its place").unwrap();
    let error = prune(store.as_mut(), policy(Some(&archive))).unwrap_err();
    assert!(matches!(error, TendError::Archive { .. }), "{error:?}");
    assert!(error.to_string().contains("archive"), "{error}");
    assert_eq!(count(store.as_mut()), all);

    std::fs::remove_file(&archive).unwrap();
    prune(store.as_mut(), policy(Some(&archive))).unwrap();
    let left = count(store.as_mut());
    let wanted = [
        ("run", 2),
        ("node", 2),
        ("tail", 3),
        ("point", 12),
        ("events", 4 + AT_ONCE),
        ("worlds", 4),
        ("tellings", 2),
    ];
    let wanted: HashMap<String, usize> = wanted.map(|(kind, many)| (kind.to_owned(), many)).into();
    assert_eq!(archived(&archive), wanted);
    assert_eq!((left["runs"], left["events"], left["points"]), (4, 2, 12));
    prune(store.as_mut(), policy(Some(&archive))).unwrap();
    assert_eq!(archived(&archive), wanted, "once");
    use std::os::unix::fs::PermissionsExt as _;
    for file in std::fs::read_dir(&archive).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "it is nobody else's");
    }
}

/// The oldest goes until there is room, and no more than that.
fn fits(open: &Open<'_>) {
    let mut store = open();
    store.write(&of_age(20 * 24)).unwrap();
    let hours = 30 * 24;
    for hour in (0..=hours).rev() {
        let line = |n: i64| {
            let body = format!("{n:03} {}", "x".repeat(400));
            append(Log::Events, n - hour * 3_600, &body)
        };
        let batch: Vec<Write> = (0..40).map(line).collect();
        store.write(&batch).unwrap();
    }
    let (bytes, events) = (store.bytes().unwrap(), count(store.as_mut())["events"]);
    let limit = |size| Policy {
        runs: Duration::days(400),
        events: Duration::days(400),
        tails: Duration::days(400),
        points: [Duration::days(400); 4],
        days: Duration::days(400),
        size: Some(size),
        ..policy(None)
    };
    // PostgreSQL reckons from a sample, and from another the next time
    let enough = limit(bytes / 20 * 21);
    assert!(prune(store.as_mut(), enough).unwrap().is_empty());

    let pruned = prune(store.as_mut(), limit(bytes / 2)).unwrap();
    let left = store.bytes().unwrap();
    assert!(left <= bytes / 2, "{left} of {bytes}");
    let gone = pruned["events"] as f64 / events as f64;
    assert!((0.4..0.6).contains(&gone), "{gone} of the events went");
    let mut first = None;
    store
        .since(Log::Events, t(-40 * 86_400), &mut |line| {
            first = Some(line.at);
            false
        })
        .unwrap();
    let first = (now() - first.unwrap()).num_hours() as f64 / hours as f64;
    assert!((1.0 - gone - first).abs() < 0.05, "the oldest went");
    assert_eq!(count(store.as_mut())["runs"], 1, "it was enough");

    // whatever room it takes: what is young stays
    prune(store.as_mut(), limit(1)).unwrap();
    let left = count(store.as_mut());
    assert_eq!((left["events"], left["runs"]), (40 + 40, 0), "{left:?}");
    assert_eq!(left["days"], 1);
}
