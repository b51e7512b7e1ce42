//! What there was of a pipeline: how long its runs took, how they ended, on which days and at which hours.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::past::{PipelinePast, Span, Vantage};
use crate::tui::app::App;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::{Chart, Look, Unit};
use crate::tui::widgets::heat::Hour;
use crate::tui::widgets::{Pen, Zone, calendar, format, heat};

use super::{heading, rows, say};

/// Rows of the calendar and of the week, each with its heading.
const LOWER: u16 = 9;
/// Columns of the week at its narrowest.
const WEEK: u16 = 29;

pub fn draw(app: &App, past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if past.runs.is_empty() && past.days.is_empty() {
        let text = "The history knows no run of it yet. What ends while dagtop watches is kept, and what its backend still lists.";
        say(buf, area, theme, text);
        return;
    }
    summary(past, theme, buf, rows(area, 0, 1));
    let lower = if area.height >= LOWER + 7 { LOWER } else { 0 };
    let upper = rows(area, 1, area.height.saturating_sub(1 + lower));
    durations(app, past, theme, buf, upper);
    if lower == 0 {
        return;
    }
    let lower = rows(area, area.height - lower, lower);
    let week = (lower.width / 2).clamp(WEEK.min(lower.width), 78);
    let left = Rect {
        width: lower.width.saturating_sub(week + 1),
        ..lower
    };
    let right = Rect {
        x: left.right() + 1,
        width: week,
        ..lower
    };
    outcomes(app, past, theme, buf, left);
    hours(past, theme, buf, right);
}

fn summary(past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.skip(1);
    let dot = format!(" {} ", theme.glyphs.dot);
    let runs = format::plural(past.runs.len(), "run");
    pen.put(&runs, theme[Token::Text]);
    let judged = past.good + past.bad;
    if judged > 0 {
        let share = past.good as f64 / judged as f64;
        let text = format!("{} ended well", Unit::Share.say(share));
        pen.put(&dot, theme[Token::Muted])
            .put(&text, theme[Token::Text]);
    }
    if past.bad > 0 {
        let text = format!("{} {} failed", theme.glyphs.down, past.bad);
        pen.put(&dot, theme[Token::Muted])
            .put(&text, theme[Token::Danger]);
    }
    if past.cut {
        pen.put(&dot, theme[Token::Muted])
            .put("only the newest runs are looked at", theme[Token::Muted]);
    }
}

fn durations(app: &App, past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if area.height < 3 {
        return;
    }
    heading(buf, rows(area, 0, 1), theme, "how long it took", "");
    let good = past.runs.iter().filter(|s| !s.bad());
    let dots: Vec<(DateTime<Utc>, f64)> = good.filter_map(|s| Some((s.at, s.took?))).collect();
    let bad: Vec<_> = (past.runs.iter().filter(|s| s.bad()))
        .map(|s| (s.at, s.took))
        .collect();
    let area = rows(area, 1, area.height - 1);
    if dots.is_empty() && bad.is_empty() {
        let text = format!("No run of it ended in this {}.", span_word(past.span));
        say(buf, area, theme, &text);
        return;
    }
    Chart {
        from: past.from,
        to: past.to,
        unit: Unit::Duration,
        zone: app.settings.zone,
        series: &[(Look::Dots, &dots)],
        bad: &bad,
        changes: &[],
        most: None,
    }
    .draw(buf, area, theme);
}

fn span_word(span: Span) -> &'static str {
    match span {
        Span::Month => "month",
        other => other.word(),
    }
}

fn outcomes(app: &App, past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let days: Vec<_> = past.days.iter().map(|d| (d.date, d.worst)).collect();
    heading(
        buf,
        rows(area, 0, 1),
        theme,
        "outcomes",
        "the worst of each day",
    );
    let frame = Vantage {
        now: past.to,
        local: app.settings.zone == Zone::Local,
    };
    let today = frame.wall(past.to).date();
    let at = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..rows(area, 1, area.height.saturating_sub(1))
    };
    calendar::draw(buf, at, theme, &days, today);
}

fn hours(past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let failed = past.week.iter().flatten().any(|c| c.bad > 0);
    let note = match failed {
        true => "failed runs by hour",
        false => "runs by hour, none failed",
    };
    heading(buf, rows(area, 0, 1), theme, "week", note);
    let week = past.week.map(|hours| {
        hours.map(|cell| Hour {
            value: (cell.runs > 0).then_some(f64::from(if failed { cell.bad } else { cell.runs })),
            bad: cell.bad > 0,
        })
    });
    let at = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..rows(area, 1, area.height.saturating_sub(1))
    };
    heat::draw(buf, at, theme, &week);
}
