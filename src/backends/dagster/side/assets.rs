//! The assets of a code location with their checks and partitions.

use std::collections::{HashMap, HashSet};

use crate::backends::dagster::shared::{self, Memory};
use crate::backends::dagster::states;
use crate::backends::dagster::table::check_text;
use crate::backends::dagster::wire::{AssetCheck, AssetNode, Evaluation, Origin};
use crate::model::{Node, NodeId, NodeState, ParamSpec, Progress, SafeText, Topology};

use super::{Picture, groups, line};

pub fn origin(asset: &AssetNode) -> Origin {
    Origin {
        repository_name: asset.repository.name.clone(),
        repository_location_name: asset.repository.location.name.clone(),
    }
}

pub fn place(asset: &AssetNode) -> String {
    shared::place(&origin(asset))
}

pub fn check_id(asset: &str, check: &str) -> NodeId {
    NodeId::new(format!("{asset}#{check}"))
}

/// What checks found wrong, by run and step.
pub fn checks(assets: &[AssetNode]) -> HashMap<String, Vec<(String, Evaluation)>> {
    let mut found: HashMap<String, Vec<(String, Evaluation)>> = HashMap::new();
    for check in assets.iter().flat_map(AssetNode::checks) {
        if let Some(execution) = &check.execution_for_latest_materialization
            && let (Some(step), Some(evaluation)) = (&execution.step_key, &execution.evaluation)
            && !evaluation.success
        {
            let of = found.entry(execution.run_id.clone()).or_default();
            of.push((step.clone(), evaluation.clone()));
        }
    }
    found
}

/// Those at a place.
pub fn of<'a>(memory: &'a Memory, at: &'a str) -> impl Iterator<Item = &'a AssetNode> {
    memory.assets.iter().filter(move |asset| place(asset) == at)
}

/// What a launch asks: assets and partitions.
pub fn params(memory: &Memory, at: &str) -> Vec<ParamSpec> {
    let names: Vec<String> = of(memory, at)
        .filter(|a| a.is_executable)
        .map(|a| a.asset_key.text())
        .collect();
    let spec = |name: &str, default: String, description: &str| ParamSpec {
        name: SafeText::new(name),
        kind: SafeText::new("string"),
        default: serde_json::json!(default),
        description: SafeText::new(description),
        choices: Vec::new(),
        required: false,
    };
    vec![
        spec(
            "assets",
            names.join(","),
            "assets to materialise, with commas between",
        ),
        spec(
            "partitions",
            String::new(),
            "of partitioned assets: names with commas, first...last, or all",
        ),
    ]
}

pub fn picture(memory: &Memory, at: &str) -> Picture {
    let assets: Vec<&AssetNode> = of(memory, at).collect();
    let known: HashSet<String> = assets.iter().map(|a| a.asset_key.text()).collect();
    let mut topology = Topology {
        groups: groups(assets.iter().map(|a| a.group_name.as_str())),
        ..Topology::default()
    };
    let mut nodes = Vec::new();
    for asset in &assets {
        let name = asset.asset_key.text();
        let node = asset_node(asset, &name);
        let (id, group) = (node.id.clone(), node.group.clone());
        for need in asset
            .dependency_keys
            .iter()
            .map(|key| key.text())
            .filter(|key| known.contains(key))
        {
            topology.edges.push((NodeId::new(need), id.clone()));
        }
        nodes.push(node);
        for check in asset.checks() {
            let mut node = check_node(check, &name);
            node.group.clone_from(&group);
            topology.edges.push((id.clone(), node.id.clone()));
            nodes.push(node);
        }
    }
    topology.nodes = nodes.iter().map(|n| n.id.clone()).collect();
    Picture { topology, nodes }
}

fn asset_node(asset: &AssetNode, name: &str) -> Node {
    let mut node = Node::new(NodeId::new(name));
    node.group = Some(NodeId::new(format!("group {}", asset.group_name)));
    let last = asset.asset_materializations.first();
    node.ended_at = last.and_then(|m| m.timestamp);
    node.attempt = u32::from(last.is_some());
    let stale = asset.stale_status.as_deref().unwrap_or_default();
    if let Some(stats) = &asset.partition_stats {
        node.kind = SafeText::new("partitioned asset");
        node.progress = Progress::new(stats.num_materialized, stats.num_partitions);
        node.native = SafeText::new(format!(
            "{} of {} partitions, {} failed",
            stats.num_materialized, stats.num_partitions, stats.num_failed
        ));
        node.state = match stats {
            s if s.num_failed > 0 => NodeState::Failed,
            s if s.num_materializing > 0 => NodeState::Running,
            s if s.num_materialized == 0 => NodeState::Pending,
            _ => NodeState::Succeeded,
        };
        if stats.num_failed > 0 {
            node.attempt = 1;
            node.note = Some(SafeText::new(format!(
                "{} partitions failed",
                stats.num_failed
            )));
        }
        return node;
    }
    node.kind = SafeText::new(if asset.is_executable {
        "asset"
    } else {
        "external asset"
    });
    node.native = SafeText::new(stale);
    node.state = match last {
        None => NodeState::Pending,
        Some(_) => NodeState::Succeeded,
    };
    if stale == "STALE" {
        node.note = Some(SafeText::new(
            "stale: its code or something above it is newer",
        ));
    }
    node
}

