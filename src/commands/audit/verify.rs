//! Whether the record of who did what is whole: the files of this machine, what the history notes of them, and its
//! copies of the audits of every machine.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::cli::Global;
use crate::config::Paths;
use crate::history::audit::{self, Copies, Finding, Link, Trail, Verdict, Wanted};
use crate::history::{Place, Shelf, Store};
use crate::model::many;

use super::super::{Exit, Usage, open, print, print_json, say};

pub(super) fn verify(
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
    let unread = |error: &anyhow::Error| {
        say(format!(
            "the history can't be read, so an end that was cut off and what is copied there are not looked at: {error:#}"
        ));
    };
    let mut store = match dir {
        Some(_) => None,
        None => store(global, &paths.state_dir).unwrap_or_else(|error| {
            unread(&error);
            None
        }),
    };
    // before the files are looked at: they may grow meanwhile
    if let Some(store) = &mut store {
        match head(store.as_mut(), &paths.state_dir) {
            Ok(head) => wanted.extend(head),
            Err(error) => unread(&error),
        }
    }
    let dir = dir.unwrap_or(&paths.state_dir);
    let verdict = Trail::of(dir).and_then(|trail| Verdict::of(trail, wanted));
    let verdict = verdict.with_context(|| format!("can't read the audit in {}", dir.display()))?;
    let mut machines = Vec::new();
    if let Some(store) = &mut store {
        match audit::copies(store.as_mut(), Some(&paths.state_dir)) {
            Ok(all) => machines = all,
            Err(error) => unread(&error.into()),
        }
    }
    let holds = verdict.holds() && machines.iter().all(|m| m.verdict.holds());
    if global.json {
        print_json(&All {
            holds,
            files: verdict.files,
            own: Told::of(&verdict),
            machines: machines.iter().map(Machine::of).collect(),
        })?;
    } else {
        let copies = machines.iter().map(copy_report);
        print(report(&verdict) + &copies.collect::<String>())?;
    }
    Ok(match holds {
        true => Exit::Done,
        false => Exit::Code(2),
    })
}

/// Not made only to be looked at.
fn store(global: &Global, state_dir: &Path) -> anyhow::Result<Option<Box<dyn Store>>> {
    let place = open::history(global)?;
    if matches!(place, Place::Folder(_)) && !state_dir.exists() {
        return Ok(None);
    }
    Ok(Some(place.open()?))
}

/// The line of the files that was copied last.
fn head(store: &mut dyn Store, state_dir: &Path) -> anyhow::Result<Option<Wanted>> {
    let key = audit::mark(&audit::chain_of(state_dir));
    let marks = store.shelf(Shelf::Marks)?;
    let mark = marks.into_iter().find(|(known, _)| *known == key);
    let head = mark.and_then(|(_, body)| serde_json::from_str::<Link>(&body).ok());
    Ok(head.map(|head| Wanted {
        hash: head.hash,
        n: Some(head.n),
        by: "the history".to_owned(),
    }))
}

#[derive(Serialize)]
struct All<'a> {
    /// The files of this machine, and every copy.
    holds: bool,
    files: u64,
    #[serde(flatten)]
    own: Told<'a>,
    machines: Vec<Machine<'a>>,
}

#[derive(Serialize)]
struct Machine<'a> {
    machine: &'a str,
    holds: bool,
    #[serde(flatten)]
    told: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    lines: u64,
    head: Option<String>,
    broken: &'a [Finding],
    more_broken: u64,
    notes: &'a [Finding],
}

impl<'a> Machine<'a> {
    fn of(copies: &'a Copies) -> Self {
        Self {
            machine: &copies.chain,
            holds: copies.verdict.holds(),
            told: Told::of(&copies.verdict),
        }
    }
}

impl<'a> Told<'a> {
    fn of(verdict: &'a Verdict) -> Self {
        Self {
            lines: verdict.lines,
            head: verdict.head.map(|head| head.hash.to_string()),
            broken: &verdict.broken,
            more_broken: verdict.more,
            notes: &verdict.notes,
        }
    }
}

fn findings(verdict: &Verdict) -> String {
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
    text
}

const fn outcome(verdict: &Verdict) -> &'static str {
    match (verdict.head.is_some(), verdict.holds()) {
        (false, _) => "nothing is chained yet",
        (true, true) => "the chain holds",
        (true, false) => "the chain is BROKEN",
    }
}

fn report(verdict: &Verdict) -> String {
    let mut text = findings(verdict);
    for (wanted, n) in &verdict.met {
        text.push_str(&format!("line {n} is the one that {} noted\n", wanted.by));
    }
    let (lines, files) = (many(verdict.lines, "line"), many(verdict.files, "file"));
    text.push_str(&format!("{lines} in {files}: {}\n", outcome(verdict)));
    if let Some(head) = &verdict.head {
        text.push_str(&format!("head    {}\n", head.hash));
    }
    text
}

fn copy_report(copies: &Copies) -> String {
    let (chain, verdict) = (&copies.chain, &copies.verdict);
    let lines = many(verdict.lines, "line");
    let outcome = match verdict.holds() {
        true => "the chain holds",
        // it may also be another than the files are
        false => "BROKEN",
    };
    format!(
        "{}{lines} of {chain} in the history: {outcome}\n",
        findings(verdict)
    )
}
