//! A run in time.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analytics::critical_path;
use crate::engine::Watch;
use crate::model::{Attempt, Node, NodeId, NodeState};
use crate::tui::app::{App, RunScreen};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::time_axis::Axis;
use crate::tui::widgets::timeline::{Bar, Row, Timeline, What};
use crate::tui::widgets::{Pen, format};
use crate::world::RunView;

#[expect(
    clippy::too_many_arguments,
    reason = "what every view of a run is drawn from"
)]
pub fn draw(
    app: &App,
    screen: &RunScreen,
    view: &RunView,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    focused: bool,
) {
    let axis = time_axis(view, app.now);
    if axis.is_empty() {
        Pen::new(buf, area, 1, theme)
            .skip(2)
            .put("nothing of this run has begun", theme[Token::Muted]);
        return;
    }
    let revision = watch.world.revision();
    let mut critical = screen.time.critical.borrow_mut();
    if critical.as_ref().is_none_or(|(of, _)| *of != revision) {
        *critical = Some((revision, critical_path(view, app.now)));
    }
    let is_critical = |id: &NodeId| critical.as_ref().is_some_and(|(_, all)| all.contains(id));
    let selected = screen
        .selected
        .as_ref()
        .and_then(|id| screen.rows.iter().position(|r| &r.id == id));
    if screen.time.zoom > 0 && screen.time.centre.get().is_none() {
        let bars = screen.node(view).map(|n| bars_of(view, n, app.now));
        let last = bars
            .as_deref()
            .and_then(<[Bar]>::last)
            .map(|b| b.from + (b.to - b.from) / 2);
        screen.time.centre.set(last);
    }
    let row = |at: usize| match screen.rows.get(at) {
        None => Row::default(),
        Some(row) => {
            let mut line = match row.expanded {
                Some(open) => group(screen, view, &row.id, open, app.now, &is_critical),
                None => one(view, &row.id, app.now, is_critical(&row.id)),
            };
            line.depth = row.depth;
            line
        }
    };
    Timeline {
        axis: &axis,
        window: axis.window(screen.time.zoom, screen.time.centre.get()),
        now: app.now,
        zone: app.settings.zone,
        len: screen.rows.len(),
        selected,
        focused,
        row: &row,
    }
    .draw(buf, area, theme, &screen.top);
}

/// The time of a run, from the first wait to the last end; to `now` while it is going.
pub fn time_axis(view: &RunView, now: DateTime<Utc>) -> Axis {
    let going = view.health.active();
    let bars = view.nodes.values().flat_map(|n| bars_of(view, n, now));
    let busy = bars.map(|b| (b.from, b.to));
    let now = (going && view.run.started_at.is_some()).then_some((now, now));
    Axis::of(busy.chain(now), going)
}

fn one(view: &RunView, id: &NodeId, now: DateTime<Utc>, critical: bool) -> Row {
    let Some(node) = view.nodes.get(id) else {
        return Row {
            name: id.safe().as_str().to_owned(),
            state: NodeState::Pending,
            ..Row::default()
        };
    };
    Row {
        name: node.name.as_str().to_owned(),
        state: node.state,
        bars: bars_of(view, node, now),
        critical,
        took: node.elapsed(now),
        ..Row::default()
    }
}

fn group(
    screen: &RunScreen,
    view: &RunView,
    id: &NodeId,
    open: bool,
    now: DateTime<Utc>,
    critical: &dyn Fn(&NodeId) -> bool,
) -> Row {
    let members = screen.tree.nodes_in(id);
    let worst = screen
        .tree
        .worst(view, id)
        .map_or(NodeState::Pending, |n| n.state);
    let mut bars: Vec<Bar> = members
        .iter()
        .filter_map(|m| view.nodes.get(*m))
        .flat_map(|n| bars_of(view, n, now))
        .collect();
    bars.sort_by_key(|b| (b.from, b.to));
    let bars = if open {
        let first = bars.first().map(|b| b.from);
        let last = bars.iter().map(|b| b.to).max();
        first
            .zip(last)
            .map(|(from, to)| Bar {
                from,
                to,
                what: What::Inside,
            })
            .into_iter()
            .collect()
    } else {
        merged(bars, worst)
    };
    let name = screen.tree.group(id).map(|g| g.name.as_str().to_owned());
    let count = format::count(members.len() as u64);
    Row {
        open: Some(open),
        name: format!("{} [{count}]", name.unwrap_or_default()),
        state: worst,
        bars,
        critical: !open && members.iter().any(|m| critical(m)),
        took: screen.tree.elapsed(view, id, now),
        ..Row::default()
    }
}

/// What members of a folded group did, as one: queued where none ran.
fn merged(bars: Vec<Bar>, worst: NodeState) -> Vec<Bar> {
    let join = |what: What, all: &mut dyn Iterator<Item = Bar>| {
        let mut joined: Vec<Bar> = Vec::new();
        for bar in all {
            match joined.last_mut() {
                Some(last) if bar.from <= last.to => last.to = last.to.max(bar.to),
                _ => joined.push(Bar { what, ..bar }),
            }
        }
        joined
    };
    let queued = |b: &Bar| b.what == What::Queued;
    let mut all = join(What::Queued, &mut bars.iter().copied().filter(queued));
    let ran = join(
        What::Ran(worst),
        &mut bars.iter().copied().filter(|b| !queued(b)),
    );
    all.extend(ran);
    all
}

/// Waits and attempts of a node, in the order of time.
fn bars_of(view: &RunView, node: &Node, now: DateTime<Utc>) -> Vec<Bar> {
    let mut bars = Vec::new();
    let known = view.details.get(&node.id).map(|d| d.attempts.as_slice());
    for attempt in known.unwrap_or_default() {
        if attempt.number < node.attempt
            || (attempt.number == node.attempt && node.started_at.is_none())
        {
            earlier(attempt, &mut bars);
        }
    }
    let after = bars.iter().map(|b: &Bar| b.to).max();
    let ready = [node.scheduled_at, node.queued_at]
        .into_iter()
        .flatten()
        // what was scheduled before an earlier attempt did not wait all the time
        .filter(|t| after.is_none_or(|a| *t >= a))
        .min();
    let waits_until = match (node.started_at, node.state) {
        (Some(started), _) if after.is_none_or(|a| started >= a) => Some(started),
        (_, NodeState::Queued | NodeState::Waiting | NodeState::Retrying) => Some(now),
        _ => node.ended_at,
    };
    push(&mut bars, ready, waits_until, What::Queued);
    if let Some(started) = node.started_at {
        let going = matches!(
            node.state,
            NodeState::Running | NodeState::Waiting | NodeState::Paused
        );
        let end = node.ended_at.filter(|e| !going && *e >= started);
        let end = end
            .or_else(|| (going || !node.state.ended()).then_some(now))
            .unwrap_or(started);
        let what = What::Ran(node.state);
        push(&mut bars, Some(started), Some(end.max(started)), what);
    }
    bars
}

fn earlier(attempt: &Attempt, bars: &mut Vec<Bar>) {
    let end = attempt.ended_at.or(attempt.started_at);
    push(
        bars,
        attempt.queued_at,
        attempt.started_at.or(end),
        What::Queued,
    );
    push(bars, attempt.started_at, end, What::Ran(attempt.state));
}

fn push(bars: &mut Vec<Bar>, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>, what: What) {
    if let (Some(from), Some(to)) = (from, to)
        && (from < to || (from == to && what != What::Queued))
    {
        bars.push(Bar { from, to, what });
    }
}
