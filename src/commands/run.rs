//! `dagtop run FILE`: one local pipeline, run and watched. `dagtop run dbt`: see `run_dbt`.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{anyhow, bail};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::backends;
use crate::backends::local::{self, LocalBackend, Settings};
use crate::cli::{Global, Run, RunWhat};
use crate::config::{Config, Paths};
use crate::engine::DutySettings;
use crate::engine::{Command, Watch};
use crate::model::{
    Action, ActionOptions, Focus, Health, NodeId, NodeState, PipelineKey, RunKey, SafeText, Target,
};

use super::act::{self, Outcome};
use super::interrupt::Interrupted;
use super::session::Session;
use super::watch::{Screen, need_terminal, watch};
use super::{Exit, open, print, say};

/// How long reading one file may take.
const READ: Duration = Duration::from_secs(10);

pub(super) fn run(global: &Global, args: &Run) -> anyhow::Result<Exit> {
    if let Some(RunWhat::Dbt(args)) = &args.what {
        return super::run_dbt::run(global, args);
    }
    let Some(file) = &args.file else {
        bail!("no pipeline file is given");
    };
    // what is wrong with the file is said here, not on a screen
    let definition = local::read(file)?;
    if !args.plain {
        need_terminal("--plain prints what happens")?;
    }
    let paths = Paths::discover(global.config.as_deref())?;
    let mut config = Config::default();
    global.over(&mut config.ui);
    let screen = Screen::new(&config, &paths);
    let file = std::path::absolute(file)?;
    super::runtime()?.block_on(async {
        let settings = Settings::single(file, &paths.state_dir);
        let grace = settings.grace;
        let backend = LocalBackend::new(backends::own_info("local", "local"), settings)
            .map_err(|e| anyhow!("runs can't be kept: {e}"))?;
        let mut session = open::start(
            &config,
            &paths,
            vec![Box::new(backend)],
            grace,
            DutySettings::default(),
        );
        let plain = args.plain.then_some(Plain { json: global.json });
        let outcome = session
            .interruptible(async |session| {
                let run = start(session, &definition.name, args).await?;
                match plain {
                    Some(plain) => follow(session, &run, plain).await.map(Some),
                    None => Ok(None),
                }
            })
            .await;
        match outcome {
            Ok(None) => return watch(session, screen).await,
            Err(ref error) if error.is::<Interrupted>() => say("ending the run…"),
            _ => {}
        }
        session.close().await;
        Ok(match outcome? {
            Some(Health::Succeeded | Health::Warned) | None => Exit::Done,
            Some(_) => Exit::Bad,
        })
    })
}

/// How a run without a screen is told.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    pub json: bool,
}

/// One line of what happens.
#[derive(Serialize)]
struct Line {
    at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<SafeText>,
    /// Of the node; without one the health of the whole run, at its end.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// The line of its log that says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SafeText>,
}

impl Plain {
    fn tell(self, line: &Line) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string(line)?
        } else {
            line.text()
        };
        print(text + "\n")
    }
}

impl Line {
    fn text(&self) -> String {
        if let (Some(node), Some(error)) = (&self.node, &self.error) {
            return format!("  {node}: {error}");
        }
        let mut text = format!("{} {:<10}", self.at.format("%H:%M:%S"), self.state);
        if let Some(node) = &self.node {
            text.push_str(&format!(" {node}"));
        }
        if let Some(attempt) = self.attempt.filter(|n| *n > 1) {
            text.push_str(&format!(" (attempt {attempt})"));
        }
        if let Some(code) = self.exit_code.filter(|c| *c != 0) {
            text.push_str(&format!(" exit {code}"));
        }
        text.trim_end().to_owned()
    }
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
        bail!("{name}: its file could not be read a second time");
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
    match act::act(session, Action::Trigger, target, options, async |_, _| {
        Ok(true)
    })
    .await?
    {
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
pub(super) async fn follow(
    session: &mut Session,
    run: &RunKey,
    plain: Plain,
) -> anyhow::Result<Health> {
    session.engine.command(Command::Focus(Focus {
        runs: vec![run.clone()],
        ..Focus::default()
    }));
    let mut told: HashMap<NodeId, (NodeState, u32)> = HashMap::new();
    loop {
        for line in news(&session.engine.watch, run, &mut told) {
            plain.tell(&line)?;
        }
        let view = session.engine.watch.world.run(run);
        if let Some(view) = view.filter(|v| v.run.state.ended()) {
            let health = view.health;
            explain(session, run, plain).await?;
            plain.tell(&Line {
                at: Utc::now(),
                node: None,
                state: health.word(),
                attempt: None,
                exit_code: None,
                error: None,
            })?;
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

fn news(watch: &Watch, run: &RunKey, told: &mut HashMap<NodeId, (NodeState, u32)>) -> Vec<Line> {
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
        lines.push(Line {
            at: Utc::now(),
            node: Some(node.name.clone()),
            state: node.state.word(),
            attempt: Some(node.attempt).filter(|n| *n > 0),
            exit_code: node.exit_code,
            error: None,
        });
    }
    lines
}

/// The cause lines of what failed.
async fn explain(session: &mut Session, run: &RunKey, plain: Plain) -> anyhow::Result<()> {
    let failed: Vec<_> = session
        .engine
        .watch
        .world
        .run(run)
        .into_iter()
        .flat_map(|view| view.nodes.values())
        .filter(|n| n.state == NodeState::Failed && n.attempt > 0)
        .map(|n| (n.name.clone(), n.attempt, run.node(&n.id).log(n.attempt)))
        .collect();
    let keys: Vec<_> = failed.iter().map(|(_, _, key)| key.clone()).collect();
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
    for (name, attempt, key) in failed {
        if let Some(error) = session.engine.watch.error_line(&key) {
            plain.tell(&Line {
                at: Utc::now(),
                node: Some(name),
                state: NodeState::Failed.word(),
                attempt: Some(attempt),
                exit_code: None,
                error: Some(error),
            })?;
        }
    }
    Ok(())
}
