//! `dagtop run FILE`: one local pipeline, run and watched.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use chrono::Utc;

use crate::backends;
use crate::backends::local::{self, LocalBackend, Settings};
use crate::cli::{Global, Run};
use crate::config::{Config, Paths};
use crate::engine::{Command, Watch};
use crate::model::{
    Action, ActionOptions, Focus, Health, NodeId, NodeState, PipelineKey, RunKey, Target,
};

use super::act::{self, Outcome};
use super::session::Session;
use super::watch::{Screen, watch};
use super::{Exit, open, print};

/// How long reading one file may take.
const READ: Duration = Duration::from_secs(10);

pub(super) fn run(global: &Global, args: &Run) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    let mut config = Config::default();
    global.over(&mut config.ui);
    let screen = Screen::new(&config, &paths);
    // what is wrong with the file is said here, not on a screen
    let definition = local::read(&args.file)?;
    let file = std::path::absolute(&args.file)?;
    super::runtime()?.block_on(async {
        let settings = Settings::single(file, &paths.state_dir);
        let backend = LocalBackend::new(backends::local_info("local"), settings)?;
        let mut session = open::start(&config, &paths, vec![Box::new(backend)]);
        let started = start(&mut session, &definition.name, args).await;
        match started {
            Ok(_) if !args.plain => watch(session, screen).await,
            Ok(run) => {
                let health = follow(&mut session, &run).await;
                session.close().await;
                health.map(|h| {
                    if h == Health::Succeeded || h == Health::Warned {
                        Exit::Done
                    } else {
                        Exit::Bad
                    }
                })
            }
            Err(error) => {
                session.close().await;
                Err(error)
            }
        }
    })
}

/// Triggers the pipeline and gives the new run.
async fn start(session: &mut Session, name: &str, args: &Run) -> anyhow::Result<RunKey> {
    session.until_listed(READ).await;
    let watch = &session.engine.watch;
    let Some(key) = watch
        .world
        .pipelines()
        .map(|p| p.pipeline.key.clone())
        .find(|k| k.pipeline.raw() == name)
    else {
        bail!("the pipeline could not be read; `dagtop doctor` may know more");
    };
    let known: Vec<RunKey> = watch
        .world
        .runs_of(&key)
        .map(|r| r.run.key.clone())
        .collect();
    let params = args
        .params
        .iter()
        .map(|(name, value)| (name.clone(), serde_json::Value::String(value.clone())));
    let options = ActionOptions {
        params: params.collect(),
        ..ActionOptions::default()
    };
    let target = Target::Pipeline(key.clone());
    match act::act(session, Action::Trigger, target, options, |_, _| Ok(true)).await? {
        Outcome::Confirmed { .. } => {}
        other => bail!("{}", other.text().trim_end()),
    }
    let fresh = |watch: &Watch, key: &PipelineKey| {
        let new = watch
            .world
            .runs_of(key)
            .find(|r| !known.contains(&r.run.key));
        new.map(|r| r.run.key.clone())
    };
    session
        .until(READ, |watch| fresh(watch, &key).is_some())
        .await;
    match fresh(&session.engine.watch, &key) {
        Some(run) => Ok(run),
        None => bail!("the run was started and is not listed"),
    }
}

/// Prints what happens to the nodes until the run is over.
async fn follow(session: &mut Session, run: &RunKey) -> anyhow::Result<Health> {
    session.engine.command(Command::Focus(Focus {
        runs: vec![run.clone()],
        ..Focus::default()
    }));
    let mut told: HashMap<NodeId, (NodeState, u32)> = HashMap::new();
    loop {
        let news = news(&session.engine.watch, run, &mut told);
        for line in news {
            print(line)?;
        }
        let view = session.engine.watch.world.run(run);
        if let Some(view) = view.filter(|v| v.run.state.ended()) {
            let health = view.health;
            explain(session, run).await?;
            print(format!("{} {}\n", clock(), health.word()))?;
            return Ok(health);
        }
        let revision = session.engine.watch.world.revision();
        session
            .until(Duration::from_secs(3600), |watch| {
                watch.world.revision() != revision
            })
            .await;
    }
}

fn news(watch: &Watch, run: &RunKey, told: &mut HashMap<NodeId, (NodeState, u32)>) -> Vec<String> {
    let Some(view) = watch.world.run(run) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for node in view.nodes.values() {
        let now = (node.state, node.attempt);
        let before = told.insert(node.id.clone(), now);
        if before == Some(now) || (before.is_none() && node.state == NodeState::Pending) {
            continue;
        }
        let mut line = format!("{} {:<10} {}", clock(), node.state.word(), node.name);
        if node.attempt > 1 {
            line.push_str(&format!(" (attempt {})", node.attempt));
        }
        if let Some(code) = node.exit_code.filter(|c| *c != 0) {
            line.push_str(&format!(" exit {code}"));
        }
        line.push('\n');
        lines.push(line);
    }
    lines
}

/// The cause lines of what failed.
async fn explain(session: &mut Session, run: &RunKey) -> anyhow::Result<()> {
    let failed: Vec<_> = session
        .engine
        .watch
        .world
        .run(run)
        .into_iter()
        .flat_map(|view| view.nodes.values())
        .filter(|n| n.state == NodeState::Failed)
        .map(|n| (n.name.clone(), run.node(&n.id).log(n.attempt)))
        .collect();
    let keys: Vec<_> = failed.iter().map(|(_, key)| key.clone()).collect();
    session.engine.command(Command::Focus(Focus {
        tails: keys.clone(),
        ..Focus::default()
    }));
    session
        .until(READ, |watch| {
            keys.iter()
                .all(|k| watch.logs.get(k).is_some_and(|l| l.complete()))
        })
        .await;
    for (name, key) in failed {
        if let Some(error) = session.engine.watch.error_line(&key) {
            print(format!("  {name}: {error}\n"))?;
        }
    }
    Ok(())
}

fn clock() -> impl std::fmt::Display {
    Utc::now().format("%H:%M:%S")
}
