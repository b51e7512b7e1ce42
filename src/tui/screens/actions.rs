//! What was asked for in this session and what became of it, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::engine::Watch;
use crate::model::{ActionId, ActionStatus};
use crate::tui::app::{App, ListState};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::table::{Column, Table, Width};
use crate::tui::widgets::{Pen, format};

const COLUMNS: [Column; 6] = [
    Column::new("WHEN", Width::Fixed(8)),
    Column::new("ACTION", Width::Fixed(8)),
    Column::new("TARGET", Width::Min(20, 44)),
    Column::new("BACKEND", Width::Min(8, 16)).drop(2),
    Column::new("STATUS", Width::Fixed(11)),
    Column::new("WHAT", Width::Fill(16)).drop(1),
];

pub fn draw(
    app: &App,
    list: &ListState<ActionId>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let title = [("actions of this session", theme[Token::Title])];
    let inner = Panel {
        title: &title,
        note: "newest first",
        focused: true,
    }
    .draw(buf, area, theme);
    if list.order.is_empty() {
        Pen::new(buf, inner, 1, theme)
            .skip(2)
            .put("Nothing has been asked for. Every action and its outcome will stand here and in the audit file.", theme[Token::Muted]);
        return;
    }
    // what became of the selected one stands below in full: a narrow table has no room for it
    let below = u16::from(inner.height > 8) * DETAIL;
    let detail = Rect {
        y: inner.bottom() - below,
        height: below,
        ..inner
    };
    let inner = Rect {
        height: inner.height - below,
        ..inner
    };
    selected(list, watch, theme, buf, detail);
    let mut top = list.first_seen();
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some(action) = list.order.get(row).and_then(|id| watch.world.action(*id)) else {
            return;
        };
        let request = &action.request;
        let (word, what, style) = status(&action.status, theme);
        match column {
            0 => pen.fill(
                &format::clock(action.asked_at, app.settings.zone),
                theme[Token::Muted],
            ),
            1 => pen.fill(request.action.word(), theme[Token::Text]),
            2 => pen.middle(request.target.label().as_str(), theme[Token::Text]),
            3 => pen.fill(
                request.target.backend().safe().as_str(),
                theme[Token::Muted],
            ),
            4 => pen.fill(word, style),
            _ => pen.fill(&what, theme[Token::Text]),
        };
    };
    let shown = Table {
        columns: &COLUMNS,
        len: list.order.len(),
        selected: list.index(),
        focused: true,
        header: true,
        marked: &|_| false,
    }
    .draw(buf, inner, theme, &mut top, &mut cell);
    list.saw(top, shown);
}

/// Lines for what became of the selected one.
const DETAIL: u16 = 4;

fn selected(
    list: &ListState<ActionId>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let Some(action) = list.selected.and_then(|id| watch.world.action(id)) else {
        return;
    };
    let request = &action.request;
    let (word, what, style) = status(&action.status, theme);
    let text = format!("{} {}", request.action.word(), request.target.label());
    Pen::new(buf, area, 0, theme)
        .skip(1)
        .middle(&text, theme[Token::Title]);
    Pen::new(buf, area, 1, theme).skip(1).put(word, style);
    let columns = usize::from(area.width.saturating_sub(2)).max(1);
    for (i, line) in format::wrap(&what, columns).into_iter().take(2).enumerate() {
        Pen::new(buf, area, 2 + i as u16, theme)
            .skip(1)
            .put(line, theme[Token::Text]);
    }
}

/// Word, sentence and look of a status.
pub fn status(status: &ActionStatus, theme: &Theme) -> (&'static str, String, Style) {
    match status {
        ActionStatus::Planning => ("planning", String::new(), theme[Token::Muted]),
        ActionStatus::Planned { plan } => (
            "planned",
            plan.summary.as_str().to_owned(),
            theme[Token::Muted],
        ),
        ActionStatus::Requested { .. } => (
            "requested",
            "sent; not yet seen to have happened".to_owned(),
            theme[Token::Requested],
        ),
        ActionStatus::Confirmed { what } => {
            ("confirmed", what.as_str().to_owned(), theme[Token::Good])
        }
        ActionStatus::Refused { why } => ("refused", why.to_string(), theme[Token::Danger]),
        ActionStatus::Unconfirmed { why } => (
            "unconfirmed",
            why.as_str().to_owned(),
            theme[Token::Warning],
        ),
    }
}
