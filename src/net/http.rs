//! One HTTP client for each server that is asked or told: TLS, proxy, gzip, time limits, a cap on what is read, credentials
//! that renew themselves, counters, and errors that say what, where and what to do.
//!
//! No error and no `Debug` holds a secret: queries, headers and bodies of requests are never part of
//! them, and what a server says is cut and made safe.

mod answer;
mod auth;
mod error;
mod records;
mod upgrade;

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue,
};
use reqwest::{Method, Url, Version};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::config::{self, Secret, Tls};
use crate::model::WireStats;

pub use answer::Answer;
pub use auth::Auth;
pub use error::{HttpError, Place};
pub use records::{BARE, Records, parse, records};

use auth::Keyring;

/// An ordinary answer may not be larger (decompressed).
pub const MAX_BODY: usize = 64 << 20;
/// A whole ordinary answer must be there by then, however busily it drips.
const WHOLE: Duration = Duration::from_secs(180);

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// `http` or `https`; its path is put before every request's path.
    pub base: Url,
    pub tls: Tls,
    pub proxy: Option<Secret>,
    /// Sent with every request.
    pub headers: Vec<(String, Secret)>,
    pub connect_timeout: Duration,
    /// Longest silence, before an answer and in the middle of one.
    pub read_timeout: Duration,
    /// Largest ordinary answer, decompressed, in bytes.
    pub max_body: usize,
    /// Whether a 403 with these words refuses the credential and not the deed.
    pub not_logged_in: fn(&str) -> bool,
}

impl HttpSettings {
    /// As a section of the configuration says.
    pub fn new(
        backend: &config::Backend,
        server: &config::Server,
        not_logged_in: fn(&str) -> bool,
    ) -> Self {
        Self {
            base: server.url.clone(),
            tls: server.tls.clone(),
            proxy: server.proxy.clone(),
            headers: server.headers.clone(),
            connect_timeout: backend.connect_timeout,
            read_timeout: backend.read_timeout,
            max_body: MAX_BODY,
            not_logged_in,
        }
    }
}

/// One request.
#[derive(Clone)]
pub struct Call {
    method: Method,
    /// Percent-encoded, begins with `/`; see [`path`].
    path: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Body>,
    accept: &'static str,
    /// Path and query are a secret, as those of a webhook are.
    hidden: bool,
}

#[derive(Clone)]
enum Body {
    Json(Value),
    /// With its type.
    Raw(HeaderValue, Vec<u8>),
}

/// Neither query nor headers nor body: any of them may hold a secret.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {})", self.method, self.shown())
    }
}

impl Call {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            accept: "application/json",
            hidden: false,
        }
    }

    /// To an address whose path and query nobody may see. The client's base must be its server.
    pub fn hidden(method: Method, url: &Url) -> Self {
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        Self {
            hidden: true,
            ..Self::new(method, format!("{}{query}", url.path()))
        }
    }

    /// The path as errors show it.
    fn shown(&self) -> &str {
        if self.hidden { "/…" } else { &self.path }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path).body(body)
    }

    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path).body(body)
    }

    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(Body::Json(body));
        self
    }

    /// A body of another kind than JSON.
    #[must_use]
    pub fn raw(mut self, content_type: HeaderValue, body: Vec<u8>) -> Self {
        self.body = Some(Body::Raw(content_type, body));
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    #[must_use]
    pub fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }
}

/// A path of segments, each percent-encoded: ids hold `+`, `:`, `/` and anything else.
pub fn path<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(&encode(segment));
    }
    path
}

/// Everything percent-encoded but the unreserved characters of RFC 3986.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The client of one backend.
pub struct Http {
    client: reqwest::Client,
    /// The same without HTTP/2, which has no upgrade; made when the first socket is opened.
    sockets: OnceCell<reqwest::Client>,
    /// Without user and password.
    base: Url,
    settings: HttpSettings,
    keyring: Keyring,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    bytes: AtomicU64,
    latency_us: AtomicU64,
    /// Server's clock minus ours in milliseconds; `i64::MIN` = not known.
    skew_ms: AtomicI64,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Builds the client; asks nothing of the server. Fetches the secrets of proxy and headers.
    pub async fn new(settings: &HttpSettings, auth: Auth) -> Result<Self, HttpError> {
        // the program does this at its start; whoever comes second is told and may ignore it
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut base = settings.base.clone();
        // a password in the address would come out in messages
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let client = client(settings, &base, Version::HTTP_2).await?;
        let counters = Counters::default();
        counters.skew_ms.store(i64::MIN, Ordering::Relaxed);
        Ok(Self {
            client,
            sockets: OnceCell::new(),
            base,
            settings: settings.clone(),
            keyring: Keyring::new(auth),
            counters,
        })
    }

