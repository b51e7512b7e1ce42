//! An incident in ServiceNow, by the Table API (`/api/now/table/incident`): opened once for each firing of an alert, found
//! again by its `correlation_id`, resolved with it.
//!
//! Limits of the table as it is shipped: `short_description` 160 characters, `correlation_id` 100. States: 1 new, 2 in
//! progress, 6 resolved; urgency and impact 1 to 3.

use std::time::Duration;

use serde_json::{Value, json};

use super::text::{Text, cut, hashed_key};
use super::wire::{Wire, post};
use super::{Receipt, SendError};
use crate::config::{self, Login};
use crate::model::{Message, Occasion, Priority};
use crate::net::http::{Auth, Call, HttpError, path};

const SHORT: usize = 160;
const TABLE: &str = "/api/now/table/incident";

pub(super) struct Servicenow {
    wire: Wire,
    close_code: String,
    fields: Vec<(String, String)>,
}

impl Servicenow {
    pub(super) async fn open(
        config: &config::Servicenow,
        timeout: Duration,
    ) -> Result<Self, SendError> {
        let auth = match &config.login {
            Login::None => Auth::None,
            Login::Password { user, password } => Auth::Basic {
                user: user.clone(),
                password: password.clone(),
            },
            Login::Token(token) => Auth::Token(token.clone()),
        };
        Ok(Self {
            wire: Wire::open(&config.url, &config.way, &[], auth, timeout).await?,
            close_code: config.close_code.clone(),
            fields: config.fields.clone(),
        })
    }

    pub(super) async fn send(
        &self,
        message: &Message,
        thread: Option<&str>,
    ) -> Result<Receipt, SendError> {
        let found = match thread {
            Some(id) => Some(id.to_owned()),
            // it may have been opened without our having heard of it
            None => self.find(message).await?,
        };
        let text = Text::of(message);
        let notes = cut(&text.plain(), 4000);
        let id = match (message.occasion, found) {
            (Occasion::Fired | Occasion::Escalated | Occasion::Test, None) => {
                self.create(message, &text).await?
            }
            // nothing was opened, so there is nothing to change
            (Occasion::Acknowledged | Occasion::Resolved, None) => return Ok(Receipt::default()),
            // told again after a crash: it is there
            (Occasion::Fired, Some(id)) => id,
            (Occasion::Escalated | Occasion::Test, Some(id)) => {
                self.change(&id, json!({"work_notes": notes})).await?;
                id
            }
            (Occasion::Acknowledged, Some(id)) => {
                let body = json!({"state": "2", "work_notes": notes});
                self.change(&id, body).await?;
                id
            }
            (Occasion::Resolved, Some(id)) => {
                self.resolve(&id, &notes).await?;
                id
            }
        };
        if message.occasion == Occasion::Test {
            self.resolve(&id, "A test of the channel.").await?;
        }
        Ok(Receipt::thread(id))
    }

    async fn find(&self, message: &Message) -> Result<Option<String>, SendError> {
        let key = hashed_key(message);
        let call = Call::get(TABLE)
            .query("sysparm_query", format!("correlation_id={key}"))
            .query("sysparm_fields", "sys_id")
            .query("sysparm_limit", 1);
        let answer = self.wire.json(&call).await?;
        Ok(answer["result"][0]["sys_id"].as_str().map(str::to_owned))
    }

    async fn create(&self, message: &Message, text: &Text) -> Result<String, SendError> {
        let (urgency, impact) = match (message.occasion, message.alert.priority) {
            (Occasion::Test, _) => (3, 3),
            (_, Priority::P1) => (1, 1),
            (_, Priority::P2) => (1, 2),
            (_, Priority::P3) => (2, 2),
            (_, Priority::P4) => (2, 3),
            (_, Priority::P5) => (3, 3),
        };
        let mut body = json!({
            "short_description": cut(&text.headline, SHORT),
            "description": cut(&text.plain(), 4000),
            "urgency": urgency.to_string(),
            "impact": impact.to_string(),
            "correlation_id": hashed_key(message),
            "correlation_display": "dagtop",
        });
        for (name, value) in &self.fields {
            body[name.as_str()] = json!(value);
        }
        let answer = self.wire.json(&post(TABLE).body(body)).await?;
        let id = answer["result"]["sys_id"].as_str().map(str::to_owned);
        id.ok_or_else(|| SendError::later("ServiceNow answered without the incident's sys_id"))
    }

    async fn resolve(&self, id: &str, notes: &str) -> Result<(), SendError> {
        let body = json!({"state": "6", "close_code": self.close_code, "close_notes": notes});
        self.change(id, body).await
    }

    async fn change(&self, id: &str, body: Value) -> Result<(), SendError> {
        let call = Call::patch(path(["api", "now", "table", "incident", id]), body);
        match self.wire.tell(&call).await {
            // somebody deleted it
            Err(HttpError::NotFound { .. }) => Ok(()),
            other => Ok(other?),
        }
    }
}
