//! Owns how a run looks as a graph: the sizes of its boxes, what stands in them, and the window into the drawing.
//! Ids in a `graph::Graph` are the raw ids of nodes and groups. Must not know how a graph is laid out.

mod boxes;
mod camera;
mod canvas;
mod draw;
mod lineage;
mod lines;
mod overview;
mod scene;
mod shape;

pub use boxes::Item;
pub use camera::{center_on, clamp, ensure_visible};
pub use draw::{Drawn, GraphView};
pub use lineage::Lineage;
pub use overview::{Overview, map_room};
pub use scene::{Hidden, Scene};
pub use shape::{Form, Members, Zoom, build};

#[cfg(test)]
mod tests;
