//! What a pipeline file says, and the nodes it unfolds into.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A pipeline as its file describes it. Kept with every run, so that a run can be shown and
/// retried when the file has changed or is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    pub name: String,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    /// Cron line, in UTC.
    pub schedule: Option<String>,
    /// Runbook, Markdown.
    pub doc: Option<String>,
    pub params: Vec<Param>,
    pub env: Vec<(String, String)>,
    /// Where commands run: absolute.
    pub cwd: PathBuf,
    pub nodes: Vec<NodeDef>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeDef {
    pub id: String,
    /// For `sh -c`.
    pub run: String,
    /// Ids of nodes or groups. All must have succeeded, been skipped, or failed where they may.
    pub needs: Vec<String>,
    /// A path: `load/orders` lies in `load`.
    pub group: Option<String>,
    /// Further attempts after the first.
    pub retries: u32,
    pub retry_delay: Duration,
    /// Time spent paused does not count.
    pub timeout: Option<Duration>,
    pub env: Vec<(String, String)>,
    /// Absolute.
    pub cwd: Option<PathBuf>,
    pub allow_failure: bool,
    /// One instance per item.
    pub each: Option<Vec<String>>,
    pub doc: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    pub name: String,
    /// JSON schema type; empty = anything.
    pub kind: String,
    /// `None` = must be given.
    pub default: Option<serde_json::Value>,
    pub description: String,
    pub choices: Vec<String>,
}

/// One box of a run: a node, or one instance of a mapped node.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub id: String,
    pub name: String,
    /// Index into [`Definition::nodes`].
    pub def: usize,
    pub item: Option<(usize, String)>,
    pub group: Option<String>,
    /// Indexes into [`Shape::tasks`].
    pub needs: Vec<usize>,
    pub feeds: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GroupDef {
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
    pub mapped: bool,
}

/// A definition unfolded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    pub tasks: Vec<Task>,
    pub groups: Vec<GroupDef>,
    /// As drawn: an end may be a group.
    pub edges: Vec<(String, String)>,
    /// Indexes into `tasks`, every task after what it needs.
    pub order: Vec<usize>,
    index: HashMap<String, usize>,
}

impl Shape {
    /// The definition has been checked: needs exist and there is no cycle.
    pub fn of(def: &Definition) -> Self {
        let mut shape = Self {
            groups: groups(def),
            ..Self::default()
        };
        let mut spans = Vec::new();
        for (at, node) in def.nodes.iter().enumerate() {
            let first = shape.tasks.len();
            let mut push = |id: String, name: String, item, group: Option<String>| {
                shape.index.insert(id.clone(), shape.tasks.len());
                shape.tasks.push(Task {
                    id,
                    name,
                    def: at,
                    item,
                    group,
                    needs: Vec::new(),
                    feeds: Vec::new(),
                });
            };
            match &node.each {
                None => push(node.id.clone(), node.id.clone(), None, node.group.clone()),
                Some(items) => {
                    for (i, item) in items.iter().enumerate() {
                        let id = format!("{}[{i}]", node.id);
                        let name = format!("{}[{item}]", node.id);
                        push(id, name, Some((i, item.clone())), Some(node.id.clone()));
                    }
                }
            }
            spans.push(first..shape.tasks.len());
        }
        for (node, span) in def.nodes.iter().zip(spans) {
            let needs: BTreeSet<usize> = node.needs.iter().flat_map(|n| shape.resolve(n)).collect();
            for task in span {
                for need in &needs {
                    shape.tasks[*need].feeds.push(task);
                }
                shape.tasks[task].needs = needs.iter().copied().collect();
            }
            for need in &node.needs {
                shape.edges.push((need.clone(), node.id.clone()));
            }
        }
        shape.order = order(&shape.tasks);
        shape
    }

    pub fn task(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// The tasks an id stands for: itself, the instances of a mapped node, the members of a group.
    pub fn resolve(&self, id: &str) -> Vec<usize> {
        if let Some(task) = self.task(id) {
            return vec![task];
        }
        let inside: BTreeSet<&str> = self
            .groups
            .iter()
            .filter(|g| self.lies_in(&g.id, id))
            .map(|g| g.id.as_str())
            .collect();
        (0..self.tasks.len())
            .filter(|t| {
                self.tasks[*t]
                    .group
                    .as_deref()
                    .is_some_and(|g| inside.contains(g))
            })
            .collect()
    }

    fn lies_in(&self, group: &str, outer: &str) -> bool {
        let mut at = Some(group);
        while let Some(id) = at {
            if id == outer {
                return true;
            }
            at = self
                .groups
                .iter()
                .find(|g| g.id == id)
                .and_then(|g| g.parent.as_deref());
        }
        false
    }

    /// Everything that hangs below (or stands above) these, without themselves.
    pub fn reach(&self, from: &[usize], down: bool) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut todo = from.to_vec();
        while let Some(at) = todo.pop() {
            let next = if down {
                &self.tasks[at].feeds
            } else {
                &self.tasks[at].needs
            };
            todo.extend(next.iter().filter(|n| seen.insert(**n)));
        }
        for own in from {
            seen.remove(own);
        }
        seen
    }

