//! Layouts and drawings of graphs: what must hold for all of them, and a few as they are drawn.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dot;
mod drawing;
mod geometry;
mod growth;
mod layout;
