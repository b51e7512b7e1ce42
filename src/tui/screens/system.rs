//! What surrounds the pipelines: backends, queues, components, notices, data quality, one below the other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::BackendId;
use crate::tui::app::{App, ListState};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::Pen;
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::system::{self, Place};
use crate::tui::widgets::{channels, quality};
use crate::world::BackendView;

pub fn draw(
    app: &App,
    list: &ListState<usize>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let backends: Vec<&BackendView> = watch.world.backends().collect();
    let queues: Vec<_> = backends
        .iter()
        .flat_map(|b| b.queues.iter().map(|q| (b.info.name.as_str(), q)))
        .collect();
    let parts: Vec<_> = backends
        .iter()
        .flat_map(|b| b.components.iter().map(|c| (b.info.name.as_str(), c)))
        .collect();
    let notices: Vec<_> = backends
        .iter()
        .flat_map(|b| b.notices.iter().map(|n| (b.info.name.as_str(), n)))
        .collect();
    let checks: Vec<_> = backends
        .iter()
        .flat_map(|b| b.checks.iter().map(|c| (b.info.name.as_str(), c)))
        .collect();
    let mut parts_of_screen = vec![
        ("backends", backends.len()),
        ("queues", queues.len()),
        ("components", parts.len()),
        ("notices", notices.len()),
    ];
    // most backends check no data
    if !checks.is_empty() {
        parts_of_screen.push(("data quality", checks.len()));
    }
    let letters = channels::rows(watch);
    if !letters.is_empty() {
        parts_of_screen.push(("channels", letters.len()));
    }
    let rows: Vec<usize> = parts_of_screen.iter().map(|(_, rows)| *rows).collect();
    let areas = split(area, &rows);
    for (i, (area, (title, _))) in areas.into_iter().zip(parts_of_screen).enumerate() {
        if area.height < 2 {
            continue;
        }
        let title = [(title, theme[Token::Title])];
        let inner = Panel {
            title: &title,
            note: "",
            focused: i == 0,
        }
        .draw(buf, area, theme);
        let place = Place {
            area: inner,
            selected: list.index().filter(|_| i == 0),
            focused: i == 0,
            now: app.now,
        };
        let mut top = 0;
        if title[0].0 == "channels" {
            channels::draw(buf, inner, theme, &letters);
            continue;
        }
        match i {
            0 => {
                let rate = |id: &BackendId| app.rate(id);
                top = list.first_seen();
                let shown = system::backends(buf, place, theme, &backends, &rate, &mut top);
                list.saw(top, shown);
            }
            1 if queues.is_empty() => none(buf, inner, theme, "no queue or pool is known"),
            1 => {
                system::queues(buf, place, theme, &queues, &mut top);
            }
            2 if parts.is_empty() => none(buf, inner, theme, "no backend tells about its parts"),
            2 => {
                system::components(buf, place, theme, &parts, &mut top);
            }
            4 => {
                quality::checks(buf, place, theme, &checks, &mut top);
            }
            _ if notices.is_empty() => none(buf, inner, theme, "no import error, no warning"),
            _ => {
                system::notices(buf, place, theme, &notices, &mut top);
            }
        }
    }
}

fn none(buf: &mut Buffer, area: Rect, theme: &Theme, text: &str) {
    Pen::new(buf, area, 0, theme)
        .skip(2)
        .put(text, theme[Token::Muted]);
}

/// Each part gets what it needs, the later ones less when there is too little.
fn split(area: Rect, rows: &[usize]) -> Vec<Rect> {
    let mut y = area.y;
    let mut left = area.height;
    let mut out = Vec::with_capacity(rows.len());
    let last = rows.len() - 1;
    for (i, rows) in rows.iter().copied().enumerate() {
        // frame and heading
        let wanted = u16::try_from(rows.max(1))
            .unwrap_or(u16::MAX)
            .saturating_add(3);
        let later = u16::try_from(last - i)
            .unwrap_or(u16::MAX)
            .saturating_mul(4);
        let most = if i == last {
            left
        } else {
            left.saturating_sub(later).max(4).min(left)
        };
        let height = wanted.min(most);
        out.push(Rect { y, height, ..area });
        y += height;
        left -= height;
    }
    out
}
