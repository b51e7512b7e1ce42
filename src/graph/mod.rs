//! Owns the layout of a DAG in terminal cells: components, cycles, ranks, order, places, routes, collapse,
//! and the small readers and writers of graphs that `dagtop graph` needs.
//! Knows ids, sizes and edges only: no backend, no state of a run, no colour, no terminal library, no other room.
//!
//! The way of a graph through the room (each step one file):
//! `visible` (collapse) → `component` (split, later pack) → `cycle` → `rank` → `layers` (long edges become chains,
//! one chain for each port) → `order` (fewest crossings) → `place` (integer rows) → `route` (tracks in gutters).
//! Inside, the axis of the flow is `main` and the other one `cross`; only `assemble` knows which one is x.

mod anneal;
mod around;
mod assemble;
mod channel;
mod component;
mod cycle;
mod glyphs;
mod index;
mod isotonic;
mod keep;
mod layers;
mod lists;
mod measure;
mod natural;
mod order;
mod part;
mod place;
pub mod print;
mod rank;
pub mod read;
mod route;
mod sheet;
mod simplex;
mod stars;
mod start;
mod sweep;
mod types;
mod visible;
mod wire;

pub use around::{Reach, around};
pub use glyphs::{RouteCell, glyphs, glyphs_of, line};
pub use measure::crossings;
pub use print::{to_json, to_text};
pub use read::{Named, ReadError, Style, read};
pub use types::{
    Direction, Graph, GraphGroup, GraphNode, Layout, Options, Placed, Rect, Route, Stats, What,
};

/// Lays out a graph. Pure and deterministic; never panics: an edge whose end does not exist is left out.
pub fn layout(graph: &Graph, options: &Options) -> Layout {
    layout_until(graph, options, &|| false).unwrap_or_default()
}

/// As [`layout`], but gives up with `None` soon after `cancelled` first says yes.
pub fn layout_until(
    graph: &Graph,
    options: &Options,
    cancelled: &dyn Fn() -> bool,
) -> Option<Layout> {
    let visible = visible::resolve(graph);
    let (parts, place) = component::split(&visible);
    let mut drawings = Vec::with_capacity(parts.len());
    for part in &parts {
        drawings.push(component::draw(
            &visible,
            (part, &place),
            options,
            cancelled,
        )?);
    }
    Some(assemble::assemble(&visible, &parts, drawings, options))
}
