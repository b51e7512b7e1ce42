//! Who did what, for people, programs and SIEMs.

use std::io::{self, Write as _};
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::cli::{AuditFilter, AuditFormat, Global};
use crate::history::audit::{self, Entry, Found, Kind, What};
use crate::model::glob;

use super::super::outlet::Outlet;
use super::super::{Exit, print, times};
use super::audited;
use super::lines::{Lines, Span};

/// Which lines are meant.
struct Sieve<'a> {
    filter: &'a AuditFilter,
    span: Span,
}

impl<'a> Sieve<'a> {
    fn new(filter: &'a AuditFilter) -> anyhow::Result<Self> {
        let (since, until) = times::span(filter.since.as_ref(), filter.until.as_ref())?;
        let span = (
            since.unwrap_or(DateTime::<Utc>::MIN_UTC),
            until.unwrap_or(DateTime::<Utc>::MAX_UTC),
        );
        Ok(Self { filter, span })
    }

    fn wants(&self, entry: &Entry) -> bool {
        let Entry { who, what, .. } = entry;
        let fits = |pattern: &Option<String>, texts: &[&str]| {
            let pattern = pattern.as_deref();
            pattern.is_none_or(|p| texts.iter().any(|text| glob(p, text)))
        };
        fits(&self.filter.user, &[&who.user])
            && fits(&self.filter.action, &[&what.action, what.kind.word()])
            && fits(&self.filter.target, &[&what.target, &what.address])
            && fits(&self.filter.backend, &[&what.backend])
    }
}

/// Every line that is meant.
fn each(
    lines: Lines,
    sieve: &Sieve<'_>,
    mut line: impl FnMut(&Found, &[u8]) -> io::Result<()>,
) -> anyhow::Result<()> {
    lines.each(sieve.span, |found, raw| match sieve.wants(&found.entry) {
        true => line(&found, raw),
        false => Ok(()),
    })
}

#[derive(Serialize)]
struct Row<'a> {
    /// Whose, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<&'a str>,
    n: Option<u64>,
    #[serde(flatten)]
    entry: &'a Entry,
}

fn json(found: &Found, team: bool) -> io::Result<String> {
    let row = Row {
        machine: team.then_some(&*found.file),
        n: found.n,
        entry: &found.entry,
    };
    Ok(serde_json::to_string(&row)?)
}

pub(super) fn list(global: &Global, filter: &AuditFilter) -> anyhow::Result<Exit> {
    let sieve = Sieve::new(filter)?;
    let lines = Lines::open(global, filter.dir.as_deref())?;
    let team = lines.is_team();
    let mut out = Outlet::open(None)?;
    let mut listed = 0_u64;
    each(lines, &sieve, |found, _| {
        listed += 1;
        match global.json {
            true => writeln!(out, "{}", json(found, team)?),
            false => writeln!(out, "{}", text(found, team)),
        }
    })?;
    out.finish()?;
    if listed == 0 && !global.json {
        print("nothing of it is in the audit\n")?;
    }
    Ok(Exit::Done)
}

fn text(found: &Found, team: bool) -> String {
    let Entry { at, who, what } = &found.entry;
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let from = who.from.as_ref().map(|from| format!("@{from}"));
    let on = who.host.as_ref().filter(|_| team);
    let on = on.map(|host| format!(" on {host}"));
    let mut line = format!(
        "{at}  {}{}{}  {} {}",
        who.user,
        from.unwrap_or_default(),
        on.unwrap_or_default(),
        what.action,
        what.target
    );
    if !what.backend.is_empty() {
        line.push_str(&format!(" on {}", what.backend));
    }
    line.push_str(&format!("  {}", what.step.word()));
    let more = what.more();
    if !more.is_empty() {
        line.push_str("  ");
        line.push_str(&more);
    }
    if found.n.is_none() {
        line.push_str("  (not in the chain)");
    }
    line
}

pub(super) fn export(
    global: &Global,
    format: AuditFormat,
    output: Option<&Path>,
    filter: &AuditFilter,
) -> anyhow::Result<Exit> {
    let sieve = Sieve::new(filter)?;
    let lines = Lines::open(global, filter.dir.as_deref())?;
    let team = lines.is_team();
    let mut out = Outlet::open(output)?;
    let what = What::done(Kind::Export, "export", "audit")
        .with("format", format.word())
        .with("to", out.name());
    audited(global, None, what);
    each(lines, &sieve, |found, raw| match format {
        // whoever has it can check it too; what is not of the chain may be anything
        AuditFormat::Jsonl if found.n.is_some() => {
            out.write_all(raw)?;
            out.write_all(b"\n")
        }
        AuditFormat::Jsonl => writeln!(out, "{}", json(found, team)?),
        AuditFormat::Cef => writeln!(out, "{}", audit::cef(found.n, &found.entry)),
    })?;
    out.finish()?;
    Ok(Exit::Done)
}
