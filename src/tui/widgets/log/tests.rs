#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use crate::logs::{Folds, Log, LogStore, Source};
use crate::query::Query;
use crate::tui::widgets::testing::{self, theme};

use super::text::{chunks, scrolled};
use super::*;

fn store(text: &str) -> LogStore<u8> {
    let mut store = LogStore::default();
    store.append(&0, text.as_bytes());
    store
}

fn example() -> LogStore<u8> {
    let mut text = String::new();
    for i in 0..40 {
        text += &format!(
            "[2026-11-20T03:10:{i:02}.000+0000] {{load.py:{i}}} INFO - reading part {i} of the orders table into memory\n"
        );
    }
    text += "[2026-11-20T03:11:01.000+0000] {load.py:9} WARNING - \x1b[33mslow\x1b[0m source, 数据 arrives late and this line is much too long to fit into eighty columns\n";
    text +=
        "[2026-11-20T03:11:02.000+0000] {taskinstance.py:1} ERROR - Task failed with exception\n";
    text += "Traceback (most recent call last):\n";
    for i in 0..4 {
        text += &format!(
            "  File \"/opt/airflow/dags/load.py\", line {i}, in load_{i}\n    rows = read()\n"
        );
    }
    text += "MemoryError: could not allocate 3.2 GB\n";
    for i in 0..30 {
        text += &format!("[2026-11-20T03:12:{i:02}.000+0000] {{x.py:1}} INFO - cleaning up {i}\n");
    }
    store(&text)
}

/// A pane over one log with the cursor at its first error, and what a test makes of it.
fn draw<'a>(
    log: &'a Log,
    buf: &mut Buffer,
    area: Rect,
    ascii: bool,
    top: &mut usize,
    change: impl FnOnce(LogPane<'a>) -> LogPane<'a>,
) -> usize {
    let source = Source {
        log,
        wanted: None,
        since: None,
        until: None,
    };
    // a test may borrow from anywhere, so it all stays
    let sources: &[Source] = Box::leak(Box::new([source]));
    let folds: &Folds = Box::leak(Box::default());
    let look: &Look = Box::leak(Box::default());
    let kept: &RefCell<_> = Box::leak(Box::default());
    let lens: &Lens = Box::leak(Box::new(Lens::new(sources, folds)));
    let first = log.first_error().map(at);
    let pane = LogPane {
        lens,
        title: "orders_daily / load / attempt 2",
        chips: &[],
        names: &[],
        cursor: first,
        first_error: first,
        following: false,
        fresh: 0,
        end_key: "G",
        focused: true,
        strip: false,
        look,
        highlights: &[],
        found: None,
        hits: None,
        bookmarks: &[],
        bookmarked: &|_| false,
        selection: None,
        density: kept,
        zone: Zone::Utc,
        empty: "",
    };
    let mut begin = Some(at(*top));
    let rows = change(pane).draw(buf, area, theme(ascii), &mut begin);
    *top = begin.map_or(0, |point| point.row);
    rows
}

fn at(row: usize) -> Point {
    Point { source: 0, row }
}

fn wrapped() -> &'static Look {
    static LOOK: std::sync::LazyLock<Look> = std::sync::LazyLock::new(|| Look {
        wrap: true,
        ..Look::default()
    });
    &LOOK
}

fn query(text: &str) -> Query {
    Query::parse(text, &crate::logs::FACETS).unwrap()
}

