//! What was done and what became of it, newest first: in this session, and before it and elsewhere by the audit.

use chrono::{DateTime, Duration, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::engine::Watch;
use crate::engine::past::AuditLine;
use crate::history::audit::Step;
use crate::model::ActionStatus;
use crate::tui::app::{ActionRow, ActionsScreen, App};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::table::{Column, Table, Width};
use crate::tui::widgets::{Pen, format};
use crate::world::ActionView;

const COLUMNS: [Column; 7] = [
    Column::new("WHO", Width::Min(6, 16)).drop(3),
    Column::new("WHEN", Width::Fixed(8)),
    Column::new("ACTION", Width::Fixed(9)),
    Column::new("TARGET", Width::Min(20, 44)),
    Column::new("BACKEND", Width::Min(8, 16)).drop(2),
    Column::new("STATUS", Width::Fixed(11)),
    Column::new("WHAT", Width::Fill(16)).drop(1),
];

pub fn draw(
    app: &App,
    screen: &ActionsScreen,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let list = &screen.list;
    let title = match app.settings.history {
        true => "actions",
        false => "actions of this session",
    };
    let title = [(title, theme[Token::Title])];
    let note = note(app, screen);
    let inner = Panel {
        title: &title,
        note: &note,
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
    if let Some(row) = list
        .selected
        .and_then(|id| Row::of(id, screen, watch, theme))
    {
        selected(app, &row, theme, buf, detail);
    }
    let mut top = list.first_seen();
    // the cells of a row come one after the other
    let mut known: Option<(usize, Row)> = None;
    // of this session alone everything is one's own
    let first = usize::from(!app.settings.history);
    let mut cell = |at: usize, column: usize, pen: &mut Pen| {
        if known.as_ref().is_none_or(|(of, _)| *of != at) {
            let id = list.order.get(at);
            let row = id.and_then(|id| Row::of(*id, screen, watch, theme));
            known = row.map(|row| (at, row));
        }
        let Some((_, row)) = &known else { return };
        let (text, muted) = (theme[Token::Text], theme[Token::Muted]);
        match column + first {
            0 => pen.fill(&row.who, muted),
            1 => pen.fill(&row.when(app), muted),
            2 => pen.fill(&row.action, text),
            3 => pen.middle(&row.target, text),
            4 => pen.fill(&row.backend, muted),
            5 => pen.fill(row.status, row.style),
            _ => pen.fill(&row.what, text),
        };
    };
    let shown = Table {
        columns: COLUMNS.get(first..).unwrap_or(&COLUMNS),
        len: list.order.len(),
        selected: list.index(),
        focused: true,
        header: true,
        marked: &|_| false,
    }
    .draw(buf, inner, theme, &mut top, &mut cell);
    list.saw(top, shown);
}

/// How much of it there is.
fn note(app: &App, screen: &ActionsScreen) -> String {
    let looked = screen.question().map(|q| app.past.look(&q, app.now));
    let looked = looked.filter(|_| app.settings.history).unwrap_or_default();
    if let Some(trouble) = looked.trouble {
        return format!("the audit can't be read: {trouble}");
    }
    let more = match (looked.waiting, screen.full()) {
        (true, _) => ", reading",
        (false, true) => ", the rest: dagtop audit",
        (false, false) => "",
    };
    format!("newest first{more}")
}

/// Something that was done, as it is shown.
struct Row {
    at: DateTime<Utc>,
    who: String,
    action: String,
    target: String,
    backend: String,
    status: &'static str,
    style: Style,
    what: String,
}

impl Row {
    fn of(id: ActionRow, screen: &ActionsScreen, watch: &Watch, theme: &Theme) -> Option<Self> {
        match id {
            ActionRow::Asked(id) => watch.world.action(id).map(|view| Self::asked(view, theme)),
            ActionRow::Kept(seq) => screen.line(seq).map(|line| Self::kept(line, theme)),
        }
    }

    fn asked(view: &ActionView, theme: &Theme) -> Self {
        let request = &view.request;
        let (status, what, style) = status(&view.status, theme);
        Self {
            at: view.asked_at,
            who: "you".to_owned(),
            action: request.action.word().to_owned(),
            target: request.target.label().to_string(),
            backend: request.target.backend().safe().to_string(),
            status,
            style,
            what,
        }
    }

    fn kept(line: &AuditLine, theme: &Theme) -> Self {
        let (who, what) = (&line.entry.who, &line.entry.what);
        let host = who.host.as_ref().map(|host| format!("@{host}"));
        Self {
            at: line.entry.at,
            who: format!("{}{}", who.user, host.unwrap_or_default()),
            action: what.action.to_string(),
            target: what.target.to_string(),
            backend: what.backend.to_string(),
            status: what.step.word(),
            style: match what.step {
                Step::Confirmed => theme[Token::Good],
                Step::Refused => theme[Token::Danger],
                Step::Unconfirmed => theme[Token::Warning],
                Step::Requested => theme[Token::Requested],
                Step::Approved | Step::Done | Step::Other => theme[Token::Muted],
            },
            what: what.more(),
        }
    }

    /// The clock, or the day of what is longer ago.
    fn when(&self, app: &App) -> String {
        match app.now - self.at < Duration::hours(18) {
            true => format::clock(self.at, app.settings.zone),
            false => format::day(self.at, app.settings.zone),
        }
    }
}

/// Lines for what became of the selected one.
const DETAIL: u16 = 4;

fn selected(app: &App, row: &Row, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let text = format!("{} {}", row.action, row.target);
    Pen::new(buf, area, 0, theme)
        .skip(1)
        .middle(&text, theme[Token::Title]);
    let at = format::date_time(row.at, app.settings.zone);
    let by = format!(" ({}, {at})", row.who);
    Pen::new(buf, area, 1, theme)
        .skip(1)
        .put(row.status, row.style)
        .put(&by, theme[Token::Muted]);
    let columns = usize::from(area.width.saturating_sub(2)).max(1);
    let lines = format::wrap(&row.what, columns).into_iter();
    for (i, line) in lines.take(2).enumerate() {
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
