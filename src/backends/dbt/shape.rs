//! The shape of a run: its nodes, the sources they read, folders and packages as groups.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Group, NodeId, SafeText, Topology};

use super::manifest::{Item, Manifest};

/// Nodes of a run and the sources above them, in the order given.
pub fn members<'a>(manifest: &'a Manifest, ids: &[&'a str]) -> Vec<&'a str> {
    let own: BTreeSet<&str> = ids.iter().copied().collect();
    let mut sources: BTreeSet<&str> = BTreeSet::new();
    for id in ids {
        let needs = manifest.get(id).map(|i| i.needs.as_slice());
        sources.extend(
            needs
                .unwrap_or_default()
                .iter()
                .map(String::as_str)
                .filter(|n| n.starts_with("source.") && !own.contains(n)),
        );
    }
    sources.into_iter().chain(ids.iter().copied()).collect()
}

/// Every member is a node; what needs what is taken from the manifest.
pub fn topology(manifest: &Manifest, members: &[&str]) -> Topology {
    let packages = packages(manifest, members);
    let own: BTreeSet<&str> = members.iter().copied().collect();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut edges = Vec::new();
    for id in members {
        let Some(item) = manifest.get(id) else {
            continue;
        };
        let mut path = String::new();
        for folder in folders(item, packages) {
            let parent = (!path.is_empty()).then(|| group_id(&path));
            path.push('/');
            path.push_str(folder);
            groups.entry(path.clone()).or_insert_with(|| Group {
                id: group_id(&path),
                name: SafeText::new(folder),
                parent,
                mapped: false,
            });
        }
        edges.extend(
            item.needs
                .iter()
                .filter(|n| own.contains(n.as_str()))
                .map(|n| (NodeId::new(n), NodeId::new(id))),
        );
    }
    Topology {
        nodes: members.iter().map(NodeId::new).collect(),
        groups: groups.into_values().collect(),
        edges,
    }
}

/// The group a node lies in.
pub fn group_of(item: &Item, packages: bool) -> Option<NodeId> {
    let folders = folders(item, packages);
    (!folders.is_empty()).then(|| {
        let path: String = folders.iter().map(|f| format!("/{f}")).collect();
        group_id(&path)
    })
}

/// Whether the members are of more than one package, so that packages are groups too.
pub fn packages(manifest: &Manifest, members: &[&str]) -> bool {
    let mut found = members
        .iter()
        .filter_map(|id| manifest.get(id))
        .map(|item| item.package.as_str());
    let first = found.next();
    found.any(|package| Some(package) != first)
}

fn folders(item: &Item, packages: bool) -> &[String] {
    let start = usize::from(!packages);
    let end = item.fqn.len().saturating_sub(1);
    item.fqn.get(start..end).unwrap_or_default()
}

/// Ids of groups and nodes live in one space; no unique id begins with a slash.
fn group_id(path: &str) -> NodeId {
    NodeId::new(path)
}
