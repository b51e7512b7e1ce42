//! The local backend with real processes, driven through its link as the engine would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod acting;
mod driver;
mod files;
mod lasting;
#[path = "../support/driver.rs"]
mod link_driver;
mod running;
