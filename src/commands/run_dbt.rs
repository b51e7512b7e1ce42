//! `dagtop run dbt [ARGS]`: dbt in the project of this folder, run and watched.

use std::time::Duration;

use anyhow::{anyhow, bail};
use chrono::{DateTime, Utc};

use crate::backends;
use crate::backends::dbt::{self, DbtBackend, Settings};
use crate::cli::{Global, RunDbt};
use crate::config::{Config, Paths};
use crate::engine::DutySettings;
use crate::engine::Watch;
use crate::model::RunKey;

use super::interrupt::Interrupted;
use super::run::{Plain, follow};
use super::session::Session;
use super::watch::{Screen, need_terminal, watch};
use super::{Exit, open, say};

/// How long it may take until the run is listed.
const LIST: Duration = Duration::from_secs(20);

pub(super) fn run(global: &Global, args: &RunDbt) -> anyhow::Result<Exit> {
    // what is wrong with the folder is said here, not on a screen
    let project = std::path::absolute(&args.project_dir)?;
    dbt::check(&project)?;
    if !args.plain {
        need_terminal("--plain prints what happens")?;
    }
    let paths = Paths::discover(global.config.as_deref())?;
    let mut config = Config::default();
    global.over(&mut config.ui);
    let screen = Screen::new(&config, &paths);
    super::runtime()?.block_on(async {
        let mut settings = Settings::single(project, &paths.state_dir);
        settings.dbt.clone_from(&args.dbt);
        if settings.program().is_none() {
            bail!("{} is not installed, or not on PATH", args.dbt.display());
        }
        let grace = settings.grace * 2;
        let mut backend = DbtBackend::new(backends::own_info("dbt", "dbt"), settings)
            .map_err(|e| anyhow!("runs can't be kept: {e}"))?;
        let words = match args.args.as_slice() {
            [] => vec!["build".to_owned()],
            words => words.to_vec(),
        };
        let begun = Utc::now();
        let mut ended = backend.start(words);
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
                let run = listed(session, begun).await?;
                match plain {
                    Some(plain) => follow(session, &run, plain).await.map(Some),
                    None => Ok(None),
                }
            })
            .await;
        match outcome {
            Ok(None) => {
                let left = watch(session, screen).await?;
                return Ok(match ended.try_recv() {
                    Ok(code) if left == Exit::Code(0) => exit(code),
                    _ => left,
                });
            }
            Err(ref error) if error.is::<Interrupted>() => say("interrupting dbt…"),
            _ => {}
        }
        session.close().await;
        outcome?;
        Ok(ended.try_recv().map_or(Exit::Bad, exit))
    })
}

/// As a shell has it; a dbt that was killed has no code of its own.
fn exit(code: Option<i32>) -> Exit {
    Exit::Code(code.and_then(|c| u8::try_from(c).ok()).unwrap_or(1))
}

/// The run that was just started.
async fn listed(session: &mut Session, begun: DateTime<Utc>) -> anyhow::Result<RunKey> {
    let find = |watch: &Watch| -> Option<RunKey> {
        let pipeline = watch.world.pipelines().next()?.pipeline.key.clone();
        let mut runs = watch.world.runs_of(&pipeline);
        let ours = runs.find(|r| r.run.queued_at.is_some_and(|at| at >= begun))?;
        Some(ours.run.key.clone())
    };
    session.until(LIST, |watch| find(watch).is_some()).await;
    match find(&session.engine.watch) {
        Some(run) => Ok(run),
        None => {
            let backend = session.engine.watch.world.backends().next();
            match backend.and_then(|b| b.status.degraded.clone()) {
                Some(why) => bail!("{why}"),
                None => bail!("dbt was started and its run is not listed"),
            }
        }
    }
}