fn check_node(check: &AssetCheck, asset: &str) -> Node {
    let mut node = Node::new(check_id(asset, &check.name));
    node.name = SafeText::new(&check.name);
    node.kind = SafeText::new(if check.blocking {
        "blocking check"
    } else {
        "check"
    });
    let Some(execution) = &check.execution_for_latest_materialization else {
        node.native = SafeText::new("not run for the newest materialisation");
        return node;
    };
    node.attempt = 1;
    node.native = SafeText::new(&execution.status);
    node.ended_at = execution.timestamp;
    node.state = states::check(check);
    node.note = execution
        .evaluation
        .as_ref()
        .filter(|found| !found.success)
        .map(check_text);
    node
}

pub fn log(memory: &Memory, at: &str, node: &str) -> String {
    let mut out = String::new();
    for asset in of(memory, at) {
        let name = asset.asset_key.text();
        if name == node {
            for last in &asset.asset_materializations {
                line(
                    last.timestamp,
                    "INFO",
                    &format!("materialised by run {}", last.run_id),
                    &mut out,
                );
            }
            if let Some(stats) = asset.partition_stats.as_ref().filter(|s| s.num_failed > 0) {
                let what = format!(
                    "{} of {} partitions failed",
                    stats.num_failed, stats.num_partitions
                );
                line(None, "ERROR", &what, &mut out);
            }
        }
        for check in asset.checks() {
            let about = name == node || check_id(&name, &check.name).raw() == node;
            let Some(execution) = check
                .execution_for_latest_materialization
                .as_ref()
                .filter(|_| about)
            else {
                continue;
            };
            let said = execution.evaluation.as_ref().map(check_text);
            let bad = execution.evaluation.as_ref().filter(|found| !found.success);
            let level = match bad.map(|found| found.severity == "ERROR") {
                None => "INFO",
                Some(true) => "ERROR",
                Some(false) => "WARNING",
            };
            let said = said.unwrap_or_else(|| {
                SafeText::new(format!("check {} {}", check.name, execution.status))
            });
            line(
                execution.timestamp,
                level,
                &format!("{said} (run {})", execution.run_id),
                &mut out,
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn memory() -> Memory {
        let check = |name: &str, status: &str, severity: &str| {
            json!({"name": name, "executionForLatestMaterialization": {"status": status, "runId": "r", "stepKey": format!("mart_{name}"),
                "timestamp": 1795140000.0, "evaluation": {"checkName": name, "assetKey": {"path": ["mart"]},
                    "success": status == "SUCCEEDED", "severity": severity, "description": "7 rows too few"}}})
        };
        let node = |name: &str, needs: serde_json::Value, more: serde_json::Value| {
            let mut node = json!({"assetKey": {"path": [name]}, "groupName": "g", "isExecutable": true,
                "repository": {"name": "__repository__", "location": {"name": "shop"}}, "dependencyKeys": needs});
            node.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            serde_json::from_value(node).unwrap()
        };
        Memory {
            assets: vec![
                node(
                    "raw",
                    json!([]),
                    json!({"isPartitioned": true,
                    "partitionStats": {"numPartitions": 7, "numMaterialized": 5, "numFailed": 1, "numMaterializing": 1}}),
                ),
                node(
                    "mart",
                    json!([{"path": ["raw"]}, {"path": ["elsewhere"]}]),
                    json!({
                    "assetMaterializations": [{"runId": "r", "timestamp": "1795140000250"}],
                    "assetChecksOrError": {"checks": [check("a", "FAILED", "ERROR"), check("b", "FAILED", "WARN"),
                        check("c", "SUCCEEDED", "ERROR")]}}),
                ),
            ],
            ..Memory::default()
        }
    }

    #[test]
    fn a_check_fails_or_warns_by_its_severity_and_partitions_are_progress() {
        let picture = picture(&memory(), "shop");
        let state = |id: &str| {
            picture
                .nodes
                .iter()
                .find(|n| n.id.raw() == id)
                .unwrap()
                .state
        };
        assert_eq!(state("mart#a"), NodeState::Failed);
        assert_eq!(state("mart#b"), NodeState::Warned);
        assert_eq!(state("mart#c"), NodeState::Succeeded);
        assert_eq!(state("mart"), NodeState::Succeeded);
        assert_eq!(state("raw"), NodeState::Failed);
        assert_eq!(picture.nodes[0].progress, Progress::new(5, 7));
        assert_eq!(picture.topology.edges.len(), 4);
        let log = log(&memory(), "shop", "mart#a");
        assert!(
            log.contains("ERROR dagster - check a of mart failed: 7 rows too few"),
            "{log}"
        );
    }

    #[test]
    fn what_checks_found_is_known_by_the_step_that_ran_them() {
        let found = checks(&memory().assets);
        let steps: Vec<&str> = found["r"].iter().map(|(step, _)| step.as_str()).collect();
        assert_eq!(steps, ["mart_a", "mart_b"]);
    }
}
