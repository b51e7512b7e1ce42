//! The overview of a run's graph, kept up as states change: a node that changed is looked at, and nothing else.

use std::collections::HashMap;

use crate::model::{NodeCounts, NodeId, NodeState};
use crate::tui::widgets::graph::{Overview, Scene};
use crate::world::RunView;

use super::run::LaidOut;
use super::tree::Tree;

/// An overview and what it was made of.
#[derive(Debug)]
pub struct KeptOverview {
    pub overview: Overview,
    /// Version of the layout, and size.
    of: (u64, (u16, u16)),
    /// How many changes of nodes are in it.
    changes: u64,
    /// State and box of each node, in the order of the run's nodes.
    seen: Vec<(NodeState, Option<usize>)>,
    /// States of all nodes behind the box of a folded group.
    groups: HashMap<usize, NodeCounts>,
}

impl KeptOverview {
    /// Brings what was kept up to date, or makes it anew where the layout or the size is another. The second part:
    /// how many nodes were looked at.
    pub fn fit(
        kept: Option<Self>,
        laid: &LaidOut,
        room: (u16, u16),
        view: &RunView,
        tree: &Tree,
    ) -> (Self, usize) {
        let of = (laid.version, room);
        if let Some(mut kept) = kept.filter(|k| k.of == of)
            && let Some(looked) = kept.follow(&laid.scene, view)
        {
            return (kept, looked);
        }
        Self::anew(&laid.scene, of, view, tree)
    }

    fn anew(scene: &Scene, of: (u64, (u16, u16)), view: &RunView, tree: &Tree) -> (Self, usize) {
        let shown = |id: &NodeId| {
            let own = scene.index_of(id);
            own.or_else(|| tree.around(view, id).iter().find_map(|g| scene.index_of(g)))
        };
        let seen: Vec<(NodeState, Option<usize>)> = view
            .nodes
            .values()
            .map(|node| (node.state, shown(&node.id)))
            .collect();
        // what is known by its edges only has not begun
        let unseen = view
            .topology
            .iter()
            .flat_map(|t| &t.nodes)
            .filter(|id| !view.nodes.contains_key(*id) && !tree.is_group(id))
            .map(|id| (NodeState::Pending, shown(id)));
        let mut groups: HashMap<usize, NodeCounts> = HashMap::new();
        let mut states: Vec<Option<NodeState>> = vec![None; scene.ids().len()];
        for (state, at) in seen.iter().copied().chain(unseen) {
            let Some((at, id)) = at.and_then(|at| Some((at, scene.id(at)?))) else {
                continue;
            };
            states[at] = if tree.is_group(id) {
                let counts = groups.entry(at).or_default();
                counts.add(state, 1);
                counts.worst()
            } else {
                Some(state)
            };
        }
        let state = |i: usize| states.get(i).copied().flatten();
        let kept = Self {
            overview: Overview::of(scene, of.1, &state),
            of,
            changes: view.changes(),
            seen,
            groups,
        };
        (kept, view.nodes.len())
    }

