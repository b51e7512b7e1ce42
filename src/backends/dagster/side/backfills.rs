//! Backfills: one run each, its partitions or assets as nodes.

use serde_json::json;

use crate::backends::client::Trouble;
use crate::backends::dagster::shared::{Memory, Shared};
use crate::backends::dagster::wire::{
    AssetBackfillStatus, AssetKey, Backfill, Backfills, PartitionStatus,
};
use crate::backends::dagster::{api, gql, states};
use crate::backends::poll::Urgency;
use crate::model::{
    Event, Node, NodeId, NodeState, Progress, Run, RunKey, RunState, SafeText, Topology,
};

use super::line;

/// So many are known.
const NEWEST: usize = 25;

pub async fn read(shared: &Shared, urgency: Urgency) -> Result<Vec<Backfill>, Trouble> {
    let mut reply = gql::ask(shared, urgency, &api::backfills(NEWEST), json!({})).await?;
    let found: Backfills = reply.take("backfills")?;
    for bad in found.results.bad {
        shared.complain(format!("backfills{bad}")).await?;
    }
    Ok(found.results.rows)
}

/// One with how far it is.
pub async fn one(shared: &Shared, id: &str, urgency: Urgency) -> Result<Backfill, Trouble> {
    let mut reply = gql::ask(shared, urgency, &api::backfill(), json!({"id": id})).await?;
    Ok(reply.take("backfill")?)
}

pub fn state(status: &str) -> RunState {
    match status {
        "REQUESTED" | "CANCELING" | "FAILING" => RunState::Running,
        "COMPLETED" | "COMPLETED_SUCCESS" => RunState::Succeeded,
        "COMPLETED_FAILED" | "FAILED" => RunState::Failed,
        "CANCELED" => RunState::Cancelled,
        _ => RunState::Unknown,
    }
}

pub fn run(key: RunKey, backfill: &Backfill) -> Run {
    let mut run = Run::new(key, backfill.timestamp.unwrap_or_default());
    run.state = state(&backfill.status);
    run.native = SafeText::new(&backfill.status);
    run.started_at = backfill.timestamp;
    run.ended_at = backfill.end_timestamp.filter(|_| run.state.ended());
    run.cause = SafeText::new("backfill");
    let mut param = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            run.params.push((SafeText::new(name), SafeText::new(value)));
        }
    };
    param("title", backfill.title.clone());
    param("job", backfill.job_name.clone());
    let assets = backfill
        .asset_selection
        .iter()
        .flatten()
        .map(AssetKey::text);
    param("assets", Some(assets.collect::<Vec<_>>().join(", ")));
    param("partitions", backfill.num_partitions.map(|n| n.to_string()));
    run.note = backfill
        .error
        .as_ref()
        .map(|error| SafeText::new(gql::first_line(&error.own().message)));
    run
}

/// Reads one and tells of it. Says whether it is over.
pub async fn look(shared: &Shared, key: &RunKey, urgency: Urgency) -> Result<bool, Trouble> {
    let backfill = one(shared, key.run.raw(), urgency).await?;
    let run = run(key.clone(), &backfill);
    let over = run.state.ended();
    let nodes = nodes(&backfill);
    let topology = Topology {
        nodes: nodes.iter().map(|n| n.id.clone()).collect(),
        ..Topology::default()
    };
    {
        let mut memory = shared.memory();
        if let Some(known) = memory.backfills.iter_mut().find(|b| b.id == backfill.id) {
            *known = backfill;
        }
    }
    shared.emit(Event::Runs { list: vec![run] }).await?;
    let run = key.clone();
    shared.emit(Event::Topology { run, topology }).await?;
    shared
        .emit(Event::Nodes {
            run: key.clone(),
            list: nodes,
            complete: true,
        })
        .await?;
    Ok(over)
}

fn nodes(backfill: &Backfill) -> Vec<Node> {
    let assets = backfill
        .asset_backfill_data
        .iter()
        .flat_map(|d| &d.asset_backfill_statuses);
    let mut nodes: Vec<Node> = assets.map(asset).collect();
    if nodes.is_empty() {
        let partitions = backfill.partition_statuses.iter().flat_map(|s| &s.results);
        nodes.extend(partitions.map(|p| partition(p, &backfill.status)));
    }
    if state(&backfill.status) == RunState::Failed
        && nodes.iter().all(|n| n.state != NodeState::Failed)
    {
        // it failed before its first run
        let mut node = Node::new(NodeId::new("(backfill)"));
        (node.state, node.native, node.attempt) =
            (NodeState::Failed, SafeText::new(&backfill.status), 1);
        nodes.push(node);
    }
    nodes
}

fn asset(status: &AssetBackfillStatus) -> Node {
    let mut node = Node::new(NodeId::new(status.asset_key.text()));
    node.kind = SafeText::new("asset");
    node.attempt = 1;
    let Some(all) = status.num_partitions_targeted else {
        let (state, native) = match status {
            s if s.failed => (NodeState::Failed, "failed"),
            s if s.materialized => (NodeState::Succeeded, "materialised"),
            s if s.in_progress => (NodeState::Running, "in progress"),
            _ => (NodeState::Pending, "not begun"),
        };
        (node.state, node.native) = (state, SafeText::new(native));
        return node;
    };
    let (done, failed) = (
        status.num_partitions_materialized,
        status.num_partitions_failed,
    );
    node.progress = Progress::new(done + failed, all);
    node.native = SafeText::new(format!("{done} of {all} partitions, {failed} failed"));
    node.state = if failed > 0 {
        NodeState::Failed
    } else if done >= all {
        NodeState::Succeeded
    } else if status.num_partitions_in_progress > 0 || done > 0 {
        NodeState::Running
    } else {
        NodeState::Pending
    };
    node
}

fn partition(status: &PartitionStatus, of: &str) -> Node {
    let mut node = Node::new(NodeId::new(&status.partition_name));
    node.kind = SafeText::new("partition");
    match status.run_status {
        Some(run) => {
            (node.state, node.native) = states::own(run);
            node.attempt = 1;
        }
        None if state(of).ended() => {
            (node.state, node.native) = (NodeState::Cancelled, SafeText::new("never ran"))
        }
        None => node.native = SafeText::new("not begun"),
    }
    node
}

pub fn log(memory: &Memory, id: &str) -> String {
    let mut out = String::new();
    let Some(backfill) = memory.backfills.iter().find(|b| b.id == id) else {
        return out;
    };
    line(
        backfill.timestamp,
        "INFO",
        "the backfill was launched",
        &mut out,
    );
    for status in backfill.partition_statuses.iter().flat_map(|s| &s.results) {
        if let (Some(run), Some(status_of)) = (&status.run_id, status.run_status) {
            let level = if states::own(status_of).0 == NodeState::Failed {
                "ERROR"
            } else {
                "INFO"
            };
            let what = format!(
                "partition {}: run {run} is {}",
                status.partition_name,
                status_of.word()
            );
            line(None, level, &what, &mut out);
        }
    }
    for status in backfill
        .asset_backfill_data
        .iter()
        .flat_map(|d| &d.asset_backfill_statuses)
    {
        if status.num_partitions_failed > 0 || status.failed {
            let what = format!(
                "{}: {} partitions failed",
                status.asset_key.text(),
                status.num_partitions_failed
            );
            line(None, "ERROR", &what, &mut out);
        }
    }
    if let Some(error) = &backfill.error {
        line(
            backfill.end_timestamp,
            "ERROR",
            error.own().message.trim_end(),
            &mut out,
        );
    }
    out
}
