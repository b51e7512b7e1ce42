//! First orders, before any crossing is counted.

use super::lists::Lists;
use super::sheet::Sheet;

/// Rounds of smoothing: as many as it takes to get across the graph, about the root of its size.
const ROUNDS: (usize, usize) = (40, 200);

/// Depth first along the flow from one of its ends: what hangs together stands together.
pub(super) fn walk(sheet: &mut Sheet, from_top: bool) {
    let n = sheet.order.len();
    let mut seen = vec![false; n];
    let mut next: Vec<u32> = sheet.begin[..sheet.depth()].to_vec();
    let mut order = vec![0u32; n];
    let (ahead, behind) = if from_top {
        (&sheet.down, &sheet.up)
    } else {
        (&sheet.up, &sheet.down)
    };
    let mut waiting = Vec::new();
    for k in 0..n as u32 {
        let root = if from_top { k } else { n as u32 - 1 - k };
        if behind.degree(root) > 0 {
            continue;
        }
        waiting.push(root);
        while let Some(v) = waiting.pop() {
            if std::mem::replace(&mut seen[v as usize], true) {
                continue;
            }
            let place = &mut next[sheet.rank[v as usize] as usize];
            order[*place as usize] = v;
            *place += 1;
            let more = ahead.of(v).iter().rev().map(|t| t.0);
            waiting.extend(more.filter(|&w| !seen[w as usize]));
        }
    }
    sheet.set(&order);
}

/// Pulls places together along all segments, many times over, so that what hangs together anywhere comes to the same
/// height (Chebyshev iteration towards the smoothest vectors of the graph). `level` keeps every rank around the middle.
pub(super) fn smooth(sheet: &mut Sheet, level: bool, cancelled: &dyn Fn() -> bool) -> Option<()> {
    let n = sheet.order.len();
    let mut place = vec![0.0f32; n];
    for r in 0..sheet.depth() {
        let slots = sheet.slots(r);
        let half = (slots.len() as f32 - 1.0) / 2.0;
        for (i, &v) in sheet.order[slots].iter().enumerate() {
            place[v as usize] = (i as f32 - half) / half.max(1.0);
        }
    }
    let springs = Springs::new(sheet);
    let mut x: Vec<f32> = springs.ends.iter().map(|&v| place[v as usize]).collect();
    springs.center(&mut x, level);
    let mut before = x.clone();
    let mut y = x.clone();
    for round in 0..springs.rounds {
        for (i, &v) in springs.by_degree.iter().enumerate() {
            let v = v as usize;
            let m = springs.pull(i, v, &x);
            y[v] = if round == 0 { m } else { 2.0 * m - before[v] };
        }
        springs.center(&mut y, level);
        if round % 8 == 7 {
            if cancelled() {
                return None;
            }
            let square: f64 = y.iter().map(|&x| f64::from(x).powi(2)).sum();
            let scale = (y.len() as f64 / square.max(1e-30)).sqrt() as f32;
            x.iter_mut().for_each(|x| *x *= scale);
            y.iter_mut().for_each(|x| *x *= scale);
        }
        std::mem::swap(&mut x, &mut before);
        std::mem::swap(&mut x, &mut y);
    }
    springs.spread(&x, &mut place);
    for r in 0..sheet.depth() {
        let slots = sheet.slots(r);
        sheet.order[slots].sort_by_cached_key(|&v| by_size(place[v as usize]));
    }
    sheet.number(0..n);
    Some(())
}

/// What smoothing sees of the graph: a row of segments through vertices that have nothing else is one spring, the
/// softer the longer, so that smoothing looks only at their ends and is not slowed down by long ways.
struct Springs {
    rounds: usize,
    /// Vertices with other than one tie up and one down, ascending and so rank by rank.
    ends: Vec<u32>,
    /// Where the ends of each rank begin.
    begin: Vec<usize>,
    /// What is kept of an end itself, and of the other ends of its springs.
    own: Vec<f32>,
    /// The ends that have as many springs one after another: the processor guesses better then.
    by_degree: Vec<u32>,
    /// In the order of `by_degree`.
    pulls: Lists<(u32, f32)>,
    /// (upper end, lower end, first vertex in between, length)
    long: Vec<(u32, u32, u32, u32)>,
    next: Vec<u32>,
}

