//! Owns the parts that screens are made of: drawing functions over explicit data and their scroll states.
//! Must not know the app, its commands, or where its data come from. Nothing here panics at any size, draws outside
//! of the area it was given, or says anything by colour alone.

pub mod alerts;
pub mod bar;
pub mod calendar;
pub mod channels;
pub mod chart;
pub mod details;
pub mod facts;
pub mod format;
pub mod graph;
pub mod grid;
pub mod header;
pub mod heat;
pub mod hints;
pub mod input;
pub mod lanes;
pub mod log;
pub mod panel;
pub mod pen;
pub mod popup;
pub mod quality;
pub mod room;
pub mod scroll;
pub mod spark;
pub mod system;
pub mod table;
pub mod time_axis;
pub mod timeline;

#[cfg(test)]
mod testing;

pub use format::{Align, Zone};
pub use pen::Pen;