    /// Takes in what has changed since; `None`: that is not known any more.
    fn follow(&mut self, scene: &Scene, view: &RunView) -> Option<usize> {
        let changed = view.changed_since(self.changes)?;
        let mut looked = 0;
        for node in changed {
            looked += 1;
            let (_, now) = view.nodes.get_index(node)?;
            let (before, at) = self.seen.get_mut(node)?;
            let before = std::mem::replace(before, now.state);
            let Some(at) = at.filter(|_| before != now.state) else {
                continue;
            };
            let (from, to) = match self.groups.get_mut(&at) {
                None => (Some(before), Some(now.state)),
                Some(counts) => {
                    let from = counts.worst();
                    counts.remove(before, 1);
                    counts.add(now.state, 1);
                    (from, counts.worst())
                }
            };
            if from != to {
                let rect = scene.layout.boxes.get(at)?.rect();
                self.overview.turn(rect, from, to);
            }
        }
        self.changes = view.changes();
        Some(looked)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use chrono::{DateTime, Utc};

    use super::*;
    use crate::graph::layout;
    use crate::model::{
        BackendId, BackendInfo, Event, Group, Node, PipelineKey, Run, RunKey, SafeText, Stamped,
        Topology,
    };
    use crate::tui::screens::run_graph;
    use crate::tui::widgets::graph::Form;
    use crate::world::World;

    const NODES: usize = 400;

    fn run() -> RunKey {
        PipelineKey::new(&BackendId::new("b"), "p").run("r")
    }

    fn node(n: usize, state: NodeState) -> Node {
        let mut node = Node::new(NodeId::new(format!("n{n}")));
        node.state = state;
        // every second ten lie in a group
        node.group = (n / 10 % 2 == 1).then(|| NodeId::new(format!("g{}", n / 10)));
        node
    }

    fn apply(world: &mut World, event: Event) {
        world.apply(&Stamped {
            backend: BackendId::new("b"),
            at: DateTime::<Utc>::UNIX_EPOCH,
            event,
        });
    }

    fn change(world: &mut World, list: Vec<Node>) {
        let event = Event::Nodes {
            run: run(),
            list,
            complete: false,
        };
        apply(world, event);
    }

    fn world() -> World {
        let mut world = World::new([BackendInfo {
            id: BackendId::new("b"),
            name: SafeText::new("b"),
            kind: "local",
            read_only: false,
            protect: false,
            drives_runs: false,
            accent: None,
        }]);
        let list = vec![Run::new(run(), DateTime::<Utc>::UNIX_EPOCH)];
        apply(&mut world, Event::Runs { list });
        let id = |n: usize| node(n, NodeState::Pending).id;
        let group = |n: usize| Group {
            id: NodeId::new(format!("g{n}")),
            name: SafeText::new("group"),
            parent: None,
            mapped: false,
        };
        let topology = Topology {
            nodes: (0..NODES).map(id).collect(),
            groups: (1..NODES / 10).step_by(2).map(group).collect(),
            edges: (20..NODES).map(|n| (id(n - 20), id(n))).collect(),
        };
        let run = run();
        apply(&mut world, Event::Topology { run, topology });
        // the last few have not been told of
        let known = (0..NODES - 5).map(|n| node(n, NodeState::Succeeded));
        change(&mut world, known.collect());
        world
    }

    fn laid(view: &RunView, tree: &Tree) -> LaidOut {
        let folds = tree_folds(view);
        let graph = run_graph(view, tree, &folds, Form::Boxes);
        LaidOut {
            version: 1,
            form: Form::Boxes,
            scene: Arc::new(Scene::new(layout(&graph, &Form::Boxes.options(None)))),
        }
    }

    /// One of the groups is open.
    fn tree_folds(view: &RunView) -> HashMap<NodeId, bool> {
        let groups = view.topology.iter().flat_map(|t| &t.groups);
        groups.map(|g| (g.id.clone(), g.id.raw() == "g3")).collect()
    }

    #[test]
    fn it_follows_by_looking_at_what_changed_only() {
        let mut world = world();
        let tree = Tree::of(world.run(&run()).unwrap());
        let laid = laid(world.run(&run()).unwrap(), &tree);
        for room in [(60, 20), (20, 6), (3, 2)] {
            let anew = |world: &World| {
                let view = world.run(&run()).unwrap();
                KeptOverview::fit(None, &laid, room, view, &tree)
            };
            let (mut kept, looked) = anew(&world);
            assert_eq!(looked, NODES - 5);
            for round in 0..60 {
                let state = NodeState::ALL[round * 5 % 14];
                let list: Vec<Node> = (0..round % 4)
                    .map(|j| node((round * 37 + j * 11) % (NODES - 5), state))
                    .collect();
                change(&mut world, list);
                let view = world.run(&run()).unwrap();
                let before = view.changes();
                let (next, looked) = KeptOverview::fit(Some(kept), &laid, room, view, &tree);
                assert!(looked <= round % 4, "{looked}");
                assert!(next.overview == anew(&world).0.overview, "{room:?} {round}");
                kept = next;
                assert_eq!(kept.changes, before);
            }
        }
    }

    #[test]
    fn what_can_not_be_followed_is_made_anew() {
        let mut world = world();
        let tree = Tree::of(world.run(&run()).unwrap());
        let laid = laid(world.run(&run()).unwrap(), &tree);
        let view = world.run(&run()).unwrap();
        let (kept, _) = KeptOverview::fit(None, &laid, (60, 20), view, &tree);
        // another size
        let (kept, looked) = KeptOverview::fit(Some(kept), &laid, (61, 20), view, &tree);
        assert_eq!(looked, NODES - 5);
        // more at once than anybody remembers, and one that was not there
        for round in 0..4 {
            let state = NodeState::ALL[round];
            change(&mut world, (0..NODES - 4).map(|n| node(n, state)).collect());
        }
        let view = world.run(&run()).unwrap();
        let (_, looked) = KeptOverview::fit(Some(kept), &laid, (61, 20), view, &tree);
        assert_eq!(looked, NODES - 4);
    }
}
