//! SMS by Twilio (<https://www.twilio.com/docs/messaging/api/message-resource>): a form, answered with 201.
//!
//! A body has at most 1600 characters, and Twilio advises 320 for SMS (error 21617). With the alphabet of GSM 03.38 two
//! parts hold 306; one character outside of it would more than halve that, so those are written otherwise.

use std::time::Duration;

use super::text::Text;
use super::wire::{Wire, form, post};
use super::{Receipt, SendError};
use crate::config;
use crate::model::Message;
use crate::net::http::{Auth, path};

/// Two parts of 153 septets.
const LIMIT: usize = 306;

pub(super) struct Twilio {
    wire: Wire,
    path: String,
    from: String,
    to: String,
}

impl Twilio {
    pub(super) async fn open(
        config: &config::Twilio,
        timeout: Duration,
    ) -> Result<Self, SendError> {
        let auth = Auth::Basic {
            user: config.account.clone(),
            password: config.token.clone(),
        };
        Ok(Self {
            wire: Wire::open(&config.url, &config.way, &[], auth, timeout).await?,
            path: path(["2010-04-01", "Accounts", &config.account, "Messages.json"]),
            from: config.from.clone(),
            to: config.to.clone(),
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let sender = match self.from.starts_with("MG") {
            true => "MessagingServiceSid",
            false => "From",
        };
        let body = body(message);
        let fields = [
            ("To", self.to.as_str()),
            (sender, &self.from),
            ("Body", &body),
        ];
        let call = form(post(self.path.as_str()), &fields);
        self.wire.tell(&call).await?;
        Ok(Receipt::default())
    }
}

/// The headline and as many of the facts as there is room for, the most needed first; the command last, always.
fn body(message: &Message) -> String {
    let text = Text::of(message);
    let open = gsm(&message.open);
    let open = head(&open, LIMIT / 3);
    let room = LIMIT.saturating_sub(septets(&open) + 1);
    let mut body = head(&gsm(&text.headline), room);
    for key in ["where", "sla", "blast_radius", "diagnosis", "error"] {
        let Some(fact) = text.facts.iter().find(|f| f.key == key) else {
            continue;
        };
        let line = format!("\n{}: {}", fact.name, gsm(&fact.value));
        let left = room.saturating_sub(septets(&body));
        if left >= septets(&line) {
            body.push_str(&line);
        } else if left >= 40 {
            body.push_str(&head(&line, left));
        }
    }
    format!("{body}\n{open}")
}

/// As much of it as fits, with dots for the rest.
fn head(text: &str, room: usize) -> String {
    if septets(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 3;
    for c in text.chars() {
        used += septet(c);
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept + "..."
}

/// The extension table of GSM 03.38 takes two.
const fn septet(c: char) -> usize {
    match c {
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => 2,
        _ => 1,
    }
}

fn septets(text: &str) -> usize {
    text.chars().map(septet).sum()
}

/// In the alphabet of GSM 03.38.
fn gsm(text: &str) -> String {
    const OTHERS: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà€\n";
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '`' => out.push('\''),
            ' '..='~' => out.push(c),
            c if OTHERS.contains(c) => out.push(c),
            '…' => out.push_str("..."),
            '–' | '—' | '‐' | '‑' => out.push('-'),
            '‘' | '’' => out.push('\''),
            '“' | '”' | '„' => out.push('"'),
            _ => out.push('?'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_in_the_alphabet_of_phones() {
        assert_eq!(gsm("ä`–“x”… 漢"), "ä'-\"x\"... ?");
        assert_eq!(septets("[x]"), 5);
        assert_eq!(head("abcdefgh", 6), "abc...");
        assert_eq!(head("[[[[", 7), "[[...");
    }
}
