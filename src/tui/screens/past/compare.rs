//! Two runs side by side: what made the one longer, and what else differs.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analytics::compare::{Comparison, NodeDifference, Pair};
use crate::engine::past::ComparePast;
use crate::model::{NodeState, PastRun};
use crate::tui::app::{App, PastRow, PastScreen};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::Unit;
use crate::tui::widgets::table::{Column, Width};
use crate::tui::widgets::{Pen, format};

use super::{fill, heading, rows, say, table};

const COLUMNS: [Column; 9] = [
    Column::new("NODE", Width::Fill(14)),
    Column::new("A", Width::Fixed(8)).right(),
    Column::new("B", Width::Fixed(8)).right(),
    Column::new("ADDED", Width::Fixed(9)).right(),
    Column::new("BY WORK", Width::Fixed(9)).right().drop(3),
    Column::new("BY WAIT", Width::Fixed(9)).right().drop(2),
    Column::new("TRIES", Width::Fixed(6)).right().drop(1),
    Column::new("ROWS A", Width::Fixed(12)).right().drop(5),
    Column::new("ROWS B", Width::Fixed(12)).right().drop(4),
];
/// Parameters that are shown.
const PARAMETERS: usize = 4;

pub fn draw(
    app: &App,
    screen: &PastScreen,
    past: &ComparePast,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let Some(after) = &past.b else {
        let text = "Neither the history nor its backend knows this run any more.";
        return say(buf, area, theme, text);
    };
    let Some(before) = &past.a else {
        let text = match past.last_good {
            true => {
                "The history knows no good run before this one, so there is nothing to hold it against. B on another run of the pipeline marks that one."
            }
            false => "The history does not know the run that was marked.",
        };
        return say(buf, area, theme, text);
    };
    let word = if past.last_good {
        "the last good run"
    } else {
        "marked"
    };
    side(app, "A", before, word, theme, buf, rows(area, 0, 1));
    side(app, "B", after, "", theme, buf, rows(area, 1, 1));
    let Some(found) = &past.comparison else {
        return;
    };
    let mut top = 2;
    let going = |run: &PastRun| !run.run.state.ended();
    let open = match (going(before), going(after)) {
        (_, true) => Some("B goes on: all of its figures are as of now".to_owned()),
        (true, false) => Some("A goes on: all of its figures are as of now".to_owned()),
        (false, false) => None,
    };
    for line in open.into_iter().chain(differences(found)) {
        let mut pen = Pen::new(buf, area, top, theme);
        pen.skip(1)
            .put(theme.glyphs.bookmark, theme[Token::Warning])
            .skip(1)
            .put(&line, theme[Token::Text]);
        top += 1;
    }
    top += 1;
    if !past.nodes.0 || !past.nodes.1 {
        let which = if past.nodes.0 { "B" } else { "A" };
        let text = format!("Nothing is kept of the nodes of {which}.");
        return say(buf, rows(area, top, area.height), theme, &text);
    }
    let note = "what each added to the length of the run, on its critical path";
    heading(buf, rows(area, top, 1), theme, "nodes", note);
    let list = rows(area, top + 1, area.height.saturating_sub(top + 1));
    nodes(screen, found, theme, buf, list);
}

fn side(
    app: &App,
    name: &str,
    past: &PastRun,
    word: &str,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let mut pen = Pen::new(buf, area, 0, theme);
    let when: DateTime<Utc> = past.run.ordered_at;
    let took = past.run.elapsed(app.now);
    let took = took.map(format::duration_fine).unwrap_or_default();
    pen.skip(1)
        .put(name, theme[Token::Title])
        .skip(2)
        .put(theme.health_glyph(past.health), theme.health(past.health))
        .skip(1)
        .cell(past.health.word(), 10, theme.health(past.health))
        .put(
            &format::date_minute(when, app.settings.zone),
            theme[Token::Text],
        )
        .skip(2)
        .cell_right(&took, 7, theme[Token::Text])
        .skip(2);
    if let Some(version) = &past.run.version {
        pen.put(&format!("version {version}"), theme[Token::Text])
            .skip(2);
    }
    pen.put(word, theme[Token::Muted]).skip(2);
    pen.put(past.run.key.run.safe().as_str(), theme[Token::Muted]);
}

