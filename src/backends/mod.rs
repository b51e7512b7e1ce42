//! Owns the backends: one actor per watched system, which polls or subscribes as its system
//! allows, tells what it observes as events, and carries out plans.
//! Must not know the world, alerts, screens or each other.

mod act;
pub mod airflow;
mod build;
mod client;
pub mod dagster;
pub mod dbt;
mod disk;
mod filter;
mod fleet;
mod follow;
mod lenient;
mod link;
pub mod local;
pub mod poll;
pub mod prefect;
mod process;
mod report;
mod table;
mod tail;
mod turns;
pub mod ws;

pub use build::{build, own_info};
pub use disk::StoreError;
pub use link::{Emitter, EngineGone, Link, Request};
pub use table::{capabilities_markdown, kinds};

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use crate::model::{BackendInfo, Capabilities, SafeText};

/// Why a backend can't go on at all. Everything that may pass is told as a status instead.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error(transparent)]
    EngineGone(#[from] EngineGone),
    /// Wrong settings: nothing will change until a person changes them.
    #[error("{0}")]
    Setup(SafeText),
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Somebody watches and acts: a backend that drives its own runs does so, schedules included.
    Operate,
    /// One action: nothing starts by itself.
    Act,
    /// One look, changing nothing.
    Observe,
}

/// What `run` returns: it ends only with an error.
pub type Running = Pin<Box<dyn Future<Output = Result<Infallible, BackendError>> + Send>>;

/// One watched system. Implementations are actors: they own their state and are reached only
/// through their [`Link`].
pub trait Backend: Send {
    fn info(&self) -> &BackendInfo;

    /// What can be done to what, as far as it is known before the first answer. A backend that
    /// learns more (rights, version) emits `Event::Capabilities`.
    fn capabilities(&self) -> Capabilities;

    /// Watches until the engine goes away.
    fn run(self: Box<Self>, link: Link) -> Running;
}
