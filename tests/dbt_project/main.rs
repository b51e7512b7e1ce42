//! The dbt backend on projects written by these tests: artifacts and logs as dbt 1.11 writes them, and a
//! shell script in dbt's place. `dbt_live` does the same with a real dbt.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod bad_days;
#[path = "../support/driver.rs"]
mod link_driver;
mod project;
mod running;
mod watching;
