//! `dagtop serve`: the engine without a screen, for a service manager.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{SecondsFormat, Utc};
use sd_notify::NotifyState;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::alerts::courier::Status;
use crate::backends::Role;
use crate::cli::Global;
use crate::config::{Channel, ChannelKind};
use crate::engine::{News, Watch};
use crate::history::audit::{Kind, What};
use crate::model::{AlertState, Reach, SafeText};

use super::interrupt::{Interrupted, Interrupts};
use super::session::Session;
use super::{Exit, open};

/// Between two looks at what the time alone changes.
const TICK: Duration = Duration::from_secs(1);
/// Between two looks while something happens, or while a message waits for its error line.
const SOON: Duration = Duration::from_millis(100);
/// Bytes of logs in files that are read in one look.
const READ: u64 = 4 << 20;

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let (mut config, paths) = open::config(global)?;
    // there is none here; every screen that is on shows its own
    let terminal = |c: &Channel| matches!(c.kind, ChannelKind::Terminal(_));
    config.channels.retain(|channel| !terminal(channel));
    super::runtime()?.block_on(async {
        let mut session = open::session(&config, &paths, Role::Operate);
        let mut interrupts = Interrupts::listen().context("can't listen for signals")?;
        let mut service = Service::new(global.json);
        let started = What::done(Kind::Program, "serve", paths.config_file.to_string_lossy());
        let started = started.with("version", env!("CARGO_PKG_VERSION"));
        session.engine.record(started);
        let ended = tokio::select! {
            which = interrupts.next() => Ok(which),
            ended = service.serve(&mut session) => ended,
        };
        notify(&[NotifyState::Stopping]);
        let why = match &ended {
            Ok(which) => which.to_string(),
            Err(error) => format!("{error:#}"),
        };
        service.journal.say("info", "stopping", &why, &[]);
        session.close().await;
        ended.map(|_| Exit::Done)
    })
}

/// Tells the service manager, if there is one; that it can't be told is nobody's trouble.
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// What was said last, so that only news are said.
struct Service {
    journal: Journal,
    alerts: BTreeMap<SafeText, AlertState>,
    backends: BTreeMap<SafeText, String>,
    channels: BTreeMap<String, String>,
    leads: Option<bool>,
}

impl Service {
    fn new(json: bool) -> Self {
        Self {
            journal: Journal { json },
            alerts: BTreeMap::new(),
            backends: BTreeMap::new(),
            channels: BTreeMap::new(),
            leads: None,
        }
    }

    /// Watches until the backends' events end, which they don't.
    async fn serve(&mut self, session: &mut Session) -> anyhow::Result<Interrupted> {
        let mut news = session.engine.take_news();
        // half of its patience
        let watchdog = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        session.engine.watch.patterns.begin();
        self.look(session);
        notify(&[NotifyState::Ready]);
        self.journal.say("info", "started", "watching", &[]);
        let (mut looked, mut alive) = (Instant::now(), Instant::now());
        let mut changed = false;
        loop {
            // many events are one look
            let wait = match changed || session.engine.watch.awaiting {
                true => SOON,
                false => TICK,
            };
            tokio::select! {
                event = session.events.recv() => {
                    session.engine.apply(&event.context("every backend has ended")?);
                    changed = true;
                }
                Some(heard) = next(news.as_mut()) => {
                    // there is no screen to show anything on
                    let _ = session.engine.heard(heard);
                    changed = true;
                }
                () = tokio::time::sleep_until(looked + wait) => {
                    session.engine.watch.read_on(READ);
                    self.look(session);
                    (looked, changed) = (Instant::now(), false);
                }
            }
            if watchdog.is_some_and(|every| alive.elapsed() >= every) {
                alive = Instant::now();
                notify(&[NotifyState::Watchdog]);
            }
        }
    }

    /// Evaluates, has people told, and writes what is new.
    fn look(&mut self, session: &mut Session) {
        session.engine.refresh();
        self.report(session);
    }

    /// Writes what is new since the last look.
    fn report(&mut self, session: &mut Session) {
        while let Some(trouble) = session.engine.audit_trouble() {
            self.journal
                .say("error", "audit", &trouble.to_string(), &[]);
        }
        for trouble in session.engine.troubles() {
            self.journal.say("error", "history", trouble.as_str(), &[]);
        }
        let leads = session.engine.leads();
        if self.leads != Some(leads) {
            self.leads = Some(leads);
            let text = match leads {
                true => "this program tells people",
                false => "another program on this state directory tells people",
            };
            self.journal.say("info", "leader", text, &[]);
        }
        let watch = &session.engine.watch;
        self.report_backends(watch);
        self.report_alerts(watch);
        self.report_channels(&watch.channels);
    }

    fn report_backends(&mut self, watch: &Watch) {
        for view in watch.world.backends() {
            let (level, text) = match &view.status.reach {
                Reach::Connecting => continue,
                Reach::Up => ("info", "answers".to_owned()),
                Reach::Down { reason, .. } => ("error", format!("does not answer: {reason}")),
                Reach::Refused { reason } => ("error", format!("refuses: {reason}")),
            };
            let name = view.info.name.clone();
            if self.backends.get(&name) != Some(&text) {
                let with = [("backend", name.as_str())];
                self.journal.say(level, "backend", &text, &with);
                self.backends.insert(name, text);
            }
        }
    }

    fn report_alerts(&mut self, watch: &Watch) {
        let mut now = BTreeMap::new();
        for life in watch.alerts.lives().filter(|l| l.alert.fired.is_some()) {
            let alert = &life.alert;
            let name = alert.id.label();
            if self.alerts.get(&name) != Some(&alert.state) {
                let level = match alert.state {
                    AlertState::Firing => "warning",
                    _ => "info",
                };
                let with = [
                    ("alert", name.as_str()),
                    ("priority", alert.priority.word()),
                    ("state", alert.state.word()),
                ];
                let reason = alert.reason.as_str();
                self.journal.say(level, "alert", reason, &with);
            }
            now.insert(name, alert.state);
        }
        self.alerts = now;
    }

    fn report_channels(&mut self, status: &Status) {
        let mut now = BTreeMap::new();
        for trouble in &status.troubles {
            let why = trouble.why.to_string();
            if self.channels.get(&trouble.channel) != Some(&why) {
                let with = [("channel", trouble.channel.as_str())];
                self.journal.say("error", "channel", &why, &with);
            }
            now.insert(trouble.channel.clone(), why);
        }
        self.channels = now;
    }
}

async fn next(news: Option<&mut Receiver<News>>) -> Option<News> {
    match news {
        Some(news) => news.recv().await,
        None => std::future::pending().await,
    }
}

/// Lines on stderr, as logfmt or JSON.
struct Journal {
    json: bool,
}

impl Journal {
    fn say(&self, level: &str, event: &str, text: &str, with: &[(&str, &str)]) {
        let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let pairs = [("at", at.as_str()), ("level", level), ("event", event)];
        let last = [("text", text)];
        let pairs = pairs.iter().chain(with).chain(&last);
        let line = if self.json {
            let map: serde_json::Map<String, serde_json::Value> =
                pairs.map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
            serde_json::Value::Object(map).to_string()
        } else {
            let pairs: Vec<String> = pairs.map(|(k, v)| format!("{k}={}", quoted(v))).collect();
            pairs.join(" ")
        };
        // with stderr closed there is nobody to tell
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// As logfmt has it: in quotes when it holds anything but plain letters.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:+@".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}
