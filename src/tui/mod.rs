//! Owns the screen. Reads the world, never changes it.

pub mod app;
pub mod command;
pub mod dialogs;
mod export;
pub mod monitor;
pub mod screens;
pub mod snapshot;
pub mod svg;
pub mod term;
pub mod theme;
pub mod welcome;
pub mod widgets;