    /// Where requests go, without user, password and query.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Longest silence that is put up with.
    pub fn read_timeout(&self) -> Duration {
        self.settings.read_timeout
    }

    /// Goes on counting where another client of the same server stopped.
    pub fn inherit(&self, other: &Self) {
        let before = other.stats();
        self.counters
            .requests
            .fetch_add(before.requests, Ordering::Relaxed);
        self.counters
            .failures
            .fetch_add(before.failures, Ordering::Relaxed);
        self.counters
            .bytes
            .fetch_add(before.bytes, Ordering::Relaxed);
        let skew = other.counters.skew_ms.load(Ordering::Relaxed);
        self.counters.skew_ms.store(skew, Ordering::Relaxed);
    }

    /// Counters since the start.
    pub fn stats(&self) -> WireStats {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        WireStats {
            requests: get(&self.counters.requests),
            failures: get(&self.counters.failures),
            bytes: get(&self.counters.bytes),
            latency_us: get(&self.counters.latency_us),
        }
    }

    /// Server's clock minus ours, from the `Date` of the last answer (exact to a second).
    pub fn clock_skew(&self) -> Option<chrono::Duration> {
        let ms = self.counters.skew_ms.load(Ordering::Relaxed);
        (ms != i64::MIN).then(|| chrono::Duration::milliseconds(ms))
    }

    /// Sends, with credentials. Ok only with a 2xx answer that is not an HTML page; its body is still
    /// on the way. Credentials that turn out to be old are renewed once.
    pub async fn send(&self, call: &Call) -> Result<Answer<'_>, HttpError> {
        let result = self.authorised(call).await;
        if result.is_err() {
            self.count_failure();
        }
        result
    }

    async fn authorised(&self, call: &Call) -> Result<Answer<'_>, HttpError> {
        let key = self.keyring.key(self).await?;
        let first = self.once(call, key.header.as_ref()).await;
        match first {
            Err(HttpError::Unauthorised { .. }) if self.keyring.renewable() => {
                let Some(fresh) = self.keyring.renew(self, &key).await? else {
                    return first;
                };
                self.once(call, fresh.header.as_ref()).await
            }
            other => other,
        }
    }

    /// Sends without credentials of ours beyond `header`.
    async fn once(
        &self,
        call: &Call,
        header: Option<&HeaderValue>,
    ) -> Result<Answer<'_>, HttpError> {
        let place = self.place(call);
        let mut request = self
            .client
            .request(call.method.clone(), self.url(&call.path))
            .header(ACCEPT, call.accept)
            .header(ACCEPT_ENCODING, "gzip");
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        for (name, value) in &call.headers {
            request = request.header(name, value.clone());
        }
        match &call.body {
            Some(Body::Json(body)) => request = request.json(body),
            Some(Body::Raw(kind, body)) => {
                request = request.header(CONTENT_TYPE, kind).body(body.clone());
            }
            None => {}
        }
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header.clone());
        }
        self.count_request();
        let (sent, clock) = (Instant::now(), Utc::now());
        let response = request
            .send()
            .await
            .map_err(|e| error::transport(place.clone(), &e, self.read_timeout()))?;
        let took = sent.elapsed();
        self.counters.latency_us.store(
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        self.note_clock(response.headers(), clock, took);
        answer::open(self, place, response).await
    }

    fn note_clock(&self, headers: &HeaderMap, sent: DateTime<Utc>, took: Duration) {
        let date = headers
            .get(DATE)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| DateTime::parse_from_rfc2822(v).ok());
        if let Some(date) = date {
            let ours = sent.timestamp_millis() + i64::try_from(took.as_millis() / 2).unwrap_or(0);
            // `Date` has no fraction: on average it is half a second old
            let skew = date.timestamp_millis() + 500 - ours;
            self.counters.skew_ms.store(skew, Ordering::Relaxed);
        }
    }

    /// The address of a path below the base.
    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        url.set_query(query);
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    fn count_request(&self) {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn count_failure(&self) {
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_bytes(&self, bytes: usize) {
        self.counters
            .bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The whole body as text of JSON or anything else.
    pub async fn bytes(&self, call: &Call) -> Result<Vec<u8>, HttpError> {
        let place = self.place(call);
        let whole = async {
            let answer = self.send(call).await?;
            let read = answer.bytes().await;
            if read.is_err() {
                self.count_failure();
            }
            read
        };
        match tokio::time::timeout(WHOLE, whole).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::Timeout {
                place,
                after: WHOLE,
            }),
        }
    }

    /// A JSON answer of a known shape.
    pub async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T, HttpError> {
        let body = self.bytes(call).await?;
        parse(&self.place(call), &body)
    }

    /// A JSON answer that holds a list under `list`: one bad record does not hide the others.
    pub async fn records<T: DeserializeOwned>(
        &self,
        call: &Call,
        list: &str,
    ) -> Result<Records<T>, HttpError> {
        let body = self.bytes(call).await?;
        records(&self.place(call), &body, list)
    }

    /// What a call's errors say about where they happened.
    pub fn place(&self, call: &Call) -> Place {
        Place::new(&call.method, &self.base, call.shown())
    }
}

