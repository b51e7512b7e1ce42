#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::testing::{self, theme};
use super::*;
use crate::logs::LogStore;

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

fn pane(log: &Log) -> LogPane<'_> {
    LogPane {
        log,
        title: "orders_daily / load / attempt 2",
        cursor: log.first_error(),
        following: false,
        focused: true,
        wrap: false,
        left: 0,
        search: None,
        zone: Zone::Utc,
        empty: "",
    }
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
            pane(log).draw(buf, area, theme(ascii), &mut 0);
        });
        let name = format!("log_{width}x{height}{}", testing::suffix(ascii));
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn wrapped_lines_and_hits() {
    let store = example();
    let log = store.get(&0).unwrap();
    let search = Search::plain("slow source").unwrap();
    let text = testing::text(60, 9, |buf, area| {
        LogPane {
            wrap: true,
            cursor: Some(40),
            search: Some(&search),
            ..pane(log)
        }
        .draw(buf, area, theme(false), &mut 38);
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
            LogPane {
                wrap,
                following: true,
                ..pane(log)
            }
            .draw(buf, area, theme(false), &mut top);
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
        LogPane {
            cursor: Some(cursor),
            ..pane(log)
        }
        .draw(&mut buf, area, theme(false), &mut top);
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
    let search = Search::plain("needle").unwrap();
    let area = Rect::new(0, 0, 40, 3);
    let mut buf = Buffer::empty(area);
    LogPane {
        search: Some(&search),
        cursor: Some(1),
        ..pane(log)
    }
    .draw(&mut buf, area, theme(false), &mut 0);
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
    LogPane {
        cursor: None,
        ..pane(log)
    }
    .draw(&mut buf, area, theme(false), &mut 0);
    assert_eq!(buf[(1, 1)].symbol(), "p");
    assert_eq!(buf[(7, 1)].fg, ratatui::style::Color::Indexed(2));
    assert_ne!(buf[(6, 1)].fg, ratatui::style::Color::Indexed(2));
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
        let rows = LogPane {
            cursor: Some(log.len() / 2),
            wrap,
            ..pane(log)
        }
        .draw(&mut buf, area, theme(false), &mut top);
        assert_eq!(rows, 20);
    }
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
    let search = Search::plain("e").unwrap();
    testing::every_size(|buf, area| {
        for (wrap, following, cursor) in [
            (false, false, Some(50)),
            (true, false, Some(9_999)),
            (true, true, None),
        ] {
            LogPane {
                wrap,
                following,
                cursor,
                left: 7,
                search: Some(&search),
                ..pane(log)
            }
            .draw(buf, area, theme(false), &mut 60);
        }
    });
}
