#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::BTreeSet;

use super::super::testing::{suffix, text, theme};
use super::*;
use proptest::prelude::*;

fn drawn(lanes: &Lanes, rows: usize, ascii: bool) -> String {
    let columns = lanes.columns();
    text(columns.max(1) + 4, rows as u16, |buf, area| {
        for at in 0..rows {
            let mut pen = Pen::new(buf, area, at as u16, theme(ascii));
            lanes.draw(
                at,
                &mut pen.cell_of(usize::from(columns), super::super::Align::Left),
                theme(ascii),
            );
            Pen::new(buf, area, at as u16, theme(ascii))
                .skip(usize::from(columns))
                .put(&format!(" {at}"), theme(ascii)[Token::Text]);
        }
    })
}

#[test]
fn shapes() {
    let mapped: Vec<(usize, usize)> = (1..5).flat_map(|n| [(0, n), (n, 5)]).collect();
    let orders = vec![
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 5),
        (0, 4),
        (4, 5),
        (5, 6),
        (5, 7),
        (4, 8),
    ];
    let up = vec![(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)];
    let alone = vec![(1, 2)];
    let many: Vec<(usize, usize)> = (0..8).map(|n| (n, 15 - n)).collect();
    for (name, rows, edges, bound) in [
        ("mapped", 6, mapped, 9),
        ("orders", 9, orders, 9),
        ("up", 5, up, 9),
        ("alone", 4, alone, 9),
        ("many", 16, many, 4),
    ] {
        for ascii in [false, true] {
            let lanes = Lanes::of(rows, &edges, bound);
            insta::assert_snapshot!(
                format!("lanes_{name}{}", suffix(ascii)),
                drawn(&lanes, rows, ascii)
            );
        }
    }
}

#[test]
fn a_thousand_edges_at_one_node_are_one_lane() {
    let out: Vec<(usize, usize)> = (1..1000).map(|n| (0, n)).collect();
    let into: Vec<(usize, usize)> = (0..999).map(|n| (n, 999)).collect();
    let both: Vec<(usize, usize)> = (1..999).flat_map(|n| [(0, n), (n, 999)]).collect();
    for (edges, columns) in [(out, 4), (into, 4), (both, 6)] {
        let lanes = Lanes::of(1000, &edges, 5);
        assert_eq!((lanes.hidden(), lanes.columns()), (0, columns));
    }
    assert_eq!(Lanes::of(1000, &[], 5).columns(), 0);
}

#[test]
fn what_has_no_lane_is_counted_and_marked() {
    let edges: Vec<(usize, usize)> = (0..8).map(|n| (n, 15 - n)).collect();
    let lanes = Lanes::of(16, &edges, 4);
    assert_eq!(lanes.hidden(), 4);
    let picture = drawn(&lanes, 16, false);
    // the shortest stay: the four outermost rows on both sides say that something is missing
    assert_eq!(picture.matches('…').count(), 8, "{picture}");
    assert!(lanes.columns() <= 10);
    assert_eq!(Lanes::of(16, &edges, 0).hidden(), 8);
}

/// Strokes of a sign: up, right, down, left.
fn strokes(sign: char) -> [bool; 4] {
    let mask = (0..16u8).find(|m| line(*m, false) == sign && ![1, 4, 2, 8].contains(m));
    let mask = mask.unwrap_or_else(|| panic!("{sign:?} is no line"));
    [UP, RIGHT, DOWN, LEFT].map(|stroke| mask & stroke != 0)
}

