//! A log: in the pane below the fleet or a run, or on the whole screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::logs::Log;
use crate::model::{LogKey, Node, NodeState};
use crate::tui::app::{App, LogScreen, LogView, Pane};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::log::LogPane;
use crate::tui::widgets::{Pen, format};
use crate::world::RunView;

use super::{frame, why};

/// A pane: one line of title, one line of why, the log.
#[allow(clippy::too_many_arguments)]
pub fn draw_pane(
    app: &App,
    view: &LogView,
    run: Option<&RunView>,
    node: Option<&Node>,
    why: Option<&str>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let rest = why_lines(why, theme, buf, area);
    let focused = frame::has_keys(app, Pane::Log);
    draw_log(app, view, run, node, watch, theme, buf, rest, focused);
}

/// The line of why, on two lines where there is room; returns what is left below.
fn why_lines(why: Option<&str>, theme: &Theme, buf: &mut Buffer, area: Rect) -> Rect {
    let Some(why) = why.filter(|_| area.height > 2) else {
        return area;
    };
    let most = if area.height >= 6 { 2 } else { 1 };
    let columns = usize::from(area.width.saturating_sub(6)).max(1);
    let lines = format::wrap(why, columns);
    let shown = lines.len().min(most);
    for (i, line) in lines.iter().take(shown).enumerate() {
        let mut pen = Pen::new(buf, area, i as u16, theme);
        pen.skip(1)
            .put(if i == 0 { "why " } else { "    " }, theme[Token::Title])
            .put(line, theme[Token::Text]);
        if i + 1 == shown && lines.len() > shown {
            pen.put(theme.glyphs.ellipsis, theme[Token::Muted]);
        }
    }
    let used = shown as u16;
    Rect {
        y: area.y + used,
        height: area.height - used,
        ..area
    }
}

#[allow(clippy::too_many_arguments)]
fn draw_log(
    app: &App,
    view: &LogView,
    run: Option<&RunView>,
    node: Option<&Node>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    focused: bool,
) {
    let nothing = Log::default();
    let log = view.key.as_ref().and_then(|key| watch.logs.get(key));
    let title = view
        .key
        .as_ref()
        .map(|key| title(key, node))
        .unwrap_or_default();
    let empty = empty(view.key.as_ref(), log, run, node);
    let shown = log.unwrap_or(&nothing);
    let (mut top, _) = view.seen.get();
    let rows = LogPane {
        log: shown,
        title: &title,
        cursor: view.cursor(shown),
        following: view.following(shown),
        focused,
        wrap: view.wrap,
        left: view.left,
        search: view.search.as_ref(),
        zone: app.settings.zone,
        empty: &empty,
    }
    .draw(buf, area, theme, &mut top);
    view.seen.set((top, rows));
}

/// "orders_daily / load / attempt 2".
fn title(key: &LogKey, node: Option<&Node>) -> String {
    let pipeline = key.node.run.pipeline.pipeline.safe();
    let name = node.map_or_else(|| key.node.node.safe(), |n| n.name.clone());
    let of = node.map_or(0, |n| n.attempt);
    match (key.attempt, of) {
        (0, _) => format!("{pipeline} / {name}"),
        (now, newest) if newest > now => format!("{pipeline} / {name} / attempt {now} of {newest}"),
        (now, _) => format!("{pipeline} / {name} / attempt {now}"),
    }
}

/// Why there is no line.
fn empty(
    key: Option<&LogKey>,
    log: Option<&Log>,
    run: Option<&RunView>,
    node: Option<&Node>,
) -> String {
    if run.is_none() {
        return "no run yet: nothing to read".to_owned();
    }
    let Some(node) = node else {
        return match run {
            Some(run) if run.nodes.is_empty() => {
                "its nodes are not known yet; enter opens the run".to_owned()
            }
            _ => "nothing in it needs a look; enter opens it".to_owned(),
        };
    };
    match (key, log) {
        (None, _) => match node.state {
            NodeState::Blocked => "no log: something upstream failed, so it never ran".to_owned(),
            NodeState::Pending => "no log yet: what it needs is not done".to_owned(),
            NodeState::Queued => "no log yet: it waits for a slot".to_owned(),
            state => format!("no log: the node is {}", state.word()),
        },
        (Some(_), Some(log)) if log.complete() => "its log is empty".to_owned(),
        (Some(_), _) if node.attempt == 0 => {
            format!("no log yet: the node is {}", node.state.word())
        }
        (Some(_), Some(_)) => "it has printed nothing yet".to_owned(),
        (Some(_), None) => "reading its log...".to_owned(),
    }
}

pub fn draw_screen(
    app: &App,
    screen: &LogScreen,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let key = &screen.key;
    let run = watch.world.run(&key.node.run);
    let node = run.and_then(|r| r.nodes.get(&key.node.node));
    let mut rest = area;
    if let (Some(run), Some(node)) = (run, node)
        && area.height > 8
    {
        let mut pen = Pen::new(buf, area, 0, theme);
        pen.skip(1)
            .put(theme.state_glyph(node.state), theme.state(node.state))
            .skip(1)
            .put(node.state.word(), theme.state(node.state))
            .skip(2);
        if let Some(why) = why::of_run(watch, run, Some(node), app.now, app.settings.zone) {
            let room = pen.room();
            pen.cell(&why, room, theme[Token::Text]);
        }
        rest = Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        };
    }
    draw_log(app, &screen.view, run, node, watch, theme, buf, rest, true);
}