/// What differs beside the nodes, in words; the most important first.
fn differences(found: &Comparison) -> Vec<String> {
    let mut all = Vec::new();
    let say = |seconds: f64| Unit::Duration.say(seconds);
    if let (Some(more), Some(times)) = (found.took.difference(), found.took.times()) {
        let percent = (times - 1.0) * 100.0;
        all.push(match added(more) {
            None if percent.abs() < 0.5 => "B took as long as A".to_owned(),
            _ => format!("B took {} ({percent:+.0} %)", signed(more)),
        });
    }
    if let (Some(a), Some(b)) = (&found.version.a, &found.version.b)
        && a != b
    {
        all.push(format!("version {a} became {b}"));
    }
    if let (Some(a), Some(b)) = (found.waited.a, found.waited.b)
        && (a - b).abs() >= 1.0
    {
        all.push(format!("queued {} before, {} now", say(a), say(b)));
    }
    let text = |value: &Option<crate::model::SafeText>| match value {
        Some(value) => value.as_str().to_owned(),
        None => "not given".to_owned(),
    };
    for parameter in found.parameters.iter().take(PARAMETERS) {
        let (a, b) = (text(&parameter.value.a), text(&parameter.value.b));
        all.push(format!("{}: {a} became {b}", parameter.name));
    }
    if found.parameters.len() > PARAMETERS {
        let more = found.parameters.len() - PARAMETERS;
        all.push(format!("{} more", format::plural(more, "parameter")));
    }
    all
}

/// "+3m12", "-9s".
fn signed(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "+" };
    format!("{sign}{}", Unit::Duration.say(seconds.abs()))
}

/// As [`signed`], nothing below a second.
fn added(seconds: f64) -> Option<String> {
    (seconds.abs() >= 0.5).then(|| signed(seconds))
}

fn nodes(screen: &PastScreen, found: &Comparison, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some(PastRow::Node(id)) = screen.list.order.get(row) else {
            return;
        };
        let Some(node) = found.nodes.iter().find(|n| n.node == *id) else {
            return;
        };
        let side = |value: Option<f64>, state: Option<NodeState>, pen: &mut Pen| {
            let (text, style) = took(value, state, theme);
            pen.fill(&text, style);
        };
        let rows = |value: Option<f64>| value.map(format::metric);
        let value: Option<String> = match column {
            0 => Some(node.node.safe().as_str().to_owned()),
            1 => return side(node.took.a, node.state.a, pen),
            2 => return side(node.took.b, node.state.b, pen),
            3 => {
                let style = match node.added() {
                    more if more >= 1.0 => theme[Token::Warning],
                    _ => theme[Token::Text],
                };
                if let Some(text) = added(node.added()) {
                    pen.fill(&text, style);
                    return;
                }
                None
            }
            4 => added(node.work_added),
            5 => added(node.wait_added),
            6 => tries(node),
            7 => rows(node.rows.a),
            _ => rows(node.rows.b),
        };
        fill(pen, value, theme[Token::Text], theme);
    };
    table(
        screen,
        (&COLUMNS, screen.list.order.len()),
        theme,
        buf,
        area,
        &mut cell,
    );
}

fn took(
    value: Option<f64>,
    state: Option<NodeState>,
    theme: &Theme,
) -> (String, ratatui::style::Style) {
    let Some(state) = state else {
        return (theme.glyphs.none.to_owned(), theme[Token::Muted]);
    };
    let took = value.map(|v| Unit::Duration.say(v)).unwrap_or_default();
    match state {
        NodeState::Succeeded => (took, theme[Token::Text]),
        state => {
            let glyph = theme.state_glyph(state);
            (format!("{glyph} {took}"), theme.state(state))
        }
    }
}

/// "1", "1 > 2".
fn tries(node: &NodeDifference) -> Option<String> {
    let Pair { a, b } = node.attempts;
    match (a, b) {
        (Some(a), Some(b)) if a != b => Some(format!("{a} > {b}")),
        (a, b) => b.or(a).map(|n| n.to_string()),
    }
}
