//! The log store on a file of 1 GB, and on files made to hurt it. Prints a Markdown table.
//!
//! `cargo bench --bench logs_large` makes the file in a temporary directory and removes it afterwards;
//! `-- --size 100MB` takes another size, `-- --file PATH` a file that is there already, `-- --index 5` only indexes it
//! five times, `-- --make PATH` only makes the file and leaves it there. Where `lnav` and `rg` are installed, their figures stand beside ours; processor time is what counts
//! where other programs run as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/support/mixed_log.rs"]
mod mixed_log;
#[path = "support/work.rs"]
mod work;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dagtop::config::parse_bytes;
use dagtop::logs::{Direction, FACETS, Filter, Find, LogStore};
use dagtop::query::Query;
use mixed_log::NEEDLE;
use work::worked;

/// What a frame may spend on a log that is being indexed or searched.
const SLICE: Duration = Duration::from_millis(8);

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (mut size, mut file, mut index_only) = (1_000_000_000, None, 0);
    while let Some(arg) = args.next() {
        let value = args.next();
        match (arg.as_str(), value) {
            ("--size", Some(value)) => size = parse_bytes(&value).unwrap(),
            ("--file", Some(value)) => file = Some(PathBuf::from(value)),
            ("--index", Some(value)) => index_only = value.parse().unwrap(),
            ("--make", Some(value)) => {
                make(Path::new(&value), size);
                return;
            }
            _ => {
                return eprintln!(
                    "--size BYTES, --file PATH, --index TIMES or --make PATH, not {arg}"
                );
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = file.unwrap_or_else(|| make(&dir.path().join("mixed.log"), size));
    // all programs read it from memory
    let bytes = std::io::copy(&mut File::open(&path).unwrap(), &mut std::io::sink()).unwrap();
    if index_only > 0 {
        for _ in 0..index_only {
            let (_, _, clock) = open(&path);
            println!("indexed: {clock}");
        }
        return;
    }
    println!(
        "| what, {:.0} MB | dagtop | bar | lnav | rg |\n| --- | ---: | ---: | ---: | ---: |",
        bytes as f64 / 1e6
    );
    large(&path);
    follow(dir.path());
    println!(
        "\n| made to hurt | opened to the end | searched | rows | memory |\n| --- | ---: | ---: | ---: | ---: |"
    );
    hurtful(dir.path());
}

fn make(path: &Path, size: u64) -> PathBuf {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let written = mixed_log::write(&mut out, size, 20_261_120).unwrap();
    out.flush().unwrap();
    eprintln!(
        "{} lines, {} bytes, {} errors",
        written.lines, written.bytes, written.errors
    );
    path.to_owned()
}

fn ms(time: Duration) -> String {
    match time.as_secs_f64() * 1e3 {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1e3),
    }
}

/// Peak resident memory of this process in MB, from /proc.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kb.map_or(f64::NAN, |kb| kb / 1e3)
}

/// What a screen shows: a page of rows.
fn page(store: &LogStore<u8>, from: usize) -> usize {
    let log = store.get(&0).unwrap();
    log.lines(from..from + 50)
        .map(|line| line.text.text.len())
        .sum()
}

/// What passed, and what of it this thread was on a processor.
struct Clock {
    began: Instant,
    used: Duration,
}

impl Clock {
    fn start() -> Self {
        Self {
            used: worked(),
            began: Instant::now(),
        }
    }

    fn stop(&self) -> Took {
        Took {
            wall: self.began.elapsed(),
            processor: worked().saturating_sub(self.used),
        }
    }
}

struct Took {
    wall: Duration,
    processor: Duration,
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (processor {})", ms(self.wall), ms(self.processor))
    }
}

fn open(path: &Path) -> (LogStore<u8>, Duration, Took) {
    let mut store = LogStore::default();
    let clock = Clock::start();
    store.open_file(&0, path).unwrap();
    let end = store.get(&0).unwrap().peek_end(50).unwrap().len();
    store.advance(&0, 1).unwrap();
    assert!(page(&store, 0) + end > 0);
    let first = clock.began.elapsed();
    while !store.advance(&0, 1 << 20).unwrap().caught_up {}
    (store, first, clock.stop())
}

struct Search {
    first: Duration,
    total: Took,
    longest: Duration,
    hits: usize,
}

