//! `dagtop diagnose FILE`: why, by any log, and what to do.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::cli::{Diagnose, Global};
use crate::config::Paths;
use crate::diagnosis::{Class, Line, Report, read};
use crate::logs::{LogStore, Spill};
use crate::model::SafeText;

use super::{Exit, print, print_json, say};

/// Bytes read at once.
const CHUNK: usize = 256 << 10;
/// Bytes of a file's beginning by which it is told what it is.
const PEEK: usize = 4096;
/// Bytes of a stream kept on disk while it is read.
const KEPT: u64 = 1 << 30;
/// Columns of text.
const WIDTH: usize = 80;

pub(super) fn run(global: &Global, args: &Diagnose) -> anyhow::Result<Exit> {
    let patterns = super::diagnosis::patterns(global)?;
    let mut store = LogStore::default();
    let name = SafeText::new(args.file.to_string_lossy());
    store.set_written(&(), chrono::Utc::now());
    if args.file == Path::new("-") {
        store = store.with_spill(Spill::new(state_dir(global), KEPT));
        stream(&mut store, io::stdin().lock(), "stdin")?;
    } else {
        let meta = std::fs::metadata(&args.file).with_context(|| format!("can't read {name}"))?;
        if meta.is_dir() {
            bail!("{name} is a directory: name a log in it");
        }
        let mut file = File::open(&args.file).with_context(|| format!("can't read {name}"))?;
        if meta.is_file() {
            let mut head = Vec::new();
            file.by_ref()
                .take(PEEK as u64)
                .read_to_end(&mut head)
                .with_context(|| format!("can't read {name}"))?;
            check(&head, &name)?;
            store
                .open_file(&(), &args.file)
                .with_context(|| format!("can't read {name}"))?;
            while !store
                .advance(&(), 8 << 20)
                .with_context(|| format!("can't read {name}"))?
                .caught_up
            {}
            store.finish(&());
        } else {
            store = store.with_spill(Spill::new(state_dir(global), KEPT));
            stream(&mut store, file, &name)?;
        }
    }
    let report = store
        .get(&())
        .map(|log| read(log, patterns.wait(), args.lines))
        .with_context(|| format!("there is nothing in {name}"))?;
    if report.skipped > 0 {
        say(format!(
            "{} lines without errors in the middle of this long log were not looked at",
            report.skipped
        ));
    }
    if global.json {
        print_json(&Json::from(&report))?;
    } else {
        print(text(&report))?;
    }
    Ok(match report.class {
        Class::Unknown => Exit::Code(3),
        _ => Exit::Done,
    })
}

fn state_dir(global: &Global) -> std::path::PathBuf {
    Paths::discover(global.config.as_deref()).map_or_else(
        |_| std::env::temp_dir(),
        |paths| paths.state_dir.join("logs"),
    )
}

fn stream(store: &mut LogStore<()>, mut from: impl Read, name: &str) -> anyhow::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut first = true;
    loop {
        let read = match from.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.with_context(|| format!("can't read {name}"))?,
        };
        if first {
            check(&chunk[..read.min(PEEK)], name)?;
            first = false;
        }
        if read == 0 {
            store.finish(&());
            return Ok(());
        }
        store.append(&(), &chunk[..read]);
    }
}

/// Refuses what is no text, and says what to do.
fn check(head: &[u8], name: &str) -> anyhow::Result<()> {
    const PACKED: [(&[u8], &str, &str); 5] = [
        (b"\x1f\x8b", "gzip", "zcat"),
        (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
        (b"BZh", "bzip2", "bzcat"),
        (b"\xfd7zXZ\0", "xz", "xzcat"),
        (b"PK\x03\x04", "zip", "unzip -p"),
    ];
    if head.is_empty() {
        bail!("{name} is empty: there is nothing to diagnose");
    }
    if let Some((_, kind, tool)) = PACKED.iter().find(|(magic, ..)| head.starts_with(magic)) {
        bail!("{name} is compressed ({kind}): {tool} FILE | dagtop diagnose -");
    }
    // UTF-16 has a zero beside every letter
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        bail!("{name} is UTF-16: iconv -f UTF-16 -t UTF-8 FILE | dagtop diagnose -");
    }
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    if zeros * 100 > head.len() {
        bail!("{name} is binary, not a log");
    }
    Ok(())
}

#[derive(Serialize)]
struct Json<'a> {
    class: &'static str,
    confidence: f64,
    evidence: Vec<JsonLine<'a>>,
    cause: &'a SafeText,
    advice: &'a [SafeText],
}

#[derive(Serialize)]
struct JsonLine<'a> {
    line: u64,
    text: &'a SafeText,
}

impl<'a> From<&'a Report> for Json<'a> {
    fn from(report: &'a Report) -> Self {
        let line = |line: &'a Line| JsonLine {
            line: line.line,
            text: &line.text,
        };
        Self {
            class: report.class.name(),
            confidence: (report.confidence * 100.0).round() / 100.0,
            evidence: report.evidence.iter().map(line).collect(),
            cause: &report.cause,
            advice: &report.advice,
        }
    }
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    let percent = (report.confidence * 100.0).round();
    match (report.class, report.evidence.is_empty()) {
        (Class::Unknown, true) => out += "unknown: nothing in it tells of a failure\n",
        (Class::Unknown, false) => {
            out += "unknown: there are errors, but none that is known here\n"
        }
        (class, _) => {
            let head = format!("{}: {} ({percent} % sure)", class.name(), report.cause);
            out += &wrapped(&head, "", "  ");
        }
    }
    for line in &report.evidence {
        out += &format!("{:>7}  {}\n", line.line, cut(line.text.trim(), WIDTH - 9));
    }
    for advice in &report.advice {
        out += &wrapped(advice, "try: ", "     ");
    }
    out
}

/// Broken between words at the width.
fn wrapped(text: &str, first: &str, next: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut begun = false;
    for word in text.split_whitespace() {
        let width = SafeText::new(&line).width() + 1 + SafeText::new(word).width();
        if begun && width > WIDTH {
            out += &format!("{}\n", line.trim_end());
            line = next.to_owned();
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        line += word;
        begun = true;
    }
    out + &line + "\n"
}

/// Cut at a width, with `…` in place of the rest.
fn cut(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + wide > width.saturating_sub(1) && SafeText::new(text).width() > width {
            out.push('…');
            return out;
        }
        used += wide;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_with_what_to_do() {
        let refused = |head: &[u8]| check(head, "x").unwrap_err().to_string();
        assert!(refused(b"").contains("empty"));
        assert!(refused(b"\x1f\x8b\x08\0").contains("zcat FILE | dagtop diagnose -"));
        assert!(refused(b"\x7fELF\0\0\0\0").contains("binary"));
        assert!(refused(b"\xff\xfea\0").contains("UTF-16"));
        assert!(check(b"a log\n\xff\xff", "x").is_ok());
    }

    #[test]
    fn text_stays_within_eighty_columns() {
        let report = Report {
            class: Class::Data,
            confidence: 0.8,
            evidence: vec![Line {
                line: 1_234_567,
                text: "ä".repeat(500).into(),
            }],
            cause: "a word ".repeat(40).into(),
            advice: vec!["another ".repeat(30).into()],
            skipped: 0,
        };
        for line in text(&report).lines() {
            assert!(SafeText::new(line).width() <= WIDTH, "{line}");
        }
    }
}
