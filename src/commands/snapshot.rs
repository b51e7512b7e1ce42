//! `dagtop snapshot`: a screen as text or picture.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use chrono::Utc;

use crate::cli::{Global, PictureFormat, ScreenName, Snapshot as Args};
use crate::config::{Config, Dashboard, Paths, dashboards};
use crate::engine::past::Unanswered;
use crate::engine::replay::{Moved, Span};
use crate::engine::{Command, Engine, Settings, Watch};
use crate::model::Target;
use crate::tui::app::About;
use crate::tui::app::Replay;
use crate::tui::snapshot::{Place, Snapshot};
use crate::tui::svg::{buffer_to_ansi, buffer_to_svg, buffer_to_text};
use crate::tui::term::session::SessionOptions;
use crate::tui::term::{Caps, ColorDepth};
use crate::tui::widgets::Zone;

use super::session::Session;
use super::watch::Screen;
use super::{Exit, Usage, address, demo, diagnosis, moment, open, print, record};

/// Around a moment: where something failed is marked.
const AROUND: chrono::Duration = chrono::Duration::hours(12);
/// Longest wait for what the picture shows, once everything is listed.
const SETTLE: Duration = Duration::from_secs(10);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    check(args)?;
    let paths = Paths::discover(global.config.as_deref())?;
    let config = if args.demo {
        let mut config = Config::default();
        global.over(&mut config.ui);
        config
    } else {
        match open::load(global, &paths) {
            Ok(config) => config,
            // a recording can be looked at where nothing is configured
            Err(_) if args.replay.is_some() => {
                let mut config = Config::default();
                global.over(&mut config.ui);
                config
            }
            Err(error) => return Err(error.into()),
        }
    };
    let screen = Screen::new(&config, &paths);
    if args.replay.is_some() || args.at.is_some() {
        print(replayed(&config, &paths, screen, args)?)?;
        return Ok(Exit::Done);
    }
    // beside a demo that somebody watches, and gone afterwards
    let scratch = args.demo.then(|| {
        let name = format!("snapshot-{}", std::process::id());
        Scratch(paths.state_dir.join(name))
    });
    let picture = super::runtime()?.block_on(async {
        let mut session = match &scratch {
            Some(Scratch(dir)) => demo::session(&config, &paths, dir)?,
            None => open::picture(&config, &paths),
        };
        let picture = session
            .interruptible(async |session| take(session, screen, args).await)
            .await;
        session.close().await;
        picture
    });
    drop(scratch);
    print(picture?)?;
    Ok(Exit::Done)
}

/// An address makes sense only where one run is shown.
fn check(args: &Args) -> anyhow::Result<()> {
    let Some(text) = &args.address else {
        return Ok(());
    };
    if args.screen == Some(ScreenName::Dashboard) {
        return Ok(());
    }
    address::check(text)?;
    match args.screen {
        None
        | Some(ScreenName::Run | ScreenName::Log | ScreenName::Trends | ScreenName::Compare) => {
            Ok(())
        }
        Some(_) => {
            let why = "an address means nothing to this screen; it is for --screen run, log, trends and compare";
            Err(Usage(why.to_owned()).into())
        }
    }
}

/// A folder that goes with this value.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // what can't be removed is in nobody's way
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn take(session: &mut Session, screen: Screen, args: &Args) -> anyhow::Result<String> {
    session.until_listed(Duration::from_secs(args.wait)).await;
    if args.after > 0 {
        session
            .until(Duration::from_secs(args.after), |_| false)
            .await;
    }
    session.refresh();
    let place = place(&session.engine.watch, &screen.settings.dashboards, args)?;
    let caps = caps(screen.terminal, args.format);
    let theme = screen.theme(&caps);
    let mut settings = screen.settings;
    settings.history = session.engine.has_history();
    let local = settings.zone == Zone::Local;
    let mut snapshot = Snapshot::new(settings, args.size, place, &session.engine.watch);
    let deadline = tokio::time::Instant::now() + SETTLE;
    loop {
        for command in snapshot.settle(&session.engine.watch, Utc::now()) {
            session.engine.command(command);
        }
        for question in snapshot.take_questions() {
            let Some(answer) = session.engine.ask(question.clone(), local) else {
                continue;
            };
            let came = match answer.await {
                Ok(came) => came.map_err(Unanswered::from),
                Err(_) => Err(Unanswered::gone()),
            };
            for command in snapshot.answered(&session.engine.watch, question, came) {
                session.engine.command(command);
            }
        }
        let now = tokio::time::Instant::now();
        if snapshot.ready(&session.engine.watch) || now >= deadline {
            break;
        }
        let revision = session.engine.watch.world.revision();
        session
            .until((deadline - now).min(Duration::from_millis(200)), |watch| {
                watch.world.revision() != revision
            })
            .await;
    }
    let buffer = snapshot.draw(&session.engine.watch, &theme);
    Ok(picture(&buffer, args.format, &caps))
}

fn picture(buffer: &ratatui::buffer::Buffer, format: PictureFormat, caps: &Caps) -> String {
    match format {
        PictureFormat::Text => buffer_to_text(buffer),
        PictureFormat::Ansi => buffer_to_ansi(buffer, caps.color),
        PictureFormat::Svg => buffer_to_svg(buffer, "dagtop"),
    }
}

