//! Owns the screen. Reads the world, never changes it.

pub mod svg;
pub mod term;
pub mod theme;
pub mod welcome;
pub mod widgets;
