//! What every channel says, once: a headline and facts, from which each makes its own form.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Url;
use serde_json::{Map, Value, json};

use crate::model::{Message, Occasion, Priority, SafeText};

/// Longest value of a fact, in characters: a message is read on a phone.
const VALUE: usize = 600;
/// Longest headline, in characters.
const HEADLINE: usize = 200;
/// So many names of what waits behind an alert are told.
const BEHIND: usize = 10;

/// The rule of a message that stands for many.
pub const DIGEST: &str = "digest";

/// One line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// As in the JSON that a webhook gets.
    pub key: &'static str,
    pub name: &'static str,
    pub value: SafeText,
    pub form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Words,
    /// Taken literally: a line of a log, a command.
    Code,
    /// An address of `http` or `https`; nothing else is ever a link.
    Link,
}

/// What is said of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// "P1 orders_daily: failed at load: OutOfMemoryError"
    pub headline: SafeText,
    pub facts: Vec<Fact>,
}

impl Text {
    pub fn of(message: &Message) -> Self {
        Self {
            headline: headline(message),
            facts: facts(message),
        }
    }

    pub fn get(&self, key: &str) -> Option<&SafeText> {
        self.facts.iter().find(|f| f.key == key).map(|f| &f.value)
    }

    /// Plain text, a line each.
    pub fn plain(&self) -> String {
        let mut text = self.headline.to_string();
        for fact in &self.facts {
            text.push_str(&format!("\n{}: {}", fact.name, fact.value));
        }
        text
    }
}

/// What has become of it, as the first word: a page says by itself that something fires.
const fn prefix(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Fired => "",
        Occasion::Escalated => "nobody has taken it on: ",
        Occasion::Acknowledged => "acknowledged: ",
        Occasion::Resolved => "resolved: ",
        Occasion::Test => "test: ",
    }
}

fn headline(message: &Message) -> SafeText {
    let alert = &message.alert;
    let (title, reason) = (alert.title.trim(), alert.reason.trim());
    let what = match (title.is_empty(), reason.is_empty()) {
        (_, true) if title.is_empty() => alert.id.label().to_string(),
        (_, true) => title.to_owned(),
        (true, false) => reason.to_owned(),
        (false, false) => format!("{title}: {reason}"),
    };
    let text = format!(
        "{}{} {what}",
        prefix(message.occasion),
        alert.priority.word()
    );
    SafeText::new(cut(&text, HEADLINE))
}

fn facts(message: &Message) -> Vec<Fact> {
    let alert = &message.alert;
    let mut facts = Vec::new();
    let mut add = |key, name, form, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
            let value = SafeText::new(cut(value.trim(), VALUE));
            facts.push(Fact {
                key,
                name,
                value,
                form,
            });
        }
    };
    let text = |text: &Option<SafeText>| text.as_ref().map(SafeText::to_string);
    if alert.id.rule == DIGEST {
        for line in &alert.behind {
            add("alerts", "alert", Form::Words, Some(line.to_string()));
        }
        add("open", "open", Form::Code, Some(message.open.to_string()));
        return facts;
    }
    add("where", "where", Form::Words, place(message));
    let since = format!("{} ({})", time(alert.since), ago(message.at - alert.since));
    add("since", "since", Form::Words, Some(since));
    let resolved = alert
        .resolved
        .map(|at| format!("{}, after {}", time(at), span(at - alert.since)));
    add("resolved", "resolved", Form::Words, resolved);
    let acked = alert
        .acked
        .as_ref()
        .map(|by| format!("{}, {}", by.who, time(by.at)));
    add("acknowledged", "acknowledged by", Form::Words, acked);
    add("error", "error", Form::Code, text(&message.error));
    let diagnosis = match (&message.cause, &message.advice) {
        (Some(cause), Some(advice)) => Some(format!("{cause}. Try: {advice}")),
        (cause, advice) => text(cause).or_else(|| text(advice).map(|a| format!("Try: {a}"))),
    };
    add("diagnosis", "diagnosis", Form::Words, diagnosis);
    let last = message
        .last_success
        .map(|at| format!("{} ({})", time(at), ago(message.at - at)));
    add("last_success", "last success", Form::Words, last);
    add(
        "blast_radius",
        "waits behind it",
        Form::Words,
        behind(message),
    );
    add("sla", "SLA", Form::Words, text(&message.sla));
    let note = alert.notes.last();
    let note = note.map(|note| format!("{} ({})", note.text, note.by.who));
    add("note", "note", Form::Words, note);
    for (key, name, url) in [
        ("runbook", "runbook", &alert.runbook),
        ("url", "page", &message.url),
    ] {
        let form = match url.as_ref().and_then(|url| link(url)) {
            Some(_) => Form::Link,
            None => Form::Words,
        };
        add(key, name, form, text(url));
    }
    add("open", "open", Form::Code, Some(message.open.to_string()));
    facts
}

