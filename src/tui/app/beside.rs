//! The lines beside the list. Of a large run they take longer than a frame may, so they are made off the loop: as long
//! as those that are there belong to other rows, their columns stay empty.

use std::sync::Arc;

use crate::model::{RunKey, Topology};
use crate::tui::widgets::lanes::{self, Lanes};
use crate::world::RunView;

use super::{App, RunScreen, Screen, Sort, Tree, TreeRow, View};

/// Nodes and edges of a run up to which its lanes are made at once.
const AT_ONCE: usize = 1_000;
/// A pane has one lane for so many of its columns.
const COLUMNS_A_LANE: u16 = 14;

/// Of which state of shape and folds lanes are, and how many there may be.
type Of = (u64, usize);

/// What is there, and what was asked for.
#[derive(Debug, Default)]
pub struct Beside {
    made: Option<(Of, Arc<Lanes>)>,
    asked: Option<Of>,
}

/// Lanes that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct LanesWanted {
    pub run: RunKey,
    of: Of,
    tree: Arc<Tree>,
    rows: Arc<Vec<TreeRow>>,
    topology: Arc<Topology>,
}

#[derive(Clone, Debug)]
pub struct LanesDone {
    run: RunKey,
    of: Of,
    lanes: Arc<Lanes>,
}

impl LanesWanted {
    /// Does the work: runs outside of the loop.
    pub fn compute(&self) -> LanesDone {
        let edges = self.tree.edges(&self.topology.edges, &self.rows);
        LanesDone {
            run: self.run.clone(),
            of: self.of,
            lanes: Arc::new(Lanes::of(self.rows.len(), &edges, self.of.1)),
        }
    }
}

impl RunScreen {
    /// The lanes beside the list, and whether they belong to the rows as they are.
    pub fn lanes(&self) -> Option<(&Lanes, bool)> {
        let (of, lanes) = self.beside.made.as_ref()?;
        Some((lanes, of.0 == self.version))
    }

    /// The lanes that are wanted and have not been asked for; those of a small run are made here and now. Rows in
    /// another order than that of the flow have none: their lines would go up and down alike and say nothing.
    pub(super) fn lanes_wanted(&mut self, view: &RunView, width: u16) -> Option<LanesWanted> {
        if self.sort != Sort::Order {
            self.beside = Beside::default();
        }
        if self.view != View::List || self.sort != Sort::Order {
            return None;
        }
        let bound = usize::from(width / COLUMNS_A_LANE).min(lanes::MOST);
        let of = (self.version, bound);
        let made = self.beside.made.as_ref().is_some_and(|m| m.0 == of);
        if made || self.beside.asked == Some(of) {
            return None;
        }
        self.beside.asked = Some(of);
        let topology = view.topology.clone().unwrap_or_default();
        let size = topology.nodes.len() + topology.edges.len();
        let wanted = LanesWanted {
            run: self.run.clone(),
            of,
            tree: self.tree.clone(),
            rows: self.rows.clone(),
            topology,
        };
        if size > AT_ONCE {
            return Some(wanted);
        }
        self.lanes_ready(wanted.compute());
        None
    }

    fn lanes_ready(&mut self, done: LanesDone) {
        if self
            .beside
            .asked
            .take_if(|asked| *asked == done.of)
            .is_some()
        {
            self.beside.made = Some((done.of, done.lanes));
        }
    }
}

impl App {
    pub(super) fn lanes_ready(&mut self, done: &LanesDone) {
        for screen in &mut self.stack {
            if let Screen::Run(run) = screen
                && run.run == done.run
            {
                run.lanes_ready(done.clone());
            }
        }
    }
}
