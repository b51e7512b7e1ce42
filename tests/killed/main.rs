//! Programs that are killed at any moment: what they acknowledged is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
#[cfg(unix)]
mod courier;
mod history;
#[path = "../support/team.rs"]
mod team;
