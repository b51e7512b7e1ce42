//! `dagtop logs`: the log of a node on stdout.

use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use crate::backends::Role;
use crate::cli::{Global, Logs};
use crate::engine::{Command, Watch};
use crate::logs::{Level, LogLine};
use crate::model::{Focus, LogKey, NodeId, RunKey, Target};

use super::address::AddressError;
use super::session::Session;
use super::{Exit, Usage, address, open, print};

/// Without `--follow` a log that is still being written is printed until it pauses this long.
const PAUSE: Duration = Duration::from_secs(3);
/// With it there is no limit but this, after which the wait begins again.
const FOLLOW: Duration = Duration::from_secs(3600);

pub(super) fn run(global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    address::check(&args.address)?;
    let (config, paths) = open::config(global)?;
    super::runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Observe);
        let outcome = session
            .interruptible(async |session| show(session, global, args).await)
            .await;
        session.close().await;
        outcome
    })
}

async fn show(session: &mut Session, global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    let wait = Duration::from_secs(args.wait);
    session.until_listed(wait).await;
    let (run, node) = match address::resolve(&session.engine.watch, &args.address)? {
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
    stream(session, &key, global.json, args.follow).await
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
    json: bool,
    follow: bool,
) -> anyhow::Result<Exit> {
    let limit = if follow { FOLLOW } else { PAUSE };
    let mut printed = 0;
    loop {
        let seen = printed;
        let more = session
            .until(limit, |watch| {
                watch
                    .logs
                    .get(key)
                    .is_some_and(|log| log.complete() || number(log) > seen)
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
        let mut out = String::new();
        for line in log.lines(log.row_of(printed)..log.settled()) {
            out.push_str(&as_text(line, json)?);
            out.push('\n');
        }
        printed = number(log);
        let over = log.complete();
        print(out)?;
        if over || !(more || follow) {
            return Ok(Exit::Done);
        }
    }
}

/// How many whole lines the log has had in all, those that were let go included.
fn number(log: &crate::logs::Log) -> u64 {
    log.number_of(log.settled())
}

fn as_text(line: &LogLine, json: bool) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Record<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<chrono::DateTime<chrono::Utc>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        level: Option<char>,
        text: &'a str,
    }
    if !json {
        return Ok(line.text.text.as_str().to_owned());
    }
    Ok(serde_json::to_string(&Record {
        at: line.at,
        level: line.level.map(Level::letter),
        text: line.message(),
    })?)
}
