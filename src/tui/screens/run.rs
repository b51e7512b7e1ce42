//! One run: its graph or list, the log of the selected node, why it is as it is, the alerts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::analytics::usual_duration;
use crate::engine::Watch;
use crate::model::{NodeCounts, NodeState, Target};
use crate::tui::app::{App, Pane, RunScreen, Sort, View};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::{Pen, format};
use crate::world::RunView;

use super::{frame, is_small, log, run_graph, run_grid, run_list, run_timeline, why};

/// The graph or list, and the log pane below; what is right of the first is for the alerts.
pub fn split(area: Rect, wide: bool) -> (Rect, Rect) {
    if is_small(Rect {
        height: area.height.saturating_add(2),
        ..area
    }) {
        return (area, area);
    }
    let height = (area.height * 2 / 5).clamp(6, 20);
    let upper = Rect {
        height: area.height - height,
        ..area
    };
    let lower = Rect {
        y: upper.bottom(),
        height,
        ..area
    };
    (frame::beside(upper, wide).0, lower)
}

pub fn draw(
    app: &App,
    screen: &RunScreen,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let Some(view) = watch.world.run(&screen.run) else {
        gone(screen, theme, buf, area);
        return;
    };
    let node = screen.shown_node(view);
    let why = why::of_run(watch, view, node, app.now, &app.settings);
    let pane = |buf: &mut Buffer, area: Rect| {
        log::draw_pane(
            app,
            &screen.log,
            Some(view),
            node,
            why.as_deref(),
            watch,
            theme,
            buf,
            area,
        );
    };
    if is_small(Rect {
        height: area.height.saturating_add(2),
        ..area
    }) {
        match screen.pane {
            Pane::Main => main(app, screen, view, watch, theme, buf, area),
            Pane::Log => pane(buf, area),
            Pane::Alerts => frame::alerts(app, watch, theme, buf, area, false),
        }
        return;
    }
    let (left, rest) = split(area, super::has_sidebar(app.size));
    let side = Rect {
        x: left.right(),
        width: area.width - left.width,
        ..left
    };
    let lower = rest;
    main(app, screen, view, watch, theme, buf, left);
    frame::alerts(app, watch, theme, buf, side, false);
    pane(buf, lower);
}

fn main(
    app: &App,
    screen: &RunScreen,
    view: &RunView,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let title = title(app, screen, view, watch, theme, usize::from(area.width));
    let title: Vec<(&str, Style)> = title.iter().map(|(t, s)| (t.as_str(), *s)).collect();
    let focused = frame::has_keys(app, Pane::Main);
    let inner = Panel {
        title: &title,
        note: &note(screen, theme),
        focused,
    }
    .draw(buf, area, theme);
    if screen.rows.is_empty() {
        let text = if view.complete {
            "this run has no nodes"
        } else {
            "reading its nodes..."
        };
        Pen::new(buf, inner, 1, theme)
            .skip(2)
            .put(text, theme[Token::Muted]);
        return;
    }
    screen.drawn.replace(screen.selected.clone());
    match screen.view {
        View::Graph => run_graph::draw(app, screen, view, watch, theme, buf, inner, focused),
        View::List => run_list::draw(app, screen, view, theme, buf, inner, focused),
        View::Timeline => {
            run_timeline::draw(app, screen, view, watch, theme, buf, inner, focused);
        }
        View::Grid => run_grid::draw(app, screen, view, watch, theme, buf, inner, focused),
    }
}

/// "graph", "graph · overview".
fn note(screen: &RunScreen, theme: &Theme) -> String {
    let mut all = vec![screen.view.word().to_owned()];
    if screen.view == View::Graph {
        all.extend(screen.look.zoom.map(|z| z.word().to_owned()));
    }
    if screen.view != View::Graph && screen.sort != Sort::Order {
        all.push(format!("by {}", screen.sort.word()));
    }
    all.join(&format!(" {} ", theme.glyphs.dot))
}

/// "orders_daily / 2026-11-20T02:00 ── ✗ failing at load · 11 of 14 done ── 12m of usual 9m".
fn title(
    app: &App,
    screen: &RunScreen,
    view: &RunView,
    watch: &Watch,
    theme: &Theme,
    columns: usize,
) -> Vec<(String, Style)> {
    let pipeline = screen.run.pipeline.pipeline.safe();
    let mut all = vec![(pipeline.as_str().to_owned(), theme[Token::Title])];
    let line = format!(" {}{} ", theme.glyphs.horizontal, theme.glyphs.horizontal);
    let gap = || (line.clone(), theme[Token::Border]);
    let health = theme.health(view.health);
    all.push(gap());
    let mut word = format!("{} {}", theme.health_glyph(view.health), view.health.word());
    let worst = view
        .worst_node()
        .filter(|n| n.state.problem() || n.state == NodeState::Running);
    if let Some(node) = worst {
        let at = if node.state == NodeState::Running {
            ""
        } else {
            "at "
        };
        word += &format!(" {at}{}", node.name);
    }
    all.push((word, health));
    if let Some(counts) = view.counts() {
        let text = format!(
            " {} {} of {} done",
            theme.glyphs.dot,
            format::count(well_ended(&counts).into()),
            format::count(counts.total().into())
        );
        all.push((text, theme[Token::Text]));
    }
    if let Some(elapsed) = view.run.elapsed(app.now) {
        let usual = usual_duration(watch.world.runs_of(&screen.run.pipeline));
        let fine = if view.health.active() {
            format::duration_fine(elapsed)
        } else {
            format::duration(elapsed)
        };
        let text = match usual {
            Some(usual) => format!("{fine} of usual {}", format::duration(usual)),
            None => fine,
        };
        all.push(gap());
        all.push((text, theme[Token::Text]));
    }
    let pending = watch.world.pending_action(&Target::Run(screen.run.clone()));
    if let Some(action) = pending {
        all.push(gap());
        all.push((
            format!("{}{}", action.request.action.doing(), theme.glyphs.ellipsis),
            theme[Token::Requested],
        ));
    }
    if let Some(since) = watch
        .world
        .backend(screen.run.backend())
        .and_then(|b| b.stale_since())
    {
        all.push(gap());
        all.push((
            format!("as of {}", format::age(since, app.now)),
            theme[Token::Stale],
        ));
    }
    if app.watched.contains(&screen.run) {
        all.push((
            format!(" {} watched", theme.glyphs.dot),
            theme[Token::Accent],
        ));
    }
    // the run's id is what can be shortened best: its pipeline and its state are what one looks for
    let used: usize = all.iter().map(|(text, _)| format::width(text)).sum();
    let room = columns.saturating_sub(used + 7).min(60);
    if room >= 8 {
        let id = screen.run.run.safe();
        let id = format::fit_middle(id.as_str(), room, theme.glyphs.ellipsis);
        all.insert(1, (format!(" / {id}"), theme[Token::Title]));
    }
    all
}

/// Nodes that have done what they should: what failed or never ran is not done.
fn well_ended(counts: &NodeCounts) -> u32 {
    [
        NodeState::Succeeded,
        NodeState::Warned,
        NodeState::Cached,
        NodeState::Skipped,
    ]
    .map(|state| counts.of(state))
    .into_iter()
    .sum()
}

fn gone(screen: &RunScreen, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let label = Target::Run(screen.run.clone()).label();
    let title = [(label.as_str(), theme[Token::Title])];
    let inner = Panel {
        title: &title,
        note: "",
        focused: true,
    }
    .draw(buf, area, theme);
    Pen::new(buf, inner, 1, theme).skip(2).put(
        "its backend no longer lists this run; esc goes back",
        theme[Token::Stale],
    );
}
