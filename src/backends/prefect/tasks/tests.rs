#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use serde_json::{Value, json};

const ROOT: &str = "r";

fn task(id: &str, name: &str, second: u32, state: (&str, &str), inputs: &[&str]) -> TaskRun {
    let inputs: Vec<Value> = inputs
        .iter()
        .map(|id| json!({"input_type": "task_run", "id": id}))
        .collect();
    let at = format!("2026-11-20T20:00:{second:02}Z");
    serde_json::from_value(json!({
        "id": id, "name": name, "flow_run_id": ROOT, "run_count": 1,
        "task_key": format!("{}-0123abcd", name.split('-').next().unwrap()), "dynamic_key": "abcdef01-2345",
        "state": {"type": state.0, "name": state.1, "timestamp": at}, "expected_start_time": at, "start_time": at,
        "end_time": at, "task_inputs": {"x": inputs}}))
    .unwrap()
}

const DONE: (&str, &str) = ("COMPLETED", "Completed");

fn root(kind: &str) -> FlowRun {
    serde_json::from_value(
        json!({"id": ROOT, "state": {"type": kind, "name": "x"}, "run_count": 1}),
    )
    .unwrap()
}

fn asked() -> Source {
    Source::Asked(Instant::now())
}

fn tasks(rows: Vec<TaskRun>) -> Tasks {
    let mut tasks = Tasks::default();
    for row in rows {
        tasks.see(row, &asked());
    }
    tasks
}

fn ids(topology: &Topology) -> Vec<&str> {
    topology.nodes.iter().map(NodeId::raw).collect()
}

fn edges(topology: &Topology) -> Vec<(&str, &str)> {
    topology
        .edges
        .iter()
        .map(|(a, b)| (a.raw(), b.raw()))
        .collect()
}

#[test]
fn nodes_are_called_by_their_task_and_shown_by_their_name() {
    let all = tasks(vec![
        task("1", "fetch-abc", 0, DONE, &[]),
        task("2", "clean-7", 1, DONE, &["1", "1"]),
        task("3", "clean-8", 2, DONE, &["1"]),
        task("4", "total-abc", 3, DONE, &["2", "3"]),
    ]);
    let topology = all.topology(&root("COMPLETED"), "orders");
    assert_eq!(
        ids(&topology),
        ["@flow", "fetch", "clean", "clean[1]", "total"]
    );
    assert_eq!(
        edges(&topology),
        [
            ("fetch", "clean"),
            ("fetch", "clean[1]"),
            ("clean", "total"),
            ("clean[1]", "total")
        ]
    );
    assert_eq!(topology.groups.len(), 1);
    assert!(topology.groups[0].mapped && topology.groups[0].id.raw() == "clean[*]");
    let nodes = all.nodes(&root("COMPLETED"), "orders");
    let shown = |id: &str| nodes.iter().find(|n| n.id.raw() == id).unwrap();
    assert_eq!(shown("fetch").name, "fetch");
    assert_eq!(shown("clean[1]").name, "clean-8");
    assert_eq!(shown("clean").group, Some(NodeId::new("clean[*]")));
    assert_eq!(shown("@flow").name, "orders");
    // whatever came first, what is known keeps its name
    assert_eq!(
        all.subject(ROOT, &NodeId::new("clean[1]")),
        Some(Subject::Task("3".to_owned()))
    );
    assert_eq!(
        all.subject(ROOT, &NodeId::new("clean-8")),
        Some(Subject::Task("3".to_owned()))
    );
    assert_eq!(all.subject(ROOT, &NodeId::new("nobody")), None);
}

