//! Airflow's words in ours. Run state: queued running success failed. Task instance: 13 words and null.

use crate::model::{Node, NodeId, NodeState, RunState, SafeText};

use super::wire::TaskInstance;

/// A task instance's state. `None`: the scheduler has not looked at it yet ("no_status").
pub fn node_state(word: Option<&str>) -> NodeState {
    match word {
        None | Some("" | "none" | "no_status") => NodeState::Pending,
        // waiting for a slot of its pool, and handed to the executor
        Some("scheduled" | "queued") => NodeState::Queued,
        Some("running") => NodeState::Running,
        Some("success") => NodeState::Succeeded,
        Some("failed" | "shutdown") => NodeState::Failed,
        // `restarting`: cleared while it ran; its process is being stopped and another follows
        Some("up_for_retry" | "restarting") => NodeState::Retrying,
        Some("up_for_reschedule" | "deferred" | "awaiting_input" | "sensing") => NodeState::Waiting,
        Some("upstream_failed") => NodeState::Blocked,
        // `removed`: not in the DAG any more
        Some("skipped" | "removed") => NodeState::Skipped,
        Some(_) => NodeState::Unknown,
    }
}

/// What Airflow calls the state, also where it says null.
pub fn native(word: Option<&str>) -> SafeText {
    SafeText::new(word.filter(|w| !w.is_empty()).unwrap_or("no_status"))
}

/// `paused`: the DAG is. Its run stays `running` then, and starts nothing that is not scheduled.
pub fn run_state(word: &str, paused: bool) -> RunState {
    match word {
        "queued" if paused => RunState::Paused,
        "queued" => RunState::Queued,
        "running" | "restarting" if paused => RunState::Paused,
        "running" | "restarting" => RunState::Running,
        "success" => RunState::Succeeded,
        "failed" => RunState::Failed,
        _ => RunState::Unknown,
    }
}

/// What the fleet must know of a run that nobody looks at.
pub const NOTABLE: [&str; 4] = ["failed", "up_for_retry", "running", "restarting"];

/// The id of a task instance: the task's, or `task[3]` for an instance of a mapped task. Task ids are
/// `[A-Za-z0-9_.-]+`, so the bracket can't be part of one.
pub fn node_id(task: &str, map_index: i32) -> NodeId {
    match map_index {
        ..0 => NodeId::new(task),
        _ => NodeId::new(format!("{task}[{map_index}]")),
    }
}

/// Task and map index of an id that [`node_id`] made.
pub fn task_of(node: &NodeId) -> (&str, Option<i32>) {
    let raw = node.raw();
    raw.strip_suffix(']')
        .and_then(|rest| rest.rsplit_once('['))
        .and_then(|(task, index)| Some((task, Some(index.parse().ok()?))))
        .unwrap_or((raw, None))
}

/// A task instance as a node. `label` and `group` come from the structure where it is known.
pub fn node(ti: &TaskInstance, label: Option<&str>, group: Option<NodeId>) -> Node {
    let mut node = Node::new(node_id(&ti.task_id, ti.map_index));
    let label = label.unwrap_or(&ti.task_id);
    if ti.map_index >= 0 {
        node.name = match ti.rendered_map_index.as_deref() {
            Some(rendered) if !rendered.is_empty() => {
                SafeText::new(format!("{label} [{rendered}]"))
            }
            _ => SafeText::new(format!("{label} [{}]", ti.map_index)),
        };
        node.group = Some(NodeId::new(&ti.task_id));
    } else {
        node.name = SafeText::new(label);
        node.group = group;
    }
    let safe = |text: &Option<String>| text.as_deref().filter(|t| !t.is_empty()).map(SafeText::new);
    let word = ti.state.as_deref();
    node.kind = safe(&ti.operator_name)
        .or_else(|| safe(&ti.operator))
        .unwrap_or_default();
    node.state = node_state(word);
    node.native = native(word);
    node.attempt = ti.try_number;
    node.max_attempts = Some((ti.max_tries + 1).max(ti.try_number));
    node.host = safe(&ti.hostname);
    node.pool = safe(&ti.pool);
    node.note = safe(&ti.note);
    // Airflow keeps the times of the last try until the next one begins, also after a clear
    match word {
        None => {}
        Some("scheduled") => node.scheduled_at = ti.scheduled_when,
        Some("queued") => {
            node.scheduled_at = ti.scheduled_when;
            node.queued_at = ti.queued_when;
        }
        Some("restarting") => {}
        Some("running" | "deferred" | "up_for_reschedule" | "awaiting_input") => {
            node.scheduled_at = ti.scheduled_when;
            node.queued_at = ti.queued_when;
            node.started_at = ti.start_date;
        }
        // these never ran: Airflow sets both times to when it found out
        Some("upstream_failed") => node.ended_at = ti.end_date,
        Some("skipped" | "removed") if ti.try_number == 0 => node.ended_at = ti.end_date,
        Some(_) => {
            node.scheduled_at = ti.scheduled_when;
            node.queued_at = ti.queued_when;
            node.started_at = ti.start_date;
            node.ended_at = ti.end_date;
        }
    }
    node
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn ti(value: serde_json::Value) -> TaskInstance {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_word_has_a_state_and_a_new_word_is_unknown_with_its_name() {
        for word in [
            "removed",
            "scheduled",
            "queued",
            "running",
            "success",
            "restarting",
            "failed",
            "up_for_retry",
            "up_for_reschedule",
            "upstream_failed",
            "skipped",
            "deferred",
            "awaiting_input",
        ] {
            assert_ne!(node_state(Some(word)), NodeState::Unknown, "{word}");
        }
        assert_eq!(node_state(None), NodeState::Pending);
        let odd = node(
            &ti(json!({"task_id": "t", "state": "levitating"})),
            None,
            None,
        );
        assert_eq!(
            (odd.state, odd.native.as_str()),
            (NodeState::Unknown, "levitating")
        );
        assert_eq!(run_state("levitating", false), RunState::Unknown);
        assert_eq!(run_state("running", true), RunState::Paused);
        assert_eq!(run_state("success", true), RunState::Succeeded);
    }

    #[test]
    fn ids_of_mapped_instances_go_both_ways() {
        for (task, index) in [("extract.pull", -1), ("extract.pull", 0), ("a-b.c", 1999)] {
            let id = node_id(task, index);
            assert_eq!(task_of(&id), (task, (index >= 0).then_some(index)));
        }
        assert_eq!(task_of(&NodeId::new("odd[x]")), ("odd[x]", None));
    }

    #[test]
    fn a_cleared_task_shows_no_times_of_its_last_try() {
        let times = json!({"task_id": "t", "start_date": "2026-01-01T00:00:00Z", "end_date": "2026-01-01T00:01:00Z",
            "queued_when": "2025-12-31T23:59:00Z", "try_number": 1, "max_tries": 1});
        for word in [
            json!(null),
            json!("scheduled"),
            json!("queued"),
            json!("restarting"),
        ] {
            let mut value = times.clone();
            value["state"] = word;
            let node = node(&ti(value), None, None);
            assert_eq!((node.started_at, node.ended_at), (None, None));
        }
        let mut running = times.clone();
        running["state"] = json!("running");
        let running = node(&ti(running), None, None);
        assert!(running.started_at.is_some() && running.ended_at.is_none());
        let mut blocked = times;
        blocked["state"] = json!("upstream_failed");
        blocked["try_number"] = json!(0);
        let blocked = node(&ti(blocked), None, None);
        assert!(blocked.started_at.is_none() && blocked.ended_at.is_some());
    }
}
