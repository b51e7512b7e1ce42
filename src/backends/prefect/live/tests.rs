#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::shared::Known;
use super::*;
use crate::model::{BackendId, PipelineKey};
use tokio::time::Instant;

fn event(id: &str, name: &str, resource: Value, more: Value) -> Event {
    let mut event =
        json!({"id": id, "event": name, "occurred": "2026-11-20T20:00:05Z", "resource": resource});
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    serde_json::from_value(event).unwrap()
}

fn flow_event(id: &str, run: &str, kind: &str, second: u32) -> Event {
    let at = format!("2026-11-20T20:00:{second:02}+00:00");
    event(
        id,
        &format!("prefect.flow-run.{kind}"),
        json!({"prefect.resource.id": format!("prefect.flow-run.{run}"), "prefect.state-type": kind,
            "prefect.state-name": kind, "prefect.state-timestamp": at, "prefect.run-count": "1"}),
        json!({"occurred": at}),
    )
}

fn memory() -> Memory {
    let mut memory = Memory::default();
    let row: FlowRun =
        serde_json::from_value(json!({"id": "r", "state": {"type": "PENDING"}})).unwrap();
    let key = PipelineKey::new(&BackendId::new("b"), "f/d").run("r");
    let known = Known::new(row, key, "f".to_owned(), &Source::Asked(Instant::now()));
    memory.runs.insert("r".to_owned(), known);
    memory
}

#[test]
fn events_about_one_run_build_on_each_other() {
    let mut memory = memory();
    let news = sort(
        &mut memory,
        &[
            flow_event("1", "r", "RUNNING", 1),
            flow_event("2", "r", "FAILED", 9),
        ],
    );
    let [(first, _), (last, _)] = &news.runs[..] else {
        panic!()
    };
    assert_eq!(
        (first.state.kind.as_str(), first.end_time),
        ("RUNNING", None)
    );
    assert_eq!(last.state.kind, "FAILED");
    assert_eq!(
        last.start_time, first.state.timestamp,
        "the start is known from the event before"
    );
    assert_eq!(last.end_time, last.state.timestamp);
    let retried = sort(&mut memory, &[flow_event("3", "r", "SCHEDULED", 20)]);
    assert_eq!(retried.runs[0].0.end_time, None);
}

#[test]
fn a_run_that_nobody_knows_is_asked_for_and_a_flood_of_them_with_everything() {
    let mut memory = memory();
    assert!(sort(&mut memory, &[flow_event("1", "x", "PENDING", 1)]).strangers);
    assert!(memory.strangers.contains("x") && !memory.resync);
    let flood: Vec<Event> = (0..2000)
        .map(|n| flow_event(&n.to_string(), &format!("x{n}"), "SCHEDULED", 1))
        .collect();
    sort(&mut memory, &flood);
    assert!(memory.strangers.len() <= 4 * api::PAGE && memory.resync);
}

#[test]
fn a_task_run_is_put_together_from_its_event() {
    let told = event(
        "1",
        "prefect.task-run.AwaitingRetry",
        json!({"prefect.resource.id": "prefect.task-run.t", "prefect.resource.name": "load-abc",
            "prefect.state-type": "SCHEDULED", "prefect.state-name": "AwaitingRetry",
            "prefect.state-timestamp": "2026-11-20T20:00:04+00:00", "prefect.state-message": "hung up"}),
        json!({"follows": "0", "related": [{"prefect.resource.id": "prefect.flow-run.r", "prefect.resource.role": "flow-run"}],
            "payload": {"validated_state": {"state_details": {"scheduled_time": "2026-11-20T20:00:07Z"}},
                "task_run": {"task_key": "load-0123abcd", "dynamic_key": "abc", "run_count": 1,
                    "empirical_policy": {"retries": 2}, "task_inputs": {"x": [{"input_type": "task_run", "id": "u"}]}}}}),
    );
    let news = sort(&mut memory(), &[told]);
    let (row, source) = &news.tasks[0];
    assert_eq!(
        (row.id.as_str(), row.flow_run_id.as_str(), row.name.as_str()),
        ("t", "r", "load-abc")
    );
    assert_eq!(row.parents(), ["u"]);
    assert_eq!(
        (row.state.name.as_str(), row.state.message.as_str()),
        ("AwaitingRetry", "hung up")
    );
    assert!(row.state.state_details.scheduled_time.is_some() && row.state.timestamp.is_some());
    assert!(matches!(source, Source::Event { follows: Some(f), .. } if f == "0"));
}

#[test]
fn heartbeats_progress_and_what_surrounds_are_told_apart() {
    let mut memory = memory();
    let of = |id: &str, role: &str| json!({"prefect.resource.id": format!("prefect.{role}.{id}"), "prefect.resource.role": role});
    let events = [
        event(
            "1",
            "prefect.flow-run.heartbeat",
            json!({"prefect.resource.id": "prefect.flow-run.r"}),
            json!({}),
        ),
        event(
            "2",
            "prefect.artifact.updated",
            json!({}),
            json!({"related": [of("r", "flow-run"), of("t", "task-run")], "payload": {"data": 2.5}}),
        ),
        event(
            "3",
            "prefect.artifact.updated",
            json!({}),
            json!({"related": [of("r", "flow-run"), of("t", "task-run")], "payload": {"data": "# text"}}),
        ),
        event("4", "prefect.deployment.updated", json!({}), json!({})),
        event(
            "5",
            "prefect.something.new",
            json!({}),
            json!({"payload": null, "related": null}),
        ),
    ];
    let news = sort(&mut memory, &events);
    assert!(memory.beats.contains_key("r"));
    assert_eq!(news.progress, [("r".to_owned(), "t".to_owned(), 2.5)]);
    assert!(news.deployments && news.system && !news.strangers);
}

#[test]
fn an_event_that_comes_again_is_no_news_and_a_fast_clock_makes_us_not_deaf() {
    let mut seen = Seen::default();
    let now = Utc::now();
    let mut one = flow_event("1", "r", "RUNNING", 1);
    assert!(seen.take(&one, now) && !seen.take(&one, now));
    one.id = "2".to_owned();
    one.occurred = Some(now + chrono::Duration::hours(9));
    assert!(seen.take(&one, now));
    assert_eq!(seen.last, Some(now));
    for n in 0..(IDS + 50) {
        one.id = format!("n{n}");
        seen.take(&one, now);
    }
    assert!(seen.ids.len() <= IDS && seen.order.len() == seen.ids.len());
}