/// Searches in slices as a screen does, from the end that is on screen.
fn search(store: &LogStore<u8>, query: &str, direction: Direction) -> Search {
    let log = store.get(&0).unwrap();
    let filter = Arc::new(Filter::new(Query::parse(query, &FACETS).unwrap()));
    let clock = Clock::start();
    let from = match direction {
        Direction::Forward => 0,
        Direction::Backward => u64::MAX,
    };
    let mut find = Find::new(log, filter, from, direction);
    let (mut first, mut longest) = (None, Duration::ZERO);
    loop {
        let slice = Instant::now();
        let mut done = false;
        while slice.elapsed() < SLICE && !done {
            done = find.step(log, 256 << 10).done();
        }
        longest = longest.max(slice.elapsed());
        if first.is_none() && !find.matches().is_empty() {
            first = Some(clock.began.elapsed());
        }
        if done {
            break;
        }
    }
    let total = clock.stop();
    Search {
        first: first.unwrap_or(total.wall),
        total,
        longest,
        hits: find.matches().len(),
    }
}

fn large(path: &Path) {
    let before = peak();
    let (mut store, first, indexed) = open(path);
    let lines = store.get(&0).unwrap().len();
    let rss = peak() - before;
    row(
        "first screen: the head and the end",
        &ms(first),
        "50 ms",
        "",
        "",
    );
    row(
        &format!("all {lines} lines indexed, one core"),
        &indexed.to_string(),
        "1.5 s",
        &lnav(path, &[]),
        "",
    );
    row(
        "the same: peak memory over the start, index in it",
        &format!("{rss:.0} MB"),
        "64 MB",
        "",
        "",
    );
    let searched = |store: &LogStore<u8>,
                    name: &str,
                    query: &str,
                    bar: &str,
                    direction,
                    lnav: &str,
                    rg: &str| {
        let found = search(store, query, direction);
        row(
            &format!(
                "{name}: {} records (first {}, longest slice {})",
                found.hits,
                ms(found.first),
                ms(found.longest)
            ),
            &found.total.to_string(),
            bar,
            lnav,
            rg,
        );
    };
    use Direction::{Backward, Forward};
    let filter_in = |what: &str| lnav(path, &["-c", what]);
    searched(
        &store,
        "rare word, at once",
        NEEDLE,
        "0.5 s",
        Forward,
        "",
        "",
    );
    searched(
        &store,
        "rare word, at once, newest first",
        NEEDLE,
        "0.5 s",
        Backward,
        "",
        "",
    );
    const SHORT: &str = "words of four and of three letters that are nowhere";
    for word in ["x509", "tls"] {
        let name = format!("{SHORT}, at once: {word}");
        searched(&store, &name, word, "0.5 s", Forward, "", "");
    }
    let clock = Clock::start();
    let mut slice = Duration::ZERO;
    loop {
        let began = Instant::now();
        let more = store.prepare(&0, 1 << 20);
        slice = slice.max(began.elapsed());
        if !more {
            break;
        }
    }
    row(
        &format!(
            "made ready for searches, when there is nothing else to do (longest slice {})",
            ms(slice)
        ),
        &clock.stop().to_string(),
        "",
        "",
        "",
    );
    let store = store;
    for word in ["x509", "tls"] {
        let name = format!("{SHORT}: {word}");
        searched(&store, &name, word, "0.5 s", Forward, "", "");
    }
    searched(
        &store,
        "rare word",
        NEEDLE,
        "0.5 s",
        Forward,
        &filter_in(&format!(":filter-in {NEEDLE}")),
        &rg(path, &["-c", NEEDLE]),
    );
    searched(
        &store,
        "rare word, newest first",
        NEEDLE,
        "0.5 s",
        Backward,
        "",
        "",
    );
    searched(
        &store,
        "level:error",
        "level:error",
        "1.5 s",
        Forward,
        &filter_in(":filter-in ERROR"),
        &rg(path, &["-c", "ERROR"]),
    );
    searched(
        &store,
        "the word error in any case",
        "error",
        "",
        Forward,
        "",
        &rg(path, &["-ci", "error"]),
    );
    searched(
        &store,
        "two words and a level",
        "shuffle partition level:warn",
        "",
        Forward,
        "",
        "",
    );
    searched(
        &store,
        "a regular expression",
        "/step_[3-7], batch=9\\d+/",
        "",
        Forward,
        "",
        "",
    );
    searched(
        &store,
        "a field of JSON or of pairs",
        "@rows:>999000",
        "",
        Forward,
        "",
        "",
    );
    row(
        "peak memory after all of that",
        &format!("{:.0} MB", peak() - before),
        "64 MB",
        "",
        "",
    );
}

fn row(what: &str, ours: &str, bar: &str, lnav: &str, rg: &str) {
    println!("| {what} | {ours} | {bar} | {lnav} | {rg} |");
}

