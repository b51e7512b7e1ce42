//! Owns the running whole: starts and supervises backends, owns the world, the logs and the
//! alerts, carries events in and commands out. One task owns it; nothing in it is shared.
//! Must not know screens or the terminal.

mod command;
mod deed;
mod duty;
mod held;
mod ledger;
mod letter;
mod memory;
pub mod past;
mod register;
mod rehearsal;
pub mod replay;
mod settings;
mod start;
#[cfg(test)]
mod tests;
mod watch;

pub use command::Command;
pub use deed::Deed;
pub use duty::{DutySettings, News};
pub use held::Opened;
pub use register::{Register, meant};
pub use rehearsal::Rehearsal;
pub use settings::Settings;
pub use start::Engine;
pub use watch::Watch;
