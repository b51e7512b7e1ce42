//! Every backend as the engine has it: before servers made of a few answers, before real processes and files, and, when
//! `tests/run` starts them (`live`, ignored otherwise), before the real servers.
//! One program: these tests wait for others most of the time, and wait better together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod airflow;
mod dagster;
#[cfg(target_os = "linux")]
mod dbt;
#[cfg(target_os = "linux")]
mod link_driver;
#[cfg(target_os = "linux")]
mod local;
mod prefect;
mod rig;
