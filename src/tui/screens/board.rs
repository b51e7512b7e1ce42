//! A dashboard: a grid of widgets, each in its cell. What can't be shown says why in its own cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analytics::sla::Kept;
use crate::config::{Dashboard, Widget};
use crate::engine::Watch;
use crate::engine::past::{Answer, Question};
use crate::metrics::catalog;
use crate::model::{Health, PipelineKey, SafeText};
use crate::tui::app::{App, Board, Curve, Shown, board_span};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::{Chart, Look, Unit};
use crate::tui::widgets::heat::{self, Hour};
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::{Pen, bar, format};

use super::past::say;

/// A cell is never lower or narrower than this; what has no room is left out, and said.
const LEAST: (u16, u16) = (24, 5);

pub fn draw(app: &App, board: &Board, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(dashboard) = app.settings.dashboards.get(board.at) else {
        let text = "The config has no dashboard: [[dashboard]] with a name, and [[dashboard.widget]] for each of its widgets.";
        return say(buf, area, theme, text);
    };
    let name = SafeText::new(&dashboard.name.value);
    let mut head = Pen::new(buf, area, 0, theme);
    head.skip(1)
        .put("dashboard ", theme[Token::Muted])
        .put(name.as_str(), theme[Token::Title]);
    let below = Rect {
        y: area.y + 1.min(area.height),
        height: area.height.saturating_sub(1),
        ..area
    };
    let cells = arrange(dashboard, below);
    let out = cells.iter().filter(|c| c.is_none()).count();
    if out > 0 {
        let text = format!("   {} no room here", format::plural(out, "widget"));
        head.put(&text, theme[Token::Warning]);
    }
    for ((cell, widget), shown) in cells.into_iter().zip(&dashboard.widgets).zip(&board.shown) {
        if let Some(cell) = cell {
            one(app, widget, shown, watch, theme, buf, cell);
        }
    }
}

/// Where each widget lies, row by row; `None`: there is no room for it.
fn arrange(dashboard: &Dashboard, area: Rect) -> Vec<Option<Rect>> {
    let across = u16::try_from(dashboard.columns).unwrap_or(1).max(1);
    // too narrow for all columns: fewer of them
    let across = across.min((area.width / LEAST.0).max(1));
    let mut taken: Vec<Vec<bool>> = Vec::new();
    let mut places = Vec::new();
    for widget in &dashboard.widgets {
        let wide = usize::try_from(widget.columns)
            .unwrap_or(1)
            .clamp(1, usize::from(across));
        let high = usize::try_from(widget.rows).unwrap_or(1).max(1);
        places.push(place(&mut taken, usize::from(across), wide, high));
    }
    let down = u16::try_from(taken.len()).unwrap_or(u16::MAX).max(1);
    let most = (area.height / LEAST.1).max(1);
    let shown = down.min(most);
    let at = |i: usize, of: u16, length: u16| {
        let i = u32::try_from(i).unwrap_or(u32::MAX).min(u32::from(of));
        u16::try_from(u32::from(length) * i / u32::from(of)).unwrap_or(length)
    };
    let rect = |(x, y, wide, high): (usize, usize, usize, usize)| {
        if y >= usize::from(shown) {
            return None;
        }
        let (left, right) = (at(x, across, area.width), at(x + wide, across, area.width));
        let (top, bottom) = (at(y, shown, area.height), at(y + high, shown, area.height));
        Some(Rect {
            x: area.x + left,
            y: area.y + top,
            width: right - left,
            height: bottom - top,
        })
    };
    places.into_iter().map(rect).collect()
}

/// The first free place for so many columns and rows.
fn place(
    taken: &mut Vec<Vec<bool>>,
    across: usize,
    wide: usize,
    high: usize,
) -> (usize, usize, usize, usize) {
    for y in 0.. {
        while taken.len() < y + high {
            taken.push(vec![false; across]);
        }
        for x in 0..=across - wide {
            let free = (y..y + high).all(|r| (x..x + wide).all(|c| !taken[r][c]));
            if free {
                for row in taken.iter_mut().skip(y).take(high) {
                    row[x..x + wide].fill(true);
                }
                // rows that were only looked at are none
                let last = taken.iter().rposition(|r| r.contains(&true));
                taken.truncate(last.map_or(0, |l| l + 1));
                return (x, y, wide, high);
            }
        }
    }
    (0, 0, wide, high)
}

