//! Owns the screen. Reads the world, never changes it.

pub mod app;
pub mod command;
pub mod dialogs;
pub mod screens;
pub mod svg;
pub mod term;
pub mod theme;
pub mod welcome;
pub mod widgets;
