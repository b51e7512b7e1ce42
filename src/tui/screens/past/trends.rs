//! What there was of a pipeline: how long its runs took, how they ended, on which days and at which hours, and on
//! which of its nodes that hung.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analytics::normal::Stands;
use crate::engine::past::{PipelinePast, Span, Vantage};
use crate::tui::app::{App, PastScreen};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::{Chart, Look, Unit};
use crate::tui::widgets::heat::Hour;
use crate::tui::widgets::{Pen, Zone, calendar, format, heat};

use super::{heading, nodes, rows, say};

/// Rows of the calendar and of the week, each with its heading.
const LOWER: u16 = 9;
/// Columns of the week at its narrowest.
const WEEK: u16 = 29;
/// From this height on everything is shown at once.
const TALL: u16 = 34;
/// What would press everything down is shown as an arrow: so many times the usual upper end.
const TOP: f64 = 2.0;

pub fn draw(
    app: &App,
    screen: &PastScreen,
    past: &PipelinePast,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    if past.runs.is_empty() && past.days.is_empty() {
        let text = "The history knows no run of it yet. What ends while dagtop watches is kept, and what its backend still lists.";
        say(buf, area, theme, text);
        return;
    }
    summary(past, theme, buf, rows(area, 0, 1));
    let mut top = 1;
    for text in changes(past) {
        let mut pen = Pen::new(buf, area, top, theme);
        pen.skip(1)
            .put(theme.glyphs.bookmark, theme[Token::Warning])
            .skip(1)
            .put(&text, theme[Token::Text]);
        top += 1;
    }
    let tall = area.height >= TALL;
    let lower = if area.height >= LOWER + 6 + top {
        LOWER
    } else {
        0
    };
    let table = if tall { (area.height - lower) / 3 } else { 0 };
    let upper = area.height.saturating_sub(top + lower + table);
    durations(app, past, theme, buf, rows(area, top, upper));
    if lower > 0 && (tall || !screen.second) {
        days(app, past, theme, buf, rows(area, top + upper, lower));
    }
    let at = match tall {
        true => rows(area, top + upper + lower, table),
        false if screen.second => rows(area, top + upper, lower),
        false => return,
    };
    nodes::draw(screen, past, theme, buf, at);
}

fn days(app: &App, past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let week = (area.width / 2).clamp(WEEK.min(area.width), 78);
    let left = Rect {
        width: area.width.saturating_sub(week + 1),
        ..area
    };
    let right = Rect {
        x: left.right() + 1,
        width: week,
        ..area
    };
    outcomes(app, past, theme, buf, left);
    hours(past, theme, buf, right);
}

fn summary(past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.skip(1);
    let dot = format!(" {} ", theme.glyphs.dot);
    let (plain, muted) = (theme[Token::Text], theme[Token::Muted]);
    pen.put(&format::plural(past.runs.len(), "run"), plain);
    let judged = past.good + past.bad;
    if judged > 0 {
        let share = past.good as f64 / judged as f64;
        let text = format!("{} well", Unit::Share.say(share));
        pen.put(&dot, muted).put(&text, plain);
    }
    if past.bad > 0 {
        let text = format!("{} {} failed", theme.glyphs.down, past.bad);
        pen.put(&dot, muted).put(&text, theme[Token::Danger]);
    }
    let say = |seconds: f64| Unit::Duration.say(seconds);
    if let Some(took) = &past.judged.took {
        let text = format!("usually {}, p95 {}", say(took.median), say(took.p95));
        pen.put(&dot, muted).put(&text, plain);
    }
    if let Some(waited) = &past.judged.waited {
        let text = format!("queued {}", say(waited.median));
        pen.put(&dot, muted).put(&text, plain);
    }
    if past.cut {
        let text = "only the newest runs are looked at";
        pen.put(&dot, muted).put(text, muted);
    }
}

/// What is to be said in words, the newest change first.
fn changes(past: &PipelinePast) -> Vec<String> {
    let mut all = Vec::new();
    for shift in past.judged.shifts.iter().rev().take(2) {
        let mut text = shift.change.words().as_str().to_owned();
        let say = |seconds: f64| Unit::Duration.say(seconds);
        let (old, new) = (shift.change.before.median, shift.change.after.median);
        text.push_str(&format!(" ({} to {})", say(old), say(new)));
        if let Some(version) = &shift.version {
            text.push_str(&format!(", version {version}"));
        }
        all.push(text);
    }
    if let Some(newest) = &past.judged.newest
        && newest.stands != Stands::Normal
    {
        let words = newest.words(crate::analytics::Measure::Duration);
        all.push(format!("the newest run: {words}"));
    }
    all
}

fn durations(app: &App, past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if area.height < 3 {
        return;
    }
    let judged = &past.judged;
    let note = match judged.band.is_empty() {
        true => "",
        false if theme.glyphs.ascii => "* run   - median   : p95",
        false => "dots: runs   line: median   dashes: p95",
    };
    heading(buf, rows(area, 0, 1), theme, "how long it took", note);
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
    let middle: Vec<_> = judged.band.iter().map(|b| (b.at, b.p50)).collect();
    let upper: Vec<_> = judged.band.iter().map(|b| (b.at, b.p95)).collect();
    let most = upper.iter().map(|u| u.1).fold(0.0, f64::max) * TOP;
    let changes: Vec<_> = judged.shifts.iter().map(|s| s.change.at).collect();
    Chart {
        from: past.from,
        to: past.to,
        unit: Unit::Duration,
        zone: app.settings.zone,
        series: &[
            (Look::Dashed, &upper),
            (Look::Line, &middle),
            (Look::Dots, &dots),
        ],
        bad: &bad,
        changes: &changes,
        most: Some(most).filter(|m| *m > 0.0),
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
    let at = rows(area, 0, 1);
    heading(buf, at, theme, "outcomes", "the worst of each day");
    let vantage = Vantage::new(past.to, app.settings.zone == Zone::Local);
    let today = vantage.wall(past.to).date();
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
        false => "runs by hour",
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