fn one(
    app: &App,
    widget: &Widget,
    shown: &Shown,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let title = match (&widget.title, &widget.query, &widget.pipeline) {
        (Some(title), ..) => title.as_str(),
        (None, Some(query), _) => query.value.as_str(),
        (None, None, Some(pipeline)) => pipeline.value.as_str(),
        _ => widget.kind.word(),
    };
    let title = SafeText::new(title);
    let note = match shown {
        Shown::Chart { .. } | Shown::Sla(..) | Shown::Heat(_) => board_span(widget.span).word(),
        _ => "",
    };
    let inner = Panel {
        title: &[(title.as_str(), theme[Token::Title])],
        note,
        focused: false,
    }
    .draw(buf, area, theme);
    match shown {
        Shown::Not(why) => say(buf, inner, theme, why.as_str()),
        Shown::Number(value, unit, note) => {
            let inner = remark(note.as_ref(), theme, buf, inner);
            let text = unit_of(*unit).say(*value);
            let row = inner.height / 2;
            let left = usize::from(inner.width).saturating_sub(format::width(&text)) / 2;
            Pen::new(buf, inner, row, theme)
                .skip(left)
                .put(&text, theme[Token::Title]);
        }
        Shown::Top(values, unit, note) => {
            let inner = remark(note.as_ref(), theme, buf, inner);
            top(values, unit_of(*unit), theme, buf, inner);
        }
        Shown::Chart {
            from,
            to,
            curves,
            all,
            unit,
            note,
        } => {
            let inner = remark(note.as_ref(), theme, buf, inner);
            chart(
                app,
                (*from, *to),
                curves,
                *all,
                unit_of(*unit),
                theme,
                buf,
                inner,
            );
        }
        Shown::List(keys) => list(keys, watch, theme, buf, inner),
        Shown::Sla(question, only) => sla(app, question, only.as_deref(), watch, theme, buf, inner),
        Shown::Heat(question) => week(app, question, theme, buf, inner),
    }
}

fn unit_of(unit: Option<catalog::Unit>) -> Unit {
    match unit {
        Some(catalog::Unit::Seconds) => Unit::Duration,
        Some(catalog::Unit::Bytes) => Unit::Bytes,
        _ => Unit::Count,
    }
}

fn top(values: &[(String, f64)], unit: Unit, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let most = values.iter().map(|v| v.1).fold(0.0, f64::max);
    for (row, (name, value)) in (0..area.height).zip(values) {
        let figure = unit.say(*value);
        let mut pen = Pen::new(buf, area, row, theme);
        pen.skip(1);
        let room = pen.room();
        let bars = room / 4;
        let names = room.saturating_sub(bars + 12);
        let name = if name.is_empty() {
            "all"
        } else {
            name.as_str()
        };
        pen.cell(name, names, theme[Token::Text])
            .skip(1)
            .cell_right(&figure, 10, theme[Token::Text])
            .skip(1);
        let share = if most > 0.0 { value / most } else { 0.0 };
        pen.put(&bar::text(theme, share, bars), theme[Token::Bar]);
    }
}

/// What is to be said of what a widget shows, on a row of its own; what is left is below it.
fn remark(note: Option<&SafeText>, theme: &Theme, buf: &mut Buffer, area: Rect) -> Rect {
    let Some(note) = note.filter(|_| area.height > 2) else {
        return area;
    };
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.skip(1);
    let room = pen.room();
    pen.cell(note.as_str(), room, theme[Token::Warning]);
    Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    }
}

#[allow(clippy::too_many_arguments)]
fn chart(
    app: &App,
    (from, to): (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>),
    curves: &[(String, Curve)],
    all: usize,
    unit: Unit,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    const LOOKS: [(Look, &str); 3] = [
        (Look::Line, "line"),
        (Look::Dashed, "dashes"),
        (Look::Dots, "dots"),
    ];
    let named = curves.iter().any(|(name, _)| !name.is_empty());
    let legend = u16::from(named && area.height > 5);
    if legend > 0 {
        let mut pen = Pen::new(buf, area, 0, theme);
        pen.skip(1);
        for ((_, word), (name, _)) in LOOKS.iter().zip(curves) {
            let text = format!("{word}: {name}  ");
            pen.put(&text, theme[Token::Muted]);
        }
        if all > curves.len() {
            let text = format!("and {} more", all - curves.len());
            pen.put(&text, theme[Token::Muted]);
        }
    }
    let series: Vec<(Look, &[_])> = (LOOKS.iter().zip(curves))
        .map(|((look, _), (_, points))| (*look, points.as_slice()))
        .collect();
    Chart {
        from,
        to,
        unit,
        zone: app.settings.zone,
        series: &series,
        bad: &[],
        changes: &[],
        most: None,
    }
    .draw(
        buf,
        Rect {
            y: area.y + legend,
            height: area.height - legend,
            ..area
        },
        theme,
    );
}

