//! Moving: the same keys in lists, trees, graphs and logs.

use crate::engine::Watch;
use crate::graph::Placed;
use crate::model::NodeId;
use crate::tui::command::Command;
use crate::world::RunView;

use super::{App, Pane, Pick, RunScreen, Screen, View};

impl App {
    pub(super) fn step(&mut self, watch: &Watch, command: Command) {
        if self.log_has_keys() {
            self.step_log(watch, command);
            return;
        }
        match self.stack.last_mut() {
            None if self.fleet.pane == Pane::Alerts => step_list(&mut self.alerts, command),
            None => {
                self.fleet.touched = true;
                self.fleet.rests_since = self.wall;
                step_list(&mut self.fleet.list, command);
            }
            Some(Screen::Alerts) => step_list(&mut self.alerts, command),
            Some(Screen::Run(run)) if run.pane == Pane::Alerts => {
                step_list(&mut self.alerts, command)
            }
            Some(Screen::Run(run))
                if run.view == View::Grid && matches!(command, Command::Left | Command::Right) =>
            {
                run.step_column(watch, command == Command::Right);
            }
            Some(Screen::Run(run)) => {
                if let Some(view) = watch.world.run(&run.run) {
                    run.touched = true;
                    run.step(view, command);
                }
            }
            Some(Screen::Node(_, page) | Screen::Pipeline(_, page) | Screen::Help(page, _)) => {
                let rows = page.height.get().saturating_sub(1).max(1);
                if let Some(pick) = pick_of(command, rows) {
                    page.pick(pick);
                }
            }
            Some(Screen::System(list)) => step_list(list, command),
            Some(Screen::Actions(screen)) => step_list(&mut screen.list, command),
            Some(Screen::Past(_)) if matches!(command, Command::Left | Command::Right) => {
                self.set_span(command);
            }
            Some(Screen::Past(screen)) => {
                screen.rests_since = self.now;
                step_list(&mut screen.list, command);
            }
            Some(Screen::Log(_) | Screen::Board(_)) => {}
        }
    }

    pub(super) fn next_problem(&mut self, watch: &Watch, forward: bool) {
        match self.stack.last_mut() {
            Some(Screen::Run(run)) => {
                let Some(view) = watch.world.run(&run.run) else {
                    return;
                };
                let problems = run.problems(view);
                let at = run
                    .node(view)
                    .and_then(|n| problems.iter().position(|p| *p == n.id));
                match around(problems.len(), at, forward).and_then(|i| problems.get(i)) {
                    Some(next) => {
                        let next = next.clone();
                        run.touched = true;
                        run.reveal(view, &next);
                    }
                    None => self.say(super::Level::Info, "no node of this run is a problem"),
                }
            }
            _ => {
                let bad: Vec<usize> = self
                    .fleet
                    .list
                    .order
                    .iter()
                    .enumerate()
                    .filter(|(i, key)| {
                        super::FleetState::row(watch, key, *i)
                            .is_some_and(|r| r.health.needs_person())
                    })
                    .map(|(i, _)| i)
                    .collect();
                let here = self.fleet.list.index().unwrap_or_default();
                let next = if forward {
                    bad.iter().find(|i| **i > here).or(bad.first())
                } else {
                    bad.iter().rev().find(|i| **i < here).or(bad.last())
                };
                match next {
                    Some(next) => {
                        self.fleet.touched = true;
                        self.fleet.rests_since = self.wall;
                        self.fleet.list.select_at(*next);
                    }
                    None => self.say(super::Level::Info, "no pipeline that is shown is a problem"),
                }
            }
        }
    }
}

/// The next place in a ring of `len`.
fn around(len: usize, at: Option<usize>, forward: bool) -> Option<usize> {
    let last = len.checked_sub(1)?;
    Some(match (at, forward) {
        (None, true) => 0,
        (None, false) => last,
        (Some(i), true) => {
            if i >= last {
                0
            } else {
                i + 1
            }
        }
        (Some(i), false) => i.checked_sub(1).unwrap_or(last),
    })
}

fn pick_of(command: Command, page: usize) -> Option<Pick> {
    Some(match command {
        Command::Up => Pick::Up(1),
        Command::Down => Pick::Down(1),
        Command::PageUp => Pick::Up(page),
        Command::PageDown => Pick::Down(page),
        Command::First => Pick::First,
        Command::Last => Pick::Last,
        _ => return None,
    })
}

fn step_list<T: Clone + PartialEq>(list: &mut super::ListState<T>, command: Command) {
    let page = list.page().saturating_sub(1).max(1);
    if let Some(pick) = pick_of(command, page) {
        list.pick(pick);
    }
}

impl RunScreen {
    fn step(&mut self, view: &RunView, command: Command) {
        match self.view {
            View::List | View::Timeline | View::Grid => self.step_rows(view, command),
            View::Graph => self.step_graph(command),
        }
        self.rebuild(view);
        self.selected_or_visible(view);
    }

