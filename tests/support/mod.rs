//! Shared by the tests that run a program in a real terminal.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod attacks;
pub mod home;
pub mod pty;
pub mod sequences;
pub mod stage;
pub mod team;
