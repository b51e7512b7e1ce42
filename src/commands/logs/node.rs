//! The log of a node, as its backend tells it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;

use crate::backends::Role;
use crate::cli::{Global, Logs};
use crate::engine::{Command, Watch};
use crate::logs::Filter;
use crate::model::{Focus, LogKey, NodeId, RunKey, Target};

use super::super::address::AddressError;
use super::super::session::Session;
use super::super::{Exit, Usage, address, open, runtime};
use super::flow::{Flow, Shown};
use super::printer::Printer;

/// Without `--follow` a log that is still being written is printed until it pauses this long.
const PAUSE: Duration = Duration::from_secs(3);
/// How long a record that may go on is held back.
const QUIET: Duration = Duration::from_millis(300);
/// With it there is no limit but this, after which the wait begins again.
const FOLLOW: Duration = Duration::from_secs(3600);

pub(super) fn run(global: &Global, args: &Logs, filter: Filter) -> anyhow::Result<Exit> {
    let named = args.targets.first().map_or("", String::as_str);
    address::check(named)?;
    let (config, paths) = open::config(global)?;
    let shown = Shown {
        printer: Printer::new(global, args.raw),
        filter: Arc::new(filter),
    };
    runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Observe);
        let outcome = session
            .interruptible(async |session| show(session, args, named, &shown).await)
            .await;
        session.close().await;
        outcome
    })
}

async fn show(
    session: &mut Session,
    args: &Logs,
    named: &str,
    shown: &Shown,
) -> anyhow::Result<Exit> {
    let wait = Duration::from_secs(args.wait);
    session.until_listed(wait).await;
    let (run, node) = match address::resolve(&session.engine.watch, named)? {
        Target::Node(key) => (key.run, Some(key.node)),
        Target::Run(run) => (run, None),
        Target::Pipeline(key) => {
            let newest = session.engine.watch.world.runs_of(&key).next();
            match newest {
                Some(view) => (view.run.key.clone(), None),
                None => return Err(AddressError::NoRun(key.pipeline.safe()).into()),
            }
        }
        Target::Backend(_) | Target::Queue(_) => {
            let what = "a log belongs to a node: write BACKEND/PIPELINE/RUN/NODE; without NODE the worst one is taken, without RUN the newest";
            return Err(Usage(what.to_owned()).into());
        }
    };
    session.engine.command(Command::Focus(Focus {
        runs: vec![run.clone()],
        ..Focus::default()
    }));
    let complete = session
        .until(wait, |watch| {
            watch.world.run(&run).is_some_and(|view| view.complete)
        })
        .await;
    let mut key = log_of(&session.engine.watch, &run, node.as_ref(), args.attempt)?;
    while key.is_none() && args.follow && going(&session.engine.watch, &run) {
        let revision = session.engine.watch.world.revision();
        let changed = |watch: &Watch| watch.world.revision() != revision;
        session.until(FOLLOW, changed).await;
        key = log_of(&session.engine.watch, &run, node.as_ref(), args.attempt)?;
    }
    if key.is_none() && args.follow {
        // the end of a run may be told before that of its nodes
        session
            .until(PAUSE, |watch| {
                log_of(watch, &run, node.as_ref(), args.attempt).is_ok_and(|key| key.is_some())
            })
            .await;
        key = log_of(&session.engine.watch, &run, node.as_ref(), args.attempt)?;
    }
    let Some(key) = key else {
        let backend = run.backend().safe();
        if !complete {
            bail!(
                "{backend} did not tell the nodes of this run in time; --wait SECONDS gives it longer"
            );
        }
        let what = match node {
            Some(node) => format!("{} has not run", node.safe()),
            None => "nothing has run".to_owned(),
        };
        let wait = match going(&session.engine.watch, &run) {
            true => "; -f waits for it",
            false => "",
        };
        bail!("{what} in {}, so there is no log{wait}", run.run.safe());
    };
    session.engine.command(Command::Focus(Focus {
        runs: vec![run],
        logs: vec![key.clone()],
        ..Focus::default()
    }));
    stream(session, &key, shown, args.follow).await
}

fn going(watch: &Watch, run: &RunKey) -> bool {
    watch.world.run(run).is_some_and(|v| !v.run.state.ended())
}

/// Which log is meant: `None` when nothing has run.
fn log_of(
    watch: &Watch,
    run: &RunKey,
    node: Option<&NodeId>,
    attempt: Option<u32>,
) -> Result<Option<LogKey>, AddressError> {
    let Some(view) = watch.world.run(run) else {
        return Err(address::no_run(watch, run));
    };
    let ran = || view.nodes.values().filter(|n| n.attempt > 0);
    let node = match node {
        // without a problem the one that ended last tells most
        None => view
            .worst_node()
            .filter(|n| n.attempt > 0)
            .or_else(|| ran().max_by_key(|n| n.ended_at)),
        Some(id) => match view.nodes.get(id) {
            None if view.complete => return Err(address::no_node(view, id)),
            known => known,
        },
    };
    let Some(node) = node.filter(|n| n.attempt > 0) else {
        return Ok(None);
    };
    if let Some(wanted) = attempt.filter(|n| *n > node.attempt) {
        return Err(AddressError::Attempt {
            node: node.name.clone(),
            wanted,
            last: node.attempt,
        });
    }
    let attempt = attempt.unwrap_or(node.attempt);
    Ok(Some(run.node(&node.id).log(attempt)))
}

async fn stream(
    session: &mut Session,
    key: &LogKey,
    shown: &Shown,
    follow: bool,
) -> anyhow::Result<Exit> {
    let limit = if follow { FOLLOW } else { PAUSE };
    let mut flow = Flow::default();
    loop {
        let seen = flow.read;
        // a record that may go on waits a moment for the rest of it
        let limit = if flow.waits { QUIET.min(limit) } else { limit };
        let more = session
            .until(limit, |watch| {
                watch
                    .logs
                    .get(key)
                    .is_some_and(|log| log.complete() || log.numbers().end > seen)
            })
            .await;
        let Some(log) = session.engine.watch.logs.get(key) else {
            if follow && more {
                continue;
            }
            bail!(
                "{} gave no log for {}",
                key.backend().safe(),
                key.node.node.safe()
            );
        };
        let waited = std::mem::take(&mut flow.waits);
        let over = log.complete();
        flow.print(log, shown, over || (waited && !more))?;
        if over || !(more || waited || follow) {
            return Ok(Exit::Done);
        }
    }
}
