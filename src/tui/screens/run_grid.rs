//! The nodes of a run in the last runs of its pipeline.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::{NodeId, NodeState};
use crate::tui::app::{App, RunScreen, TreeRow, Worst};
use crate::tui::theme::Theme;
use crate::tui::widgets::format;
use crate::tui::widgets::grid::{Cell, Column, Grid, Row};
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
    let (runs, cursor) = screen.columns(watch);
    let columns: Vec<Column> = runs
        .iter()
        .map(|r| Column {
            health: r.health,
            took: r.run.elapsed(app.now),
        })
        .collect();
    let revision = watch.world.revision();
    let mut memo = screen.grid.worst.borrow_mut();
    if memo.as_ref().is_none_or(|(of, _)| *of != revision) {
        *memo = Some((revision, worst_of_groups(screen, &runs)));
    }
    let worst = memo.as_ref().map(|(_, worst)| worst);
    let cell = |row: usize, column: usize| match (screen.rows.get(row), runs.get(column)) {
        (Some(row), Some(run)) => cell(row, run, worst),
        _ => Cell::Absent,
    };
    let row = |at: usize| {
        screen
            .rows
            .get(at)
            .map(|r| label(screen, view, r))
            .unwrap_or_default()
    };
    let selected = screen
        .selected
        .as_ref()
        .and_then(|id| screen.rows.iter().position(|r| &r.id == id));
    Grid {
        columns: &columns,
        cursor,
        here: runs.iter().position(|r| r.run.key == screen.run),
        len: screen.rows.len(),
        selected,
        focused,
        status: &status(app, screen, watch, &runs, cursor, theme),
        row: &row,
        cell: &cell,
    }
    .draw(buf, area, theme, &screen.top);
}

fn label(screen: &RunScreen, view: &RunView, row: &TreeRow) -> Row {
    let group = screen.tree.group(&row.id);
    let node = match group {
        Some(_) => screen.tree.worst(view, &row.id),
        None => view.nodes.get(&row.id),
    };
    let name = match (group, node) {
        (Some(group), _) => group.name.as_str().to_owned(),
        (None, Some(node)) => node.name.as_str().to_owned(),
        (None, None) => row.id.safe().as_str().to_owned(),
    };
    Row {
        depth: row.depth,
        open: row.expanded,
        name,
        state: node.map_or(NodeState::Pending, |n| n.state),
    }
}

fn cell(row: &TreeRow, run: &RunView, worst: Option<&Worst>) -> Cell {
    let missing = if run.complete {
        Cell::Absent
    } else {
        Cell::Unknown
    };
    if row.expanded.is_some() {
        let state = worst.and_then(|w| w.get(&run.run.key)?.get(&row.id));
        return state.map_or(missing, |s| Cell::State(*s));
    }
    match run.nodes.get(&row.id) {
        None => missing,
        Some(node) if node.state == NodeState::Succeeded && node.attempt > 1 => {
            Cell::Again(node.attempt)
        }
        Some(node) => Cell::State(node.state),
    }
}

/// Groups are those of the run that is open; each run tells itself which of its nodes lie in them.
fn worst_of_groups(screen: &RunScreen, runs: &[&RunView]) -> Worst {
    let mut all = Worst::new();
    for run in runs {
        let mut worst: HashMap<NodeId, NodeState> = HashMap::new();
        for node in run.nodes.values() {
            let mut group = node.group.clone();
            let mut above = Vec::new();
            while let Some(known) = group.as_ref().and_then(|g| screen.tree.group(g)) {
                if above.contains(&known.id) {
                    break;
                }
                above.push(known.id.clone());
                group.clone_from(&known.parent);
            }
            for group in above {
                let state = worst.entry(group).or_insert(node.state);
                if node.state.badness() > state.badness() {
                    *state = node.state;
                }
            }
        }
        all.insert(run.run.key.clone(), worst);
    }
    all
}

/// "2026-11-20 02:00  ✓ succeeded  9m00  loading 3, 12 not read  enter opens it  scheduled__…".
fn status(
    app: &App,
    screen: &RunScreen,
    watch: &Watch,
    runs: &[&RunView],
    cursor: usize,
    theme: &Theme,
) -> String {
    let Some(run) = runs.get(cursor) else {
        return "no run of this pipeline is known".to_owned();
    };
    let mut parts = vec![format::date_minute(run.run.ordered_at, app.settings.zone)];
    parts.push(format!(
        "{} {}",
        theme.health_glyph(run.health),
        run.health.word()
    ));
    parts.extend(run.run.elapsed(app.now).map(format::duration_fine));
    let wanted = screen.wanted_runs(watch);
    let missing = |r: &&&RunView| !r.complete;
    let loading = runs
        .iter()
        .filter(missing)
        .filter(|r| wanted.contains(&r.run.key))
        .count();
    let unread = runs.iter().filter(missing).count() - loading;
    match (loading, unread) {
        (0, 0) => {}
        (0, n) => parts.push(format!("{n} not read")),
        (n, 0) => parts.push(format!("loading {n}")),
        (n, m) => parts.push(format!("loading {n}, {m} not read")),
    }
    let away = run.run.key != screen.run;
    if away {
        parts.push("enter opens it".to_owned());
    }
    let id = run.run.key.run.safe();
    parts.push(id.as_str().to_owned());
    parts.join("  ")
}
