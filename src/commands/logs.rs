//! `dagtop logs`: the log of a node on stdout.

use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use crate::backends::Role;
use crate::cli::{Global, Logs};
use crate::engine::{Command, Watch};
use crate::logs::{Level, LogLine};
use crate::model::{Focus, LogKey, NodeId, RunKey, Target};

use super::session::Session;
use super::{Exit, address, open, print};

/// Without `--follow` a log that is still being written is printed until it pauses this long.
const PAUSE: Duration = Duration::from_secs(3);

pub(super) fn run(global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    let (config, paths) = open::config(global)?;
    super::runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Observe);
        let outcome = show(&mut session, global, args).await;
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
                None => bail!("{} has not run yet", key.pipeline.safe()),
            }
        }
        Target::Backend(_) => bail!("a log belongs to a node: write BACKEND/PIPELINE/RUN/NODE"),
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
    let key = log_of(&session.engine.watch, &run, node, args.attempt)?;
    let Some(key) = key else {
        match complete {
            true => bail!(
                "nothing has run in {} yet, so there is no log",
                run.run.safe()
            ),
            false => bail!("{} did not tell its nodes in time", run.backend().safe()),
        }
    };
    session.engine.command(Command::Focus(Focus {
        runs: vec![run],
        logs: vec![key.clone()],
        ..Focus::default()
    }));
    stream(session, &key, global.json, args.follow).await
}

/// Which log is meant: `None` when nothing has run.
fn log_of(
    watch: &Watch,
    run: &RunKey,
    node: Option<NodeId>,
    attempt: Option<u32>,
) -> anyhow::Result<Option<LogKey>> {
    let Some(view) = watch.world.run(run) else {
        bail!(
            "there is no run {} of {}",
            run.run.safe(),
            run.pipeline.pipeline.safe()
        );
    };
    let node = match &node {
        None => view
            .worst_node()
            .or_else(|| view.nodes.values().find(|n| n.attempt > 0)),
        Some(id) => {
            let known = view.nodes.get(id);
            if known.is_none() && view.complete {
                bail!("there is no node {} in this run", id.safe());
            }
            known
        }
    };
    let Some(node) = node else {
        return Ok(None);
    };
    let last = node.attempt;
    if let Some(wanted) = attempt.filter(|n| *n > last) {
        bail!("{} has had {last} attempts, not {wanted}", node.name);
    }
    Ok((last > 0).then(|| run.node(&node.id).log(attempt.unwrap_or(last))))
}

async fn stream(
    session: &mut Session,
    key: &LogKey,
    json: bool,
    follow: bool,
) -> anyhow::Result<Exit> {
    let limit = if follow {
        Duration::from_secs(3600)
    } else {
        PAUSE
    };
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
