//! Owns the line about the room that the history takes.

use crate::engine::past::Room;

use super::format::{self, Zone};

/// How much room the history takes, and until when there is some.
pub fn words(room: &Room, zone: Zone) -> String {
    let bytes = |n: f64| format::bytes(n.max(0.0) as u64);
    let mut text = format!("the history takes {}", bytes(room.taken));
    if let Some(limit) = room.limit {
        text.push_str(&format!(" of {}", bytes(limit)));
    }
    match room.grows {
        Some(a_day) => text.push_str(&format!(", grows {} a day", bytes(a_day))),
        None if room.judged => text.push_str(", and does not surely grow"),
        None => text.push_str("; how it grows is known after a day"),
    }
    if let Some(full) = &room.full {
        let when = format::date(full.when, zone);
        text.push_str(&format!("; full about {when}, then the oldest goes"));
    }
    text
}
