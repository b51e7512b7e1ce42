//! `dagtop audit`: who did what, whether the record of it is whole, and the same for a SIEM.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::cli::{Audit as Args, AuditFilter, AuditFormat, AuditWhat, Global};
use crate::config::Paths;
use crate::engine::Register;
use crate::history::Audit;
use crate::history::audit::{self, Entry, Found, Kind, Trail, Verdict, Wanted, What};
use crate::model::glob;

use super::outlet::Outlet;
use super::{Exit, Usage, open, print, print_json, say, times};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    match &args.what {
        None => list(global, &paths, &args.filter),
        Some(AuditWhat::Verify { expect, dir }) => verify(global, &paths, expect, dir.as_deref()),
        Some(AuditWhat::Export {
            format,
            output,
            filter,
        }) => export(global, &paths, *format, output.as_deref(), filter),
    }
}

/// Writes down what was done here, by a command that has no engine running; that it can't be is told.
pub(super) fn audited(global: &Global, register: Option<&mut Register>, what: What) {
    let write = || -> anyhow::Result<()> {
        let dir = Paths::discover(global.config.as_deref())?.state_dir;
        let head = Audit::open(&dir)?.write(Utc::now(), what)?;
        if let Some(register) = register {
            register.mark_audit(audit::mark(&dir), head)?;
        }
        Ok(())
    };
    if let Err(error) = write() {
        say(format!("{error:#}"));
    }
}

/// Which lines are meant.
struct Sieve<'a> {
    filter: &'a AuditFilter,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl<'a> Sieve<'a> {
    fn new(filter: &'a AuditFilter) -> anyhow::Result<Self> {
        let (since, until) = times::span(filter.since.as_ref(), filter.until.as_ref())?;
        Ok(Self {
            filter,
            since,
            until,
        })
    }

    fn wants(&self, entry: &Entry) -> bool {
        let Entry { at, who, what } = entry;
        let fits = |pattern: &Option<String>, texts: &[&str]| {
            let pattern = pattern.as_deref();
            pattern.is_none_or(|p| texts.iter().any(|text| glob(p, text)))
        };
        self.since.is_none_or(|since| *at >= since)
            && self.until.is_none_or(|until| *at < until)
            && fits(&self.filter.user, &[&who.user])
            && fits(&self.filter.action, &[&what.action, what.kind.word()])
            && fits(&self.filter.target, &[&what.target, &what.address])
            && fits(&self.filter.backend, &[&what.backend])
    }
}

fn trail(dir: &Path) -> anyhow::Result<Trail> {
    Trail::of(dir).with_context(|| format!("can't read the audit in {}", dir.display()))
}

fn each(
    trail: Trail,
    sieve: &Sieve<'_>,
    mut line: impl FnMut(&Found, &[u8]) -> io::Result<()>,
) -> anyhow::Result<()> {
    let unread = trail
        .entries(|found, raw| {
            if sieve.wants(&found.entry) {
                line(&found, raw)?;
            }
            Ok(true)
        })
        .context("can't read the audit")?;
    if unread > 0 {
        say(format!(
            "{unread} lines can't be read; `dagtop audit verify` says which"
        ));
    }
    Ok(())
}

#[derive(Serialize)]
struct Row<'a> {
    n: Option<u64>,
    #[serde(flatten)]
    entry: &'a Entry,
}

fn json(found: &Found) -> io::Result<String> {
    let row = Row {
        n: found.n,
        entry: &found.entry,
    };
    Ok(serde_json::to_string(&row)?)
}

fn list(global: &Global, paths: &Paths, filter: &AuditFilter) -> anyhow::Result<Exit> {
    let sieve = Sieve::new(filter)?;
    let trail = trail(filter.dir.as_deref().unwrap_or(&paths.state_dir))?;
    let mut out = Outlet::open(None)?;
    let mut listed = 0_u64;
    each(trail, &sieve, |found, _| {
        listed += 1;
        match global.json {
            true => writeln!(out, "{}", json(found)?),
            false => writeln!(out, "{}", text(found)),
        }
    })?;
    out.finish()?;
    if listed == 0 && !global.json {
        print("nothing of it is in the audit\n")?;
    }
    Ok(Exit::Done)
}

