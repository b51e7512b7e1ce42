//! Owns the terminal: what it can do, entering and leaving it, bytes out, keys in, signals, hang-up, frame pacing
//! and the loop. Must not know the world, the screens or the commands: it drives any `Application`.
//!
//! Nothing here asks the terminal a question: an answer that comes late would be read as a key press.

pub mod backend;
pub mod caps;
pub mod clipboard;
pub mod color;
pub mod encode;
pub mod guard;
pub mod hangup;
pub mod input;
pub mod outlet;
pub mod pace;
pub mod program;
pub mod runtime;
pub mod screen;
pub mod session;
mod shift;
pub mod signals;
pub mod writer;

pub use caps::{Caps, ColorDepth, Overrides};
pub use guard::{GuardOptions, TerminalGuard};
pub use input::{Input, KeyPress, Mouse, MouseKind};
pub use outlet::{Outlet, ThreadOutlet};
pub use program::Program;
pub use runtime::{Application, Exit, Flow, Request, Sources};
pub use screen::Screen;
