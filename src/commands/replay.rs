//! `dagtop replay`: the screen as it was, from the history or a recording. Nothing can be done there, nothing is asked
//! of any backend, nobody is told anything and nothing is written.

use anyhow::Context as _;
use chrono::{Duration, Utc};
use tokio::sync::mpsc;

use crate::cli::{Global, Replay as Args};
use crate::config::{Config, Paths};
use crate::engine::replay::{Reel, Span};
use crate::engine::{Engine, Settings};
use crate::model::{BackendId, BackendInfo, SafeText};
use crate::tui::monitor::Monitor;
use crate::tui::term::session::{self, tty_size};
use crate::tui::term::{Caps, guard};

use super::watch::{Screen, need_terminal};
use super::{Exit, diagnosis, moment, open, record};

/// Around the time that is asked for.
const AROUND: Duration = Duration::hours(12);
/// Without one: so much of what was last.
const LAST: Duration = Duration::hours(24);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    // a recording can be looked at where nothing is configured
    let config = match open::load(global, &paths) {
        Ok(config) => config,
        Err(error) if args.file.is_none() => return Err(error.into()),
        Err(_) => {
            let mut config = Config::default();
            global.over(&mut config.ui);
            config
        }
    };
    let screen = Screen::new(&config, &paths);
    if let Some(file) = &args.export {
        let span = span(args, &screen)?;
        return record::export(&config, &paths, span, None, file);
    }
    need_terminal("`dagtop snapshot --replay` prints a picture of a moment")?;
    let opened = record::reel(&config, &paths, args.file.as_deref(), || {
        span(args, &screen)
    })?;
    let all = opened.reel.span();
    let at = match &args.at {
        Some(text) => moment::before(text, screen.settings.zone, all.to)?,
        None => all.from,
    };
    let exit = show(&config, screen, opened.reel, at);
    drop(opened.scratch);
    exit
}

fn span(args: &Args, screen: &Screen) -> anyhow::Result<Span> {
    let zone = screen.settings.zone;
    let now = Utc::now();
    let at = args.at.as_deref();
    let at = at.map(|text| moment::before(text, zone, now)).transpose()?;
    let end = at.map_or(now, |at| (at + AROUND).min(now));
    let long = at.map_or(LAST, |at| end - at + AROUND);
    moment::span(
        args.since.as_deref(),
        args.until.as_deref(),
        zone,
        end,
        long,
    )
}

fn show(
    config: &Config,
    screen: Screen,
    reel: Reel,
    at: chrono::DateTime<Utc>,
) -> anyhow::Result<Exit> {
    let settings = Settings {
        patterns: diagnosis::of(config),
        ..Settings::from(config)
    };
    super::runtime()?.block_on(async {
        let caps = Caps::from_env(screen.terminal.overrides);
        let theme = screen.theme(&caps);
        let size = tty_size();
        let engine = Engine::still(&settings, at);
        // no backend will ever say anything
        let (_, events) = mpsc::channel(1);
        let mut settings = screen.settings;
        settings.looks = None;
        let (mut monitor, happenings) =
            Monitor::new(engine, events, settings, theme, (size.width, size.height));
        let tell = monitor.teller();
        guard::install_panic_hook(move |what| {
            tell(SafeText::new(format!(
                "a part of dagtop crashed, the rest goes on: {what}"
            )));
        });
        monitor.replay(reel, at);
        let ended = session::run(&mut monitor, screen.terminal, happenings).await;
        let exit = ended.context("can't use this terminal")?;
        Ok(Exit::Code(u8::try_from(exit.code).unwrap_or(1)))
    })
}

/// Backends as they are configured, for events of which no whole world tells them.
pub(super) fn backends(config: &Config) -> Vec<BackendInfo> {
    let info = |backend: &crate::config::Backend| BackendInfo {
        id: BackendId::new(&backend.name),
        name: SafeText::new(&backend.name),
        kind: backend.kind.name(),
        read_only: true,
        protect: true,
        drives_runs: false,
        accent: None,
    };
    config.backends.iter().map(info).collect()
}
