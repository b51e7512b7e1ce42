//! Reads `[history]`: where what dagtop has seen is kept, and for how long.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::keep::{Keep, keep};
use super::reader::{Reader, Table, Value};
use super::secret::Secret;
use super::sections::expand;
use super::server::{secret, tls};
use super::types::Tls;

/// Bytes after which a file of the audit is put aside, unless told otherwise.
pub const AUDIT_FILE: u64 = 64_000_000;

/// `[history]`
#[derive(Clone, Debug)]
pub struct History {
    /// How long what is kept.
    pub keep: Keep,
    /// Bytes after which a file of the audit is put aside and a new one begun.
    pub audit_file: u64,
    /// A PostgreSQL that several programs share; without it a file in the state directory. May hold a password, so it
    /// is never shown.
    pub url: Option<Secret>,
    /// What a TLS connection to it trusts and presents.
    pub tls: Tls,
}

impl Default for History {
    fn default() -> Self {
        Self {
            keep: Keep::default(),
            audit_file: AUDIT_FILE,
            url: None,
            tls: Tls::default(),
        }
    }
}

pub(super) fn history(mut table: Table<'_>, dir: &Path) -> History {
    let history = History {
        keep: keep(&mut table, dir),
        audit_file: audit_file(&mut table),
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

fn audit_file(table: &mut Table<'_>) -> u64 {
    let at = table.take_bytes("audit_file");
    if let Some(at) = at.as_ref().filter(|at| at.value < 1_000_000) {
        let message = "`history.audit_file` must be at least 1MB";
        table.reader().problem(at.span, message, None);
    }
    at.map_or(AUDIT_FILE, |at| at.value)
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
