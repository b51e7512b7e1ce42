//! Credentials that renew themselves.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{Call, Http, HttpError, parse, resolved, sensitive};
use crate::config::Secret;

/// Not renewed more often than this: a server that takes no credentials at all must not be asked
/// twice for everything.
const RENEWAL: Duration = Duration::from_secs(10);

/// How a client says who it is.
#[derive(Clone, Debug)]
pub enum Auth {
    None,
    Basic {
        user: String,
        password: Secret,
    },
    /// A bearer token; its secret is fetched again when the server doesn't take it any more, so a
    /// `cmd:` or `file:` secret renews itself.
    Token(Secret),
    /// `POST path {"username", "password"}` gives `{"access_token"}`, used as a bearer token and
    /// fetched again when the server doesn't take it any more.
    Login {
        path: &'static str,
        user: String,
        password: Secret,
    },
}

#[derive(Debug)]
pub(super) struct Keyring {
    auth: Auth,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    key: Option<Key>,
    renewed: Option<Instant>,
    /// Why the last try failed: repeated until the next may be made.
    failed: Option<HttpError>,
}

/// A credential as sent. `Debug` of a sensitive header value shows nothing.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) header: Option<HeaderValue>,
    number: u64,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

impl Keyring {
    pub(super) fn new(auth: Auth) -> Self {
        Self {
            auth,
            held: Mutex::new(Held::default()),
        }
    }

    pub(super) fn renewable(&self) -> bool {
        match &self.auth {
            Auth::None | Auth::Basic { .. } => false,
            Auth::Token(secret) => !matches!(secret, Secret::Literal(_) | Secret::Env(_)),
            Auth::Login { .. } => true,
        }
    }

    /// The credential to send now; fetched on first use.
    pub(super) async fn key(&self, http: &Http) -> Result<Key, HttpError> {
        let mut held = self.held.lock().await;
        if let Some(key) = &held.key {
            return Ok(key.clone());
        }
        self.fetch(http, &mut held, 1).await
    }

    /// A newer credential than `old`, if there can be one now. Many may ask at once: one renews and
    /// all get what it got.
    pub(super) async fn renew(&self, http: &Http, old: &Key) -> Result<Option<Key>, HttpError> {
        let mut held = self.held.lock().await;
        if let Some(key) = &held.key
            && key.number > old.number
        {
            return Ok(Some(key.clone()));
        }
        if held.renewed.is_some_and(|at| at.elapsed() < RENEWAL) {
            return Ok(None);
        }
        let fresh = self.fetch(http, &mut held, old.number + 1).await?;
        // the same token again is no news
        Ok((fresh.header != old.header).then_some(fresh))
    }

    async fn fetch(&self, http: &Http, held: &mut Held, number: u64) -> Result<Key, HttpError> {
        if let Some(error) = &held.failed
            && held.renewed.is_some_and(|at| at.elapsed() < RENEWAL / 5)
        {
            return Err(error.clone());
        }
        let header = self.header(http).await;
        held.renewed = Some(Instant::now());
        match header {
            Ok(header) => {
                let key = Key { header, number };
                held.key = Some(key.clone());
                held.failed = None;
                Ok(key)
            }
            Err(error) => {
                held.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn header(&self, http: &Http) -> Result<Option<HeaderValue>, HttpError> {
        match &self.auth {
            Auth::None => Ok(None),
            Auth::Basic { user, password } => {
                let password = resolved(password).await?;
                let pair = SecretString::from(format!("{user}:{}", password.expose_secret()));
                let encoded = STANDARD.encode(pair.expose_secret());
                let value = SecretString::from(format!("Basic {encoded}"));
                sensitive(&value, "the password").map(Some)
            }
            Auth::Token(secret) => bearer(&resolved(secret).await?).map(Some),
            Auth::Login {
                path,
                user,
                password,
            } => {
                let password = resolved(password).await?;
                let body = serde_json::json!({
                    "username": user,
                    "password": password.expose_secret(),
                });
                let call = Call::new(Method::POST, *path).body(body);
                let place = http.place(&call);
                let answer = http.once(&call, None).await?;
                let token: Token = parse(&place, &answer.bytes().await?)?;
                bearer(&SecretString::from(token.access_token)).map(Some)
            }
        }
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, HttpError> {
    let value = SecretString::from(format!("Bearer {}", token.expose_secret()));
    sensitive(&value, "the token")
}

impl Http {
    /// What is sent where no header can be: the token, or `user:password`. `None` when there is nothing to say.
    pub async fn credential(&self) -> Result<Option<SecretString>, HttpError> {
        match &self.keyring.auth {
            Auth::None | Auth::Login { .. } => Ok(None),
            Auth::Token(token) => resolved(token).await.map(Some),
            Auth::Basic { user, password } => {
                let password = resolved(password).await?;
                let pair = format!("{user}:{}", password.expose_secret());
                Ok(Some(SecretString::from(pair)))
            }
        }
    }
}

#[cfg(test)]
impl Keyring {
    pub(super) async fn forget_time(&self) {
        self.held.lock().await.renewed = None;
    }
}
