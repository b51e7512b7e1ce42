#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::testing::{self, theme};
use super::*;

const COLUMNS: [Column; 6] = [
    Column::new("", Width::Fixed(1)),
    Column::new("PIPELINE", Width::Min(10, 20)),
    Column::new("BACKEND", Width::Fixed(12)).drop(3),
    Column::new("NOW", Width::Fill(8)).drop(1),
    Column::new("TIME", Width::Fixed(6)).right().drop(2),
    Column::new("NEXT", Width::Fixed(5)).drop(4),
];

fn draw(
    buf: &mut Buffer,
    area: Rect,
    ascii: bool,
    len: usize,
    selected: Option<usize>,
    top: &mut usize,
) -> (usize, usize) {
    let mut built = 0;
    let theme = theme(ascii);
    let rows = Table {
        columns: &COLUMNS,
        len,
        selected,
        focused: true,
        header: true,
        marked: &|i| i == 3,
    }
    .draw(buf, area, theme, top, &mut |row, column, pen| {
        built += 1;
        let text = match column {
            0 => "x".to_owned(),
            1 => format!("pipeline_number_{row}"),
            2 => "prod-airflow".to_owned(),
            3 => "load · OutOfMemory".to_owned(),
            4 => format!("{row}m"),
            _ => "04:00".to_owned(),
        };
        pen.fill(&text, theme[Token::Text]);
    });
    (rows, built)
}

fn widths(room: u16) -> Vec<u16> {
    arrange(&COLUMNS, room)
        .iter()
        .map(|p| p.map_or(0, |(_, w)| w))
        .collect()
}

#[test]
fn columns_give_way_by_priority_and_the_name_stays() {
    assert_eq!(widths(80), [1, 20, 12, 31, 6, 5]);
    assert_eq!(widths(47), [1, 10, 12, 8, 6, 5]);
    assert_eq!(widths(46), [1, 15, 12, 8, 6, 0]);
    assert_eq!(widths(40), [1, 20, 0, 10, 6, 0]);
    assert_eq!(widths(20), [1, 18, 0, 0, 0, 0]);
    assert_eq!(widths(8), [1, 6, 0, 0, 0, 0]);
    assert_eq!(widths(1), [1, 0, 0, 0, 0, 0]);
    assert_eq!(widths(0), [0; 6]);
}

#[test]
fn no_column_reaches_outside_or_into_another() {
    for room in 0..200 {
        let mut end = 0;
        for (x, width) in arrange(&COLUMNS, room).into_iter().flatten() {
            assert!(x >= end && x + width <= room, "{room}");
            end = x + width + GAP;
        }
    }
}

#[test]
fn looks() {
    for (width, height, ascii) in [(80, 8, false), (40, 6, false), (60, 6, true)] {
        let text = testing::text(width, height, |buf, area| {
            let mut top = 2;
            draw(buf, area, ascii, 40, Some(5), &mut top);
        });
        insta::assert_snapshot!(
            format!("table_{width}x{height}{}", testing::suffix(ascii)),
            text
        );
    }
}

#[test]
fn only_rows_in_view_are_built() {
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 11));
    let mut top = 0;
    let few = draw(
        &mut buf,
        Rect::new(0, 0, 80, 11),
        false,
        20,
        Some(0),
        &mut top,
    );
    let many = draw(
        &mut buf,
        Rect::new(0, 0, 80, 11),
        false,
        1_000_000,
        Some(999_999),
        &mut top,
    );
    assert_eq!(few, (10, 60));
    assert_eq!(few, many);
    assert_eq!(top, 999_990);
}

#[test]
fn any_size() {
    testing::every_size(|buf, area| {
        for selected in [None, Some(0), Some(39), Some(99)] {
            draw(buf, area, false, 40, selected, &mut 7);
        }
    });
}
