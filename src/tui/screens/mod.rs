//! Owns the screens: pure drawings of app and world into a frame, top line and bottom line included.
//! Must not change anything but the memory of what was in view (`Cell`s of scroll positions).

mod actions;
mod board;
mod fleet;
mod fleet_row;
mod frame;
mod help;
mod log;
mod pages;
mod past;
mod prompt;
mod replay;
mod run;
mod run_graph;
mod run_grid;
mod run_list;
mod run_timeline;
mod system;
mod why;

pub use actions::status as action_status;
pub use frame::accent;
pub use run_graph::run_graph;
pub use run_timeline::time_axis;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;

use super::app::{App, Screen};
use super::theme::Theme;

/// From this width on the alerts stand beside the screen.
const SIDEBAR_FROM: u16 = 100;
/// Below this there is one pane only.
const SMALL: (u16, u16) = (60, 15);

/// Whether alerts stand beside the screen at this size.
pub fn has_sidebar((width, height): (u16, u16)) -> bool {
    width >= SIDEBAR_FROM && height >= SMALL.1
}

fn is_small(area: Rect) -> bool {
    area.width < SMALL.0 || area.height < SMALL.1
}

/// Columns and rows there are for the graph of a run at this size.
pub fn graph_room((width, height): (u16, u16), replay: bool) -> (u16, u16) {
    let area = Rect {
        x: 0,
        y: 0,
        width,
        height,
    };
    let (_, mut body, _) = frame::split(area);
    if replay {
        body = replay::split(body).0;
    }
    let (main, _) = run::split(body, has_sidebar((width, height)));
    (main.width.saturating_sub(2), main.height.saturating_sub(2))
}

/// Draws everything. The same app, world and size give the same picture.
pub fn draw(app: &App, watch: &Watch, theme: &Theme, frame: &mut Frame) {
    let area = frame.area();
    draw_in(app, watch, theme, frame.buffer_mut(), area);
}

/// As [`draw`], into a part of a buffer.
pub fn draw_in(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    let (top, mut body, bottom) = frame::split(area);
    frame::top_line(app, watch, theme, buf, top);
    if let Some(player) = &app.replay {
        let (rest, line) = replay::split(body);
        replay::draw(app, player, theme, buf, line);
        body = rest;
    }
    match app.stack.last() {
        None => fleet::draw(app, watch, theme, buf, body),
        Some(Screen::Run(run)) => run::draw(app, run, watch, theme, buf, body),
        Some(Screen::Log(screen)) => log::draw_screen(app, screen, watch, theme, buf, body),
        Some(Screen::Node(key, scroll)) => pages::node(app, key, scroll, watch, theme, buf, body),
        Some(Screen::Pipeline(key, scroll)) => {
            pages::pipeline(app, key, scroll, watch, theme, buf, body)
        }
        Some(Screen::Alerts) => frame::alerts(app, watch, theme, buf, body, true),
        Some(Screen::System(list)) => system::draw(app, list, watch, theme, buf, body),
        Some(Screen::Actions(screen)) => actions::draw(app, screen, watch, theme, buf, body),
        Some(Screen::Board(board)) => board::draw(app, board, watch, theme, buf, body),
        Some(Screen::Past(screen)) => past::draw(app, screen, watch, theme, buf, body),
        Some(Screen::Help(scroll, context)) => {
            help::draw(app, scroll, *context, watch, theme, buf, body)
        }
    }
    frame::bottom_line(app, watch, theme, buf, bottom);
    if let Some(dialog) = &app.dialog {
        dialog.draw(app, watch, theme, buf, area);
    }
}