fn text(found: &Found) -> String {
    let Entry { at, who, what } = &found.entry;
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let from = who.from.as_ref().map(|from| format!("@{from}"));
    let mut line = format!(
        "{at}  {}{}  {} {}",
        who.user,
        from.unwrap_or_default(),
        what.action,
        what.target
    );
    if !what.backend.is_empty() {
        line.push_str(&format!(" on {}", what.backend));
    }
    line.push_str(&format!("  {}", what.step.word()));
    let hits = what.hits.map(|n| format!("{n} hits"));
    let with = what
        .with
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let said = [&what.summary, &what.what, &what.why];
    let said = said
        .into_iter()
        .filter(|t| !t.is_empty())
        .map(|t| t.to_string());
    let keys = what.keys.iter().map(|key| key.to_string());
    let params = (!what.params.is_empty()).then(|| {
        let names: Vec<&str> = what.params.iter().map(|name| name.as_str()).collect();
        format!("params {}", names.join(" "))
    });
    let more: Vec<String> = said
        .chain(hits)
        .chain(params)
        .chain(with)
        .chain(keys)
        .collect();
    if !more.is_empty() {
        line.push_str("  ");
        line.push_str(&more.join("; "));
    }
    if found.n.is_none() {
        line.push_str("  (not in the chain)");
    }
    line
}

fn export(
    global: &Global,
    paths: &Paths,
    format: AuditFormat,
    output: Option<&Path>,
    filter: &AuditFilter,
) -> anyhow::Result<Exit> {
    let sieve = Sieve::new(filter)?;
    let trail = trail(filter.dir.as_deref().unwrap_or(&paths.state_dir))?;
    let mut out = Outlet::open(output)?;
    let what = What::done(Kind::Export, "export", "audit")
        .with("format", format.word())
        .with("to", out.name());
    audited(global, None, what);
    each(trail, &sieve, |found, raw| match format {
        // whoever has it can check it too; what is not of the chain may be anything
        AuditFormat::Jsonl if found.n.is_some() => {
            out.write_all(raw)?;
            out.write_all(b"\n")
        }
        AuditFormat::Jsonl => writeln!(out, "{}", json(found)?),
        AuditFormat::Cef => writeln!(out, "{}", audit::cef(found.n, &found.entry)),
    })?;
    out.finish()?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Told<'a> {
    holds: bool,
    lines: u64,
    files: u64,
    head: Option<String>,
    broken: &'a [audit::Finding],
    more_broken: u64,
    notes: &'a [audit::Finding],
}

fn verify(
    global: &Global,
    paths: &Paths,
    expect: &[String],
    dir: Option<&Path>,
) -> anyhow::Result<Exit> {
    let mut wanted = Vec::new();
    for text in expect {
        wanted.push(Wanted {
            hash: text.parse().map_err(Usage)?,
            n: None,
            by: "--expect".to_owned(),
        });
    }
    if dir.is_none() {
        // before the files are looked at: they may grow meanwhile
        match head(global, &paths.state_dir) {
            Ok(head) => wanted.extend(head),
            Err(error) => say(format!(
                "what the history says of the audit can't be read, so an end that was cut off does not show: {error}"
            )),
        }
    }
    let dir = dir.unwrap_or(&paths.state_dir);
    let verdict = Verdict::of(trail(dir)?, wanted)
        .with_context(|| format!("can't read the audit in {}", dir.display()))?;
    if global.json {
        print_json(&Told {
            holds: verdict.holds(),
            lines: verdict.lines,
            files: verdict.files,
            head: verdict.head.map(|head| head.hash.to_string()),
            broken: &verdict.broken,
            more_broken: verdict.more,
            notes: &verdict.notes,
        })?;
    } else {
        print(report(&verdict))?;
    }
    Ok(match verdict.holds() {
        true => Exit::Done,
        false => Exit::Code(2),
    })
}

/// The line that whoever wrote last noted in the history.
fn head(global: &Global, state_dir: &Path) -> anyhow::Result<Option<Wanted>> {
    if !state_dir.exists() {
        return Ok(None);
    }
    let mut register = Register::open(&open::history(global)?)?;
    let head = register.audit_head(&audit::mark(state_dir))?;
    Ok(head.map(|head| Wanted {
        hash: head.hash,
        n: Some(head.n),
        by: "the history".to_owned(),
    }))
}

fn report(verdict: &Verdict) -> String {
    let mut text = String::new();
    for note in &verdict.notes {
        text.push_str(&format!("note    {note}\n"));
    }
    for broken in &verdict.broken {
        text.push_str(&format!("broken  {broken}\n"));
    }
    if verdict.more > 0 {
        text.push_str(&format!("broken  and {} more\n", verdict.more));
    }
    for (wanted, n) in &verdict.met {
        text.push_str(&format!("line {n} is the one that {} noted\n", wanted.by));
    }
    let counts = format!("{} lines in {} files", verdict.lines, verdict.files);
    match (verdict.holds(), &verdict.head) {
        (_, None) => text.push_str(&format!("{counts}: nothing is chained yet\n")),
        (true, Some(head)) => {
            text.push_str(&format!(
                "{counts}: the chain holds\nhead    {}\n",
                head.hash
            ));
        }
        (false, Some(head)) => {
            text.push_str(&format!(
                "{counts}: the chain is BROKEN\nhead    {}\n",
                head.hash
            ));
        }
    }
    text
}
