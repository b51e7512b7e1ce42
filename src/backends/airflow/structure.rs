//! The shape of a DAG: tasks, groups and edges, from the private structure endpoint or from the public
//! list of tasks, and what it becomes in a run whose mapped tasks have instances.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::{Group, NodeId, SafeText, Topology};

use super::wire::{StructureData, StructureNode, Task};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Structure {
    tasks: Vec<Item>,
    groups: Vec<Item>,
    edges: Vec<(String, String)>,
    /// Position of a task in `tasks`.
    by_id: HashMap<String, usize>,
}

/// A task or a group.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    id: String,
    label: String,
    group: Option<String>,
    mapped: bool,
}

impl Structure {
    fn new(tasks: Vec<Item>, groups: Vec<Item>, edges: Vec<(String, String)>) -> Self {
        let known: HashSet<&str> = tasks.iter().chain(&groups).map(|i| i.id.as_str()).collect();
        let edges = edges
            .iter()
            .filter(|(a, b)| known.contains(a.as_str()) && known.contains(b.as_str()))
            .cloned()
            .collect();
        let by_id = tasks
            .iter()
            .enumerate()
            .map(|(i, t)| (t.id.clone(), i))
            .collect();
        Self {
            tasks,
            groups,
            edges,
            by_id,
        }
    }

    /// From `/ui/structure/structure_data`: a tree of groups, and edges between tasks or groups.
    pub fn from_ui(data: StructureData) -> Self {
        fn walk(
            node: StructureNode,
            parent: Option<&str>,
            tasks: &mut Vec<Item>,
            groups: &mut Vec<Item>,
        ) {
            let item = Item {
                label: node
                    .label
                    .filter(|l| !l.is_empty())
                    .unwrap_or_else(|| node.id.clone()),
                id: node.id,
                group: parent.map(str::to_owned),
                mapped: node.is_mapped,
            };
            match node.children {
                Some(children) => {
                    let id = item.id.clone();
                    groups.push(item);
                    for child in children {
                        walk(child, Some(&id), tasks, groups);
                    }
                }
                // assets, sensors of other DAGs and joins are drawn there but never run
                None if node.kind.as_deref().is_none_or(|k| k == "task") => tasks.push(item),
                None => {}
            }
        }
        let (mut tasks, mut groups) = (Vec::new(), Vec::new());
        for node in data.nodes {
            walk(node, None, &mut tasks, &mut groups);
        }
        let edges = data
            .edges
            .into_iter()
            .map(|e| (e.source_id, e.target_id))
            .collect();
        Self::new(tasks, groups, edges)
    }

    /// From the public list of tasks, which has no groups: the dotted beginnings of task ids stand for
    /// them (Airflow's default; a DAG with `prefix_group_id=False` shows none).
    pub fn from_tasks(list: Vec<Task>) -> Self {
        let ids: HashSet<&str> = list.iter().map(|t| t.task_id.as_str()).collect();
        let (mut groups, mut known) = (Vec::new(), HashSet::new());
        let mut tasks = Vec::new();
        let mut edges = Vec::new();
        for task in &list {
            let mut parent: Option<String> = None;
            for (dot, _) in task.task_id.match_indices('.') {
                let id = &task.task_id[..dot];
                if ids.contains(id) {
                    continue;
                }
                if known.insert(id.to_owned()) {
                    groups.push(Item {
                        id: id.to_owned(),
                        label: last_part(id).to_owned(),
                        group: parent.clone(),
                        mapped: false,
                    });
                }
                parent = Some(id.to_owned());
            }
            let label = if parent.is_some() {
                last_part(&task.task_id)
            } else {
                &task.task_id
            };
            tasks.push(Item {
                id: task.task_id.clone(),
                label: label.to_owned(),
                group: parent,
                mapped: task.is_mapped,
            });
            edges.extend(
                task.downstream_task_ids
                    .iter()
                    .map(|d| (task.task_id.clone(), d.clone())),
            );
        }
        Self::new(tasks, groups, edges)
    }

    fn task(&self, id: &str) -> Option<&Item> {
        self.by_id.get(id).map(|i| &self.tasks[*i])
    }

    /// A task's name inside its group.
    pub fn label(&self, task: &str) -> Option<&str> {
        self.task(task).map(|t| t.label.as_str())
    }

    /// The group a task lies in.
    pub fn group(&self, task: &str) -> Option<NodeId> {
        self.task(task)?.group.as_ref().map(NodeId::new)
    }

