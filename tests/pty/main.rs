//! The program on a real pseudo terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod logs;
mod monitor;
mod terminal;