fn name_of(key: &PipelineKey, watch: &Watch) -> SafeText {
    match watch.world.pipeline(key) {
        Some(view) => view.pipeline.name.clone(),
        None => key.pipeline.safe(),
    }
}

fn list(keys: &[PipelineKey], watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if keys.is_empty() {
        return say(buf, area, theme, "no pipeline is like that now");
    }
    let room = usize::from(area.height);
    let more = keys.len().saturating_sub(room);
    let shown = if more > 0 {
        room.saturating_sub(1)
    } else {
        room
    };
    for (row, key) in (0u16..).zip(keys.iter().take(shown)) {
        let health = watch
            .fleet()
            .iter()
            .find(|r| r.key == *key)
            .map(|r| r.health);
        let health = health.unwrap_or(Health::Unknown);
        Pen::new(buf, area, row, theme)
            .skip(1)
            .put(theme.health_glyph(health), theme.health(health))
            .skip(1)
            .cell(health.word(), 10, theme.health(health))
            .put(name_of(key, watch).as_str(), theme[Token::Text]);
    }
    if more > 0 {
        let row = area.height.saturating_sub(1);
        let text = format!("and {} more", keys.len() - shown);
        Pen::new(buf, area, row, theme)
            .skip(3)
            .put(&text, theme[Token::Muted]);
    }
}

/// The answer of the history, or what is said in its place.
fn asked(
    app: &App,
    question: &Question,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<std::sync::Arc<Answer>> {
    if !app.settings.history {
        say(buf, area, theme, "no history is kept in this session");
        return None;
    }
    let looked = app.past.look(question, app.now);
    if looked.answer.is_none() {
        match &looked.trouble {
            Some(trouble) => say(buf, area, theme, &trouble.to_string()),
            None if looked.waiting => say(buf, area, theme, "looking it up in the history"),
            None => {}
        }
    }
    looked.answer
}

fn sla(
    app: &App,
    question: &Question,
    only: Option<&[PipelineKey]>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let Some(answer) = asked(app, question, theme, buf, area) else {
        return;
    };
    let Answer::Sla(past) = &*answer else {
        return;
    };
    let rows: Vec<_> = (past.rows.iter())
        .filter(|r| only.is_none_or(|keys| keys.contains(&r.pipeline)))
        .collect();
    if rows.is_empty() {
        return say(buf, area, theme, "nothing is promised of these pipelines");
    }
    for (at, row) in (0..area.height).zip(rows) {
        let kept: Option<Kept> = row.now.as_ref().map(|o| o.kept);
        let (glyph, word, style) = super::past::sla_look(kept, theme);
        let mut pen = Pen::new(buf, area, at, theme);
        pen.skip(1).put(glyph, style).skip(1).cell(word, 8, style);
        let figure = match row.budget.share {
            Some(share) => Unit::Share.say(share),
            None => theme.glyphs.none.to_owned(),
        };
        let names = pen.room().saturating_sub(9);
        pen.cell(
            name_of(&row.pipeline, watch).as_str(),
            names,
            theme[Token::Text],
        )
        .cell_right(&figure, 8, theme[Token::Text]);
    }
}

fn week(app: &App, question: &Question, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(answer) = asked(app, question, theme, buf, area) else {
        return;
    };
    let Answer::Pipeline(past) = &*answer else {
        return;
    };
    if past.days.is_empty() {
        return say(buf, area, theme, "the history knows no run of it");
    }
    if area.height < 8 {
        return say(
            buf,
            area,
            theme,
            "no room for seven days: give it more `rows`",
        );
    }
    let failed = past.week.iter().flatten().any(|c| c.bad > 0);
    let week = past.week.map(|hours| {
        hours.map(|cell| Hour {
            value: (cell.runs > 0).then_some(f64::from(if failed { cell.bad } else { cell.runs })),
            bad: cell.bad > 0,
        })
    });
    heat::draw(buf, area, theme, &week);
}