    /// The tasks in a group, at any depth; empty if it is no group.
    pub fn members(&self, group: &str) -> Vec<&str> {
        self.tasks
            .iter()
            .filter(|task| {
                let mut parent = task.group.as_deref();
                while let Some(id) = parent {
                    if id == group {
                        return true;
                    }
                    parent = self
                        .groups
                        .iter()
                        .find(|g| g.id == id)
                        .and_then(|g| g.group.as_deref());
                }
                false
            })
            .map(|task| task.id.as_str())
            .collect()
    }

    pub fn is_group(&self, id: &str) -> bool {
        self.groups.iter().any(|g| g.id == id)
    }

    /// Whether instances may become nodes of their own.
    pub fn has_mapped(&self) -> bool {
        self.tasks
            .iter()
            .chain(&self.groups)
            .any(|item| item.mapped)
    }

    /// The shape of a run in which these mapped tasks have instances: such a task is a group of them.
    /// Until then it is a node like any other, as it is one row at the server too.
    pub fn topology(&self, expanded: &BTreeSet<String>) -> Topology {
        let group = |item: &Item, mapped: bool| Group {
            id: NodeId::new(&item.id),
            name: SafeText::new(&item.label),
            parent: item.group.as_ref().map(NodeId::new),
            mapped,
        };
        let mut groups: Vec<Group> = self.groups.iter().map(|g| group(g, false)).collect();
        let mut nodes = Vec::new();
        for task in &self.tasks {
            if expanded.contains(&task.id) {
                groups.push(group(task, true));
            } else {
                nodes.push(NodeId::new(&task.id));
            }
        }
        let edges = self
            .edges
            .iter()
            .map(|(a, b)| (NodeId::new(a), NodeId::new(b)))
            .collect();
        Topology {
            nodes,
            groups,
            edges,
        }
    }
}

fn last_part(id: &str) -> &str {
    id.rsplit('.').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn groups(topology: &Topology) -> Vec<(&str, Option<&str>, bool)> {
        topology
            .groups
            .iter()
            .map(|g| (g.id.raw(), g.parent.as_ref().map(NodeId::raw), g.mapped))
            .collect()
    }

    #[test]
    fn the_private_and_the_public_way_give_one_shape() {
        let ui: StructureData = serde_json::from_value(json!({
            "nodes": [
                {"id": "a", "label": "a", "type": "task", "children": null},
                {"id": "g", "label": "g", "type": "task", "children": [
                    {"id": "g.b", "label": "b", "type": "task", "is_mapped": true},
                    {"id": "g.h", "label": "h", "type": "task", "children": [{"id": "g.h.c", "label": "c"}]}]},
                {"id": "asset:x", "label": "x", "type": "asset"}],
            "edges": [{"source_id": "a", "target_id": "g.b"}, {"source_id": "g.b", "target_id": "g.h.c"},
                {"source_id": "asset:x", "target_id": "a"}]}))
        .unwrap();
        let tasks: Vec<Task> = serde_json::from_value(json!([
            {"task_id": "a", "downstream_task_ids": ["g.b"]},
            {"task_id": "g.b", "downstream_task_ids": ["g.h.c"], "is_mapped": true},
            {"task_id": "g.h.c", "downstream_task_ids": null}]))
        .unwrap();
        let (ui, public) = (Structure::from_ui(ui), Structure::from_tasks(tasks));
        assert_eq!(ui, public);
        assert_eq!(ui.label("g.h.c"), Some("c"));
        assert_eq!(ui.group("g.h.c"), Some(NodeId::new("g.h")));
        assert_eq!(ui.members("g"), ["g.b", "g.h.c"]);
        assert!(ui.members("a").is_empty());

        let before = ui.topology(&BTreeSet::new());
        assert_eq!(before.nodes.len(), 3);
        assert_eq!(
            groups(&before),
            [("g", None, false), ("g.h", Some("g"), false)]
        );
        let after = ui.topology(&BTreeSet::from(["g.b".to_owned()]));
        assert_eq!(after.nodes, ["a", "g.h.c"].map(NodeId::new));
        assert_eq!(groups(&after)[2], ("g.b", Some("g"), true));
        assert_eq!(before.edges, after.edges);
    }

    #[test]
    fn a_dot_in_a_task_id_that_is_also_a_task_makes_no_group() {
        let tasks = serde_json::from_value(json!([{"task_id": "a"}, {"task_id": "a.b"}])).unwrap();
        let topology = Structure::from_tasks(tasks).topology(&BTreeSet::new());
        assert!(topology.groups.is_empty());
        assert_eq!(topology.nodes.len(), 2);
    }
}
