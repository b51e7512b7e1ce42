//! What the finished drawing shows, counted from its lines alone.

use super::types::Layout;

/// Pairs of edges and cells in which one passes strictly along x and the other strictly along y, in
/// O((pieces + height) x log width). Edges that run as one line count one by one, so the figure compares with
/// those of programs that draw a line for each.
pub fn crossings(layout: &Layout) -> u64 {
    // pieces of lines without their ends: (y, x0, x1) and (y0, y1, x)
    let mut across: Vec<(i32, i32, i32)> = Vec::new();
    let mut begin: Vec<(i32, i32)> = Vec::new();
    let mut end: Vec<(i32, i32)> = Vec::new();
    for p in layout.routes.iter().flat_map(|r| r.points.windows(2)) {
        let ((ax, ay), (bx, by)) = (p[0], p[1]);
        if ay == by {
            across.push((ay, ax.min(bx) + 1, ax.max(bx)));
        } else if (ay - by).abs() > 1 {
            begin.push((ay.min(by) + 1, ax));
            end.push((ay.max(by), ax));
        }
    }
    across.sort_unstable();
    begin.sort_unstable();
    end.sort_unstable();
    let mut open = Sums::new(layout.width.max(0) as usize);
    let (mut begun, mut ended) = (0, 0);
    let mut total = 0;
    for (y, x0, x1) in across {
        while let Some(&(_, x)) = begin.get(begun).filter(|b| b.0 <= y) {
            open.add(x, 1);
            begun += 1;
        }
        while let Some(&(_, x)) = end.get(ended).filter(|e| e.0 <= y) {
            open.add(x, -1);
            ended += 1;
        }
        total += open.before(x1) - open.before(x0);
    }
    u64::try_from(total).unwrap_or(0)
}

/// Sums of prefixes (a Fenwick tree).
struct Sums(Vec<i64>);

impl Sums {
    fn new(len: usize) -> Self {
        Self(vec![0; len + 1])
    }

    fn add(&mut self, at: i32, value: i64) {
        let mut i = at.max(0) as usize + 1;
        while let Some(sum) = self.0.get_mut(i) {
            *sum += value;
            i += i & i.wrapping_neg();
        }
    }

    /// The sum of all that was added before `at`.
    fn before(&self, at: i32) -> i64 {
        let mut i = (at.max(0) as usize).min(self.0.len() - 1);
        let mut sum = 0;
        while i > 0 {
            sum += self.0[i];
            i &= i - 1;
        }
        sum
    }
}
