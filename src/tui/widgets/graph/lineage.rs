//! What the selected box depends on and what depends on it, with distances.

use crate::graph::Reach;

use super::scene::Scene;

const FAR: u32 = u32::MAX;

/// Distances in edges from one box, against and along the flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    pub center: usize,
    up: Vec<u32>,
    down: Vec<u32>,
    /// The largest distance there is on each side.
    pub farthest: (u32, u32),
}

impl Lineage {
    pub fn of(scene: &Scene, center: usize) -> Self {
        let routes = &scene.layout.routes;
        let down = distances(scene, center, |at| {
            scene
                .leaving(at)
                .filter_map(|r| routes.get(r))
                .map(|r| r.to)
        });
        let up = distances(scene, center, |at| {
            scene
                .entering(at)
                .filter_map(|r| routes.get(r))
                .map(|r| r.from)
        });
        let farthest = |all: &[u32]| all.iter().filter(|d| **d != FAR).max().copied();
        Self {
            center,
            farthest: (farthest(&up).unwrap_or(0), farthest(&down).unwrap_or(0)),
            up,
            down,
        }
    }

    /// Whether a route lies on the way of an ancestor or to a descendant within reach.
    pub fn holds(&self, from: usize, to: usize, reach: Reach) -> bool {
        let within = |all: &[u32], i: usize, limit: Option<u32>| {
            all.get(i).is_some_and(|d| *d < limit.unwrap_or(FAR))
        };
        within(&self.down, from, reach.after) || within(&self.up, to, reach.before)
    }

    /// Whether a box is none of those on the ways. A box without any way fades nothing.
    pub fn fades(&self, index: usize, reach: Reach) -> bool {
        let beyond = |all: &[u32], limit: Option<u32>| {
            let limit = limit.unwrap_or(FAR - 1);
            all.get(index).is_none_or(|d| *d > limit)
        };
        self.farthest != (0, 0) && beyond(&self.down, reach.after) && beyond(&self.up, reach.before)
    }

    /// Ancestors and descendants within reach.
    pub fn counts(&self, reach: Reach) -> (usize, usize) {
        let count = |all: &[u32], limit: Option<u32>| {
            let limit = limit.unwrap_or(FAR - 1);
            all.iter().filter(|d| **d > 0 && **d <= limit).count()
        };
        (
            count(&self.up, reach.before),
            count(&self.down, reach.after),
        )
    }
}

fn distances<I: Iterator<Item = usize>>(
    scene: &Scene,
    center: usize,
    next: impl Fn(usize) -> I,
) -> Vec<u32> {
    let mut all = vec![FAR; scene.layout.boxes.len()];
    let mut ring = Vec::new();
    if let Some(own) = all.get_mut(center) {
        *own = 0;
        ring.push(center);
    }
    let mut steps = 0;
    while !ring.is_empty() {
        steps += 1;
        let mut further = Vec::new();
        for at in ring {
            for to in next(at) {
                if let Some(distance) = all.get_mut(to).filter(|d| **d == FAR) {
                    *distance = steps;
                    further.push(to);
                }
            }
        }
        ring = further;
    }
    all
}
