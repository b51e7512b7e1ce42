//! Owns how records are printed: as text with or without colours, as every byte that was there, or as JSON.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::{Color, Global};
use crate::logs::{Level, LineKind, Log, LogLine, Record};
use crate::model::{SafeText, StyleSpan, TextColor};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text { colours: bool },
    Raw,
    Json,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Printer {
    form: Form,
}

impl Printer {
    pub(super) fn new(global: &Global, raw: bool) -> Self {
        let form = match (global.json, raw) {
            (true, _) => Form::Json,
            (false, true) => Form::Raw,
            (false, false) => Form::Text {
                colours: colours(global.color),
            },
        };
        Self { form }
    }

    /// Prints a record only when all of it is there.
    pub(super) fn whole_records(self) -> bool {
        self.form == Form::Json
    }

    /// Adds a line of a log by its number. `name` stands before it where several logs are printed.
    pub(super) fn line(self, log: &Log, number: u64, name: Option<&SafeText>, out: &mut String) {
        let row = log.row_of(number);
        if let Some(name) = name {
            let _ = write!(out, "{name} | ");
        }
        match self.form {
            Form::Raw => out.push_str(&log.raw(row).unwrap_or_default()),
            Form::Text { colours: true } => {
                if let Some(line) = log.line(row) {
                    coloured(&line, out);
                }
            }
            _ => {
                if let Some(line) = log.line(row) {
                    out.push_str(&line.text.text);
                }
            }
        }
        out.push('\n');
    }

    /// Adds the row that says what is missing at the beginning.
    pub(super) fn gap(self, log: &Log, out: &mut String) {
        if log.is_cut()
            && let Some(line) = log.line(0)
        {
            match self.form {
                Form::Json => json(&Entry::notice(&line.text.text), out),
                _ => {
                    out.push_str(&line.text.text);
                    out.push('\n');
                }
            }
        }
    }

    /// Adds a record as JSON, from one of its lines on.
    pub(super) fn record(
        self,
        record: &Record,
        from: u64,
        name: Option<&SafeText>,
        out: &mut String,
    ) {
        let skip = from.saturating_sub(record.numbers.start) as usize;
        let lines = record.lines.get(skip..).unwrap_or_default();
        let text: Vec<&str> = lines.iter().map(|line| line.text.text.as_str()).collect();
        let message = record.message();
        let fields: Map<String, Value> = record
            .fields()
            .iter()
            .map(|field| (field.name.clone(), field.value.clone()))
            .collect();
        let entry = Entry {
            time: record.at,
            level: record.level().map(Level::word),
            source: record.source().map(SafeText::new),
            message: Some(SafeText::new(message)),
            text: text.join("\n"),
            cause: record
                .cause
                .and_then(|at| Some(record.lines.get(at)?.message())),
            notice: record.is_notice(),
            fields,
            file: name,
        };
        json(&entry, out);
    }
}

/// A record as other programs read it.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SafeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<SafeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    text: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    /// Not from the log: says what is missing here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    notice: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a SafeText>,
}

impl Entry<'_> {
    fn notice(text: &str) -> Self {
        Self {
            time: None,
            level: None,
            source: None,
            message: None,
            cause: None,
            text: text.to_owned(),
            fields: Map::new(),
            notice: true,
            file: None,
        }
    }
}

fn json(entry: &Entry<'_>, out: &mut String) {
    // of strings, numbers and maps of them nothing can fail
    if let Ok(text) = serde_json::to_string(entry) {
        out.push_str(&text);
        out.push('\n');
    }
}

/// Colours only for a person: on a terminal, and when nobody asked for none (no-color.org).
fn colours(wanted: Option<Color>) -> bool {
    match wanted {
        Some(Color::Never) => false,
        Some(Color::Ansi16 | Color::Ansi256 | Color::Rgb) => true,
        Some(Color::Auto) | None => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
            std::io::stdout().is_terminal() && !refused && !dumb
        }
    }
}

/// The line's own colours, and that of its level where it has none.
fn coloured(line: &LogLine, out: &mut String) {
    let base = match (line.kind, line.level) {
        (LineKind::Notice, _) => "3",
        (LineKind::GroupStart | LineKind::GroupEnd, _) => "1",
        (_, Some(Level::Fatal)) => "1;31",
        (_, Some(Level::Error)) => "31",
        (_, Some(Level::Warn)) => "33",
        (_, Some(Level::Debug | Level::Trace)) => "2",
        (_, Some(Level::Info) | None) => "",
    };
    let text = line.text.text.as_str();
    let mut at = 0;
    for span in &line.text.spans {
        let (start, end) = (span.start as usize, span.end as usize);
        styled(text.get(at..start).unwrap_or_default(), base, out);
        styled(text.get(start..end).unwrap_or_default(), &codes(span), out);
        at = end;
    }
    styled(text.get(at..).unwrap_or_default(), base, out);
}

fn styled(text: &str, codes: &str, out: &mut String) {
    if codes.is_empty() || text.is_empty() {
        out.push_str(text);
    } else {
        let _ = write!(out, "\x1b[{codes}m{text}\x1b[0m");
    }
}

/// Select Graphic Rendition (ECMA-48 8.3.117).
fn codes(span: &StyleSpan) -> String {
    let flags = [
        (span.bold, "1"),
        (span.dim, "2"),
        (span.italic, "3"),
        (span.underline, "4"),
        (span.reversed, "7"),
    ];
    let mut codes: Vec<String> = flags
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, code)| code.to_owned())
        .collect();
    for (colour, base) in [(span.fg, 30), (span.bg, 40)] {
        codes.extend(colour.map(|colour| match colour {
            TextColor::Ansi(n) if n < 8 => (base + u16::from(n)).to_string(),
            TextColor::Ansi(n) => (base + 60 + u16::from(n) - 8).to_string(),
            TextColor::Indexed(n) => format!("{};5;{n}", base + 8),
            TextColor::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        }));
    }
    codes.join(";")
}