    /// Same boxes and same edges: a run of one can go on with the commands of the other.
    pub fn fits(&self, other: &Self) -> bool {
        self.edges == other.edges
            && self.tasks.len() == other.tasks.len()
            && self
                .tasks
                .iter()
                .zip(&other.tasks)
                .all(|(a, b)| a.id == b.id && a.needs == b.needs)
    }
}

fn groups(def: &Definition) -> Vec<GroupDef> {
    let mut groups: Vec<GroupDef> = Vec::new();
    let mut seen = BTreeSet::new();
    for node in &def.nodes {
        if let Some(path) = &node.group {
            let ends = path
                .match_indices('/')
                .map(|(i, _)| i)
                .chain([path.len()])
                .map(|end| &path[..end]);
            let mut parent: Option<&str> = None;
            for id in ends {
                if seen.insert(id.to_owned()) {
                    groups.push(GroupDef {
                        id: id.to_owned(),
                        name: id.rsplit('/').next().unwrap_or(id).to_owned(),
                        parent: parent.map(str::to_owned),
                        mapped: false,
                    });
                }
                parent = Some(id);
            }
        }
        if node.each.is_some() {
            groups.push(GroupDef {
                id: node.id.clone(),
                name: node.id.clone(),
                parent: node.group.clone(),
                mapped: true,
            });
        }
    }
    groups
}

fn order(tasks: &[Task]) -> Vec<usize> {
    let mut left: Vec<usize> = tasks.iter().map(|t| t.needs.len()).collect();
    let mut order: Vec<usize> = (0..tasks.len()).filter(|t| left[*t] == 0).collect();
    let mut at = 0;
    while let Some(&task) = order.get(at) {
        at += 1;
        for &next in &tasks[task].feeds {
            left[next] -= 1;
            if left[next] == 0 {
                order.push(next);
            }
        }
    }
    order
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    pub fn node(id: &str, needs: &[&str]) -> NodeDef {
        NodeDef {
            id: id.to_owned(),
            run: "true".to_owned(),
            needs: needs.iter().map(|s| (*s).to_owned()).collect(),
            group: None,
            retries: 0,
            retry_delay: Duration::ZERO,
            timeout: None,
            env: Vec::new(),
            cwd: None,
            allow_failure: false,
            each: None,
            doc: None,
        }
    }

    pub fn definition(nodes: Vec<NodeDef>) -> Definition {
        Definition {
            name: "p".to_owned(),
            owner: None,
            tags: Vec::new(),
            schedule: None,
            doc: None,
            params: Vec::new(),
            env: Vec::new(),
            cwd: PathBuf::from("/"),
            nodes,
        }
    }

    #[test]
    fn a_mapped_node_unfolds_into_instances_that_carry_its_edges() {
        let mut map = node("map", &["a"]);
        map.each = Some(vec!["x".into(), "y".into()]);
        map.group = Some("g/inner".into());
        let shape = Shape::of(&definition(vec![
            node("a", &[]),
            map,
            node("z", &["map"]),
            node("end", &["g"]),
        ]));
        let ids: Vec<_> = shape.tasks.iter().map(|t| t.id.as_str()).collect();
        assert_eq!(ids, ["a", "map[0]", "map[1]", "z", "end"]);
        assert_eq!(shape.tasks[2].name, "map[y]");
        assert_eq!(shape.tasks[3].needs, [1, 2]);
        assert_eq!(shape.tasks[4].needs, [1, 2]);
        assert_eq!(shape.tasks[0].feeds, [1, 2]);
        assert_eq!(
            shape.edges,
            [("a", "map"), ("map", "z"), ("g", "end")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        let groups: Vec<_> = shape
            .groups
            .iter()
            .map(|g| (g.id.as_str(), g.parent.as_deref(), g.mapped))
            .collect();
        assert_eq!(
            groups,
            [
                ("g", None, false),
                ("g/inner", Some("g"), false),
                ("map", Some("g/inner"), true)
            ]
        );
        assert_eq!(shape.reach(&[0], true).len(), 4);
        assert_eq!(shape.reach(&[3], false).len(), 3);
        assert_eq!(shape.order.len(), 5);
    }
}
