//! Append throughput of the log store: `cargo bench --bench logs`.

use dagtop::logs::LogStore;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

fn main() {
    divan::main();
}

const KINDS: [&str; 4] = ["airflow", "plain", "coloured", "json"];
const LINES: usize = 10_000;

/// A log of one kind with an error now and then.
fn text(kind: &str) -> String {
    let mut out = String::new();
    for i in 0..LINES {
        let second = i % 60;
        let line = match kind {
            "airflow" if i % 500 == 0 => format!(
                "[2026-11-20T03:11:{second:02}.123+0000] {{load.py:12}} ERROR - failed\nTraceback (most recent call last):\n  File \"load.py\", line {i}\nKeyError: {i}\n"
            ),
            "airflow" => format!(
                "[2026-11-20T03:11:{second:02}.123+0000] {{load.py:12}} INFO - read {i} rows from part {i} of the table\n"
            ),
            "coloured" => format!(
                "\x1b[32m2026-11-20 03:11:{second:02},123\x1b[0m \x1b[1mINFO\x1b[0m load: read {i} rows, größer\n"
            ),
            "json" => format!(
                "{{\"timestamp\":\"2026-11-20T03:11:{second:02}Z\",\"level\":\"info\",\"event\":\"read rows\",\"rows\":{i}}}\n"
            ),
            _ => {
                format!("read {i} rows from part {i} of the table, nothing else to say about it\n")
            }
        };
        out.push_str(&line);
    }
    out
}

/// Chunks as a backend sends them.
#[divan::bench(args = KINDS)]
fn append(bencher: Bencher, kind: &str) {
    let text = text(kind);
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(text.len()))
        .with_inputs(|| LogStore::new(64 << 20))
        .bench_values(|mut store| {
            for chunk in text.as_bytes().chunks(16 << 10) {
                store.append(&0u8, chunk);
            }
            store.finish(&0);
            store
        });
}

/// The bound is reached all the time.
#[divan::bench]
fn append_at_the_bound(bencher: Bencher) {
    let text = text("airflow");
    bencher
        .counter(ItemsCount::new(LINES))
        .with_inputs(|| LogStore::new(256 << 10))
        .bench_values(|mut store| {
            for chunk in text.as_bytes().chunks(4 << 10) {
                store.append(&0u8, chunk);
            }
            store
        });
}
