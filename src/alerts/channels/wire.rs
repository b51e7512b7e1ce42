//! What channels over HTTP share: a client for one peer, its answers, and the secrets that must not come out.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::SendError;
use super::text::cut;
use crate::config::{self, ChannelKind, Secret, Way};
use crate::model::SafeText;
use crate::net::http::{Auth, Call, Http, HttpError, HttpSettings};

/// No answer of a channel is larger.
const MAX_BODY: usize = 1 << 20;

/// Longest error, in characters: some peers say a lot.
const SAID: usize = 600;

/// The client of one peer.
pub(super) struct Wire {
    http: Http,
}

impl Wire {
    pub(super) async fn open(
        base: &Url,
        way: &Way,
        headers: &[(String, Secret)],
        auth: Auth,
        timeout: Duration,
    ) -> Result<Self, SendError> {
        let settings = HttpSettings {
            base: base.clone(),
            tls: way.tls.clone(),
            proxy: way.proxy.clone(),
            headers: headers.to_vec(),
            connect_timeout: timeout,
            read_timeout: timeout,
            max_body: MAX_BODY,
            not_logged_in: |_| false,
        };
        let http = Http::new(&settings, auth).await?;
        Ok(Self { http })
    }

    /// For an address that is a secret as a whole: its server becomes the base, and the rest is shown nowhere.
    pub(super) async fn hidden(
        address: &Secret,
        way: &Way,
        headers: &[(String, Secret)],
        timeout: Duration,
    ) -> Result<(Self, Url), SendError> {
        let text = resolve(address).await?;
        let url = Url::parse(text.expose_secret().trim()).ok();
        let url = url.filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        let Some(mut url) = url else {
            let what = format!("what {address} holds is not an address of http or https");
            return Err(SendError::later(what));
        };
        url.set_fragment(None);
        let mut base = url.clone();
        base.set_path("/");
        base.set_query(None);
        let wire = Self::open(&base, way, headers, Auth::None, timeout).await?;
        Ok((wire, url))
    }

    /// A good answer as JSON; null for what is none.
    pub(super) async fn json(&self, call: &Call) -> Result<Value, HttpError> {
        let body = self.http.bytes(call).await?;
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Sends, and wants no more than a good status.
    pub(super) async fn tell(&self, call: &Call) -> Result<(), HttpError> {
        self.http.bytes(call).await.map(|_| ())
    }
}

pub(super) async fn resolve(secret: &Secret) -> Result<SecretString, SendError> {
    let resolved = secret.resolve().await;
    resolved.map_err(|error| SendError::later(error.to_string()))
}

/// `Authorization: WORD SECRET`.
pub(super) fn authorised(call: Call, value: &SecretString, word: &str) -> Result<Call, SendError> {
    let header = HeaderValue::from_str(&format!("{word} {}", value.expose_secret()));
    let mut header = header.map_err(|_| SendError::later("the key can't be sent in a header"))?;
    header.set_sensitive(true);
    Ok(call.header(AUTHORIZATION, header))
}

/// A form, as browsers send it.
pub(super) fn form(call: Call, fields: &[(&str, &str)]) -> Call {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", super::escape::form(value)));
    let body = pairs.collect::<Vec<_>>().join("&");
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    call.raw(kind, body.into_bytes())
}

pub(super) fn post(path: impl Into<String>) -> Call {
    Call::new(Method::POST, path)
}

/// What must not come out, whatever a peer says.
#[derive(Default)]
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Every secret of a channel; of an address its parts too, decoded as a peer would repeat them.
    pub(super) async fn of(channel: &config::Channel) -> Result<Self, SendError> {
        let mut all = Self::default();
        for secret in channel.secrets() {
            all.add(resolve(secret).await?.expose_secret());
        }
        if let ChannelKind::Webhook(webhook) = &channel.kind {
            all.add(resolve(&webhook.url).await?.expose_secret());
        }
        Ok(all)
    }

    fn add(&mut self, text: &str) {
        let text = text.trim();
        let mut keep = |part: &str| {
            // shorter ones are in every word
            if part.len() >= 6 {
                self.0.push(SecretString::from(part.to_owned()));
            }
        };
        match Url::parse(text) {
            Ok(url) if url.has_host() => {
                keep(text);
                if url.path().len() > 1 {
                    keep(url.path());
                    url.path()
                        .split('/')
                        .filter(|p| p.len() >= 8)
                        .for_each(&mut keep);
                }
                if let Some(query) = url.query() {
                    keep(query);
                    let values = query.split('&').filter_map(|pair| pair.split_once('='));
                    values.for_each(|(_, value)| keep(value));
                }
                url.query_pairs().for_each(|(_, value)| keep(&value));
            }
            _ => keep(text),
        }
        // the longest first, so that none is left of another's end
        self.0
            .sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// The same error without any of them.
    pub(super) fn hide(&self, error: SendError) -> SendError {
        let mut text = error.what.to_string();
        for secret in &self.0 {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), "…");
            }
        }
        SendError {
            what: SafeText::new(cut(&text, SAID)),
            ..error
        }
    }
}
