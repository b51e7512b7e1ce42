//! Reads `[history]`: where what dagtop has seen is kept, and for how long.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::keep::{Keep, keep};
use super::reader::{Reader, Table, Value};
use super::secret::Secret;
use super::sections::expand;
use super::server::{secret, tls};
use super::types::Tls;

/// `[history]`
#[derive(Clone, Debug, Default)]
pub struct History {
    /// How long what is kept.
    pub keep: Keep,
    /// A PostgreSQL that several programs share; without it a file in the state directory. May hold a password, so it
    /// is never shown.
    pub url: Option<Secret>,
    /// What a TLS connection to it trusts and presents.
    pub tls: Tls,
}

pub(super) fn history(mut table: Table<'_>, dir: &Path) -> History {
    let history = History {
        keep: keep(&mut table, dir),
        url: table
            .take("url")
            .and_then(|value| url(table.reader(), &value, dir)),
        tls: table
            .take_table("tls")
            .map(|table| tls(table, dir))
            .unwrap_or_default(),
    };
    table.finish();
    history
}

/// An address is no secret most of the time; only one with a password in it is worth a warning.
fn url(reader: &Reader<'_>, value: &Value<'_>, dir: &Path) -> Option<Secret> {
    let at = value.secret()?;
    let parsed = Secret::parse(&at.value, |text| expand(text, dir));
    let Ok(Secret::Literal(_)) = parsed else {
        return secret(reader, value, dir);
    };
    match reqwest::Url::parse(at.value.trim()) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => {
            if has_password(&url) {
                let message = "the password of the history stands in the config file itself; use env:, file: or cmd: for the whole URL";
                reader.warn(at.span, message, None);
            }
            parsed.ok()
        }
        _ => {
            reader.problem(
                at.span,
                "not the URL of a PostgreSQL database",
                "write for example \"postgres://dagtop@db.example.com/dagtop\"".to_owned(),
            );
            None
        }
    }
}

fn has_password(url: &reqwest::Url) -> bool {
    url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
}

/// Whether the file itself holds the password.
pub(super) fn is_literal_secret(history: &History) -> bool {
    let Some(Secret::Literal(url)) = &history.url else {
        return false;
    };
    let url = reqwest::Url::parse(url.expose_secret().trim());
    url.is_ok_and(|url| has_password(&url))
}
