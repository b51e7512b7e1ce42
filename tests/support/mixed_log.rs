//! A large log as several systems would write it into one file: Airflow, Spark, JSON lines, Python and Java traces.
//! The same seed gives the same bytes.
#![allow(dead_code)]

use std::io::{self, Write};

/// Stands once in the log, at four fifths.
pub const NEEDLE: &str = "needle-7f3a9c";

pub struct Written {
    pub bytes: u64,
    pub lines: u64,
    /// Records logged as errors.
    pub errors: u64,
}

/// Writes at least `size` bytes, in whole records.
pub fn write(out: &mut impl Write, size: u64, seed: u64) -> io::Result<Written> {
    let mut maker = Maker::new(seed);
    let mut text = String::new();
    let mut written = Written {
        bytes: 0,
        lines: 0,
        errors: 0,
    };
    let mut needle = false;
    while written.bytes < size {
        text.clear();
        if !needle && written.bytes >= size / 5 * 4 {
            needle = true;
            maker.needle(&mut text);
        } else {
            written.errors += u64::from(maker.record(&mut text));
        }
        out.write_all(text.as_bytes())?;
        written.bytes += text.len() as u64;
        written.lines += text.bytes().filter(|b| *b == b'\n').count() as u64;
    }
    Ok(written)
}

/// Makes one record after the other.
pub struct Maker {
    state: u64,
    millis: u64,
}

const WORDS: [&str; 16] = [
    "partition",
    "table",
    "orders",
    "customers",
    "rows",
    "batch",
    "shuffle",
    "commit",
    "offset",
    "warehouse",
    "schema",
    "upstream",
    "snapshot",
    "merge",
    "checkpoint",
    "window",
];

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed | 1,
            // 2026-11-20T00:00:00Z
            millis: 0,
        }
    }

    /// Adds a record; whether it is an error.
    pub fn record(&mut self, out: &mut String) -> bool {
        use std::fmt::Write as _;
        self.millis += self.below(40);
        let (day, clock) = (20 + self.millis / 86_400_000 % 10, self.clock());
        let (n, m) = (self.below(1_000_000), self.below(64));
        let (a, b) = (self.word(), self.word());
        let draw = self.below(1000);
        let error = draw < 14;
        let level = match draw {
            0..14 => "ERROR",
            14..40 => "WARNING",
            40..200 => "DEBUG",
            _ => "INFO",
        };
        let done = match self.below(3) {
            0 => {
                let _ = writeln!(
                    out,
                    "[2026-11-{day}T{clock}+0000] {{{a}_operator.py:{m}}} {level} - task {b}_{m} of run manual__2026-11-{day} read {n} {a} from {b} in attempt 1 without a word from the pool"
                );
                if error {
                    python(out, a, n);
                }
                Ok(())
            }
            1 => {
                let level = level.trim_end_matches("ING");
                let short = clock.split(['.']).next().unwrap_or_default();
                let done = writeln!(
                    out,
                    "26/11/{day} {short} {level} TaskSetManager: Starting task {m}.0 in stage {n}.0 (TID {n}) (10.0.{m}.17, executor {m}, partition {n}, NODE_LOCAL, 9612 bytes)"
                );
                if error {
                    java(out, b, n);
                }
                done
            }
            _ => writeln!(
                out,
                "{{\"timestamp\":\"2026-11-{day}T{clock}Z\",\"level\":\"{}\",\"logger\":\"etl.{a}.loader\",\"event\":\"wrote {b}\",\"rows\":{n},\"duration\":{m}.{m},\"dag_id\":\"{a}_daily\",\"task_id\":\"load_{b}\",\"try_number\":1}}",
                level.to_lowercase()
            ),
        };
        debug_assert!(done.is_ok());
        error
    }

    fn needle(&mut self, out: &mut String) {
        use std::fmt::Write as _;
        let clock = self.clock();
        let _ = writeln!(
            out,
            "[2026-11-20T{clock}+0000] {{find.py:1}} INFO - here is the {NEEDLE} that is looked for"
        );
    }

    fn clock(&self) -> String {
        let millis = self.millis % 86_400_000;
        let (seconds, millis) = (millis / 1000, millis % 1000);
        format!(
            "{:02}:{:02}:{:02}.{millis:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len() as u64) as usize]
    }

    /// xorshift64 (G. Marsaglia, "Xorshift RNGs", 2003).
    fn below(&mut self, n: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % n
    }
}

fn python(out: &mut String, word: &str, n: u64) {
    use std::fmt::Write as _;
    out.push_str("Traceback (most recent call last):\n");
    for depth in 0..n % 9 + 2 {
        let _ = writeln!(
            out,
            "  File \"/opt/airflow/dags/{word}.py\", line {}, in step_{depth}\n    return load_{word}(connection, batch={n})",
            depth + n % 200
        );
    }
    let _ = writeln!(
        out,
        "psycopg2.errors.UndefinedTable: relation \"{word}_{n}\" does not exist"
    );
}

fn java(out: &mut String, word: &str, n: u64) {
    use std::fmt::Write as _;
    let _ = writeln!(
        out,
        "java.lang.IllegalStateException: {word} {n} is not open"
    );
    for depth in 0..n % 24 + 4 {
        let _ = writeln!(
            out,
            "\tat org.apache.spark.sql.execution.{word}.Writer$$anonfun$run${depth}.apply(Writer.scala:{})",
            depth * 7 + 11
        );
    }
    let _ = writeln!(
        out,
        "Caused by: java.io.FileNotFoundException: /data/{word}/part-{n} (No such file or directory)\n\t... 12 more"
    );
}
