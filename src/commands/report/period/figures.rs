//! The figures of a period, and what is missing of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;

use crate::alerts::Expect;
use crate::analytics::summary::{Promised, Summary, summary};
use crate::history::audit::{Found, Kind, Step, Trail, Verdict, copies};
use crate::history::{Ask, Of, Store};
use crate::model::{PastNode, PastRun, PipelineKey, SafeText};

use super::super::super::audit::lines::{Lines, of_team};
use super::oncall::OnCall;

/// What is looked at: more has no room in memory.
const RUNS: usize = 200_000;
const NODES: usize = 500_000;
/// Due times of one pipeline.
const DUES: usize = 10_000;
/// Deeds that are told one by one.
const DEEDS: usize = 200;

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// What is missing, in words.
    pub missing: Vec<String>,
    pub summary: Summary,
    pub on_call: OnCall,
    pub compliance: Compliance,
}

/// Who did what, by the audit.
#[derive(Debug, Default, Serialize)]
pub(super) struct Compliance {
    /// Whether the chain holds, of how many lines, and its last hash.
    pub chain_holds: bool,
    pub lines: u64,
    pub head: Option<String>,
    /// The same of each machine, where several share a store; then it has no last hash as a whole.
    pub machines: Vec<Machine>,
    /// By user, kind and action: how often, and how often it was refused or not confirmed.
    pub people: Vec<Deeds>,
    /// The newest, the last first.
    pub newest: Vec<Deed>,
    pub more: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub machine: SafeText,
    pub chain_holds: bool,
    pub lines: u64,
    pub head: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Deeds {
    pub user: SafeText,
    pub kind: &'static str,
    pub action: SafeText,
    pub done: u64,
    pub refused: u64,
    pub unconfirmed: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Deed {
    pub at: DateTime<Utc>,
    pub user: SafeText,
    pub from: Option<SafeText>,
    /// The machine it was done on.
    pub host: Option<SafeText>,
    pub action: SafeText,
    pub target: SafeText,
    pub backend: SafeText,
    pub step: &'static str,
}

impl Figures {
    /// `shared`: the store is that of a team, and what it has of every machine's audit counts.
    pub(super) fn gather(
        (store, shared): (&mut dyn Store, bool),
        state_dir: &Path,
        expects: &[Expect],
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        zone: FixedOffset,
    ) -> anyhow::Result<Self> {
        let mut missing = Vec::new();
        // the period before is what it is compared with
        let before = from - (to - from);
        let ask = |from, most| Ask {
            of: Of::All,
            from,
            to,
            newest_first: true,
            most,
        };
        let mut runs: Vec<PastRun> = Vec::new();
        store.runs(&ask(before, RUNS), &mut |run| {
            runs.push(run);
            true
        })?;
        let mut nodes: Vec<PastNode> = Vec::new();
        store.nodes(&ask(from, NODES), None, &mut |node| {
            nodes.push(node);
            true
        })?;
        if runs.len() >= RUNS {
            missing.push(format!(
                "Only the newest {RUNS} runs were looked at; there are more."
            ));
        }
        if nodes.len() >= NODES {
            missing.push(format!(
                "Only the newest {NODES} attempts of nodes were looked at for flaky ones; there are more."
            ));
        }
        match store.size()?.span {
            None => missing.push("The history holds no runs yet.".to_owned()),
            Some((begins, _)) if begins > from => missing.push(format!(
                "The history begins on {}: of the time before it nothing is known.",
                begins.format("%-d %b %Y, %H:%M UTC")
            )),
            Some((begins, _)) if begins > before => missing.push(format!(
                "The history begins on {}: the period before is compared with only in part.",
                begins.format("%-d %b %Y, %H:%M UTC")
            )),
            Some(_) => {}
        }
        let first = runs
            .iter()
            .map(|run| run.run.ordered_at)
            .min()
            .unwrap_or(to);
        let promised = |key: &PipelineKey| promised(expects, key, first.max(from), to);
        let summary = summary(&runs, &nodes, (from, to), &promised, to);
        if summary.sla.is_none() {
            missing.push("Nothing is promised: no [[expect]] of the configuration names a time or a limit for a pipeline that ran.".to_owned());
        }
        let on_call = OnCall::of(store, (from, to), zone)?;
        if on_call.messages == 0 {
            missing.push("No message to a channel is kept of this time.".to_owned());
        }
        let compliance = Compliance::of((store, shared), state_dir, (from, to))?;
        if compliance.lines == 0 {
            missing.push("The audit is empty.".to_owned());
        }
        Ok(Self {
            from,
            to,
            missing,
            summary,
            on_call,
            compliance,
        })
    }
}

fn promised(
    expects: &[Expect],
    key: &PipelineKey,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Option<Promised> {
    let expect = expects.iter().find(|e| e.pipelines.matches(key))?;
    let cron = expect.cron.as_ref();
    Some(Promised {
        objective: expect.objective()?,
        dues: cron.map_or_else(Vec::new, |cron| cron.between(from, to, DUES)),
        target: expect.target,
    })
}

impl Compliance {
    fn of(
        (store, shared): (&mut dyn Store, bool),
        state_dir: &Path,
        span: (DateTime<Utc>, DateTime<Utc>),
    ) -> anyhow::Result<Self> {
        let mut told = match shared {
            true => Self::of_machines(store, state_dir)?,
            false => Self::of_files(state_dir)?,
        };
        let mut people: BTreeMap<(SafeText, Kind, SafeText), (u64, u64, u64)> = BTreeMap::new();
        let mut newest = std::collections::VecDeque::new();
        let mut all = 0_u64;
        let each = |found: Found, _: &[u8]| {
            let (at, who, what) = (found.entry.at, found.entry.who, found.entry.what);
            if matches!(what.kind, Kind::Program) {
                return Ok(());
            }
            let key = (who.user.clone(), what.kind, what.action.clone());
            let counts = people.entry(key).or_default();
            match what.step {
                Step::Approved | Step::Done => counts.0 += 1,
                Step::Refused => counts.1 += 1,
                Step::Unconfirmed => counts.2 += 1,
                Step::Requested | Step::Confirmed | Step::Other => {}
            }
            all += 1;
            if newest.len() == DEEDS {
                newest.pop_front();
            }
            newest.push_back(Deed {
                at,
                user: who.user,
                from: who.from,
                host: who.host,
                action: what.action,
                target: what.target,
                backend: what.backend,
                step: what.step.word(),
            });
            Ok(())
        };
        match shared {
            true => drop(of_team(store, span, each)?),
            false => Lines::files(state_dir)?.each(span, each)?,
        }
        let listed = u64::try_from(newest.len()).unwrap_or(0);
        let deeds =
            |((user, kind, action), (done, refused, unconfirmed)): ((_, Kind, _), _)| Deeds {
                user,
                kind: kind.word(),
                action,
                done,
                refused,
                unconfirmed,
            };
        told.people = people.into_iter().map(deeds).collect();
        told.newest = newest.into_iter().rev().collect();
        told.more = all.saturating_sub(listed);
        Ok(told)
    }

    fn of_files(state_dir: &Path) -> anyhow::Result<Self> {
        let verdict = Trail::of(state_dir).and_then(|trail| Verdict::of(trail, Vec::new()));
        let verdict = verdict.context("can't read the audit")?;
        Ok(Self {
            chain_holds: verdict.holds(),
            lines: verdict.lines,
            head: verdict.head.map(|head| head.hash.to_string()),
            ..Self::default()
        })
    }

    fn of_machines(store: &mut dyn Store, state_dir: &Path) -> anyhow::Result<Self> {
        let machines: Vec<Machine> = copies(store, Some(state_dir))?
            .into_iter()
            .map(|copies| Machine {
                machine: copies.chain,
                chain_holds: copies.verdict.holds(),
                lines: copies.verdict.lines,
                head: copies.verdict.head.map(|head| head.hash.to_string()),
            })
            .collect();
        Ok(Self {
            chain_holds: machines.iter().all(|m| m.chain_holds),
            lines: machines.iter().map(|m| m.lines).sum(),
            machines,
            ..Self::default()
        })
    }
}
