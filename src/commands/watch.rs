//! What `monitor`, `demo` and `run` have in common: a session with the screen on it.

use std::io::IsTerminal as _;

use anyhow::{Context as _, bail};

use crate::config::{self, Config, Paths};
use crate::history::Looks;
use crate::model::SafeText;
use crate::tui::app::{Settings, View};
use crate::tui::monitor::Monitor;
use crate::tui::term::session::{self, SessionOptions, tty_size};
use crate::tui::term::{Caps, Overrides, guard};
use crate::tui::theme::Theme;
use crate::tui::widgets::format::Zone;

use super::session::{Session, shutdown};
use super::{Exit, names, say};

/// How the screen is to be, from the `[ui]` section.
pub(super) struct Screen {
    pub settings: Settings,
    pub theme: Option<String>,
    pub terminal: SessionOptions,
}

impl Screen {
    /// What can't be fulfilled was told when the file was loaded.
    pub(super) fn new(config: &Config, paths: &Paths) -> Self {
        let ui = &config.ui;
        Self {
            settings: Settings {
                keymap: names::keymap(ui).0,
                zone: if ui.utc { Zone::Utc } else { Zone::Local },
                bell: ui.bell,
                view: match ui.view {
                    config::RunView::Graph => View::Graph,
                    config::RunView::List => View::List,
                    config::RunView::Timeline => View::Timeline,
                    config::RunView::Grid => View::Grid,
                },
                save_dir: Some(paths.state_dir.join("saved")),
                looks: Some(Looks::new(&paths.state_dir)),
                history: false,
                dashboards: config.dashboards.clone(),
                open: None,
            },
            theme: ui.theme.as_ref().map(|t| t.value.clone()),
            terminal: SessionOptions::from_config(ui),
        }
    }

    pub(super) fn theme(&self, caps: &Caps) -> Theme {
        Theme::for_terminal(self.theme.as_deref(), caps)
    }
}

/// Before anything is started: a screen that nobody can see is no screen.
pub(super) fn need_terminal(instead: &str) -> anyhow::Result<()> {
    let missing = if !std::io::stdout().is_terminal() {
        "standard output"
    } else if !std::io::stdin().is_terminal() {
        "standard input"
    } else if Caps::from_env(Overrides::default()).dumb {
        bail!(
            "a screen needs a terminal that can move its cursor, and TERM says that this one can't; {instead}"
        )
    } else {
        return Ok(());
    };
    bail!("a screen needs a terminal, and {missing} is none; {instead}")
}

/// Shows the session until the user quits or the terminal is gone; then lets its backends tidy up.
pub(super) async fn watch(session: Session, screen: Screen) -> anyhow::Result<Exit> {
    let caps = Caps::from_env(screen.terminal.overrides);
    let theme = screen.theme(&caps);
    let size = tty_size();
    let Session {
        engine,
        events,
        grace,
    } = session;
    let (mut monitor, happenings) = Monitor::new(
        engine,
        events,
        screen.settings,
        theme,
        (size.width, size.height),
    );
    let tell = monitor.teller();
    guard::install_panic_hook(move |what| {
        tell(SafeText::new(format!(
            "a part of dagtop crashed, the rest goes on: {what}"
        )));
    });
    let ended = session::run(&mut monitor, screen.terminal, happenings).await;
    let sent = monitor.actions_sent();
    let driven = monitor.drives_runs();
    let hung_up = ended.as_ref().is_ok_and(|exit| exit.hung_up);
    if driven > 0 && !hung_up {
        say(format!(
            "ending {driven} local {}…",
            if driven == 1 { "run" } else { "runs" }
        ));
    }
    monitor.finish().await;
    shutdown(monitor.into_engine(), grace).await;
    let exit = ended.context("can't use this terminal")?;
    if sent > 0 && !exit.hung_up {
        let path = config::Paths::discover(None)?.state_dir.join("audit.jsonl");
        let what = if sent == 1 {
            "action was"
        } else {
            "actions were"
        };
        say(format!(
            "{sent} {what} sent; the record is {}",
            path.display()
        ));
    }
    Ok(Exit::Code(u8::try_from(exit.code).unwrap_or(1)))
}