#[test]
fn a_subflow_is_a_group_with_its_own_code_in_it() {
    let mut stand_in = task("2", "enrich-0", 1, DONE, &["1"]);
    stand_in.dynamic_key = "0".to_owned();
    stand_in.state.state_details.child_flow_run_id = Some("sub".to_owned());
    let mut inner = task("3", "geo-abc", 2, DONE, &[]);
    inner.flow_run_id = "sub".to_owned();
    inner.task_key = "enrich.<locals>.geo-0123abcd".to_owned();
    let last = task("4", "report-abc", 3, DONE, &["2"]);
    let mut all = Tasks::default();
    all.see_subflow(
        serde_json::from_value(
            json!({"id": "sub", "parent_task_run_id": "2", "state": {"type": "COMPLETED"}}),
        )
        .unwrap(),
    );
    for row in [task("1", "fetch-abc", 0, DONE, &[]), stand_in, inner, last] {
        all.see(row, &asked());
    }
    let topology = all.topology(&root("COMPLETED"), "orders");
    assert_eq!(
        ids(&topology),
        ["@flow", "fetch", "enrich/@flow", "enrich/geo", "report"]
    );
    assert_eq!(
        edges(&topology),
        [("fetch", "enrich"), ("enrich", "report")]
    );
    let group = &topology.groups[0];
    assert_eq!(
        (group.id.raw(), group.name.as_str(), group.mapped),
        ("enrich", "enrich", false)
    );
    let geo = all.node("3", &root("COMPLETED")).unwrap();
    assert_eq!(
        (geo.id.raw(), geo.group.clone()),
        ("enrich/geo", Some(NodeId::new("enrich")))
    );
    let sub = |run: Option<&str>| {
        Some(Subject::Subflow {
            task: "2".to_owned(),
            run: run.map(str::to_owned),
        })
    };
    assert_eq!(all.subject(ROOT, &NodeId::new("enrich")), sub(Some("sub")));
    assert_eq!(
        all.subject(ROOT, &NodeId::new("enrich/@flow")),
        Some(Subject::Flow("sub".to_owned()))
    );
    assert_eq!(
        all.subject(ROOT, &NodeId::new("@flow")),
        Some(Subject::Flow(ROOT.to_owned()))
    );
}

#[test]
fn of_a_run_that_was_retried_only_the_newest_process_is_shown() {
    let mut all = tasks(vec![
        task("1", "fetch-abc", 0, DONE, &[]),
        task("2", "load-abc", 1, ("FAILED", "Failed"), &["1"]),
        task("3", "fetch-abc", 30, ("COMPLETED", "Cached"), &[]),
        task("4", "load-abc", 31, DONE, &["3"]),
    ]);
    assert_eq!(
        ids(&all.topology(&root("RUNNING"), "f")).len(),
        5,
        "nothing says yet that there were two"
    );
    all.begin(wire_time("2026-11-20T20:00:20Z"));
    let topology = all.topology(&root("COMPLETED"), "f");
    assert_eq!(ids(&topology), ["@flow", "fetch", "load"]);
    assert!(topology.groups.is_empty());
    assert_eq!(all.node("1", &root("COMPLETED")), None);
    assert_eq!(
        all.node("4", &root("COMPLETED")).unwrap().state,
        NodeState::Succeeded
    );
    // its failure is history: the flow itself is fine
    assert_eq!(
        all.flow_node(&root("COMPLETED"), "f").state,
        NodeState::Succeeded
    );
}

fn wire_time(text: &str) -> Option<DateTime<Utc>> {
    crate::backends::lenient::parse_time(&json!(text))
}

#[test]
fn the_failed_task_is_the_cause_and_not_the_flow() {
    let all = tasks(vec![task("1", "load-abc", 1, ("FAILED", "Failed"), &[])]);
    assert_eq!(
        all.flow_node(&root("FAILED"), "f").state,
        NodeState::Blocked
    );
    let none = tasks(vec![task("1", "load-abc", 1, DONE, &[])]);
    assert_eq!(
        none.flow_node(&root("FAILED"), "f").state,
        NodeState::Failed
    );
}

