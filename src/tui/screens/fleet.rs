//! The start: every pipeline, what needs a person first; what the selected one says; the alerts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::Reach;
use crate::tui::app::{App, FleetState, Pane};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::table::{Column, Table, Width, widest};
use crate::tui::widgets::{Pen, format};

use super::{fleet_row, frame, is_small, log};

pub fn draw(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if is_small(area_with_lines(area)) {
        match app.fleet.pane {
            Pane::Main => table(app, watch, theme, buf, area),
            Pane::Log => pane(app, watch, theme, buf, area),
            Pane::Alerts => frame::alerts(app, watch, theme, buf, area, false),
        }
        return;
    }
    if app.fleet.list.order.is_empty() {
        let (main, side) = frame::beside(area, super::has_sidebar(app.size));
        table(app, watch, theme, buf, main);
        frame::alerts(app, watch, theme, buf, side, false);
        return;
    }
    let height = (area.height / 4).clamp(6, 14);
    let upper = Rect {
        height: area.height - height,
        ..area
    };
    let lower = Rect {
        y: upper.bottom(),
        height,
        ..area
    };
    let (main, side) = frame::beside(upper, super::has_sidebar(app.size));
    table(app, watch, theme, buf, main);
    frame::alerts(app, watch, theme, buf, side, false);
    pane(app, watch, theme, buf, lower);
}

/// The area a screen has with its top and bottom line: what counts for "small".
fn area_with_lines(area: Rect) -> Rect {
    Rect {
        height: area.height.saturating_add(2),
        ..area
    }
}

fn table(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let order = &app.fleet.list.order;
    let all = watch.fleet().len();
    let name = format!("pipelines {}", format::count(all as u64));
    let mut how = " worst first".to_owned();
    if app.fleet.filtered() {
        how = format!(
            " {} of them match \"{}\"",
            order.len(),
            app.fleet.shown_filter()
        );
    }
    if !app.fleet.marks.is_empty() {
        how += &format!(", {} marked", app.fleet.marks.len());
    }
    let title = [
        (name.as_str(), theme[Token::Title]),
        (how.as_str(), theme[Token::Muted]),
    ];
    let focused = frame::has_keys(app, Pane::Main);
    let inner = Panel {
        title: &title,
        note: if app.frozen() {
            "list held while you answer"
        } else {
            ""
        },
        focused,
    }
    .draw(buf, area, theme);
    if order.is_empty() {
        nothing(app, watch, theme, buf, inner);
        return;
    }
    let rows: Vec<_> = order.iter().enumerate().collect();
    let names = rows
        .iter()
        .take(400)
        .filter_map(|(_, key)| Some(watch.world.pipeline(key)?.pipeline.name.as_str()));
    let backends = watch.world.backends().map(|b| b.info.name.as_str());
    let columns = columns(
        widest(names),
        widest(backends),
        watch.world.backends().count(),
    );
    let mut top = app.fleet.list.first_seen();
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        if let Some(row) = order
            .get(row)
            .and_then(|key| FleetState::row(watch, key, row))
        {
            fleet_row::cell(app, watch, theme, row, columns[column].title, column, pen);
        }
    };
    let shown = Table {
        columns: &columns,
        len: order.len(),
        selected: app.fleet.list.index(),
        focused,
        header: true,
        marked: &|i| {
            order
                .get(i)
                .is_some_and(|key| app.fleet.marks.contains(key))
        },
    }
    .draw(buf, inner, theme, &mut top, &mut cell);
    app.fleet.list.saw(top, shown);
}

/// The name is as wide as the widest, within reason, and never goes; the others go from the least needed on.
fn columns(name: u16, backend: u16, backends: usize) -> Vec<Column> {
    let name = name.clamp(8, 40);
    let backend = backend.clamp(7, 16);
    let mut all = vec![
        Column::new("", Width::Fixed(1)),
        Column::new("PIPELINE", Width::Min(name, name)),
        Column::new("BACKEND", Width::Min(backend, backend)).drop(1),
        Column::new("LAST RUNS", Width::Fixed(10)).drop(3),
        Column::new("NOW", Width::Fill(20)),
        Column::new("TIME", Width::Fixed(6)).right().drop(2),
        Column::new("USUAL", Width::Fixed(6)).right().drop(5),
        Column::new("NEXT", Width::Fixed(8)).right().drop(4),
    ];
    if backends < 2 {
        // one backend: its name on every row says nothing
        all.remove(2);
    }
    all
}

/// No rows: say why, and what can be done.
fn nothing(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let mut lines: Vec<(String, Token)> = Vec::new();
    let backends: Vec<_> = watch.world.backends().collect();
    if app.fleet.filtered() && !watch.fleet().is_empty() {
        lines.push((
            format!(
                "None of {} pipelines matches \"{}\".",
                watch.fleet().len(),
                app.fleet.shown_filter()
            ),
            Token::Text,
        ));
        lines.push(("esc clears the filter.".into(), Token::Muted));
    } else if backends.is_empty() {
        lines.push(("No backend is configured.".into(), Token::Text));
        lines.push((
            "`dagtop demo` shows what this looks like; `dagtop doctor` checks a config.".into(),
            Token::Muted,
        ));
    } else {
        for backend in &backends {
            let name = &backend.info.name;
            match &backend.status.reach {
                Reach::Connecting => lines.push((
                    format!("{name}: connecting{}", theme.glyphs.ellipsis),
                    Token::Text,
                )),
                Reach::Up if backend.listed => lines.push((
                    format!("{name}: answers, and has no pipelines that may be seen."),
                    Token::Text,
                )),
                Reach::Up => lines.push((
                    format!(
                        "{name}: answers; reading its pipelines{}",
                        theme.glyphs.ellipsis
                    ),
                    Token::Text,
                )),
                Reach::Down { reason, .. } | Reach::Refused { reason } => {
                    lines.push((format!("{name} does not answer: {reason}"), Token::Danger));
                }
            }
        }
        if backends.iter().all(|b| b.trouble().is_some()) {
            lines.push((String::new(), Token::Muted));
            lines.push((
                "3 shows the backends; `dagtop doctor` looks deeper. It is tried again by itself."
                    .into(),
                Token::Muted,
            ));
        }
    }
    let width = usize::from(area.width.saturating_sub(4));
    let mut y = 1;
    for (text, token) in lines {
        for line in format::wrap(&text, width.max(1)) {
            Pen::new(buf, area, y, theme)
                .skip(2)
                .put(line, theme[token]);
            y = y.saturating_add(1);
        }
    }
}

/// The log of the selected row's worst node, at its first error, and why.
fn pane(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let row = app.fleet.shown_row(watch);
    let run = row.and_then(|r| watch.world.run(r.run.as_ref()?));
    let node = row.and_then(|r| run?.nodes.get(r.node.as_ref()?));
    let why = row.and_then(|r| super::why::of_row(watch, r, app.now, &app.settings));
    log::draw_pane(
        app,
        &app.fleet.log,
        run,
        node,
        why.as_deref(),
        watch,
        theme,
        buf,
        area,
    );
}
