//! A finished layout with what every frame asks of it: made once, where the layout is made.

use std::collections::HashMap;

use crate::graph::{Layout, Placed, Rect};
use crate::model::NodeId;

/// A box with more edges than this is a hub: its lines would drown the others.
const HUB: usize = 12;

/// A layout, found quickly by id, by edge and by place.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    pub layout: Layout,
    ids: Vec<NodeId>,
    at: HashMap<NodeId, usize>,
    /// Routes that leave each box, and those that come in.
    out: Fans,
    into: Fans,
    /// Sorted edges of all boxes: how many lie beyond a line is a binary search.
    lefts: Vec<i32>,
    rights: Vec<i32>,
    tops: Vec<i32>,
    bottoms: Vec<i32>,
}

/// Routes by box: those of box `b` are `items[start[b]..start[b + 1]]`.
#[derive(Debug, Clone, Default)]
struct Fans {
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Fans {
    fn new(boxes: usize, ends: impl Iterator<Item = usize> + Clone) -> Self {
        let mut start = vec![0u32; boxes + 1];
        for end in ends.clone().filter(|e| *e < boxes) {
            start[end + 1] += 1;
        }
        for b in 0..boxes {
            start[b + 1] += start[b];
        }
        let mut items = vec![0; start.last().copied().unwrap_or(0) as usize];
        let mut next = start.clone();
        for (route, end) in ends.enumerate().filter(|(_, e)| *e < boxes) {
            items[next[end] as usize] = route as u32;
            next[end] += 1;
        }
        Self { start, items }
    }

    fn of(&self, b: usize) -> &[u32] {
        match (self.start.get(b), self.start.get(b + 1)) {
            (Some(from), Some(to)) => self
                .items
                .get(*from as usize..*to as usize)
                .unwrap_or_default(),
            _ => &[],
        }
    }
}

/// How many boxes lie wholly beyond each side of a window; one beyond a corner counts for both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    pub left: usize,
    pub right: usize,
    pub above: usize,
    pub below: usize,
}

impl Scene {
    pub fn new(layout: Layout) -> Self {
        let ids: Vec<NodeId> = layout.boxes.iter().map(|b| NodeId::new(&b.id)).collect();
        let at = ids.iter().cloned().zip(0..).collect();
        let sorted = |side: fn(&Rect) -> i32| {
            let mut all: Vec<i32> = layout.boxes.iter().map(|b| side(&b.rect())).collect();
            all.sort_unstable();
            all
        };
        Self {
            ids,
            at,
            out: Fans::new(layout.boxes.len(), layout.routes.iter().map(|r| r.from)),
            into: Fans::new(layout.boxes.len(), layout.routes.iter().map(|r| r.to)),
            lefts: sorted(|r| r.x),
            rights: sorted(|r| r.right()),
            tops: sorted(|r| r.y),
            bottoms: sorted(|r| r.bottom()),
            layout,
        }
    }

    pub fn index_of(&self, id: &NodeId) -> Option<usize> {
        self.at.get(id).copied()
    }

    pub fn id(&self, index: usize) -> Option<&NodeId> {
        self.ids.get(index)
    }

    pub fn ids(&self) -> &[NodeId] {
        &self.ids
    }

    pub fn find(&self, id: &NodeId) -> Option<&Placed> {
        self.layout.boxes.get(self.index_of(id)?)
    }

    /// Routes to what comes after a box.
    pub fn leaving(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        self.out.of(index).iter().map(|r| *r as usize)
    }

    /// Routes from what comes before a box.
    pub fn entering(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        self.into.of(index).iter().map(|r| *r as usize)
    }

    /// Whether so many edges meet at a box that they are faded.
    pub fn is_hub(&self, index: usize) -> bool {
        self.out.of(index).len() + self.into.of(index).len() > HUB
    }

    pub fn hidden(&self, window: Rect) -> Hidden {
        let up_to = |all: &[i32], limit: i32| all.partition_point(|v| *v <= limit);
        let from = |all: &[i32], limit: i32| all.len() - all.partition_point(|v| *v < limit);
        Hidden {
            left: up_to(&self.rights, window.x),
            right: from(&self.lefts, window.right()),
            above: up_to(&self.bottoms, window.y),
            below: from(&self.tops, window.bottom()),
        }
    }

    /// Whether the whole drawing fits.
    pub fn fits(&self, (width, height): (u16, u16)) -> bool {
        self.layout.width <= i32::from(width) && self.layout.height <= i32::from(height)
    }
}
