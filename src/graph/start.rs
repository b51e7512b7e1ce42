//! First orders, before any crossing is counted.

use super::sheet::Sheet;

/// Rounds of smoothing.
const ROUNDS: usize = 100;
/// Which vectors smoothing keeps: those whose eigenvalue is nearer to 1 than this.
const KEPT: f32 = (6.0 / ROUNDS as f32) * (6.0 / ROUNDS as f32);

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
            let more = ahead.of(v).0.iter().rev().copied();
            waiting.extend(more.filter(|&w| !seen[w as usize]));
        }
    }
    sheet.set(&order);
}

/// Pulls places together along all segments, many times over, so that what hangs together anywhere comes to the same
/// height (Chebyshev iteration towards the smoothest vectors of the graph). `level` keeps every rank around the middle.
pub(super) fn smooth(sheet: &mut Sheet, level: bool, cancelled: &dyn Fn() -> bool) -> Option<()> {
    let n = sheet.order.len();
    let mut x = vec![0.0f32; n];
    for r in 0..sheet.depth() {
        let slots = sheet.slots(r);
        let half = (slots.len() as f32 - 1.0) / 2.0;
        for (i, &v) in sheet.order[slots].iter().enumerate() {
            x[v as usize] = (i as f32 - half) / half.max(1.0);
        }
    }
    let degree: Vec<f32> = (0..n as u32)
        .map(|v| {
            let weight = |w: &[u32]| w.iter().sum::<u32>() as f32;
            weight(sheet.up.of(v).1) + weight(sheet.down.of(v).1)
        })
        .collect();
    let stretch = 1.0 / (1.0 - KEPT);
    let level = |x: &mut [f32]| {
        if level {
            for r in 0..sheet.depth() {
                shift(&mut x[sheet.slots(r)]);
            }
        } else {
            shift(x);
        }
    };
    level(&mut x);
    let mut before = x.clone();
    let mut y = vec![0.0f32; n];
    for round in 0..ROUNDS {
        for v in 0..n {
            let mut sum = 0.0;
            for ties in [&sheet.up, &sheet.down] {
                let (to, weight) = ties.of(v as u32);
                for (w, k) in to.iter().zip(weight) {
                    sum += *k as f32 * x[*w as usize];
                }
            }
            let near = if degree[v] > 0.0 {
                x[v] + sum / degree[v]
            } else {
                2.0 * x[v]
            };
            // near/2 = P x
            let m = near * stretch - x[v];
            y[v] = if round == 0 { m } else { 2.0 * m - before[v] };
        }
        level(&mut y);
        if round % 8 == 7 {
            if cancelled() {
                return None;
            }
            let square: f64 = y.iter().map(|&x| f64::from(x).powi(2)).sum();
            let scale = (n as f64 / square.max(1e-30)).sqrt() as f32;
            x.iter_mut().for_each(|x| *x *= scale);
            y.iter_mut().for_each(|x| *x *= scale);
        }
        std::mem::swap(&mut x, &mut before);
        std::mem::swap(&mut x, &mut y);
    }
    for r in 0..sheet.depth() {
        let slots = sheet.slots(r);
        sheet.order[slots].sort_by(|&a, &b| x[a as usize].total_cmp(&x[b as usize]));
    }
    sheet.number(0..n);
    Some(())
}

/// Brings the middle to 0.
fn shift(x: &mut [f32]) {
    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / (x.len() as f64).max(1.0);
    x.iter_mut().for_each(|x| *x -= mean as f32);
}
