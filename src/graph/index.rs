//! Finds what lies in a window without looking at the whole drawing: tiles of cells with lists of what touches them.

use super::types::{Placed, Rect, Route, span};

const TILE_W: i32 = 64;
const TILE_H: i32 = 32;

/// Two tile maps of one drawing: boxes and routes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    boxes: Tiles,
    routes: Tiles,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Tiles {
    columns: i32,
    rows: i32,
    /// Items of tile `t` are `items[start[t]..start[t + 1]]`, ascending.
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Index {
    pub(super) fn new(width: i32, height: i32, boxes: &[Placed], routes: &[Route]) -> Self {
        Self {
            boxes: Tiles::new(width, height, |add| {
                for (i, b) in boxes.iter().enumerate() {
                    add(i as u32, b.rect());
                }
            }),
            routes: Tiles::new(width, height, |add| {
                for (i, r) in routes.iter().enumerate() {
                    for p in r.points.windows(2) {
                        add(i as u32, span(p[0], p[1]));
                    }
                }
            }),
        }
    }

    pub(super) fn boxes_in(&self, rect: Rect) -> Vec<usize> {
        self.boxes.within(rect)
    }

    pub(super) fn routes_in(&self, rect: Rect) -> Vec<usize> {
        self.routes.within(rect)
    }
}

impl Tiles {
    fn new(width: i32, height: i32, feed: impl Fn(&mut dyn FnMut(u32, Rect))) -> Self {
        let mut tiles = Tiles {
            columns: width.max(0) / TILE_W + 1,
            rows: height.max(0) / TILE_H + 1,
            ..Tiles::default()
        };
        let count = (tiles.columns as usize) * (tiles.rows as usize);
        // an item that comes twice in a row to one tile is noted once
        let mut last = vec![u32::MAX; count];
        let mut touched: Vec<(u32, u32)> = Vec::new();
        let mut start = vec![0u32; count + 1];
        feed(&mut |item, rect| {
            tiles.each(rect, |t| {
                if last[t] != item {
                    last[t] = item;
                    start[t + 1] += 1;
                    touched.push((t as u32, item));
                }
            });
        });
        for t in 0..count {
            start[t + 1] += start[t];
        }
        let mut cursor = start.clone();
        let mut items = vec![0u32; start[count] as usize];
        for (t, item) in touched {
            let at = &mut cursor[t as usize];
            items[*at as usize] = item;
            *at += 1;
        }
        tiles.start = start;
        tiles.items = items;
        tiles
    }

    fn each(&self, rect: Rect, mut f: impl FnMut(usize)) {
        let limit = |v: i32, tile: i32, n: i32| (v.div_euclid(tile)).clamp(0, n - 1);
        let (c0, c1) = (
            limit(rect.x, TILE_W, self.columns),
            limit(rect.right() - 1, TILE_W, self.columns),
        );
        let (r0, r1) = (
            limit(rect.y, TILE_H, self.rows),
            limit(rect.bottom() - 1, TILE_H, self.rows),
        );
        for r in r0..=r1 {
            for c in c0..=c1 {
                f((r as usize) * (self.columns as usize) + c as usize);
            }
        }
    }

    fn within(&self, rect: Rect) -> Vec<usize> {
        let mut found = Vec::new();
        if self.start.len() < 2 || rect.w <= 0 || rect.h <= 0 {
            return found;
        }
        self.each(rect, |t| {
            let (a, b) = (self.start[t] as usize, self.start[t + 1] as usize);
            found.extend(self.items[a..b].iter().map(|&i| i as usize));
        });
        found.sort_unstable();
        found.dedup();
        found
    }
}
