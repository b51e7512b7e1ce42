//! `dagtop record`: an incident in a file, from what the history keeps or as it happens; and reading such a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono::Utc;

use crate::backends::Role;
use crate::cli::{Global, Record as Args};
use crate::config::paths::create_private_file;
use crate::config::{Config, Paths};
use crate::engine::replay::{self, Live, Reel, Span};
use crate::history::{Place, Sqlite};
use crate::model::{PipelineKey, Target};
use crate::tui::widgets::format;

use super::watch::Screen;
use super::{Exit, Usage, address, moment, open, print_json, say};

/// What is recorded when nothing else is said.
const LAST: chrono::Duration = chrono::Duration::hours(24);
/// Longest wait for backends to list their pipelines, before what happens is recorded.
const LISTED: Duration = Duration::from_secs(30);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let (config, paths) = open::config(global)?;
    let only = args.pipeline.as_deref().map(pipeline).transpose()?;
    if args.follow {
        let written = follow(&config, &paths, only.as_ref(), &args.file)?;
        return told(global, &args.file, written);
    }
    let zone = Screen::new(&config, &paths).settings.zone;
    let (since, until) = (args.since.as_deref(), args.until.as_deref());
    let span = moment::span(since, until, zone, Utc::now(), LAST)?;
    let written = write(
        &open::place(&config, &paths),
        span,
        only.as_ref(),
        &args.file,
    )?;
    told(global, &args.file, written)
}

/// The same from `dagtop replay --export`.
pub(super) fn export(
    config: &Config,
    paths: &Paths,
    span: Span,
    only: Option<&PipelineKey>,
    file: &Path,
) -> anyhow::Result<Exit> {
    let written = write(&open::place(config, paths), span, only, file)?;
    say(format!("{written} events are in {}", file.display()));
    Ok(Exit::Done)
}

fn told(global: &Global, file: &Path, events: u64) -> anyhow::Result<Exit> {
    if global.json {
        print_json(&serde_json::json!({ "file": file, "events": events }))?;
        return Ok(Exit::Done);
    }
    say(format!(
        "{events} events are in {file}; `dagtop replay {file}` shows them",
        file = file.display()
    ));
    Ok(Exit::Done)
}

fn pipeline(text: &str) -> anyhow::Result<PipelineKey> {
    match address::place(text)? {
        Target::Pipeline(key) => Ok(key),
        _ => Err(Usage("--pipeline is written BACKEND/PIPELINE".to_owned()).into()),
    }
}

fn write(
    place: &Place,
    span: Span,
    only: Option<&PipelineKey>,
    path: &Path,
) -> anyhow::Result<u64> {
    let mut store = place.open()?;
    let new = NewFile::create(path)?;
    let out = new.writer()?;
    let (events, file) = replay::export(store.as_mut(), span, only, out)
        .with_context(|| format!("can't record into {}", path.display()))?;
    if events == 0 {
        let what = format!(
            "no events are kept from {} to {}; `dagtop` and `dagtop serve` keep them while [alerts] keep_events is on",
            format::date_time(span.from, format::Zone::Utc),
            format::date_time(span.to, format::Zone::Utc)
        );
        return Err(anyhow!(what));
    }
    new.keep(file)?;
    Ok(events)
}

/// As it happens, until it is interrupted.
fn follow(
    config: &Config,
    paths: &Paths,
    only: Option<&PipelineKey>,
    path: &Path,
) -> anyhow::Result<u64> {
    let new = NewFile::create(path)?;
    let out = new.writer()?;
    super::runtime()?.block_on(async {
        let mut session = open::session(config, paths, Role::Observe);
        let recorded: anyhow::Result<Live<_>> = async {
            let mut interrupts =
                super::interrupt::Interrupts::listen().context("can't listen for signals")?;
            let mut live = Live::begin(out, &session.engine.watch, only.cloned(), Utc::now())?;
            let deadline = tokio::time::Instant::now() + LISTED;
            let mut listed = false;
            say("recording; ctrl-c ends it");
            let mut second = tokio::time::interval(Duration::from_secs(1));
            loop {
                tokio::select! {
                    _ = interrupts.next() => return Ok(live),
                    told = session.events.recv() => match told {
                        Some(stamped) => {
                            if session.engine.apply(&stamped).any() {
                                live.event(&stamped)?;
                            }
                        }
                        None => return Ok(live),
                    },
                    _ = second.tick() => {
                        session.engine.refresh();
                        let all = || session.engine.watch.world.backends().all(|b| b.listed);
                        if !listed && (all() || tokio::time::Instant::now() > deadline) {
                            listed = true;
                            // from here on the whole fleet is known
                            live.world(&session.engine.watch, Utc::now())?;
                        }
                        live.second(&mut session.engine.watch, Utc::now())?;
                    }
                }
            }
        }
        .await;
        let ended = recorded.and_then(|mut live| {
            live.tails(&session.engine.watch)?;
            let (events, file) = live.finish(Utc::now())?;
            new.keep(file)?;
            Ok(events)
        });
        session.close().await;
        ended
    })
}

/// A file that gets its name when it is whole.
struct NewFile {
    path: PathBuf,
    new: PathBuf,
    kept: std::cell::Cell<bool>,
}

impl NewFile {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        Ok(Self {
            path: path.to_owned(),
            new: PathBuf::from(name),
            kept: std::cell::Cell::new(false),
        })
    }

    fn writer(&self) -> anyhow::Result<File> {
        create_private_file(&self.new)
            .with_context(|| format!("can't write {}", self.path.display()))
    }

    fn keep(&self, file: File) -> anyhow::Result<()> {
        file.sync_all()
            .and_then(|()| std::fs::rename(&self.new, &self.path))
            .with_context(|| format!("can't write {}", self.path.display()))?;
        self.kept.set(true);
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept.get() {
            // what is not whole has no name
            let _ = std::fs::remove_file(&self.new);
        }
    }
}

/// A folder that goes with this value.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // what can't be removed is in nobody's way
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A reel, and what must last as long as it.
pub(super) struct Opened {
    pub reel: Reel,
    pub scratch: Option<Scratch>,
}

/// The reel of a recording, or of the history.
pub(super) fn reel(
    config: &Config,
    paths: &Paths,
    file: Option<&Path>,
    span: impl FnOnce() -> anyhow::Result<Span>,
) -> anyhow::Result<Opened> {
    let backends = super::replay::backends(config);
    let Some(path) = file else {
        let store = open::place(config, paths).open()?;
        let reel = Reel::open(store, backends, span()?)?;
        return Ok(Opened {
            reel,
            scratch: None,
        });
    };
    let context = || format!("can't replay {}", path.display());
    let file = File::open(path).with_context(context)?;
    // what is read once can be gone to again and again there
    let dir = paths
        .state_dir
        .join(format!("replay-{}", std::process::id()));
    let scratch = Scratch(dir.clone());
    let mut store = Sqlite::open(&dir)?;
    let read = replay::load(file, &mut store).with_context(context)?;
    if let Some(trouble) = &read.trouble {
        say(format!(
            "{}: {trouble}; what was read before that is shown ({} events)",
            path.display(),
            read.events
        ));
    }
    let reel = Reel::open(Box::new(store), backends, read.span).with_context(context)?;
    Ok(Opened {
        reel,
        scratch: Some(scratch),
    })
}
