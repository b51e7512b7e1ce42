//! Owns the screens about the past: the frame around them, and what is said while there is no answer.

mod capacity;
mod compare;
mod node;
mod nodes;
mod sla;
mod trends;

pub use sla::look as sla_look;

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::engine::Watch;
use crate::engine::past::{Answer, Span};
use crate::model::{SafeText, Target};
use crate::tui::app::{About, App, PastScreen};
use crate::tui::command::Command;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::Pen;
use crate::tui::widgets::format;
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::table::{Column, Table};

pub fn draw(
    app: &App,
    screen: &PastScreen,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let looked = app.past.look(&screen.question(), app.now);
    let label = label(screen, watch);
    // shorter than usual: there is no more
    let filled = !screen.chosen && screen.span < Span::default();
    let span = match screen.about {
        About::Compare { .. } => String::new(),
        _ if filled => format!("all there is {}", spans(screen.span)),
        _ => spans(screen.span),
    };
    let note = if looked.waiting {
        "looking it up".to_owned()
    } else {
        span
    };
    let title = [
        (word(screen), theme[Token::Muted]),
        (if label.is_empty() { "" } else { " " }, theme[Token::Text]),
        (label.as_str(), theme[Token::Title]),
    ];
    let mut inner = Panel {
        title: &title,
        note: &note,
        focused: true,
    }
    .draw(buf, area, theme);
    if !app.settings.history {
        let why = "No history is kept in this session, so there is nothing to look back on.";
        say(buf, inner, theme, why);
        return;
    }
    if let Some(trouble) = &looked.trouble {
        let again = app.settings.keymap.label(Command::Refresh);
        let mut pen = Pen::new(buf, inner, 0, theme);
        pen.skip(1)
            .put(theme.glyphs.down, theme[Token::Danger])
            .skip(1);
        let text = format!("{trouble}; {again} asks again");
        let lines = format::wrap(&text, usize::from(inner.width).saturating_sub(4));
        let rows = u16::try_from(lines.len()).unwrap_or(1).min(inner.height);
        for (row, line) in (0..rows).zip(lines) {
            Pen::new(buf, inner, row, theme)
                .skip(3)
                .put(line, theme[Token::Danger]);
        }
        inner.y += rows;
        inner.height -= rows;
    }
    let Some(answer) = looked.answer else {
        if looked.waiting {
            say(buf, inner, theme, "looking it up in the history");
        }
        return;
    };
    body(app, screen, &answer, watch, theme, buf, inner);
}

fn body(
    app: &App,
    screen: &PastScreen,
    answer: &Arc<Answer>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    match &**answer {
        Answer::Pipeline(past) => trends::draw(app, screen, past, theme, buf, area),
        Answer::Compare(past) => compare::draw(app, screen, past, theme, buf, area),
        Answer::Sla(past) => sla::draw(app, screen, past, watch, theme, buf, area),
        Answer::Capacity(past) => capacity::draw(app, screen, past, watch, theme, buf, area),
        Answer::Node(past) => node::draw(app, screen, past, theme, buf, area),
        Answer::Tail(_) | Answer::Series(_) | Answer::Value(_) | Answer::Audit(_) => {}
    }
}

fn word(screen: &PastScreen) -> &'static str {
    match screen.about {
        About::Pipeline(_) => "trends",
        About::Node(..) => "history of",
        About::Compare { .. } => "compare",
        About::Sla => "SLA",
        About::Capacity => "capacity",
    }
}

fn label(screen: &PastScreen, watch: &Watch) -> SafeText {
    match &screen.about {
        About::Pipeline(key) => match watch.world.pipeline(key) {
            Some(view) => view.pipeline.name.clone(),
            None => Target::Pipeline(key.clone()).label(),
        },
        About::Node(key, node) => {
            SafeText::new(format!("{} / {}", key.pipeline.safe(), node.safe()))
        }
        About::Compare { b, .. } => Target::Pipeline(b.pipeline.clone()).label(),
        About::Sla | About::Capacity => SafeText::default(),
    }
}

/// The spans there are, the one that is shown between brackets.
fn spans(now: Span) -> String {
    let word = |span: &Span| match *span == now {
        true => format!("[{}]", span.word()),
        false => span.word().to_owned(),
    };
    let all: Vec<String> = Span::ALL.iter().map(word).collect();
    all.join(" ")
}

/// A sentence in the place of what is not there.
pub(super) fn say(buf: &mut Buffer, area: Rect, theme: &Theme, text: &str) {
    let room = usize::from(area.width).saturating_sub(3);
    for (row, line) in (1u16..).zip(format::wrap(text, room)) {
        Pen::new(buf, area, row, theme)
            .skip(2)
            .put(line, theme[Token::Muted]);
    }
}

/// The rows from one on, as many as asked for.
fn rows(area: Rect, from: u16, height: u16) -> Rect {
    let from = from.min(area.height);
    Rect {
        y: area.y + from,
        height: height.min(area.height - from),
        ..area
    }
}

/// A heading on one row.
fn heading(buf: &mut Buffer, area: Rect, theme: &Theme, text: &str, note: &str) {
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.skip(1).put(text, theme[Token::Title]);
    pen.skip(2).put(note, theme[Token::Muted]);
}

/// The list of a screen: its columns, how many rows, and what is in a cell.
fn table(
    screen: &PastScreen,
    (columns, len): (&[Column], usize),
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    cell: &mut dyn FnMut(usize, usize, &mut Pen),
) {
    let mut top = screen.list.first_seen();
    let shown = Table {
        columns,
        len,
        selected: screen.list.index(),
        focused: true,
        header: true,
        marked: &|_| false,
    }
    .draw(buf, area, theme, &mut top, cell);
    screen.list.saw(top, shown);
}

/// What is known, or the sign that nothing is.
fn fill(pen: &mut Pen, value: Option<String>, style: Style, theme: &Theme) {
    match value {
        Some(value) => pen.fill(&value, style),
        None => pen.fill(theme.glyphs.none, theme[Token::Muted]),
    };
}
