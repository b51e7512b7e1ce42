//! The attempts of one node over time, and how the selected one ended.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::past::{Answer, NodePast, Try};
use crate::model::NodeState;
use crate::tui::app::{App, PastRow, PastScreen};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::{Chart, Look, Unit};
use crate::tui::widgets::table::{Column, Width};
use crate::tui::widgets::{Pen, format};

use super::{fill, heading, rows, say, table};

const COLUMNS: [Column; 9] = [
    Column::new("", Width::Fixed(1)),
    Column::new("STARTED", Width::Min(11, 16)),
    Column::new("TRY", Width::Fixed(3)).right().drop(3),
    Column::new("STATE", Width::Fixed(9)),
    Column::new("TOOK", Width::Fixed(7)).right(),
    Column::new("WAITED", Width::Fixed(7)).right().drop(2),
    Column::new("ROWS", Width::Fixed(13)).right().drop(4),
    Column::new("MEMORY", Width::Fixed(7)).right().drop(1),
    Column::new("EXIT", Width::Fixed(4)).right(),
];

pub fn draw(
    app: &App,
    screen: &PastScreen,
    past: &NodePast,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    if past.tries.is_empty() {
        let text = format!(
            "The history knows no attempt of it in this time ({}). h and l choose another one.",
            past.span.word()
        );
        say(buf, area, theme, &text);
        return;
    }
    let tail = match area.height >= 16 {
        true => (area.height / 4).clamp(4, 12),
        false => 0,
    };
    let upper = match area.height >= 12 {
        true => (area.height - tail) * 2 / 5,
        false => 0,
    };
    charts(app, past, theme, buf, rows(area, 0, upper));
    let list = rows(area, upper, area.height - upper - tail);
    attempts(app, screen, past, theme, buf, list);
    if tail > 0 {
        last_words(
            app,
            screen,
            theme,
            buf,
            rows(area, area.height - tail, tail),
        );
    }
}

/// A value of an attempt over time.
struct Curve {
    title: &'static str,
    unit: Unit,
    of: fn(&Try) -> Option<f64>,
}

const CURVES: [Curve; 4] = [
    Curve {
        title: "took",
        unit: Unit::Duration,
        of: |t| t.took,
    },
    Curve {
        title: "rows",
        unit: Unit::Count,
        of: |t| t.rows,
    },
    Curve {
        title: "memory",
        unit: Unit::Bytes,
        of: |t| t.memory.map(|m| m as f64),
    },
    Curve {
        title: "waited",
        unit: Unit::Duration,
        of: |t| t.waited,
    },
];

/// As many curves beside each other as there is room for and something known of.
fn charts(app: &App, past: &NodePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if area.height < 4 {
        return;
    }
    let known = |c: &&Curve| past.tries.iter().any(|t| (c.of)(t).is_some());
    let most = usize::from((area.width / 38).clamp(1, 4));
    let curves: Vec<&Curve> = CURVES.iter().filter(known).take(most).collect();
    let share = area.width / u16::try_from(curves.len().max(1)).unwrap_or(1);
    for (i, curve) in (0u16..).zip(curves) {
        let at = Rect {
            x: area.x + i * share,
            width: share,
            ..area
        };
        heading(buf, rows(at, 0, 1), theme, curve.title, "");
        let value = |t: &Try| Some((t.at?, (curve.of)(t)?));
        let failed = |t: &&Try| t.state == NodeState::Failed;
        let mut dots: Vec<(DateTime<Utc>, f64)> = (past.tries.iter())
            .filter(|t| !failed(t))
            .filter_map(value)
            .collect();
        dots.reverse();
        let bad: Vec<_> = (past.tries.iter().filter(failed))
            // what made no rows has none: it did not make zero
            .filter_map(|t| Some((t.at?, Some((curve.of)(t)?))))
            .collect();
        Chart {
            from: past.from,
            to: past.to,
            unit: curve.unit,
            zone: app.settings.zone,
            series: &[(Look::Dots, &dots)],
            bad: &bad,
            changes: &[],
            most: None,
        }
        .draw(buf, rows(at, 1, at.height - 1), theme);
    }
}

fn attempts(
    app: &App,
    screen: &PastScreen,
    past: &NodePast,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some(t) = past.tries.get(row) else {
            return;
        };
        let text = theme[Token::Text];
        let style = theme.state(t.state);
        let seconds = |value: Option<f64>| value.map(|v| Unit::Duration.say(v));
        let value: Option<String> = match column {
            0 => {
                pen.fill(theme.state_glyph(t.state), style);
                return;
            }
            1 => t.at.map(|at| format::date_minute(at, app.settings.zone)),
            2 => (t.attempt > 0).then(|| t.attempt.to_string()),
            3 => {
                pen.fill(t.state.word(), style);
                return;
            }
            4 => seconds(t.took),
            5 => seconds(t.waited),
            6 => t.rows.map(format::metric),
            7 => t.memory.map(format::bytes),
            _ => t.exit_code.map(|code| code.to_string()),
        };
        fill(pen, value, text, theme);
    };
    table(
        screen,
        (&COLUMNS, past.tries.len()),
        theme,
        buf,
        area,
        &mut cell,
    );
}

/// The end of the log of what is selected, as far as it was kept.
fn last_words(app: &App, screen: &PastScreen, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(question) = screen.tail() else {
        heading(buf, rows(area, 0, 1), theme, "log", "it never started");
        return;
    };
    let looked = app.past.look(&question, app.now);
    let lines = match looked.answer.as_deref() {
        Some(Answer::Tail(Some(lines))) => lines,
        Some(Answer::Tail(None)) => {
            let why = "nothing was kept of it: only the ends of failed attempts are";
            return heading(buf, rows(area, 0, 1), theme, "log", why);
        }
        _ => {
            let why = match (&looked.trouble, looked.waiting) {
                (Some(trouble), _) => trouble.to_string(),
                (None, true) => "looking it up".to_owned(),
                (None, false) => String::new(),
            };
            return heading(buf, rows(area, 0, 1), theme, "log", &why);
        }
    };
    let note = match &screen.shown {
        Some(PastRow::Try(run, attempt)) => {
            format!("the last lines of attempt {attempt} of {}", run.run.safe())
        }
        _ => String::new(),
    };
    heading(buf, rows(area, 0, 1), theme, "log", &note);
    let room = usize::from(area.height.saturating_sub(1));
    let from = lines.len().saturating_sub(room);
    for (row, line) in (1u16..).zip(lines.iter().skip(from)) {
        Pen::new(buf, area, row, theme)
            .skip(1)
            .put(line.as_str(), theme[Token::Text]);
    }
}
