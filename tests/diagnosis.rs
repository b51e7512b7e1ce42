//! The corpus: what real programs printed when they failed (`tests/lab/diagnosis` makes it), read as `dagtop diagnose`
//! reads it. About every third log is held out, by its name: patterns are written without it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use dagtop::diagnosis::{Class, Patterns, Report, read};
use dagtop::logs::LogStore;

/// Lines of evidence among which the culprit has to be.
const FIRST: usize = 3;

struct Case {
    file: String,
    class: Class,
    /// A part of the line that tells the cause; empty where nothing failed.
    culprit: String,
    held_out: bool,
    found: Report,
}

impl Case {
    fn right(&self) -> bool {
        self.found.class == self.class
    }

    fn shown(&self) -> bool {
        let mut first = self.found.evidence.iter().take(FIRST);
        first.any(|line| line.text.contains(&self.culprit))
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnosis")
}

fn report(path: &Path) -> Report {
    let mut store = LogStore::default();
    store.append(&(), &std::fs::read(path).unwrap());
    store.finish(&());
    read(store.get(&()).unwrap(), &patterns(), 5)
}

/// Those that are shipped, or those of $DAGTOP_PATTERNS, to try some without a build.
fn patterns() -> Arc<Patterns> {
    static OTHER: OnceLock<Arc<Patterns>> = OnceLock::new();
    let read = || match std::env::var_os("DAGTOP_PATTERNS") {
        Some(file) => {
            let text = std::fs::read_to_string(&file).unwrap();
            Arc::new(Patterns::only(Path::new(&file), &text).0)
        }
        None => Patterns::builtin(),
    };
    Arc::clone(OTHER.get_or_init(read))
}

fn cases() -> Vec<Case> {
    let index = std::fs::read_to_string(corpus().join("index.tsv")).unwrap();
    let mut cases = Vec::new();
    for (number, line) in index.lines().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [file, class, culprit] = fields[..] else {
            panic!("index.tsv:{}: {line}", number + 1)
        };
        let path = corpus().join("corpus").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.lines().any(|l| l.contains(culprit)),
            "{file}: {culprit}"
        );
        cases.push(Case {
            file: file.to_owned(),
            class: Class::from_name(class).unwrap(),
            culprit: culprit.to_owned(),
            held_out: file.bytes().map(u32::from).sum::<u32>() % 3 == 0,
            found: report(&path),
        });
    }
    cases
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 * 100.0 / all.max(1) as f64
}

/// Precision and recall of each class; the shares of right classes and of culprits shown, of failures.
fn print(name: &str, cases: &[&Case]) -> (f64, f64) {
    let mut table: BTreeMap<Class, [usize; 3]> = BTreeMap::new();
    for case in cases {
        table.entry(case.class).or_default()[0] += 1;
        table.entry(case.found.class).or_default()[1] += 1;
        if case.right() {
            table.entry(case.class).or_default()[2] += 1;
        }
    }
    println!(
        "\n{name}: {} logs\n  {:<14} {:>4} {:>10} {:>7}",
        cases.len(),
        "class",
        "logs",
        "precision",
        "recall"
    );
    for (class, [logs, told, right]) in table {
        let (precision, recall) = (share(right, told), share(right, logs));
        println!(
            "  {:<14} {logs:>4} {precision:>8.0} % {recall:>5.0} %",
            class.name()
        );
    }
    let failures: Vec<_> = cases.iter().filter(|c| c.class != Class::Unknown).collect();
    let right = share(
        failures.iter().filter(|c| c.right()).count(),
        failures.len(),
    );
    let shown = share(
        failures.iter().filter(|c| c.shown()).count(),
        failures.len(),
    );
    println!(
        "  {} failures: class right {right:.1} %, culprit in the first {FIRST} lines {shown:.1} %",
        failures.len()
    );
    (right, shown)
}

#[test]
fn classes_and_culprits_of_real_failures() {
    let cases = cases();
    let all: Vec<&Case> = cases.iter().collect();
    let part = |held_out| {
        all.iter()
            .copied()
            .filter(|c| c.held_out == held_out)
            .collect::<Vec<_>>()
    };
    print("written for", &part(false));
    print("held out", &part(true));
    let (right, shown) = print("all", &all);
    for bucket in [0.3, 0.5, 0.7, 0.9] {
        let of = |c: &&&Case| {
            c.class != Class::Unknown
                && (bucket..bucket + 0.2).contains(&(c.found.confidence + 1e-9))
        };
        let (count, good) = (
            all.iter().filter(of).count(),
            all.iter().filter(of).filter(|c| c.right()).count(),
        );
        println!(
            "  confidence from {bucket}: {count} logs, {:.0} % right",
            share(good, count)
        );
    }
    // what is held out is not to be looked at while patterns are written
    for case in all
        .iter()
        .filter(|c| !c.held_out || std::env::var_os("SHOW_HELD_OUT").is_some())
    {
        if !case.right() || !case.shown() {
            println!(
                "{}: {} ({}) {}",
                case.file,
                case.found.class.name(),
                case.found.confidence,
                if case.shown() {
                    ""
                } else {
                    "culprit not shown"
                }
            );
            for line in &case.found.evidence {
                println!(
                    "    {}: {}",
                    line.line,
                    line.text.chars().take(150).collect::<String>()
                );
            }
        }
    }
    let failures = all.iter().filter(|c| c.class != Class::Unknown).count();
    assert!(failures >= 100, "{failures}");
    for class in Class::ALL {
        assert!(
            all.iter().any(|c| c.class == class),
            "no log of {}",
            class.name()
        );
    }
    assert!(right >= 85.0, "{right}");
    assert!(shown >= 80.0, "{shown}");
    let fine: Vec<&&Case> = all.iter().filter(|c| c.class == Class::Unknown).collect();
    assert!(fine.len() >= 10);
    for case in fine {
        assert!(
            case.right(),
            "{} is the log of a run that went well: {:?}",
            case.file,
            case.found
        );
    }
}
