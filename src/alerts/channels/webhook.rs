//! Any system that takes a POST: our own JSON or a template, signed by the Standard Webhooks specification
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): the signature is
//! `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use ring::hmac;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::escape;
use super::text::{message_id, payload};
use super::wire::{Wire, resolve};
use super::{Receipt, SendError};
use crate::config::reader::nearest;
use crate::config::{self, Problem, Source};
use crate::model::Message;
use crate::net::http::{Call, HttpError};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What a template may name: every part of the payload that is one text.
const FIELDS: [&str; 27] = [
    "dedup_key",
    "occasion",
    "priority",
    "state",
    "alert",
    "rule",
    "title",
    "reason",
    "headline",
    "since",
    "fired",
    "resolved",
    "sent",
    "acknowledged_by",
    "where",
    "backend",
    "pipeline",
    "run",
    "node",
    "error",
    "diagnosis",
    "last_success",
    "blast_radius",
    "sla",
    "runbook",
    "url",
    "open",
];

pub(super) struct Webhook {
    wire: Wire,
    url: Url,
    content_type: String,
    template: Option<String>,
    key: Option<hmac::Key>,
}

impl Webhook {
    pub(super) async fn open(
        config: &config::Webhook,
        timeout: Duration,
    ) -> Result<Self, SendError> {
        let (wire, url) = Wire::hidden(&config.url, &config.way, &config.headers, timeout).await?;
        let key = match &config.signing_key {
            None => None,
            Some(secret) => Some(key(resolve(secret).await?.expose_secret())?),
        };
        Ok(Self {
            wire,
            url,
            content_type: config.content_type.clone(),
            template: config.template.as_ref().map(|at| at.value.clone()),
            key,
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let body = match &self.template {
            None => payload(message).to_string(),
            Some(template) => fill(template, &payload(message), &self.content_type),
        };
        let kind = HeaderValue::from_str(&self.content_type)
            .map_err(|_| SendError::later("the content type can't be sent in a header"))?;
        let id: String = message_id(message).chars().map(plain).collect();
        let time = Utc::now().timestamp().to_string();
        let mut call = Call::hidden(Method::POST, &self.url)
            .header(ID, header(&id)?)
            .header(TIMESTAMP, header(&time)?);
        if let Some(key) = &self.key {
            let signed = hmac::sign(key, format!("{id}.{time}.{body}").as_bytes());
            let signature = format!("v1,{}", STANDARD.encode(signed.as_ref()));
            call = call.header(SIGNATURE, header(&signature)?);
        }
        let sent = self.wire.tell(&call.raw(kind, body.into_bytes())).await;
        match sent {
            // a web page as an answer to what was taken is no failure
            Ok(())
            | Err(HttpError::Html {
                status: 200..=299, ..
            }) => Ok(Receipt::default()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A secret as the specification writes it (`whsec_` and base64), or any other text.
fn key(secret: &str) -> Result<hmac::Key, SendError> {
    let bytes = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| SendError::later("the signing key is not base64 after `whsec_`"))?,
        None => secret.as_bytes().to_vec(),
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

const fn plain(c: char) -> char {
    if c.is_ascii_graphic() { c } else { '_' }
}

fn header(text: &str) -> Result<HeaderValue, SendError> {
    HeaderValue::from_str(text).map_err(|_| SendError::never("the key can't be sent in a header"))
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = template[at..].find("{{") {
        let open = at + begin;
        let Some(end) = template[open..].find("}}") else {
            break;
        };
        found.push(Piece::Text(&template[at..open]));
        found.push(Piece::Field(template[open + 2..open + end].trim()));
        at = open + end + 2;
    }
    found.push(Piece::Text(&template[at..]));
    found
}

fn fill(template: &str, payload: &Value, content_type: &str) -> String {
    let kind = content_type.to_ascii_lowercase();
    let escaped = |text: &str| {
        if kind.contains("json") {
            escape::json(text)
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            escape::form(text)
        } else if kind.contains("xml") || kind.contains("html") {
            escape::html(text)
        } else {
            text.to_owned()
        }
    };
    let each = pieces(template).into_iter().map(|piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Field(name) => escaped(payload[name].as_str().unwrap_or_default()),
    });
    each.collect()
}

/// Fields of the template that there are not.
pub(super) fn problems(config: &config::Webhook, source: &Source) -> Vec<Problem> {
    let Some(template) = &config.template else {
        return Vec::new();
    };
    let wrong = pieces(&template.value).into_iter().filter_map(|piece| {
        let Piece::Field(name) = piece else {
            return None;
        };
        if name == "text" || FIELDS.contains(&name) {
            return None;
        }
        let help = match nearest(name, FIELDS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}, text", FIELDS.join(", ")),
        };
        let message = format!("a template has no field `{name}`");
        Some(source.problem(template.span, message, help))
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_is_escaped_for_what_it_is_in() {
        let payload = json!({"title": "a\"b\\ <c> & d", "since": null});
        let fill = |template, kind| fill(template, &payload, kind);
        let filled = fill(
            "{\"t\": \"{{title}}\", \"s\": \"{{ since }}\"}",
            "application/json",
        );
        let parsed: Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(parsed, json!({"t": "a\"b\\ <c> & d", "s": ""}));
        let form = "application/x-www-form-urlencoded";
        assert_eq!(fill("t={{title}}", form), "t=a%22b%5C%20%3Cc%3E%20%26%20d");
        assert_eq!(
            fill("<t>{{title}}</t>", "text/xml"),
            "<t>a&quot;b\\ &lt;c&gt; &amp; d</t>"
        );
        assert_eq!(fill("{{title", "text/plain"), "{{title");
    }

    #[test]
    fn every_field_of_a_template_is_in_the_payload() {
        let alert = crate::model::Alert::new(
            crate::model::AlertId::new("r", "s"),
            crate::model::Priority::P1,
            Utc::now(),
        );
        let message = Message::new(crate::model::Occasion::Fired, alert, Utc::now());
        let payload = payload(&message);
        for name in FIELDS.iter().chain(&["text"]) {
            assert!(payload.get(name).is_some(), "{name}");
        }
    }

    /// The vector of the specification's own reference libraries.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let text = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let signed = hmac::sign(&key, text.as_bytes());
        let encoded = STANDARD.encode(signed.as_ref());
        assert_eq!(encoded, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
