//! PagerDuty Events API v2: `trigger`, `acknowledge` and `resolve` under one deduplication key
//! (<https://developer.pagerduty.com/docs/events-api-v2-overview>). Repeats with the same key are one incident.
//!
//! Limits: `summary` 1024 characters, `dedup_key` 255, an event 512 KB.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::text::{Text, cut, link, rule, short_key};
use super::wire::{Wire, post, resolve};
use super::{Receipt, SendError};
use crate::config;
use crate::model::{Message, Occasion, Priority};
use crate::net::http::Auth;

const SUMMARY: usize = 1024;
const KEY: usize = 255;

pub(super) struct Pagerduty {
    wire: Wire,
    routing_key: SecretString,
}

impl Pagerduty {
    pub(super) async fn open(
        config: &config::Pagerduty,
        timeout: Duration,
    ) -> Result<Self, SendError> {
        Ok(Self {
            wire: Wire::open(&config.url, &config.way, &[], Auth::None, timeout).await?,
            routing_key: resolve(&config.routing_key).await?,
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let action = match message.occasion {
            Occasion::Fired | Occasion::Escalated | Occasion::Test => "trigger",
            Occasion::Acknowledged => "acknowledge",
            Occasion::Resolved => "resolve",
        };
        self.event(message, action).await?;
        if message.occasion == Occasion::Test {
            // nobody shall be woken by it for long
            self.event(message, "resolve").await?;
        }
        Ok(Receipt::thread(short_key(message, KEY)))
    }

    async fn event(&self, message: &Message, action: &str) -> Result<(), SendError> {
        let mut event = json!({
            "routing_key": self.routing_key.expose_secret(),
            "event_action": action,
            "dedup_key": short_key(message, KEY),
        });
        if action == "trigger" {
            describe(&mut event, message);
        }
        let call = post("/v2/enqueue").body(event);
        Ok(self.wire.tell(&call).await?)
    }
}

fn describe(event: &mut Value, message: &Message) {
    let text = Text::of(message);
    let severity = match (message.occasion, message.alert.priority) {
        (Occasion::Test, _) => "info",
        (_, Priority::P1) => "critical",
        (_, Priority::P2) => "error",
        (_, Priority::P3) => "warning",
        (_, Priority::P4 | Priority::P5) => "info",
    };
    let source = text.get("where").map_or("dagtop", |place| place.as_str());
    let mut details = Map::new();
    for fact in &text.facts {
        details.insert(fact.name.to_owned(), json!(fact.value));
    }
    event["client"] = json!("dagtop");
    event["payload"] = json!({
        "summary": cut(&text.headline, SUMMARY),
        "source": source,
        "severity": severity,
        "timestamp": message.alert.since.to_rfc3339(),
        "class": cut(&rule(message), SUMMARY),
        "custom_details": details,
    });
    // its specification wants a string there, or nothing
    if let Some(pipeline) = &message.pipeline {
        event["payload"]["component"] = json!(pipeline);
    }
    let links = [("runbook", &message.alert.runbook), ("page", &message.url)];
    let links = links.into_iter().filter_map(|(name, url)| {
        let url = link(url.as_ref()?)?;
        Some(json!({"href": url.as_str(), "text": name}))
    });
    event["links"] = json!(links.collect::<Vec<_>>());
}