#[test]
fn events_out_of_order_and_old_answers_change_nothing() {
    let event = |id: &str, follows: Option<&str>| Source::Event {
        id: id.to_owned(),
        follows: follows.map(str::to_owned),
    };
    let mut all = Tasks::default();
    let before = Instant::now();
    assert!(
        all.see(
            task("1", "load-abc", 5, ("RUNNING", "Running"), &[]),
            &event("b", Some("a"))
        )
        .is_some()
    );
    // what happened before comes after
    assert!(
        all.see(
            task("1", "load-abc", 4, ("PENDING", "Pending"), &[]),
            &event("a", None)
        )
        .is_none()
    );
    // an answer that was on its way when the event came
    assert!(
        all.see(
            task("1", "load-abc", 4, ("PENDING", "Pending"), &[]),
            &Source::Asked(before)
        )
        .is_none()
    );
    // an answer that says the same again is no other state
    assert!(
        all.see(
            task("1", "load-abc", 5, ("RUNNING", "Running"), &[]),
            &asked()
        )
        .is_some()
    );
    // the next state was stamped by a machine whose clock is behind
    assert!(
        all.see(task("1", "load-abc", 1, DONE, &[]), &event("c", Some("b")))
            .is_some()
    );
    assert_eq!(
        all.node("1", &root("RUNNING")).unwrap().state,
        NodeState::Succeeded
    );
    // the server may not have written that down yet
    let old = || task("1", "load-abc", 0, ("FAILED", "Failed"), &[]);
    assert!(all.see(old(), &asked()).is_none());
    // and what it says when asked later counts, whatever its stamp
    let later = Source::Asked(Instant::now() + WRITTEN);
    assert!(all.see(old(), &later).is_some());
}

#[test]
fn a_task_that_was_heard_of_and_is_not_written_down_yet_stays() {
    let mut all = tasks(vec![
        task("1", "load-abc", 1, DONE, &[]),
        task("2", "old-abc", 1, DONE, &[]),
    ]);
    let heard = Source::Event {
        id: "a".to_owned(),
        follows: None,
    };
    all.see(
        task("3", "load-def", 2, ("PENDING", "Pending"), &[]),
        &heard,
    );
    let listed = HashSet::from(["1".to_owned()]);
    all.keep(&listed, &asked());
    let run = root("RUNNING");
    let names = |all: &Tasks| {
        let topology = all.topology(&run, "f");
        ids(&topology).join(" ")
    };
    assert_eq!(names(&all), "@flow load load[1]");
    all.see(task("3", "load-def", 3, DONE, &[]), &heard);
    assert_eq!(names(&all), "@flow load load[1]");
    all.keep(&listed, &Source::Asked(Instant::now() + WRITTEN));
    assert_eq!(names(&all), "@flow load");
}

#[test]
fn a_waiting_task_has_no_duration_and_progress_is_of_what_runs() {
    let mut all = tasks(vec![
        task("1", "a-abc", 1, ("PENDING", "Pending"), &[]),
        task("2", "b-abc", 2, ("RUNNING", "Running"), &[]),
        task("3", "c-abc", 3, ("PENDING", "NotReady"), &["2"]),
    ]);
    assert!(all.see_progress("2", 41.7));
    assert!(!all.see_progress("2", 41.7) && !all.see_progress("nobody", 5.0));
    let node = |id: &str, run: &str| all.node(id, &root(run)).unwrap();
    assert_eq!(node("1", "RUNNING").started_at, None);
    assert_eq!(node("2", "RUNNING").progress, Progress::new(42, 100));
    assert_eq!(node("3", "RUNNING").state, NodeState::Blocked);
    assert_eq!(node("1", "FAILED").state, NodeState::Blocked);
    assert_eq!(node("2", "CANCELLED").progress, None);
    let mut odd = tasks(vec![task("2", "b-abc", 2, ("RUNNING", "Running"), &[])]);
    assert!(!odd.see_progress("2", f64::NAN) && !odd.see_progress("2", -1.0));
}