fn place(message: &Message) -> Option<String> {
    let parts = [
        &message.backend,
        &message.pipeline,
        &message.run,
        &message.node,
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().map(SafeText::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" / "))
}

fn behind(message: &Message) -> Option<String> {
    let all = &message.alert.behind;
    let names: Vec<&str> = all.iter().take(BEHIND).map(SafeText::as_str).collect();
    match all.len() {
        0 => None,
        n if n > BEHIND => Some(format!("{n}: {} and {} more", names.join(", "), n - BEHIND)),
        n => Some(format!("{n}: {}", names.join(", "))),
    }
}

/// An address that may be made a link.
pub fn link(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// To the second, in UTC.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn span(delta: TimeDelta) -> String {
    let s = delta.num_seconds().max(0);
    match s {
        0..=119 => format!("{s} s"),
        120..=7199 => format!("{} min", s / 60),
        7200..=172_799 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} days", s / 86_400),
    }
}

fn ago(delta: TimeDelta) -> String {
    format!("{} ago", span(delta))
}

/// At most so many characters, an ellipsis included.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

/// At most so many bytes of UTF-8, an ellipsis included.
pub fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text[..end].trim_end())
}

/// The same for every message about one firing of one alert, so that whoever is told twice can see it.
pub fn dedup_key(message: &Message) -> String {
    let alert = &message.alert;
    // a test is an event of its own each time
    let fired = match message.occasion {
        Occasion::Test => message.at,
        _ => alert.fired.unwrap_or(alert.since),
    };
    format!("{}@{}", alert.id.label(), fired.timestamp())
}

/// That of one message: the same when it is sent again after a crash, another when the alert is over.
pub fn message_id(message: &Message) -> String {
    let (key, occasion) = (dedup_key(message), message.occasion.word());
    match message.occasion {
        // there may be several
        Occasion::Escalated => format!("{key}/{occasion}/{}", message.at.timestamp()),
        _ => format!("{key}/{occasion}"),
    }
}

/// A key of at most `most` bytes (which are at least 71): a longer one becomes its digest.
pub fn short_key(message: &Message, most: usize) -> String {
    let key = dedup_key(message);
    match key.len() <= most {
        true => key,
        false => hashed_key(message),
    }
}

/// A key of 71 letters, digits and a dash, where its characters have a meaning.
pub fn hashed_key(message: &Message) -> String {
    let key = dedup_key(message);
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    format!("dagtop-{}", hex(digest.as_ref()))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Names and labels are raw until here.
pub fn rule(message: &Message) -> SafeText {
    SafeText::new(&message.alert.id.rule)
}

/// How urgent it still is: what is over is not.
pub fn urgency(message: &Message) -> Option<Priority> {
    match message.occasion {
        Occasion::Resolved | Occasion::Test => None,
        Occasion::Fired | Occasion::Escalated | Occasion::Acknowledged => {
            Some(message.alert.priority)
        }
    }
}

/// All of it as JSON: the body of a webhook, the stdin of a command, an event of Event Hubs.
pub fn payload(message: &Message) -> Value {
    let alert = &message.alert;
    let text = Text::of(message);
    let mut labels: Map<String, Value> = Map::new();
    for (name, value) in &alert.labels {
        let value = SafeText::new(value).to_string();
        let name = SafeText::new(name).to_string();
        match labels.entry(name).or_insert_with(|| json!([])) {
            Value::Array(list) => list.push(json!(value)),
            other => *other = json!([value]),
        }
    }
    let stamp = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339());
    json!({
        "version": 1,
        "id": message_id(message),
        "dedup_key": dedup_key(message),
        "occasion": message.occasion.word(),
        "priority": alert.priority.word(),
        "state": alert.state.word(),
        "alert": alert.id.label(),
        "rule": rule(message),
        "title": alert.title,
        "reason": alert.reason,
        "headline": text.headline,
        "since": stamp(Some(alert.since)),
        "fired": stamp(alert.fired),
        "resolved": stamp(alert.resolved),
        "sent": stamp(Some(message.at)),
        "acknowledged_by": alert.acked.as_ref().map(|by| &by.who),
        "where": text.get("where"),
        "backend": message.backend,
        "pipeline": message.pipeline,
        "run": message.run,
        "node": message.node,
        "error": message.error,
        "diagnosis": text.get("diagnosis"),
        "cause": message.cause,
        "advice": message.advice,
        "last_success": stamp(message.last_success),
        "blast_radius": text.get("blast_radius"),
        "behind": alert.behind,
        "sla": message.sla,
        "runbook": alert.runbook,
        "url": message.url,
        "open": message.open,
        "labels": labels,
        "text": text.plain(),
    })
}
