//! Azure Event Hubs, by its REST API (<https://learn.microsoft.com/rest/api/eventhub/send-event>): one event a message, with
//! a shared access signature: HMAC-SHA256 of the encoded address, a line end and the time of its end, in seconds
//! (<https://learn.microsoft.com/rest/api/eventhub/generate-sas-token>). An event is at most 256 KB on every tier.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use super::escape::form;
use super::text::payload;
use super::wire::{Wire, post, resolve};
use super::{Receipt, SendError};
use crate::config;
use crate::model::Message;
use crate::net::http::{Auth, path};

const KIND: HeaderValue = HeaderValue::from_static("application/atom+xml;type=entry;charset=utf-8");
/// How long a signature holds, in seconds: one send, and clocks that are apart.
const HOLDS: i64 = 600;

pub(super) struct Eventhubs {
    wire: Wire,
    path: String,
    /// `https://HOST/HUB`
    resource: String,
    key_name: String,
    key: SecretString,
}

impl Eventhubs {
    pub(super) async fn open(
        config: &config::Eventhubs,
        timeout: Duration,
    ) -> Result<Self, SendError> {
        let hub = path([config.hub.as_str()]);
        let base = config.url.as_str().trim_end_matches('/');
        Ok(Self {
            wire: Wire::open(&config.url, &config.way, &[], Auth::None, timeout).await?,
            path: format!("{hub}/messages?timeout=60&api-version=2014-01"),
            resource: format!("{base}{hub}"),
            key_name: config.key_name.clone(),
            key: resolve(&config.key).await?,
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let token = token(&self.resource, &self.key_name, &self.key, Utc::now());
        let mut header = HeaderValue::from_str(&token)
            .map_err(|_| SendError::later("`key_name` can't be sent in a header"))?;
        header.set_sensitive(true);
        let body = payload(message).to_string();
        let call = post(self.path.as_str())
            .header(AUTHORIZATION, header)
            .raw(KIND, body.into_bytes());
        self.wire.tell(&call).await?;
        Ok(Receipt::default())
    }
}

fn token(resource: &str, name: &str, key: &SecretString, now: DateTime<Utc>) -> String {
    let resource = form(resource);
    let until = now.timestamp() + HOLDS;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    let signed = hmac::sign(&key, format!("{resource}\n{until}").as_bytes());
    let signature = form(&STANDARD.encode(signed.as_ref()));
    format!(
        "SharedAccessSignature sr={resource}&sig={signature}&se={until}&skn={}",
        form(name)
    )
}
