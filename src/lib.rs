//! The map of the house: every folder is a room, every room imports only from the floors below it.
//!
//! Floors, from the ground: `model graph` · `config logs world` · `diagnosis analytics metrics net` ·
//! `alerts history backends` · `engine` · `server tui` · `cli commands` · `main`.
//! `tests/architecture.rs` reads the `use crate::` lines and fails on an import that climbs.

pub mod alerts;
pub mod analytics;
pub mod backends;
pub mod cli;
pub mod commands;
pub mod config;
pub mod diagnosis;
pub mod engine;
pub mod graph;
pub mod history;
pub mod logs;
pub mod metrics;
pub mod model;
pub mod net;
pub mod query;
pub mod tui;
pub mod world;
