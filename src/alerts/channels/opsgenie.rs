//! Opsgenie Alert API (<https://docs.opsgenie.com/docs/alert-api>): an alias is one alert, so repeats are counted, not new.
//! It takes requests with 202 and works on them later; what becomes of them is not asked.
//!
//! Limits: `message` 130 characters, `alias` 512, `description` 15000, `entity` 512, a tag 50 and 20 of them, `details`
//! 8000 in all.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::text::{Text, cut, short_key};
use super::wire::{Wire, authorised, post, resolve};
use super::{Receipt, SendError};
use crate::config;
use crate::model::{Message, Occasion, SafeText};
use crate::net::http::{Auth, path};

const MESSAGE: usize = 130;
const ALIAS: usize = 512;
const DESCRIPTION: usize = 15_000;
const ENTITY: usize = 512;
const TAG: usize = 50;
const DETAIL: usize = 500;

pub(super) struct Opsgenie {
    wire: Wire,
    key: SecretString,
    team: Option<String>,
}

impl Opsgenie {
    pub(super) async fn open(
        config: &config::Opsgenie,
        timeout: Duration,
    ) -> Result<Self, SendError> {
        Ok(Self {
            wire: Wire::open(&config.url, &config.way, &[], Auth::None, timeout).await?,
            key: resolve(&config.api_key).await?,
            team: config.team.clone(),
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        match message.occasion {
            Occasion::Fired | Occasion::Escalated => self.create(message).await?,
            Occasion::Acknowledged => self.follow(message, "acknowledge").await?,
            Occasion::Resolved => self.follow(message, "close").await?,
            Occasion::Test => {
                self.create(message).await?;
                self.follow(message, "close").await?;
            }
        }
        Ok(Receipt::thread(short_key(message, ALIAS)))
    }

    async fn create(&self, message: &Message) -> Result<(), SendError> {
        let text = Text::of(message);
        let mut details = Map::new();
        for fact in &text.facts {
            details.insert(fact.key.to_owned(), json!(cut(&fact.value, DETAIL)));
        }
        let tags = message.alert.label("tag").take(20);
        let tags = tags.map(|tag| cut(&SafeText::new(tag), TAG));
        let mut body = json!({
            "message": cut(&text.headline, MESSAGE),
            "alias": short_key(message, ALIAS),
            "description": cut(&text.plain(), DESCRIPTION),
            "priority": match message.occasion {
                Occasion::Test => "P5",
                _ => message.alert.priority.word(),
            },
            "source": "dagtop",
            "tags": tags.collect::<Vec<_>>(),
            "details": details,
        });
        if let Some(place) = text.get("where") {
            body["entity"] = json!(cut(place, ENTITY));
        }
        if let Some(team) = &self.team {
            body["responders"] = json!([{"type": "team", "name": team}]);
        }
        self.post("/v2/alerts".to_owned(), body).await
    }

    async fn follow(&self, message: &Message, action: &'static str) -> Result<(), SendError> {
        let alias = short_key(message, ALIAS);
        let to = path(["v2", "alerts", &alias, action]) + "?identifierType=alias";
        let body = match &message.alert.acked {
            Some(by) => json!({"source": "dagtop", "user": cut(&by.who, 100)}),
            None => json!({"source": "dagtop"}),
        };
        self.post(to, body).await
    }

    async fn post(&self, path: String, body: Value) -> Result<(), SendError> {
        let call = authorised(post(path).body(body), &self.key, "GenieKey")?;
        Ok(self.wire.tell(&call).await?)
    }
}
