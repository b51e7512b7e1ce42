//! Many messages as one.

use chrono::{DateTime, Utc};

use crate::alerts::channels::text::{DIGEST, cut};
use crate::model::{Alert, AlertId, Message, Occasion, Priority, SafeText};

/// So many alerts are named; all are counted.
const NAMED: usize = 20;
/// Longest line of one, in characters.
const LINE: usize = 160;

pub(super) fn is_one(message: &Message) -> bool {
    message.alert.id.rule == DIGEST
}

/// "214 alerts: 3 P1, 211 P3", the most urgent named.
pub(super) fn of(channel: &str, messages: &[&Message], now: DateTime<Utc>) -> Message {
    let mut sorted = messages.to_vec();
    sorted.sort_by_key(|m| {
        let over = m.occasion == Occasion::Resolved;
        (over, m.alert.priority, m.alert.since)
    });
    let over = sorted
        .iter()
        .filter(|m| m.occasion == Occasion::Resolved)
        .count();
    let open = sorted.len() - over;
    let mut parts = Vec::new();
    for priority in Priority::ALL {
        let count = sorted
            .iter()
            .filter(|m| m.occasion != Occasion::Resolved && m.alert.priority == priority)
            .count();
        if count > 0 {
            parts.push(format!("{count} {}", priority.word()));
        }
    }
    if over > 0 && open > 0 {
        parts.push(format!("{over} resolved"));
    }
    let first = sorted.first().map_or(Priority::P5, |m| m.alert.priority);
    let since = sorted.iter().map(|m| m.alert.since).min().unwrap_or(now);
    let mut alert = Alert::new(AlertId::new(DIGEST, channel), first, since);
    alert.title = SafeText::new(format!("{} alerts", sorted.len()));
    alert.reason = SafeText::new(parts.join(", "));
    alert.fired = Some(now);
    alert.behind = sorted.iter().take(NAMED).map(|m| line(m)).collect();
    if sorted.len() > NAMED {
        let more = format!("and {} more", sorted.len() - NAMED);
        alert.behind.push(SafeText::new(more));
    }
    let occasion = match open {
        0 => Occasion::Resolved,
        _ => Occasion::Fired,
    };
    Message::new(occasion, alert, now)
}

fn line(message: &Message) -> SafeText {
    let alert = &message.alert;
    let word = match message.occasion {
        Occasion::Fired => "",
        other => other.word(),
    };
    let text = format!(
        "{} {} {word}: {}",
        alert.priority.word(),
        alert.title,
        alert.reason
    );
    SafeText::new(cut(&text.replace(" :", ":"), LINE))
}