/// A moment of a recording, or of the history.
fn replayed(config: &Config, paths: &Paths, screen: Screen, args: &Args) -> anyhow::Result<String> {
    let zone = screen.settings.zone;
    let now = Utc::now();
    let mut opened = record::reel(config, paths, args.replay.as_deref(), || {
        let at = args.at.as_deref();
        let at = at.map_or(Ok(now), |text| moment::before(text, zone, now))?;
        Ok(Span {
            from: at - AROUND,
            to: (at + AROUND).min(now),
        })
    })?;
    let reel = &mut opened.reel;
    let at = match &args.at {
        Some(text) => moment::before(text, zone, reel.span().to)?,
        None => reel.span().to,
    };
    let settings = Settings {
        patterns: diagnosis::of(config),
        ..Settings::from(config)
    };
    settings.patterns.wait();
    let mut watch = Engine::still(&settings, at).watch;
    if let Moved::Scene(scene) = reel.go(at)? {
        watch.shows(*scene);
    }
    let at = reel.at().unwrap_or(at);
    watch.refresh(at);
    let mut replay = Replay::new(reel.span(), at);
    while let Some(more) = reel.marks()? {
        replay.marks.extend(more);
    }
    replay.marked = true;
    let place = place(&watch, &screen.settings.dashboards, args)?;
    let caps = caps(screen.terminal, args.format);
    let theme = screen.theme(&caps);
    let mut snapshot = Snapshot::new(screen.settings, args.size, place, &watch);
    snapshot.replays(replay);
    // once to learn which logs are on it
    for _ in 0..2 {
        for command in snapshot.settle(&watch, now) {
            let Command::Focus(focus) = command else {
                continue;
            };
            let keys = focus.logs.into_iter().chain(focus.tails);
            let keys: Vec<_> = keys.filter(|key| watch.had_ended(key)).collect();
            for (key, tail) in reel.tails(&keys)? {
                watch.shows_log(&key, tail, at);
            }
        }
        watch.touch();
        watch.refresh(at);
    }
    Ok(picture(&snapshot.draw(&watch, &theme), args.format, &caps))
}

/// A file has no terminal to ask: pictures have colours and Unicode unless told otherwise.
fn caps(terminal: SessionOptions, format: PictureFormat) -> Caps {
    let mut caps = Caps::from_env(terminal.overrides);
    caps.unicode = terminal.overrides.unicode.unwrap_or(true);
    caps.color = match format {
        PictureFormat::Text => ColorDepth::None,
        _ => terminal.overrides.color.unwrap_or(ColorDepth::Ansi16),
    };
    caps
}

/// Which dashboard; without a name the first.
fn dashboard(all: &[Dashboard], args: &Args) -> anyhow::Result<usize> {
    if all.is_empty() {
        bail!("the config has no [[dashboard]]");
    }
    let Some(name) = &args.address else {
        return Ok(0);
    };
    match dashboards::find(all, name) {
        Ok((at, _)) => Ok(at),
        Err(near) => {
            let near = near.map(|n| format!("; did you mean \"{n}\"?"));
            let near = near.unwrap_or_default();
            Err(Usage(format!("there is no dashboard \"{name}\"{near}")).into())
        }
    }
}

fn place(watch: &Watch, boards: &[Dashboard], args: &Args) -> anyhow::Result<Place> {
    let target = || -> anyhow::Result<Target> {
        match &args.address {
            Some(text) => match address::resolve(watch, text)? {
                Target::Backend(_) | Target::Queue(_) => {
                    let what = "a run belongs to a pipeline: write BACKEND/PIPELINE or BACKEND/PIPELINE/RUN";
                    Err(Usage(what.to_owned()).into())
                }
                target => Ok(target),
            },
            // of a pipeline that its backend no longer lists runs of, the history may know some
            None if args.screen == Some(ScreenName::Trends) => match watch.fleet().first() {
                Some(row) => Ok(Target::Pipeline(row.key.clone())),
                None => bail!("there is no pipeline"),
            },
            None => match watch.fleet().iter().find(|row| row.run.is_some()) {
                Some(row) => Ok(Target::Pipeline(row.key.clone())),
                None => bail!("nothing has run yet"),
            },
        }
    };
    let screen = match (args.screen, &args.address) {
        (Some(screen), _) => screen,
        (None, Some(_)) => ScreenName::Run,
        (None, None) => ScreenName::Fleet,
    };
    Ok(match screen {
        ScreenName::Fleet => Place::Fleet,
        ScreenName::Run => Place::Run(target()?),
        ScreenName::Log => Place::Log(target()?),
        ScreenName::System => Place::System,
        ScreenName::Alerts => Place::Alerts,
        ScreenName::Compare => match target()? {
            Target::Run(key) => Place::Past(About::Compare { a: None, b: key }),
            Target::Node(key) => Place::Past(About::Compare {
                a: None,
                b: key.run,
            }),
            Target::Pipeline(key) => match watch.world.runs_of(&key).next() {
                Some(view) => Place::Past(About::Compare {
                    a: None,
                    b: view.run.key.clone(),
                }),
                None => bail!("it has not run yet"),
            },
            Target::Backend(_) | Target::Queue(_) => bail!("a backend has no runs of its own"),
        },
        ScreenName::Dashboard => Place::Dashboard(dashboard(boards, args)?),
        ScreenName::Sla => Place::Past(About::Sla),
        ScreenName::Capacity => Place::Past(About::Capacity),
        ScreenName::Trends => Place::Past(match target()? {
            Target::Node(key) => About::Node(key.run.pipeline, key.node),
            Target::Pipeline(key) => About::Pipeline(key),
            Target::Run(key) => About::Pipeline(key.pipeline),
            Target::Backend(_) | Target::Queue(_) => bail!("a backend has no trends"),
        }),
    })
}