impl Springs {
    fn new(sheet: &Sheet) -> Self {
        let n = sheet.order.len() as u32;
        let between = |v: u32| sheet.up.degree(v) == 1 && sheet.down.degree(v) == 1;
        let ends: Vec<u32> = (0..n).filter(|&v| !between(v)).collect();
        let mut number = vec![0u32; n as usize];
        for (i, &v) in ends.iter().enumerate() {
            number[v as usize] = i as u32;
        }
        let mut springs = Vec::new();
        let mut long = Vec::new();
        let mut next = vec![0u32; n as usize];
        let mut degree = vec![0.0f32; ends.len()];
        for &v in &ends {
            for &(first, weight) in sheet.down.of(v) {
                let (mut w, mut length) = (first, 1u32);
                while between(w) {
                    next[w as usize] = sheet.down.of(w)[0].0;
                    w = next[w as usize];
                    length += 1;
                }
                let (a, b) = (number[v as usize], number[w as usize]);
                if length > 1 {
                    long.push((a, b, first, length));
                }
                let strength = weight as f32 / length as f32;
                degree[a as usize] += strength;
                degree[b as usize] += strength;
                springs.extend([(a, b, strength), (b, a, strength)]);
            }
        }
        // the mean of itself and its neighbours' mean, stretched so that what is to stay does not shrink: the vectors
        // whose eigenvalue is so near to 1 that the rounds do not reach them
        let rounds = ends.len().isqrt().clamp(ROUNDS.0, ROUNDS.1);
        let kept = (6.0 / rounds as f32).powi(2);
        let stretch = 1.0 / (1.0 - kept);
        let own = |&d: &f32| {
            if d > 0.0 {
                stretch - 1.0
            } else {
                2.0 * stretch - 1.0
            }
        };
        let mut count = vec![0u32; ends.len()];
        springs.iter().for_each(|s| count[s.0 as usize] += 1);
        let mut by_degree: Vec<u32> = (0..ends.len() as u32).collect();
        by_degree.sort_by_key(|&v| count[v as usize]);
        let mut place = vec![0u32; ends.len()];
        for (i, &v) in by_degree.iter().enumerate() {
            place[v as usize] = i as u32;
        }
        let pulls = (springs.iter()).map(|&(a, b, k)| {
            let share = k * stretch / degree[a as usize];
            (place[a as usize], (b, share))
        });
        Self {
            rounds,
            begin: (sheet.begin.iter())
                .map(|&b| ends.partition_point(|&v| v < b))
                .collect(),
            own: degree.iter().map(own).collect(),
            pulls: Lists::new(ends.len(), pulls),
            by_degree,
            ends,
            long,
            next,
        }
    }

    /// Brings the middle of all, or of each rank, to 0.
    fn center(&self, x: &mut [f32], each: bool) {
        if each {
            self.begin
                .windows(2)
                .for_each(|b| shift(&mut x[b[0]..b[1]]));
        } else {
            shift(x);
        }
    }

    /// Where vertex `v`, in place `i` by degree, is drawn to.
    #[inline]
    fn pull(&self, i: usize, v: usize, x: &[f32]) -> f32 {
        let pulls = self.pulls.of(i).iter();
        self.own[v] * x[v] + pulls.map(|&(w, k)| k * x[w as usize]).sum::<f32>()
    }

    /// The places of all vertices from those of the ends.
    fn spread(&self, x: &[f32], place: &mut [f32]) {
        for (&v, x) in self.ends.iter().zip(x) {
            place[v as usize] = *x;
        }
        for &(a, b, first, length) in &self.long {
            let (a, b) = (x[a as usize], x[b as usize]);
            let mut v = first;
            for k in 1..length {
                place[v as usize] = a + (b - a) * k as f32 / length as f32;
                v = self.next[v as usize];
            }
        }
    }
}

/// A number that is the greater the greater `x` is, in the order of `f32::total_cmp`; it is compared faster.
fn by_size(x: f32) -> i32 {
    let bits = x.to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// Brings the middle to 0.
fn shift(x: &mut [f32]) {
    // several sums side by side: one alone would wait for itself
    let mut sums = [0.0f32; 8];
    let (whole, rest) = x.as_chunks::<8>();
    for eight in whole {
        sums.iter_mut().zip(eight).for_each(|(s, x)| *s += x);
    }
    let sum = sums.iter().chain(rest).sum::<f32>();
    let mean = sum / (x.len() as f32).max(1.0);
    x.iter_mut().for_each(|x| *x -= mean);
}
