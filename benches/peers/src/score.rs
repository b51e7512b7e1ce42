//! Crossings of drawn lines.

pub type Point = (f64, f64);

/// A piece of a line: its ends, the left one first, and its edge.
type Piece = (Point, Point, u32);

/// Proper intersections of the lines of edges that share no end.
pub fn crossings(edges: &[(usize, usize)], lines: &[Vec<Point>]) -> u64 {
    let mut pieces: Vec<Piece> = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        for p in line.windows(2) {
            let (a, b) = if p[0].0 <= p[1].0 {
                (p[0], p[1])
            } else {
                (p[1], p[0])
            };
            pieces.push((a, b, i as u32));
        }
    }
    pieces.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
    let mut count = 0;
    for (k, a) in pieces.iter().enumerate() {
        for b in pieces[k + 1..].iter().take_while(|b| b.0.0 <= a.1.0) {
            let (e, f) = (edges[a.2 as usize], edges[b.2 as usize]);
            let akin = e.0 == f.0 || e.1 == f.1 || e.0 == f.1 || e.1 == f.0;
            count += u64::from(!akin && cross(a, b));
        }
    }
    count
}

fn cross(a: &Piece, b: &Piece) -> bool {
    let side = |p: Point, q: Point, r: Point| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    side(a.0, a.1, b.0) * side(a.0, a.1, b.1) < 0.0
        && side(b.0, b.1, a.0) * side(b.0, b.1, a.1) < 0.0
}
