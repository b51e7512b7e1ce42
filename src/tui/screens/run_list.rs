//! A run as a tree of groups and nodes, one line each, with the edges as lanes beside them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Node, NodeId, NodeState, Progress};
use crate::tui::app::{App, RunScreen, Sort, TreeRow};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::lanes::Lanes;
use crate::tui::widgets::table::{self, Column, Table, Width};
use crate::tui::widgets::{Pen, bar, format};
use crate::world::RunView;

/// The columns after the lanes.
const COLUMNS: [Column; 6] = [
    Column::new("", Width::Fixed(1)),
    Column::new("NODE", Width::Fill(20)),
    Column::new("STATE", Width::Fixed(10)),
    Column::new("PROGRESS", Width::Min(16, 30)).drop(2),
    Column::new("TRY", Width::Fixed(5)).right().drop(3),
    Column::new("TIME", Width::Fixed(7)).right().drop(1),
];

pub fn draw(
    app: &App,
    screen: &RunScreen,
    view: &RunView,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    focused: bool,
) {
    let rows = &screen.rows;
    let selected = screen
        .selected
        .as_ref()
        .and_then(|id| rows.iter().position(|r| &r.id == id));
    // their columns stay where they are while lines that fit are on their way
    let width = screen.lanes().map_or(0, |(lanes, _)| lanes.columns());
    let lanes = screen.lanes().filter(|(_, fit)| *fit).map(|l| l.0);
    let columns: Vec<Column> = (width > 0)
        .then(|| Column::new("", Width::Fixed(width)).aside())
        .into_iter()
        .chain(COLUMNS.map(|column| Column {
            title: title(column.title, screen.sort, theme),
            ..column
        }))
        .collect();
    let before = columns.len() - COLUMNS.len();
    let mut top = screen.top.get();
    let mut cell = |at: usize, column: usize, pen: &mut Pen| {
        let (Some(row), Some(column)) = (rows.get(at), column.checked_sub(before)) else {
            if let Some(lanes) = lanes {
                lanes.draw(at, pen, theme);
            }
            return;
        };
        match (row.expanded, view.nodes.get(&row.id)) {
            (Some(open), _) => group(screen, view, theme, row, open, column, pen),
            (None, Some(node)) => one(app, theme, node, row.depth, column, pen),
            (None, None) => unknown(theme, &row.id, row.depth, column, pen),
        }
    };
    Table {
        columns: &columns,
        len: rows.len(),
        selected,
        focused,
        header: true,
        marked: &|_| false,
    }
    .draw(buf, area, theme, &mut top, &mut cell);
    screen.top.set(top);
    if let Some(lanes) = lanes.filter(|_| area.height > 1) {
        hidden(lanes, theme, buf, area);
    }
}

/// The heading that the rows are sorted by says so.
fn title(title: &'static str, sort: Sort, theme: &Theme) -> &'static str {
    match (title, sort, theme.glyphs.ascii) {
        ("STATE", Sort::State, false) => "STATE ▼",
        ("STATE", Sort::State, true) => "STATE v",
        ("TIME", Sort::Time, false) => "TIME ▼",
        ("TIME", Sort::Time, true) => "TIME v",
        ("NODE", Sort::Name, false) => "NODE ▼",
        ("NODE", Sort::Name, true) => "NODE v",
        _ => title,
    }
}

/// Above the lanes: how many edges found none.
fn hidden(lanes: &Lanes, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if lanes.hidden() == 0 {
        return;
    }
    let room = usize::from(lanes.columns());
    let figure = format!("+{}", format::count(lanes.hidden() as u64));
    let text = [format!("{figure} edges"), figure];
    if let Some(text) = text.iter().find(|t| format::width(t) <= room) {
        Pen::new(buf, area, 0, theme)
            .skip(usize::from(table::GUTTER))
            .put(text, theme[Token::Muted]);
    }
}

fn one(app: &App, theme: &Theme, node: &Node, depth: usize, column: usize, pen: &mut Pen) {
    let style = theme.state(node.state);
    match column {
        0 => {
            pen.fill(theme.state_glyph(node.state), style);
        }
        1 => {
            pen.skip(depth * 2)
                .middle(node.name.as_str(), theme[Token::Text]);
        }
        2 => {
            pen.fill(node.state.word(), style);
        }
        3 => match (node.progress, node.waits_for.as_ref()) {
            (Some(progress), _) if !node.state.ended() => {
                let room = pen.room();
                bar::draw(
                    pen,
                    theme,
                    Progress::fraction(progress),
                    room,
                    theme[Token::Bar],
                );
            }
            (_, Some(what)) if !node.state.ended() => {
                pen.fill(&format!("waits for {what}"), theme[Token::Muted]);
            }
            _ if node.exit_code.is_some_and(|c| c != 0) || node.signal.is_some() => {
                pen.fill(&super::why::ended_how(node), theme[Token::Muted]);
            }
            _ => {}
        },
        4 => {
            let text = match (node.attempt, node.max_attempts) {
                (0, _) => String::new(),
                (n, Some(max)) if max > 1 => format!("{n}/{max}"),
                (n, _) => n.to_string(),
            };
            pen.fill(&text, theme[Token::Muted]);
        }
        _ => {
            let time = node.elapsed(app.now).map(format::duration_fine);
            pen.fill(
                time.as_deref().unwrap_or(theme.glyphs.none),
                theme[Token::Text],
            );
        }
    }
}

fn group(
    screen: &RunScreen,
    view: &RunView,
    theme: &Theme,
    row: &TreeRow,
    open: bool,
    column: usize,
    pen: &mut Pen,
) {
    let worst = screen
        .tree
        .worst(view, &row.id)
        .map_or(NodeState::Pending, |n| n.state);
    let style = theme.state(worst);
    match column {
        0 => {
            pen.fill(theme.state_glyph(worst), style);
        }
        1 => {
            let sign = if open {
                theme.glyphs.open
            } else {
                theme.glyphs.closed
            };
            let name = screen
                .tree
                .group(&row.id)
                .map(|g| g.name.clone())
                .unwrap_or_default();
            let count = screen.tree.nodes_in(&row.id).len();
            pen.skip(row.depth * 2)
                .put(sign, theme[Token::Accent])
                .skip(1)
                .put(name.as_str(), theme[Token::Title])
                .put(
                    &format!(" [{}]", format::count(count as u64)),
                    theme[Token::Muted],
                );
        }
        2 => {
            pen.fill(worst.word(), style);
        }
        3 => {
            let counts = screen.tree.counts(view, &row.id);
            for (state, n) in counts.worst_first().into_iter().take(4) {
                let text = format!("{} {} ", format::count(n.into()), theme.state_glyph(state));
                pen.put(&text, theme.state(state));
            }
        }
        _ => {}
    }
}

fn unknown(theme: &Theme, id: &NodeId, depth: usize, column: usize, pen: &mut Pen) {
    match column {
        0 => {
            pen.fill(
                theme.state_glyph(NodeState::Pending),
                theme.state(NodeState::Pending),
            );
        }
        1 => {
            pen.skip(depth * 2)
                .middle(id.safe().as_str(), theme[Token::Muted]);
        }
        2 => {
            pen.fill(NodeState::Pending.word(), theme.state(NodeState::Pending));
        }
        _ => {}
    }
}
