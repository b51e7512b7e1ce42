//! The window into a drawing that is larger than the screen. World coordinates are `i32`; a corner is the world's
//! place of the area's upper left cell.

use ratatui::layout::Rect;

use crate::model::NodeId;

use super::scene::Scene;

/// Cells kept free around what is shown, where there is room.
const MARGIN: (i32, i32) = (4, 1);

fn size(area: Rect) -> (i32, i32) {
    (i32::from(area.width), i32::from(area.height))
}

/// One axis of [`clamp`].
fn clamp_axis(at: i32, window: i32, whole: i32) -> i32 {
    if whole <= window {
        // all of it fits: in the middle, and it stays there
        return -((window - whole) / 2);
    }
    at.clamp(0, whole - window)
}

/// The nearest corner at which the window shows nothing but drawing; what fits whole stands in the middle.
pub fn clamp(corner: (i32, i32), scene: &Scene, area: Rect) -> (i32, i32) {
    let (w, h) = size(area);
    (
        clamp_axis(corner.0, w, scene.layout.width),
        clamp_axis(corner.1, h, scene.layout.height),
    )
}

/// The corner that puts a box into the middle.
pub fn center_on(scene: &Scene, id: &NodeId, area: Rect) -> Option<(i32, i32)> {
    let b = scene.find(id)?;
    let (w, h) = size(area);
    let corner = (b.x + b.w / 2 - w / 2, b.y + b.h / 2 - h / 2);
    Some(clamp(corner, scene, area))
}

/// The corner nearest to the old one at which a box is in view, with some space around it.
pub fn ensure_visible(
    corner: (i32, i32),
    scene: &Scene,
    id: Option<&NodeId>,
    area: Rect,
) -> (i32, i32) {
    let corner = clamp(corner, scene, area);
    let Some(b) = id.and_then(|id| scene.find(id)) else {
        return corner;
    };
    let (w, h) = size(area);
    let axis = |at: i32, window: i32, start: i32, len: i32, margin: i32| {
        let margin = margin.min((window - len) / 2).max(0);
        if start - margin < at || len >= window {
            start - margin
        } else if start + len + margin > at + window {
            start + len + margin - window
        } else {
            at
        }
    };
    let moved = (
        axis(corner.0, w, b.x, b.w, MARGIN.0),
        axis(corner.1, h, b.y, b.h, MARGIN.1),
    );
    clamp(moved, scene, area)
}