/// The edges that a picture shows, read from its characters alone.
fn read(picture: &str, rows: usize) -> BTreeSet<(usize, usize)> {
    let cells: Vec<Vec<char>> = picture
        .lines()
        .take(rows)
        .map(|l| {
            let end = l.rfind(' ').unwrap_or(0);
            l[..end].chars().collect()
        })
        .collect();
    let sign = |row: usize, column: usize| {
        cells
            .get(row)
            .and_then(|r| r.get(column))
            .copied()
            .unwrap_or(' ')
    };
    let lanes = cells.iter().map(Vec::len).max().unwrap_or(0).div_ceil(2);
    // (bus that runs down in each lane); each bus: rows that it leaves and rows that it leads to
    let mut running: Vec<Option<usize>> = vec![None; lanes];
    let mut buses: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for row in 0..rows {
        let mark = (0..lanes).find(|l| matches!(sign(row, 2 * l), '◆' | '◇'));
        let goes_down = |lane: usize| {
            // a crossing hides what runs below it: the next row that shows the lane tells
            let next = (row + 1..rows)
                .map(|r| sign(r, 2 * lane))
                .find(|c| *c != '─');
            match next {
                Some('◆') => true,
                Some('◇' | ' ' | '…') | None => false,
                Some(other) => strokes(other)[0],
            }
        };
        let mut joined = Vec::new();
        if let Some(mark) = mark {
            let mut lane = mark;
            while lane + 1 < lanes && matches!(sign(row, 2 * lane + 1), '─' | '◄' | '►') {
                let arrow = sign(row, 2 * lane + 1) == '◄';
                lane += 1;
                if sign(row, 2 * lane) != '─' {
                    joined.push((lane, arrow));
                }
            }
            let mut lane = mark;
            while lane > 0 && matches!(sign(row, 2 * lane - 1), '─' | '◄' | '►') {
                let arrow = sign(row, 2 * lane - 1) == '►';
                lane -= 1;
                if sign(row, 2 * lane) != '─' {
                    joined.push((lane, arrow));
                }
            }
            if sign(row, 2 * mark) == '◆' {
                let bus = running[mark].take().expect("a line from above");
                buses[bus].1.push(row);
            }
            if goes_down(mark) {
                running[mark] = Some(buses.len());
                buses.push((vec![row], vec![]));
            }
        }
        for (lane, arrives) in joined {
            let [up, _, down, _] = strokes(sign(row, 2 * lane));
            let bus = if up {
                running[lane].expect("a line from above")
            } else {
                buses.push((vec![], vec![]));
                buses.len() - 1
            };
            running[lane] = down.then_some(bus);
            if arrives {
                buses[bus].1.push(row);
            } else {
                buses[bus].0.push(row);
            }
        }
    }
    let pairs = |(from, to): &(Vec<usize>, Vec<usize>)| -> Vec<(usize, usize)> {
        from.iter()
            .flat_map(|a| to.iter().map(move |b| (*a, *b)))
            .collect()
    };
    buses.iter().flat_map(pairs).collect()
}

proptest! {
    #[test]
    fn a_picture_says_exactly_the_edges(
        rows in 2usize..14,
        picks in prop::collection::vec((0usize..14, 0usize..14), 0..24),
    ) {
        let edges: Vec<(usize, usize)> = picks.into_iter().filter(|(a, b)| a != b && *a < rows && *b < rows).collect();
        let lanes = Lanes::of(rows, &edges, MOST);
        let picture = drawn(&lanes, rows, false);
        let shown = read(&picture, rows);
        let wanted: BTreeSet<(usize, usize)> = edges.iter().copied().collect();
        if lanes.hidden() == 0 {
            prop_assert_eq!(&shown, &wanted, "{}", picture);
        } else {
            prop_assert!(shown.is_subset(&wanted), "{}", picture);
            prop_assert_eq!(wanted.len() - shown.len(), lanes.hidden(), "{}", picture);
        }
    }

    #[test]
    fn few_lanes_never_lie(
        rows in 2usize..20,
        picks in prop::collection::vec((0usize..20, 0usize..20), 0..40),
        bound in 0usize..6,
    ) {
        let edges: Vec<(usize, usize)> = picks.into_iter().filter(|(a, b)| a != b && *a < rows && *b < rows).collect();
        let lanes = Lanes::of(rows, &edges, bound);
        prop_assert!(usize::from(lanes.columns()) <= 2 * (bound + 1));
        let picture = drawn(&lanes, rows, false);
        let shown = read(&picture, rows);
        let wanted: BTreeSet<(usize, usize)> = edges.iter().copied().collect();
        prop_assert!(shown.is_subset(&wanted), "{}", picture);
        prop_assert_eq!(wanted.len() - shown.len(), lanes.hidden(), "{}", picture);
    }
}