/// lnav without a screen: it reads the whole file, carries out the commands and ends.
fn lnav(path: &Path, commands: &[&str]) -> String {
    timed(
        Command::new("lnav")
            .args(["-n", "-q"])
            .args(commands)
            .arg(path),
    )
}

fn rg(path: &Path, args: &[&str]) -> String {
    timed(Command::new("rg").args(["-j", "1"]).args(args).arg(path))
}

fn timed(command: &mut Command) -> String {
    let began = Instant::now();
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => ms(began.elapsed()),
        Err(_) => "not installed".to_owned(),
    }
}

/// A writer that writes as fast as it can, and a store that follows as often as a screen draws.
fn follow(dir: &Path) {
    let path = dir.join("follow.log");
    File::create(&path).unwrap();
    let mut store = LogStore::default();
    store.open_file(&0, &path).unwrap();
    let theirs = path.clone();
    let began = Instant::now();
    let writer = std::thread::spawn(move || {
        let file = File::options().append(true).open(theirs).unwrap();
        let mut out = BufWriter::with_capacity(64 << 10, file);
        let written = mixed_log::write(&mut out, 150_000_000, 7).unwrap();
        out.flush().unwrap();
        written.lines
    });
    let mut busy = Duration::ZERO;
    let mut end = None;
    loop {
        let step = Instant::now();
        let caught_up = store.advance(&0, 1 << 20).unwrap().caught_up;
        busy += step.elapsed();
        if caught_up {
            if end.is_some() {
                break;
            }
            if writer.is_finished() {
                // one more look, now that all is written
                end = Some(());
                continue;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let lines = store.get(&0).unwrap().len() as u64;
    let written = writer.join().unwrap();
    row(
        &format!(
            "follow a burst of {written} lines, {} lost, wall",
            written - lines
        ),
        &format!(
            "{:.0} lines/s",
            lines as f64 / began.elapsed().as_secs_f64()
        ),
        "500000 lines/s",
        "",
        "",
    );
    row(
        "the same: per second of our own work",
        &format!("{:.0} lines/s", lines as f64 / busy.as_secs_f64()),
        "",
        "",
        "",
    );
    std::fs::remove_file(path).unwrap();
}

fn hurtful(dir: &Path) {
    let path = dir.join("hurt.log");
    let mut noise = vec![0u8; 50_000_000];
    let mut state = 7u64;
    for byte in &mut noise {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte = (state >> 33) as u8;
    }
    let coloured: String = (0..500_000)
        .map(|i| {
            format!(
                "\x1b[32m2026-11-20 03:11:02,123\x1b[0m \x1b[1mINFO\x1b[0m load: read {i} rows\n"
            )
        })
        .collect();
    let cases: [(&str, Vec<u8>); 5] = [
        ("a line of 100 MB", vec![b'x'; 100_000_000]),
        ("10 million empty lines", vec![b'\n'; 10_000_000]),
        ("50 MB of binary junk", noise),
        ("32 MB of coloured lines", coloured.into_bytes()),
        (
            "one record of 2 million lines",
            [b"ERROR x\n".to_vec(), b" y\n".repeat(2_000_000)].concat(),
        ),
    ];
    for (name, bytes) in cases {
        std::fs::write(&path, bytes).unwrap();
        let (mut store, _, opened) = open(&path);
        store.finish(&0);
        let found = search(&store, "needle -x", Direction::Forward);
        let rows = store.get(&0).unwrap().len();
        assert!(page(&store, rows.saturating_sub(50)) < 60 << 16);
        println!(
            "| {name} | {} | {} | {rows} | {:.1} MB |",
            opened,
            found.total,
            store.cost() as f64 / 1e6
        );
    }
    // grows by a line for each slice of the search
    std::fs::write(
        &path,
        "2026-11-20 03:11:02 INFO nothing\n".repeat(1_000_000),
    )
    .unwrap();
    let (mut store, ..) = open(&path);
    let filter = Arc::new(Filter::new(Query::parse("needle", &FACETS).unwrap()));
    let mut find = Find::new(store.get(&0).unwrap(), filter, 0, Direction::Forward);
    let began = Instant::now();
    let mut file = File::options().append(true).open(&path).unwrap();
    for _ in 0..200 {
        file.write_all(b"a needle\n").unwrap();
        store.advance(&0, 1 << 20).unwrap();
        find.step(store.get(&0).unwrap(), 256 << 10);
    }
    while !find.step(store.get(&0).unwrap(), 1 << 20).done() {}
    assert_eq!(find.matches().len(), 200);
    println!(
        "| a file that grows while it is searched, 200 times | | {} | {} | {:.1} MB |",
        ms(began.elapsed()),
        store.get(&0).unwrap().len(),
        store.cost() as f64 / 1e6
    );
}