#[test]
fn the_first_error_stands_in_its_surroundings() {
    let store = example();
    let log = store.get(&0).unwrap();
    for (width, height, ascii) in [
        (100, 20, false),
        (80, 10, false),
        (36, 8, false),
        (80, 14, true),
    ] {
        let text = testing::text(width, height, |buf, area| {
            draw(log, buf, area, ascii, &mut 0, |pane| pane);
        });
        let name = format!("log_{width}x{height}{}", testing::suffix(ascii));
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn wrapped_lines_and_hits() {
    let store = example();
    let log = store.get(&0).unwrap();
    let query = query("\"slow source\"");
    let highlights = query.highlights();
    let text = testing::text(60, 9, |buf, area| {
        draw(log, buf, area, false, &mut 38, |pane| LogPane {
            look: wrapped(),
            cursor: Some(at(40)),
            highlights: &highlights,
            ..pane
        });
    });
    insta::assert_snapshot!("log_wrapped", text);
}

#[test]
fn following_shows_the_end() {
    let store = example();
    let log = store.get(&0).unwrap();
    for wrap in [false, true] {
        let mut top = 0;
        let text = testing::text(60, 5, |buf, area| {
            draw(log, buf, area, false, &mut top, |pane| LogPane {
                look: if wrap { wrapped() } else { pane.look },
                following: true,
                ..pane
            });
        });
        assert!(text.contains("cleaning up 29"), "{text}");
        assert!(text.contains("following"), "{text}");
        assert_eq!(top, log.len() - 4);
    }
}

#[test]
fn a_step_moves_the_view_by_a_step_and_a_jump_shows_what_is_around() {
    let store = example();
    let log = store.get(&0).unwrap();
    let area = Rect::new(0, 0, 80, 11);
    let mut buf = Buffer::empty(area);
    let mut top = 0;
    for (cursor, then) in [
        (0, 0),
        (9, 0),
        (10, 1),
        (11, 2),
        (2, 2),
        (1, 1),
        (30, 28),
        (60, 51),
        (81, 72),
    ] {
        draw(log, &mut buf, area, false, &mut top, |pane| LogPane {
            cursor: Some(at(cursor)),
            ..pane
        });
        if cursor <= 30 {
            assert_eq!(top, then, "{cursor}");
        }
        assert!(top <= cursor && cursor < top + 10, "{cursor} {top}");
    }
}

#[test]
fn hits_are_shown_where_they_are() {
    let store = store("a needle, another needle\nnothing\n");
    let log = store.get(&0).unwrap();
    let query = query("needle");
    let highlights = query.highlights();
    let area = Rect::new(0, 0, 40, 3);
    let mut buf = Buffer::empty(area);
    draw(log, &mut buf, area, false, &mut 0, |pane| LogPane {
        highlights: &highlights,
        cursor: Some(at(1)),
        ..pane
    });
    let found: String = (0..40)
        .filter(|x| {
            let style = theme(false)[Token::Match];
            buf[(*x, 1)].modifier.contains(style.add_modifier)
        })
        .map(|x| buf[(x, 1)].symbol().to_owned())
        .collect();
    assert_eq!(found, "needleneedle");
}

#[test]
fn colours_of_the_log_itself_are_kept() {
    let store = store("plain \x1b[32mgreen\x1b[0m\n");
    let log = store.get(&0).unwrap();
    let area = Rect::new(0, 0, 40, 2);
    let mut buf = Buffer::empty(area);
    draw(log, &mut buf, area, false, &mut 0, |pane| pane);
    assert_eq!(buf[(1, 1)].symbol(), "p");
    assert_eq!(buf[(7, 1)].fg, ratatui::style::Color::Indexed(2));
    assert_ne!(buf[(6, 1)].fg, ratatui::style::Color::Indexed(2));
}

#[test]
fn raw_lines_show_what_was_written() {
    let store = store("plain \x1b[32mgreen\x1b[0m\n");
    let log = store.get(&0).unwrap();
    let look = Look {
        raw: true,
        ..Look::default()
    };
    let text = testing::text(40, 2, |buf, area| {
        draw(log, buf, area, false, &mut 0, |pane| LogPane {
            look: &look,
            ..pane
        });
    });
    assert!(text.contains("plain ␛[32mgreen␛[0m"), "{text}");
}

#[test]
fn only_what_is_in_view_is_drawn() {
    let long = "a line of a very long log\n".repeat(100_000);
    let store = store(&long);
    let log = store.get(&0).unwrap();
    let area = Rect::new(0, 0, 80, 21);
    let mut buf = Buffer::empty(area);
    for wrap in [false, true] {
        let mut top = 0;
        let rows = draw(log, &mut buf, area, false, &mut top, |pane| LogPane {
            cursor: Some(at(log.len() / 2)),
            look: if wrap { wrapped() } else { pane.look },
            ..pane
        });
        assert_eq!(rows, 20);
    }
}

#[test]
fn fields_stand_in_columns_and_records_fold() {
    let store = store(
        "{\"ts\":\"2026-11-20T03:00:01Z\",\"level\":\"info\",\"msg\":\"read part\",\"rows\":12,\"http\":{\"status\":200}}\n\
         2026-11-20T03:00:02Z ERROR load - it broke rows=5\n\
         Traceback (most recent call last):\n  File \"x.py\", line 3\nValueError: bad\n\
         2026-11-20T03:00:09Z INFO load - over\n",
    );
    let log = store.get(&0).unwrap();
    let sources = [Source {
        log,
        wanted: None,
        since: None,
        until: None,
    }];
    let mut look = Look {
        columns: vec!["rows".into(), "http.status".into()],
        times: Times::Delta,
        ..Look::default()
    };
    look.folds.toggle_all();
    let lens = Lens::new(&sources, &look.folds);
    let text = testing::text(90, 6, |buf, area| {
        draw(log, buf, area, false, &mut 0, |pane| LogPane {
            lens: &lens,
            look: &look,
            cursor: Some(at(0)),
            ..pane
        });
    });
    insta::assert_snapshot!("log_columns_folded", text);
}

#[test]
fn pieces_of_lines() {
    assert_eq!(chunks("", 5, 9).len(), 1);
    assert_eq!(chunks("abcdefg", 3, 9), [0..3, 3..6, 6..7]);
    assert_eq!(chunks("abcdefg", 3, 2), [0..3, 3..6]);
    assert_eq!(chunks("数据数", 3, 9), [0..3, 3..6, 6..9]);
    assert_eq!(scrolled("abcdefg", 2, 3), 2..5);
    assert_eq!(scrolled("abc", 9, 3), 3..3);
    assert_eq!(scrolled("abc", 0, 9), 0..3);
}

#[test]
fn one_line_of_error() {
    let store = example();
    let error = store.get(&0).unwrap().error_summary().unwrap();
    let shown = |columns| {
        testing::one_line(columns, |pen| {
            error_line(pen, theme(false), &error, Zone::Utc)
        })
    };
    assert_eq!(
        shown(70).trim_end(),
        " 03:11:02 E MemoryError: could not allocate 3.2 GB  (+10 lines)"
    );
    assert_eq!(
        shown(40).trim_end(),
        " 03:11:02 E MemoryError: c…  (+10 lines)"
    );
    shown(3);
}

#[test]
fn any_size() {
    let store = example();
    let log = store.get(&0).unwrap();
    let query = query("e");
    let highlights = query.highlights();
    let mut look = wrapped().clone();
    look.left = 7;
    testing::every_size(|buf, area| {
        for (wrap, following, cursor) in [
            (false, false, Some(50)),
            (true, false, Some(81)),
            (true, true, None),
        ] {
            draw(log, buf, area, false, &mut 60, |pane| LogPane {
                look: if wrap { &look } else { pane.look },
                following,
                cursor: cursor.map(at),
                highlights: &highlights,
                strip: true,
                ..pane
            });
        }
    });
}
