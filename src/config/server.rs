//! Reads how a server is reached and how it lets us in: the same keys for every kind that watches one.

use std::path::Path;

use super::reader::{Reader, Table, Value};
use super::secret::Secret;
use super::sections::{expand, path};
use super::types::{Backend, ClientIdentity, Login, Server, Tls};

/// `url`, login, `proxy`, `[tls]` and `[headers]`; `None` when there is no address that can be used.
pub(super) fn server(table: &mut Table<'_>, dir: &Path) -> Option<Server> {
    let url = table
        .need("url")
        .and_then(|value| url(table.reader(), &value));
    let login = login(table, dir);
    let tls = table
        .take_table("tls")
        .map(|table| tls(table, dir))
        .unwrap_or_default();
    let proxy = table
        .take("proxy")
        .and_then(|value| proxy(table.reader(), &value, dir));
    let headers = table
        .take_table("headers")
        .map(|table| headers(table, dir))
        .unwrap_or_default();
    Some(Server {
        url: url?,
        login,
        tls,
        proxy,
        headers,
    })
}

pub(super) fn url(reader: &Reader<'_>, value: &Value<'_>) -> Option<reqwest::Url> {
    let at = value.str()?;
    // someone may have put the password in it
    if at.value.contains('@') {
        reader.hide(at.span);
    }
    let wrong = |message: &str, help: &str| {
        reader.problem(
            at.span,
            message.to_owned(),
            (!help.is_empty()).then(|| help.to_owned()),
        );
        None
    };
    let Ok(url) = reqwest::Url::parse(at.value.trim()) else {
        return wrong(
            "not a URL",
            "write for example \"https://airflow.example.com\"",
        );
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return wrong("the URL must begin with http:// or https://", "");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            "the URL must not hold a user or a password",
            "use the keys `user` and `password`",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("the URL must end with the path, without ? or #", "");
    }
    Some(url)
}

pub(super) fn login(table: &mut Table<'_>, dir: &Path) -> Login {
    let reader = table.reader();
    let user = table.take_str("user");
    let password = table
        .take("password")
        .map(|value| (value.span(), secret(reader, &value, dir)));
    let token = table
        .take("token")
        .map(|value| (value.span(), secret(reader, &value, dir)));
    if let (Some(_), Some((span, _))) = (&token, &password) {
        reader.problem(
            *span,
            "both `password` and `token` are given",
            "choose one".to_owned(),
        );
    }
    match (user, password, token) {
        (_, _, Some((_, token))) => token.map_or(Login::None, Login::Token),
        (Some(user), Some((_, password)), _) => {
            password.map_or(Login::None, |password| Login::Password {
                user: user.value,
                password,
            })
        }
        (Some(user), None, None) => {
            reader.problem(user.span, "`user` without `password`", None);
            Login::None
        }
        (None, Some((span, _)), _) => {
            reader.problem(span, "`password` without `user`", None);
            Login::None
        }
        (None, None, None) => Login::None,
    }
}

pub(super) fn secret(reader: &Reader<'_>, value: &Value<'_>, dir: &Path) -> Option<Secret> {
    let at = value.secret()?;
    match Secret::parse(&at.value, |text| expand(text, dir)) {
        Ok(secret) => {
            if let Some(weakness) = secret.weakness() {
                reader.warn(at.span, weakness, None);
            }
            Some(secret)
        }
        Err(message) => {
            reader.problem(at.span, message, None);
            None
        }
    }
}

/// A proxy is a plain URL most of the time; only one with a password in it is worth a warning.
pub(super) fn proxy(reader: &Reader<'_>, value: &Value<'_>, dir: &Path) -> Option<Secret> {
    let at = value.secret()?;
    let parsed = Secret::parse(&at.value, |text| expand(text, dir));
    let Ok(Secret::Literal(_)) = parsed else {
        return secret(reader, value, dir);
    };
    match reqwest::Url::parse(at.value.trim()) {
        Ok(url) if url.host_str().is_some() => {
            if url.password().is_some() {
                reader.warn(at.span, "the proxy's password stands in the config file itself; use env:, file: or cmd:", None);
            }
            parsed.ok()
        }
        _ => {
            reader.problem(
                at.span,
                "not the URL of a proxy",
                "write for example \"http://proxy:3128\"".to_owned(),
            );
            None
        }
    }
}

pub(super) fn headers(mut table: Table<'_>, dir: &Path) -> Vec<(String, Secret)> {
    let reader = table.reader();
    let mut headers = Vec::new();
    for (name, value) in table.take_rest() {
        if reqwest::header::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            reader.problem(name.span, "not the name of a header", None);
        }
        if let Some(secret) = secret(reader, &value, dir) {
            headers.push((name.value, secret));
        }
    }
    headers
}

pub(super) fn tls(mut table: Table<'_>, dir: &Path) -> Tls {
    let reader = table.reader();
    let mut file = |key| table.take_str(key).and_then(|at| path(reader, at, dir));
    let (ca, cert, key) = (file("ca"), file("cert"), file("key"));
    let insecure = table.take_bool("insecure").unwrap_or(false);
    table.finish();
    let identity = match (cert, key) {
        (Some(cert), Some(key)) => Some(ClientIdentity {
            cert: cert.value,
            key: key.value,
        }),
        (Some(one), None) => {
            reader.problem(one.span, "`cert` without `key`", None);
            None
        }
        (None, Some(one)) => {
            reader.problem(one.span, "`key` without `cert`", None);
            None
        }
        (None, None) => None,
    };
    Tls {
        ca: ca.map(|at| at.value),
        identity,
        insecure,
    }
}

/// Every secret of a backend that is sent to its server.
pub(super) fn secrets(backend: &Backend) -> impl Iterator<Item = &Secret> {
    let server = backend.kind.server();
    let login = server.and_then(|server| match &server.login {
        Login::None => None,
        Login::Password { password, .. } => Some(password),
        Login::Token(token) => Some(token),
    });
    let headers = server.map(|server| server.headers.as_slice());
    login
        .into_iter()
        .chain(headers.unwrap_or_default().iter().map(|(_, secret)| secret))
}
