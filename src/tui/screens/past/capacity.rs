//! How full queues and pools were, and when it is busy.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::engine::past::{CapacityPast, QueuePast};
use crate::model::{Queue, SafeText};
use crate::tui::app::{App, PastRow, PastScreen};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::{Chart, Look, Unit};
use crate::tui::widgets::heat::Hour;
use crate::tui::widgets::table::{Column, Width};
use crate::tui::widgets::{Pen, format, heat, room};

use super::{fill, heading, rows, say, table};

const COLUMNS: [Column; 8] = [
    Column::new("", Width::Fixed(1)),
    Column::new("QUEUE", Width::Fill(14)),
    Column::new("BACKEND", Width::Min(8, 16)).drop(4),
    Column::new("RUNS", Width::Fixed(6)).right(),
    Column::new("SLOTS", Width::Fixed(6)).right(),
    Column::new("WAIT", Width::Fixed(6)).right().drop(1),
    Column::new("PEAK", Width::Fixed(20)).drop(2),
    Column::new("FULL", Width::Min(9, 28)).drop(3),
];

pub fn draw(
    app: &App,
    screen: &PastScreen,
    past: &CapacityPast,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let advice = advice(past);
    let room = usize::from(area.width.saturating_sub(4));
    let most = area.height / 4;
    let mut words = 0;
    for text in &advice {
        let lines = format::wrap(text, room);
        if words + lines.len() > usize::from(most) {
            break;
        }
        for (n, line) in lines.into_iter().enumerate() {
            let sign = if n == 0 { theme.glyphs.bookmark } else { " " };
            let row = u16::try_from(words).unwrap_or(u16::MAX);
            Pen::new(buf, area, row, theme)
                .skip(1)
                .put(sign, theme[Token::Warning])
                .skip(1)
                .put(line, theme[Token::Text]);
            words += 1;
        }
    }
    if let Some(room) = &past.room {
        let row = u16::try_from(words).unwrap_or(u16::MAX);
        Pen::new(buf, area, row, theme)
            .skip(1)
            .put(&room::words(room, app.settings.zone), theme[Token::Muted]);
        words += 1;
    }
    let words = u16::try_from(words).unwrap_or(0);
    let rest = rows(area, words, area.height);
    let week = if rest.height >= 18 { 9 } else { 0 };
    let upper = rows(rest, 0, rest.height - week);
    queues(app, screen, past, watch, theme, buf, upper);
    if week > 0 {
        hours(past, theme, buf, rows(rest, rest.height - week, week));
    }
}

/// What could be done, with the figures it rests on.
fn advice(past: &CapacityPast) -> Vec<String> {
    let of_queue = |queue: &QueuePast| {
        let advice = queue.advice.as_ref()?;
        Some(format!(
            "{}: {}",
            SafeText::new(&queue.queue),
            advice.words()
        ))
    };
    let mut all: Vec<String> = past.queues.iter().filter_map(of_queue).collect();
    all.extend(past.crowd.iter().map(|a| a.words().as_str().to_owned()));
    all
}

/// To a tenth.
fn figure(value: f64) -> String {
    format::metric((value * 10.0).round() / 10.0)
}

fn live<'a>(watch: &'a Watch, queue: &QueuePast) -> Option<&'a Queue> {
    let backend = watch
        .world
        .backends()
        .find(|b| b.info.name.as_str() == queue.backend)?;
    backend
        .queues
        .iter()
        .find(|q| q.name.as_str() == queue.queue)
}

fn queues(
    app: &App,
    screen: &PastScreen,
    past: &CapacityPast,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    if past.queues.is_empty() {
        let text = "The history has no figures of queues or pools in this time.";
        return say(buf, area, theme, text);
    }
    let chart = if area.height >= 12 {
        area.height / 2
    } else {
        0
    };
    let list = rows(area, 0, area.height - chart);
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some(queue) = past.queues.get(row) else {
            return;
        };
        let now = live(watch, queue);
        let text = theme[Token::Text];
        let last = |all: &[(chrono::DateTime<chrono::Utc>, f64)]| all.last().map(|l| l.1);
        let running = now.map(|q| q.running as f64).or(last(&queue.running));
        let taken = running
            .zip(queue.slots)
            .is_some_and(|(r, s)| s > 0.0 && r >= s);
        let value: Option<String> = match column {
            0 => {
                if taken {
                    let sign = theme.state_glyph(crate::model::NodeState::Warned);
                    pen.fill(sign, theme[Token::Warning]);
                }
                return;
            }
            1 => Some(queue.queue.clone()),
            2 => Some(queue.backend.clone()),
            3 => running.map(figure),
            4 => queue.slots.map(figure),
            5 => last(&queue.waiting).map(figure),
            6 => queue.peak.map(|(at, most)| {
                let when = format::due(at, app.now, app.settings.zone);
                format!("{} at {when}", figure(most))
            }),
            _ => match &queue.full {
                Some(full) => Some(format!(
                    "about {}",
                    format::date(full.when, app.settings.zone)
                )),
                None => Some("no sure trend".to_owned()),
            },
        };
        fill(
            pen,
            value.map(|v| SafeText::new(v).to_string()),
            text,
            theme,
        );
    };
    table(
        screen,
        (&COLUMNS, past.queues.len()),
        theme,
        buf,
        list,
        &mut cell,
    );
    if chart > 0
        && let Some(PastRow::Queue(backend, name)) = &screen.shown
        && let Some(queue) = past
            .queues
            .iter()
            .find(|q| q.backend == *backend && q.queue == *name)
    {
        curve(
            app,
            past,
            queue,
            theme,
            buf,
            rows(area, area.height - chart, chart),
        );
    }
}

fn curve(
    app: &App,
    past: &CapacityPast,
    queue: &QueuePast,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let note = match theme.glyphs.ascii {
        true => "- runs   * waits   : slots",
        false => "line: runs   dots: waits   dashes: slots",
    };
    let name = SafeText::new(&queue.queue);
    heading(buf, rows(area, 0, 1), theme, name.as_str(), note);
    let slots: Vec<_> = queue
        .slots
        .map(|s| [(past.from, s), (past.to, s)])
        .into_iter()
        .flatten()
        .collect();
    Chart {
        from: past.from,
        to: past.to,
        unit: Unit::Count,
        zone: app.settings.zone,
        series: &[
            (Look::Dashed, &slots),
            (Look::Line, &queue.running),
            (Look::Dots, &queue.waiting),
        ],
        bad: &[],
        changes: &[],
        most: None,
    }
    .draw(buf, rows(area, 1, area.height - 1), theme);
}

fn hours(past: &CapacityPast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(load) = &past.load else {
        heading(
            buf,
            rows(area, 0, 1),
            theme,
            "busy hours",
            "less than a week was seen",
        );
        return;
    };
    let runs = format::count(load.runs as u64);
    let cut = if past.cut { ", the newest" } else { "" };
    let note = format!("runs at once by hour of the week, UTC; of {runs} runs{cut}");
    heading(buf, rows(area, 0, 1), theme, "busy hours", &note);
    let mut week = [[Hour::default(); 24]; 7];
    for (hour, value) in load.at_once.iter().enumerate() {
        if let Some(cell) = week.get_mut(hour / 24).and_then(|d| d.get_mut(hour % 24)) {
            cell.value = Some(*value);
        }
    }
    let at = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..rows(area, 1, area.height.saturating_sub(1))
    };
    heat::draw(buf, at, theme, &week);
}
