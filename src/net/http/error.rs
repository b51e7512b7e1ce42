//! What can go wrong with a request, as sentences for a person.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::{Method, Url};

use crate::model::SafeText;

/// Longest quote from a server in a message, in characters.
const QUOTE: usize = 300;

/// Method, server and path of a request; never its query.
#[derive(Clone, PartialEq, Eq)]
pub struct Place(SafeText);

impl Place {
    pub(crate) fn new(method: &Method, base: &Url, path: &str) -> Self {
        let host = base.host_str().unwrap_or("?");
        let port = base.port().map(|p| format!(":{p}")).unwrap_or_default();
        let prefix = base.path().trim_end_matches('/');
        Self(SafeText::new(format!(
            "{method} {host}{port}{prefix}{path}"
        )))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there is no answer that could be used. Server text in it is cut and made safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("no connection: {why} ({place}); check the address, the network and the proxy")]
    Unreachable { place: Place, why: SafeText },
    #[error("no answer within {} s ({place}); the server is too busy or something in between drops it", after.as_secs())]
    Timeout { place: Place, after: Duration },
    #[error("not logged in: {said} ({place}); check user, password or token")]
    Unauthorised { place: Place, said: SafeText },
    #[error("not permitted: {said} ({place}); this user needs more rights on the server")]
    Forbidden { place: Place, said: SafeText },
    #[error("not there: {said} ({place})")]
    NotFound { place: Place, said: SafeText },
    #[error("asked too often ({place}); waiting {} s as the server wants", retry_after.map_or(0, |d| d.as_secs()))]
    RateLimited {
        place: Place,
        retry_after: Option<Duration>,
    },
    #[error(
        "the answer can't be read at {path}: {problem} ({place}); is this the right server and version?"
    )]
    BadAnswer {
        place: Place,
        /// In the JSON: `dags[17].tags`.
        path: SafeText,
        problem: SafeText,
    },
    #[error(
        "a web page instead of an answer (status {status}, {place}); the address may miss a path, or a login page stands in front"
    )]
    Html { place: Place, status: u16 },
    #[error(
        "redirected to {to} ({place}); use that address, or get past the login page with a token or headers"
    )]
    Redirected { place: Place, to: SafeText },
    #[error("the answer is larger than {} MB ({place})", limit >> 20)]
    TooLarge { place: Place, limit: usize },
    #[error("refused: {reason} (status {status}, {place})")]
    Refused {
        place: Place,
        status: u16,
        reason: SafeText,
    },
    #[error("the server failed: {said} (status {status}, {place}); its own log says more")]
    Server {
        place: Place,
        status: u16,
        said: SafeText,
    },
    /// Settings that can't work: no request was made.
    #[error("{0}")]
    Setup(SafeText),
}

impl HttpError {
    pub fn setup(why: impl AsRef<str>) -> Self {
        Self::Setup(SafeText::new(why))
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the request may have been carried out although there is no good answer.
    pub fn in_doubt(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Server { .. }
                | Self::BadAnswer { .. }
                | Self::TooLarge { .. }
        )
    }

    /// Whether something else than the server that was there may be there now.
    pub fn elsewhere(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. } | Self::Html { .. } | Self::BadAnswer { .. }
        )
    }

    /// Only the server's own words, without where and what to do.
    pub fn said(&self) -> SafeText {
        match self {
            Self::Unauthorised { said, .. }
            | Self::Forbidden { said, .. }
            | Self::NotFound { said, .. }
            | Self::Server { said, .. } => said.clone(),
            Self::Refused { reason, .. } => reason.clone(),
            other => SafeText::new(other.to_string()),
        }
    }
}

/// An error of the transport: the causes matter, its outermost sentence holds the URL.
pub(super) fn transport(place: Place, error: &reqwest::Error, after: Duration) -> HttpError {
    if error.is_timeout() {
        return HttpError::Timeout { place, after };
    }
    HttpError::Unreachable {
        place,
        why: quote(&chain(error)),
    }
}

/// The causes of an error, innermost last, without the outermost (which may hold a URL with its query).
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !text.contains("://") && causes.last() != Some(&text) {
            causes.push(text);
        }
        source = cause.source();
    }
    if causes.is_empty() {
        let kind = if error.is_connect() {
            "the connection could not be made"
        } else if error.is_body() || error.is_decode() {
            "the answer broke off"
        } else {
            "the request failed"
        };
        return kind.to_owned();
    }
    // layers of the library that say nothing once the cause itself is there
    const LAYERS: [&str; 2] = ["client error (Connect)", "tcp connect error"];
    if causes.iter().any(|cause| !LAYERS.contains(&cause.as_str())) {
        causes.retain(|cause| !LAYERS.contains(&cause.as_str()));
    }
    causes.join(": ")
}

/// A server's words, short and safe.
pub(super) fn quote(text: &str) -> SafeText {
    let text = text.trim();
    match text.char_indices().nth(QUOTE) {
        Some((end, _)) => SafeText::new(format!("{}…", &text[..end])),
        None => SafeText::new(text),
    }
}

/// The sentence in an error body: `{"detail": text | [{"loc","msg"}] | {"reason","message"}}` (FastAPI
/// and Airflow 3), `{"title","detail"}` (RFC 7807, Airflow 2), `{"exception_message","exception_detail":[{"loc","msg"}]}`
/// (Prefect), `{"message"}`, `{"errors":[{"message"}]}` (GraphQL), `{"error":{"message"}}` (Azure, ServiceNow), or the first line of text.
pub(super) fn words(body: &[u8]) -> SafeText {
    let text = String::from_utf8_lossy(body);
    let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else {
        return quote(text.trim().lines().next().unwrap_or_default());
    };
    let detail = match &json["detail"] {
        serde_json::Value::Null => &json["exception_detail"],
        detail => detail,
    };
    if let Some(text) = detail.as_str() {
        return quote(text);
    }
    if let Some(list) = detail.as_array() {
        let each = list.iter().map(|problem| {
            let place: Vec<String> = problem["loc"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|part| {
                    part.as_str()
                        .map_or_else(|| part.to_string(), str::to_owned)
                })
                .filter(|part| part != "body")
                .collect();
            let message = problem["msg"].as_str().unwrap_or("not valid");
            match place.is_empty() {
                true => message.to_owned(),
                false => format!("{}: {message}", place.join(".")),
            }
        });
        return quote(&each.collect::<Vec<_>>().join("; "));
    }
    if detail.is_object() {
        let parts = ["reason", "message"].map(|key| detail[key].as_str());
        return quote(&parts.into_iter().flatten().collect::<Vec<_>>().join(": "));
    }
    let any = ["message", "title", "error", "exception_message"].map(|key| json[key].as_str());
    // a server of GraphQL says it in a list
    let first = json["errors"][0]["message"].as_str();
    // Azure, ServiceNow
    let inner = json["error"]["message"].as_str();
    let any = any.into_iter().chain([first, inner]).flatten().next();
    quote(any.unwrap_or_default())
}
