//! Puts the parts together on the real terminal: one call from the first byte to the last.

use std::io;

use futures_util::FutureExt;
use futures_util::stream::BoxStream;
use ratatui::layout::Size;

use crate::config;

use super::caps::{Caps, ColorDepth, Overrides};
use super::guard::{self, GuardError, GuardOptions, TerminalGuard};
use super::pace::Pace;
use super::runtime::{self, Application, Exit, Sources};
use super::screen::Screen;
use super::{hangup, input, signals};

/// A terminal that doesn't tell its size.
const UNKNOWN_SIZE: Size = Size::new(80, 24);

#[derive(Debug, Clone, Copy)]
pub struct SessionOptions {
    pub overrides: Overrides,
    pub guard: GuardOptions,
    /// Frames a second at most while only data changes.
    pub max_fps: u32,
}

impl SessionOptions {
    /// What `[ui]` of the configuration says.
    pub fn from_config(ui: &config::Ui) -> Self {
        let wish = |switch| match switch {
            config::Switch::Auto => None,
            config::Switch::On => Some(true),
            config::Switch::Off => Some(false),
        };
        let color = match ui.color {
            config::ColorDepth::Auto => None,
            config::ColorDepth::Never => Some(ColorDepth::None),
            config::ColorDepth::Ansi16 => Some(ColorDepth::Ansi16),
            config::ColorDepth::Ansi256 => Some(ColorDepth::Indexed256),
            config::ColorDepth::Rgb => Some(ColorDepth::Rgb),
        };
        Self {
            overrides: Overrides {
                color,
                unicode: wish(ui.ascii).map(|ascii| !ascii),
                sync_output: wish(ui.sync_output),
                ssh: None,
            },
            guard: GuardOptions {
                mouse: ui.mouse,
                focus: true,
            },
            max_fps: ui.max_fps,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(
        "this terminal (TERM={0:?}) can't place text on the screen; `dagtop status` and `dagtop logs` print plain text"
    )]
    Dumb(String),
    #[error(transparent)]
    Guard(#[from] GuardError),
    #[error("could not set up the terminal: {0}")]
    Io(#[from] io::Error),
}

/// Runs the application on standard input and output, inside a tokio runtime with time and I/O.
///
/// The terminal is given back before this returns, unless it is gone (`Exit::hung_up`: print nothing then).
/// `guard::install_panic_hook` should have been called.
pub async fn run<A: Application>(
    app: &mut A,
    options: SessionOptions,
    events: BoxStream<'static, A::Event>,
) -> Result<Exit, SessionError> {
    let caps = Caps::from_env(options.overrides);
    if caps.dumb {
        return Err(SessionError::Dumb(
            std::env::var("TERM").unwrap_or_default(),
        ));
    }
    // Before raw mode: a signal between the two must find its handler.
    let signals = signals::listen()?;
    let mut guard = TerminalGuard::enter(options.guard)?;
    let gone = hangup::watch(rustix::stdio::stdout())?;
    let mut screen = Screen::new(guard::outlet()?, &caps, Box::new(tty_size))?;
    let sources = Sources {
        input: input::stream(),
        events,
        signals,
        hangup: async move {
            if gone.await.is_err() {
                // The watcher could not watch: that is no hang-up.
                std::future::pending().await
            }
        }
        .boxed(),
    };
    let mut pace = Pace::new(caps.ssh);
    pace.limit(options.max_fps);
    let mut exit = runtime::run(app, &mut screen, &mut guard, &caps, pace, sources).await;
    // SIGHUP may come before the watcher has seen that the terminal is gone; or it takes nothing any more.
    exit.hung_up |= !guard::can_write();
    if exit.hung_up {
        guard.abandon();
    }
    Ok(exit)
}

/// Size of the terminal behind standard output, in cells.
pub fn tty_size() -> Size {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
        _ => UNKNOWN_SIZE,
    }
}