    fn step_rows(&mut self, view: &RunView, command: Command) {
        let at = self
            .selected
            .as_ref()
            .and_then(|id| self.rows.iter().position(|r| &r.id == id))
            .unwrap_or_default();
        let last = self.rows.len().saturating_sub(1);
        let Some(row) = self.rows.get(at).cloned() else {
            return;
        };
        let to = match command {
            Command::Up => at.saturating_sub(1),
            Command::Down => at + 1,
            Command::PageUp => at.saturating_sub(10),
            Command::PageDown => at + 10,
            Command::First => 0,
            Command::Last => last,
            Command::Left if row.expanded == Some(true) => {
                self.fold(view, &row.id, false);
                return;
            }
            Command::Left => match self.tree.around(view, &row.id).first() {
                Some(group) => {
                    self.select(group.clone());
                    return;
                }
                None => at,
            },
            Command::Right if row.expanded == Some(false) => {
                self.fold(view, &row.id, true);
                return;
            }
            _ => at,
        };
        if let Some(row) = self.rows.get(to.min(last)) {
            self.select(row.id.clone());
        }
    }

    fn step_graph(&mut self, command: Command) {
        let Some(laid) = self.laid.clone() else {
            return;
        };
        let boxes = &laid.scene.layout.boxes;
        let half = match command {
            Command::PageUp => -1,
            Command::PageDown => 1,
            _ => 0,
        };
        if half != 0 {
            self.pan(0, half);
            return;
        }
        let here = self
            .selected
            .as_ref()
            .and_then(|id| laid.scene.index_of(id));
        let Some(here) = here else {
            if let Some(first) = boxes.first() {
                self.select(NodeId::new(&first.id));
            }
            return;
        };
        let next = match command {
            Command::Up | Command::Down => beside(boxes, here, command == Command::Down),
            Command::Left | Command::Right => {
                along(&laid.scene.layout, here, command == Command::Right)
            }
            Command::First => (0..boxes.len()).min_by_key(|i| (boxes[*i].x, boxes[*i].y)),
            Command::Last => (0..boxes.len()).max_by_key(|i| (boxes[*i].x, boxes[*i].y)),
            _ => None,
        };
        if let Some(next) = next.and_then(|i| boxes.get(i)) {
            self.select(NodeId::new(&next.id));
        }
    }

    /// Selects the first node whose name holds what was typed, in or after the selected one.
    pub fn jump(&mut self, view: &RunView, wanted: &str) -> bool {
        let wanted = wanted.trim().to_lowercase();
        if wanted.is_empty() {
            return false;
        }
        let found = view
            .nodes
            .values()
            .find(|n| n.name.as_str().to_lowercase().starts_with(&wanted))
            .or_else(|| {
                view.nodes
                    .values()
                    .find(|n| n.name.as_str().to_lowercase().contains(&wanted))
            });
        if let Some(node) = found {
            self.touched = true;
            let id = node.id.clone();
            self.reveal(view, &id);
        }
        found.is_some()
    }
}

fn centre(b: &Placed) -> (i32, i32) {
    (b.x + b.w / 2, b.y + b.h / 2)
}

/// The nearest box above or below; those in the same column come first.
fn beside(boxes: &[Placed], here: usize, down: bool) -> Option<usize> {
    let me = boxes.get(here)?;
    let (x, y) = centre(me);
    boxes
        .iter()
        .enumerate()
        .filter(|(i, b)| *i != here && if down { b.y > me.y } else { b.y < me.y })
        .min_by_key(|(_, b)| {
            let (bx, by) = centre(b);
            let overlap = b.x < me.x + me.w && me.x < b.x + b.w;
            (!overlap, (by - y).abs() + (bx - x).abs() * 2, bx)
        })
        .map(|(i, _)| i)
}

/// The neighbour along the flow: one that is joined to this box, the one most level with it; else the nearest one
/// on that side.
fn along(layout: &crate::graph::Layout, here: usize, right: bool) -> Option<usize> {
    let boxes = &layout.boxes;
    let me = boxes.get(here)?;
    let (_, y) = centre(me);
    let level = |i: &usize| boxes.get(*i).map(|b| ((centre(b).1 - y).abs(), b.x));
    let joined = layout
        .routes
        .iter()
        .filter(|r| !r.reversed)
        .filter_map(|r| match right {
            true => (r.from == here).then_some(r.to),
            false => (r.to == here).then_some(r.from),
        })
        .filter(|i| *i != here)
        .min_by_key(level);
    joined.or_else(|| {
        (0..boxes.len())
            .filter(|i| {
                boxes.get(*i).is_some_and(|b| {
                    if right {
                        b.x >= me.x + me.w
                    } else {
                        b.x + b.w <= me.x
                    }
                })
            })
            .min_by_key(|i| {
                boxes
                    .get(*i)
                    .map(|b| ((b.x - me.x).abs(), (centre(b).1 - y).abs()))
            })
    })
}