/// A client with everything that the settings say. `most`: the newest version of HTTP that it speaks.
async fn client(
    settings: &HttpSettings,
    base: &Url,
    most: Version,
) -> Result<reqwest::Client, HttpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| HttpError::setup(format!("{name:?} is not the name of a header")))?;
        headers.insert(key, sensitive(&resolved(value).await?, name)?);
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("dagtop/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .pool_idle_timeout(Duration::from_secs(50))
        .pool_max_idle_per_host(4)
        .tcp_keepalive(Duration::from_secs(30))
        // a redirect of an API is a login page
        .redirect(reqwest::redirect::Policy::none())
        // we decompress ourselves: to count what came over the wire and to stop at the cap
        .no_gzip();
    if most == Version::HTTP_11 {
        builder = builder.http1_only();
    }
    builder = tls(builder, &settings.tls, base).await?;
    if let Some(proxy) = &settings.proxy {
        let url = resolved(proxy).await?;
        let proxy = reqwest::Proxy::all(url.expose_secret())
            .map_err(|_| HttpError::setup(format!("the proxy from {proxy} is not an address")))?;
        builder = builder.proxy(proxy);
    } else if base.host_str().is_some_and(is_loopback) {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|e| HttpError::setup(format!("can't set up TLS: {}", error::chain(&e))))
}

async fn tls(
    mut builder: reqwest::ClientBuilder,
    tls: &Tls,
    base: &Url,
) -> Result<reqwest::ClientBuilder, HttpError> {
    let read = async |what: &str, path: &std::path::Path| {
        tokio::fs::read(path)
            .await
            .map_err(|e| HttpError::setup(format!("can't read the {what} {}: {e}", path.display())))
    };
    if base.scheme() == "http" {
        // no certificate will be looked at: don't spend memory on the system's
        return Ok(builder.tls_certs_only([]));
    }
    if let Some(path) = &tls.ca {
        let pem = read("CA file", path).await?;
        let certs = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| {
            HttpError::setup(format!(
                "{} holds no certificate in PEM form",
                path.display()
            ))
        })?;
        if certs.is_empty() {
            let why = format!("{} holds no certificate in PEM form", path.display());
            return Err(HttpError::setup(why));
        }
        builder = builder.tls_certs_merge(certs);
    }
    if let Some(identity) = &tls.identity {
        let mut pem = read("client certificate", &identity.cert).await?;
        pem.push(b'\n');
        pem.extend(read("client key", &identity.key).await?);
        let identity = reqwest::Identity::from_pem(&pem).map_err(|_| {
            HttpError::setup(format!(
                "{} and {} are not a certificate and its key in PEM form",
                identity.cert.display(),
                identity.key.display()
            ))
        })?;
        builder = builder.identity(identity);
    }
    if tls.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    Ok(builder)
}

pub(crate) async fn resolved(secret: &Secret) -> Result<secrecy::SecretString, HttpError> {
    secret
        .resolve()
        .await
        .map_err(|e| HttpError::setup(e.to_string()))
}

pub(crate) fn sensitive(
    secret: &secrecy::SecretString,
    what: &str,
) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::from_str(secret.expose_secret())
        .map_err(|_| HttpError::setup(format!("the value of {what} can't be sent in a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
