//! Days on which Prefect is wrong, slow, gone or odd.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::fake::*;
use super::*;
use dagtop::config::Login;
use dagtop::model::*;
use serde_json::json;
use wiremock::ResponseTemplate;

const SOON: Duration = Duration::from_secs(20);

fn nightly() -> PipelineKey {
    pipeline("orders/nightly")
}

fn quick(fake: &Fake) -> Rig {
    watch_with(
        &settings(&fake.url, Login::None),
        Duration::from_secs(1),
        Duration::from_millis(200),
    )
}

fn degraded(rig: &Rig) -> Option<String> {
    rig.status().degraded.as_ref().map(ToString::to_string)
}

fn node_state(rig: &Rig, run: &str, id: &str) -> Option<NodeState> {
    let view = rig.run(&nightly().run(run))?;
    view.nodes.get(&NodeId::new(id)).map(|node| node.state)
}

fn now() -> String {
    stamp(chrono::Utc::now())
}

fn stamp(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[tokio::test]
async fn a_wrong_password_is_told_as_one_and_the_right_one_opens_the_socket_too() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        // lab:s3cret
        db.auth = "Basic bGFiOnMzY3JldA==".to_owned();
        db.token = Some("lab:s3cret".to_owned());
    }
    let mut rig = watch(&settings(&fake.url, password("lab", "wrong")));
    rig.until("a refusal", SOON, |rig| matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("user or password was refused"))).await;
    assert!(!rig.listed());
    let mut rig = watch(&settings(&fake.url, Login::None));
    rig.until("a hint", SOON, |rig| matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("wants a login"))).await;
    let mut rig = watch(&settings(&fake.url, password("lab", "s3cret")));
    rig.until("the list", SOON, |rig| rig.listed() && rig.up())
        .await;
    rig.until("the socket", SOON, |_| fake.opened() == 1).await;
    assert_eq!(degraded(&rig), None);
}

#[tokio::test]
async fn what_is_no_prefect_or_too_old_a_one_is_called_so() {
    let fake = Fake::start().await;
    fake.db().version = "2.20.1".to_owned();
    let mut rig = watch(&settings(&fake.url, Login::None));
    rig.until("the version", SOON, |rig| matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("Prefect 2.20.1"))).await;
    let other = wiremock::MockServer::start().await;
    let mut rig = watch(&settings(&other.uri(), Login::None));
    rig.until("no prefect", SOON, |rig| matches!(&rig.status().reach, Reach::Refused { reason } if reason.contains("is no Prefect API"))).await;
}

#[tokio::test]
async fn without_a_socket_it_is_polled_and_said_so_and_with_one_it_is_quiet() {
    let fake = Fake::start().await;
    fake.sockets.store(false, Ordering::SeqCst);
    fake.db()
        .flow_runs
        .push(flow_run("r1", "dep-1", "RUNNING", START));
    let mut rig = quick(&fake);
    rig.until("a word on it", SOON, |rig| {
        rig.listed() && degraded(rig).is_some_and(|why| why.contains("no live events"))
    })
    .await;
    fake.db().flow_runs[0] = flow_run("r1", "dep-1", "COMPLETED", &now());
    rig.until("the end by polling", SOON, |rig| {
        rig.run(&nightly().run("r1"))
            .is_some_and(|r| r.run.state == RunState::Succeeded)
    })
    .await;
    // the socket comes
    fake.sockets.store(true, Ordering::SeqCst);
    rig.requests
        .send(dagtop::backends::Request::Refresh)
        .await
        .unwrap();
    rig.until("no word on it", Duration::from_secs(60), |rig| {
        degraded(rig).is_none()
    })
    .await;
    rig.for_(Duration::from_secs(2)).await;
    let asked = fake.db().asked.values().sum::<usize>();
    rig.for_(Duration::from_secs(4)).await;
    let later = fake.db().asked.values().sum::<usize>();
    assert!(
        later - asked <= 2,
        "{} requests in 4 s at rest",
        later - asked
    );
}

#[tokio::test]
async fn a_socket_that_is_cut_closed_or_silent_is_opened_again() {
    let fake = Fake::start().await;
    fake.db()
        .flow_runs
        .push(flow_run("r1", "dep-1", "RUNNING", START));
    let mut rig = quick(&fake);
    let filters = || -> Vec<serde_json::Value> {
        let heard = fake.heard.lock().unwrap();
        let all = heard.iter().filter(|frame| frame["type"] == "filter");
        all.cloned().collect()
    };
    let socket = async |rig: &mut Rig, nth: usize| {
        rig.until("the socket", SOON, |rig| {
            rig.listed() && fake.opened() == nth && degraded(rig).is_none()
        })
        .await;
        // it listens only when it was told what for
        while filters().len() < nth {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    socket(&mut rig, 1).await;
    for (nth, say) in [Say::Cut, Say::Close(1011, "restarting"), Say::Freeze]
        .into_iter()
        .enumerate()
    {
        fake.say.send(say.clone()).unwrap();
        rig.until("a word on it", SOON, |rig| degraded(rig).is_some())
            .await;
        let why = degraded(&rig).unwrap();
        match say {
            Say::Close(..) => assert!(why.contains("restarting"), "{why}"),
            Say::Freeze => assert!(why.contains("silent"), "{why}"),
            _ => assert!(why.contains("closed"), "{why}"),
        }
        socket(&mut rig, nth + 2).await;
    }
    // what was said before is asked for again
    let mut first = None;
    for filter in filters() {
        let occurred = &filter["filter"]["occurred"];
        let time = |key: &str| {
            chrono::DateTime::parse_from_rfc3339(occurred[key].as_str().unwrap()).unwrap()
        };
        assert!(
            time("until") - time("since") > chrono::Duration::days(300),
            "{filter}"
        );
        assert_eq!(filter["backfill"], true);
        let since = time("since");
        assert!(first.is_none_or(|first| since < first), "{filter}");
        first = first.or(Some(since));
    }
}

#[tokio::test]
async fn a_refused_socket_leaves_polling() {
    let fake = Fake::start().await;
    fake.db().token = Some("another".to_owned());
    let mut rig = quick(&fake);
    rig.until("a word on it", SOON, |rig| {
        rig.listed() && degraded(rig).is_some_and(|why| why.contains("Invalid token"))
    })
    .await;
    assert!(rig.up());
}

#[tokio::test]
async fn events_come_twice_and_in_the_wrong_order_and_from_slow_clocks() {
    let fake = Fake::start().await;
    fake.db()
        .flow_runs
        .push(flow_run("r1", "dep-1", "RUNNING", START));
    let mut rig = watch_with(
        &settings(&fake.url, Login::None),
        Duration::from_secs(30),
        Duration::from_secs(2),
    );
    rig.until("the socket", SOON, |rig| rig.listed() && fake.opened() == 1)
        .await;
    rig.look(|focus| focus.runs = vec![nightly().run("r1")]);
    rig.until("the run", SOON, |rig| {
        node_state(rig, "r1", "@flow").is_some()
    })
    .await;
    let at = |second: i64| stamp(chrono::Utc::now() + chrono::Duration::seconds(second));
    let (first, second) = (at(0), at(1));
    fake.db()
        .task_runs
        .push(task_run("t", "r1", "load", "RUNNING", &second));
    let running = task_event(
        "e2",
        Some("e1"),
        &task_run("t", "r1", "load", "RUNNING", &second),
    );
    fake.tell(running.clone());
    fake.tell(running);
    fake.tell(task_event(
        "e1",
        None,
        &task_run("t", "r1", "load", "PENDING", &first),
    ));
    fake.tell("{\"type\":\"event\",\"event\":{\"id\":5}}".to_owned());
    fake.tell("no json".to_owned());
    rig.until("the task", SOON, |rig| {
        node_state(rig, "r1", "load") == Some(NodeState::Running)
    })
    .await;
    rig.for_(Duration::from_millis(500)).await;
    assert_eq!(node_state(&rig, "r1", "load"), Some(NodeState::Running));
    assert!(!rig.complaints.is_empty(), "what can't be read is told");
    // the worker's clock is hours behind the one that stamped the state before
    fake.tell(task_event(
        "e3",
        Some("e2"),
        &task_run("t", "r1", "load", "FAILED", &at(-7200)),
    ));
    rig.until("its failure", SOON, |rig| {
        node_state(rig, "r1", "load") == Some(NodeState::Failed)
    })
    .await;
    // an event for what nobody knows is no event for anybody
    fake.tell(task_event(
        "e4",
        None,
        &task_run("t", "unknown", "load", "COMPLETED", &at(9)),
    ));
    // a run that is new is asked for
    fake.db()
        .flow_runs
        .push(flow_run("r2", "dep-1", "PENDING", &now()));
    fake.tell(flow_event("e5", "r2", "PENDING", "Pending", &now()));
    rig.until("the new run", SOON, |rig| {
        rig.run(&nightly().run("r2")).is_some()
    })
    .await;
    fake.tell(flow_event("e6", "r2", "FAILED", "Failed", &at(3)));
    rig.until("its end", SOON, |rig| {
        rig.run(&nightly().run("r2"))
            .is_some_and(|r| r.run.state == RunState::Failed)
    })
    .await;
}

#[tokio::test]
async fn a_locked_database_is_asked_again_and_a_broken_server_is_waited_for() {
    let fake = Fake::start().await;
    fake.db()
        .instead
        .insert("/deployments/filter", (2, locked()));
    let mut rig = quick(&fake);
    rig.until("the list", SOON, Rig::listed).await;
    assert!(rig.up());
    assert_eq!(fake.asked("/deployments/filter"), 3);
    // longer than a moment
    fake.db().instead.insert("filter", (6, locked()));
    rig.requests
        .send(dagtop::backends::Request::Refresh)
        .await
        .unwrap();
    rig.until("a word on it", SOON, |rig| matches!(&rig.status().reach, Reach::Down { reason, .. } if reason.contains("Service Unavailable"))).await;
    rig.until("it is back", Duration::from_secs(60), Rig::up)
        .await;
}

#[tokio::test]
async fn a_server_that_is_started_again_is_found_again() {
    let fake = Fake::start().await;
    fake.db()
        .flow_runs
        .push(flow_run("r1", "dep-1", "RUNNING", START));
    let mut rig = quick(&fake);
    rig.until("the list", SOON, |rig| rig.listed() && fake.opened() == 1)
        .await;
    let gone = ResponseTemplate::new(502).set_body_string("Bad Gateway");
    fake.db().instead.insert("", (usize::MAX, gone));
    fake.sockets.store(false, Ordering::SeqCst);
    fake.say.send(Say::Cut).unwrap();
    rig.until("it is down", SOON, |rig| {
        matches!(rig.status().reach, Reach::Down { .. })
    })
    .await;
    // meanwhile things happened
    fake.db().flow_runs[0] = flow_run("r1", "dep-1", "FAILED", &now());
    fake.db()
        .task_runs
        .push(task_run("t", "r1", "load", "FAILED", &now()));
    fake.db().instead.clear();
    fake.sockets.store(true, Ordering::SeqCst);
    rig.until("it is up", Duration::from_secs(60), |rig| {
        rig.up() && degraded(rig).is_none()
    })
    .await;
    rig.until("what happened", SOON, |rig| {
        node_state(rig, "r1", "load") == Some(NodeState::Failed)
    })
    .await;
    let run = rig.run(&nightly().run("r1")).unwrap();
    assert_eq!(run.health, Health::Failed);
    assert_eq!(
        run.worst_node().unwrap().id,
        NodeId::new("load"),
        "the task is the cause, not the flow"
    );
}

#[tokio::test]
async fn ten_thousand_runs_cost_a_few_pages() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        for n in 0..10_000 {
            let at = stamp(chrono::Utc::now() - chrono::Duration::minutes(10_000 - n));
            let kind = if n % 7 == 0 { "FAILED" } else { "COMPLETED" };
            let mut run = flow_run(&format!("r{n}"), "dep-1", kind, &at);
            run["end_time"] = json!(at);
            db.flow_runs.push(run);
        }
        db.deployments.push(deployment("dep-2", "rare"));
        db.flow_runs
            .push(flow_run("old", "dep-2", "COMPLETED", START));
    }
    let mut rig = quick(&fake);
    rig.until("the list", SOON, Rig::listed).await;
    let db = fake.db();
    assert!(db.asked["/flow_runs/filter"] <= 6, "{:?}", db.asked);
    assert_eq!(db.largest, 200, "more is refused");
    drop(db);
    assert!(rig.run(&nightly().run("r9999")).is_some());
    assert!(
        rig.run(&pipeline("orders/rare").run("old")).is_some(),
        "whoever runs rarely is not hidden by whoever runs often"
    );
}

#[tokio::test]
async fn a_run_of_two_thousand_nodes_is_loaded_whole_and_followed_by_events() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        db.flow_runs.push(flow_run("r1", "dep-1", "RUNNING", START));
        db.task_runs
            .push(task_run("first", "r1", "fetch", "COMPLETED", START));
        for n in 0..2000 {
            let mut task = task_run(
                &format!("t{n:04}"),
                "r1",
                "clean",
                "PENDING",
                "2026-11-20T02:00:01Z",
            );
            task["task_inputs"] = json!({"row": [{"input_type": "task_run", "id": "first"}]});
            db.task_runs.push(task);
        }
    }
    let mut rig = watch_with(
        &settings(&fake.url, Login::None),
        Duration::from_secs(30),
        Duration::from_secs(2),
    );
    rig.until("the list", SOON, |rig| rig.listed() && fake.opened() == 1)
        .await;
    let key = nightly().run("r1");
    rig.look(|focus| focus.runs = vec![key.clone()]);
    rig.until("all nodes", SOON, |rig| {
        rig.run(&key).is_some_and(|run| run.complete)
    })
    .await;
    let run = rig.run(&key).unwrap();
    assert_eq!(run.nodes.len(), 2002, "with the flow's own");
    let topology = run.topology.as_ref().unwrap();
    assert_eq!((topology.groups.len(), topology.edges.len()), (1, 2000));
    assert!(topology.groups[0].mapped);
    let pages = fake.asked("/task_runs/filter");
    assert!((11..=13).contains(&pages), "{pages} pages");
    let events = rig.events;
    for n in 0..2000 {
        let task = task_run(&format!("t{n:04}"), "r1", "clean", "COMPLETED", &now());
        let mut task = task;
        task["task_inputs"] = json!({"row": [{"input_type": "task_run", "id": "first"}]});
        fake.tell(task_event(&format!("e{n}"), None, &task));
    }
    let done = |rig: &Rig| {
        rig.run(&key)
            .unwrap()
            .nodes
            .values()
            .filter(|n| n.state == NodeState::Succeeded)
            .count()
    };
    rig.until("their ends", SOON, |rig| done(rig) == 2001).await;
    assert_eq!(
        fake.asked("/task_runs/filter"),
        pages,
        "events need no question"
    );
    assert!(
        rig.events - events <= 2100,
        "{} events",
        rig.events - events
    );
}

#[tokio::test]
async fn a_bad_record_hides_no_other_and_a_clock_that_is_off_is_told() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        db.flow_runs.push(json!({"name": "without an id"}));
        db.flow_runs
            .push(flow_run("r1", "dep-1", "COMPLETED", START));
        db.flow_runs[0]["state"] = json!({"type": "COMPLETED"});
        db.date = Some("Fri, 20 Nov 2026 02:00:00 GMT");
    }
    let mut rig = quick(&fake);
    rig.until("the list", SOON, |rig| {
        rig.listed() && rig.run(&nightly().run("r1")).is_some()
    })
    .await;
    assert!(
        rig.complaints.iter().any(|what| what.contains("id")),
        "{:?}",
        rig.complaints
    );
    assert!(rig.status().clock_skew_ms.unwrap() < -3_600_000);
}

#[tokio::test]
async fn an_event_that_may_be_older_is_asked_about() {
    let fake = Fake::start().await;
    let at = |second: i64| stamp(chrono::Utc::now() + chrono::Duration::seconds(second));
    {
        let mut db = fake.db();
        db.flow_runs.push(flow_run("r1", "dep-1", "RUNNING", START));
        // the clock of its worker is two hours ahead
        db.task_runs
            .push(task_run("t", "r1", "load", "RUNNING", &at(7200)));
    }
    let mut rig = watch_with(
        &settings(&fake.url, Login::None),
        Duration::from_secs(30),
        Duration::from_secs(2),
    );
    rig.until("the socket", SOON, |rig| rig.listed() && fake.opened() == 1)
        .await;
    rig.look(|focus| focus.runs = vec![nightly().run("r1")]);
    rig.until("the run", SOON, |rig| {
        rig.run(&nightly().run("r1")).is_some_and(|r| r.complete)
    })
    .await;
    let asked = fake.asked("/task_runs/filter");
    // the server's own clock is right; the event before this was never heard
    let crashed = task_run("t", "r1", "load", "CRASHED", &at(0));
    fake.db().task_runs[0] = crashed.clone();
    fake.tell(task_event("e9", Some("e8"), &crashed));
    rig.until("its end", SOON, |rig| {
        node_state(rig, "r1", "load") == Some(NodeState::Failed)
    })
    .await;
    assert_eq!(fake.asked("/task_runs/filter"), asked + 1);
}

#[tokio::test]
async fn more_runs_than_can_be_followed_are_said_beside_a_lost_socket() {
    let fake = Fake::start().await;
    for n in 0..2_100 {
        let run = flow_run(&format!("r{n}"), "dep-1", "RUNNING", &now());
        fake.db().flow_runs.push(run);
    }
    let mut rig = quick(&fake);
    rig.until("the list", SOON, |rig| rig.listed() && fake.opened() == 1)
        .await;
    let crowd = |rig: &Rig| degraded(rig).is_some_and(|why| why.contains("more than 2000 runs"));
    let mute = |rig: &Rig| degraded(rig).is_some_and(|why| why.contains("no live events"));
    assert!(crowd(&rig) && !mute(&rig), "{:?}", degraded(&rig));
    fake.say.send(Say::Cut).unwrap();
    rig.until("both", SOON, |rig| crowd(rig) && mute(rig)).await;
    rig.until("the socket again", SOON, |rig| !mute(rig)).await;
    assert!(crowd(&rig), "a socket says nothing of the crowd");
    fake.db().flow_runs.truncate(5);
    rig.requests
        .send(dagtop::backends::Request::Refresh)
        .await
        .unwrap();
    rig.until("the crowd has gone", SOON, |rig| degraded(rig).is_none())
        .await;
}

fn log_line(id: &str, task: &str, message: &str) -> serde_json::Value {
    json!({"id": id, "name": "prefect.task_runs", "level": 20, "message": message, "timestamp": now(),
        "flow_run_id": "r1", "task_run_id": task})
}

#[tokio::test]
async fn lines_come_once_by_stream_or_asking_and_go_on_when_the_stream_breaks() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        db.streams_logs = true;
        db.flow_runs.push(flow_run("r1", "dep-1", "RUNNING", START));
        db.task_runs
            .push(task_run("t", "r1", "load", "RUNNING", START));
        db.logs.push(log_line("l1", "t", "by asking"));
    }
    let mut rig = quick(&fake);
    rig.until("the socket", SOON, |rig| rig.listed() && fake.opened() == 1)
        .await;
    let key = nightly().run("r1");
    let log = node(&key, "load").log(1);
    rig.look(|focus| (focus.runs, focus.logs) = (vec![key.clone()], vec![log.clone()]));
    let says = |rig: &Rig, what: &str| rig.logs.get(&log).is_some_and(|l| l.text.contains(what));
    rig.until("a line", SOON, |rig| says(rig, "by asking"))
        .await;
    rig.until("its stream", SOON, |_| fake.opened() == 2).await;
    let streamed = log_line("l2", "t", "by stream");
    let frame = |row: &serde_json::Value| json!({"type": "log", "log": row}).to_string();
    fake.db().logs.push(streamed.clone());
    for row in [&streamed, &streamed, &log_line("l3", "other", "elsewhere")] {
        fake.tell(frame(row));
    }
    rig.until("a line of the stream", SOON, |rig| says(rig, "by stream"))
        .await;
    fake.sockets.store(false, Ordering::SeqCst);
    fake.say.send(Say::Cut).unwrap();
    fake.db().logs.push(log_line("l4", "t", "without a stream"));
    rig.until("the next line", SOON, |rig| says(rig, "without a stream"))
        .await;
    let text = &rig.logs[&log].text;
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains("elsewhere"), "{text}");
}

#[tokio::test]
async fn a_trigger_that_was_answered_by_a_locked_database_starts_one_run() {
    let fake = Fake::start().await;
    let mut rig = quick(&fake);
    rig.until("the list", SOON, Rig::listed).await;
    const CREATE: &str = "/deployments/dep-1/create_flow_run";
    let keys = |fake: &Fake| -> std::collections::HashSet<String> {
        let db = fake.db();
        let all = db
            .flow_runs
            .iter()
            .map(|row| row["idempotency_key"].to_string());
        all.collect()
    };
    // not done
    fake.db().instead.insert("create_flow_run", (1, locked()));
    let trigger = async |rig: &mut Rig| {
        let target = Target::Pipeline(nightly());
        rig.act(Action::Trigger, target, ActionOptions::default())
            .await
            .1
    };
    let status = trigger(&mut rig).await;
    assert!(
        matches!(status, ActionStatus::Confirmed { .. }),
        "{status:?}"
    );
    assert_eq!((fake.asked(CREATE), fake.db().flow_runs.len()), (2, 1));
    // done, and the answer says otherwise: it is asked before it is sent again
    fake.db().mute = true;
    let status = trigger(&mut rig).await;
    assert!(
        matches!(status, ActionStatus::Confirmed { .. }),
        "{status:?}"
    );
    assert_eq!((fake.asked(CREATE), fake.db().flow_runs.len()), (3, 2));
    assert_eq!(keys(&fake).len(), 2, "each with a key of its own");
}

#[tokio::test]
async fn a_run_whose_heartbeat_stopped_is_possibly_dead_until_it_is_heard_again() {
    let fake = Fake::start().await;
    let ago = |minutes: i64| (chrono::Utc::now() - chrono::Duration::minutes(minutes)).to_rfc3339();
    fake.db().flow_runs.extend([
        flow_run("dead", "dep-1", "RUNNING", &ago(60)),
        flow_run("alive", "dep-1", "RUNNING", &ago(60)),
        // it may be one that sends none
        flow_run("mute", "dep-1", "RUNNING", &ago(60)),
    ]);
    let beat = |run: &str, at: &str| {
        json!({"id": format!("beat of {run} at {at}"), "occurred": at, "event": "prefect.flow-run.heartbeat",
            "resource": {"prefect.resource.id": format!("prefect.flow-run.{run}")}, "related": [], "payload": {}})
    };
    let beats = json!({"events": [beat("dead", &ago(20)), beat("alive", &ago(2))], "total": 2});
    let answer = ResponseTemplate::new(200).set_body_json(beats);
    fake.db()
        .instead
        .insert("/events/filter", (usize::MAX, answer));
    let mut rig = quick(&fake);
    let state = |rig: &Rig, run: &str| rig.run(&nightly().run(run)).map(|r| r.run.state);
    rig.until("one is in doubt", SOON, |rig| {
        state(rig, "dead") == Some(RunState::Lost)
    })
    .await;
    let run = rig.run(&nightly().run("dead")).unwrap();
    assert_eq!(run.run.native.as_str(), "Running, without a heartbeat");
    assert_eq!(state(&rig, "alive"), Some(RunState::Running));
    assert_eq!(state(&rig, "mute"), Some(RunState::Running));
    fake.tell(json!({"type": "event", "event": beat("dead", &now())}).to_string());
    rig.until("it lives after all", SOON, |rig| {
        state(rig, "dead") == Some(RunState::Running)
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_looks_good_and_refuses_is_a_refusal() {
    let fake = Fake::start().await;
    fake.db()
        .flow_runs
        .push(flow_run("r1", "dep-1", "RUNNING", START));
    let mut rig = quick(&fake);
    rig.until("the list", SOON, Rig::listed).await;
    for (word, why) in [("ABORT", "it is in another hand"), ("WAIT", "try later")] {
        let answer = json!({"state": null, "status": word, "details": {"reason": why}});
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        fake.db().instead.insert("set_state", (1, answer));
        let target = Target::Run(nightly().run("r1"));
        let (_, status) = rig
            .act(Action::Cancel, target, ActionOptions::default())
            .await;
        match status {
            ActionStatus::Refused { why: said } => {
                assert!(said.to_string().contains(why), "{said}")
            }
            other => panic!("{word}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_run_in_view_that_was_only_planned_is_loaded_when_it_begins() {
    let fake = Fake::start().await;
    let soon = stamp(chrono::Utc::now() + chrono::Duration::seconds(300));
    fake.db()
        .flow_runs
        .push(flow_run("r1", "dep-1", "SCHEDULED", &soon));
    let mut rig = watch_with(
        &settings(&fake.url, Login::None),
        Duration::from_secs(30),
        Duration::from_secs(2),
    );
    rig.until("the socket", SOON, |rig| rig.listed() && fake.opened() == 1)
        .await;
    let key = nightly().run("r1");
    rig.look(|focus| focus.runs = vec![key.clone()]);
    while fake.asked("/task_runs/filter") == 0 {
        rig.for_(Duration::from_millis(20)).await;
    }
    rig.for_(Duration::from_millis(300)).await;
    assert!(rig.run(&key).is_none(), "it is planned and no more");
    {
        let mut db = fake.db();
        db.flow_runs[0] = flow_run("r1", "dep-1", "RUNNING", &now());
        db.task_runs
            .push(task_run("t", "r1", "load", "RUNNING", &now()));
    }
    fake.tell(flow_event("e1", "r1", "RUNNING", "Running", &now()));
    rig.until("all of it", SOON, |rig| {
        rig.run(&key).is_some_and(|run| run.complete)
    })
    .await;
    assert_eq!(node_state(&rig, "r1", "load"), Some(NodeState::Running));
}

#[tokio::test]
async fn a_run_that_goes_on_to_its_next_task_while_its_plan_is_read_is_still_cancelled() {
    let fake = Fake::start().await;
    {
        let mut db = fake.db();
        db.flow_runs.push(flow_run("r1", "dep-1", "RUNNING", START));
        db.task_runs
            .push(task_run("t1", "r1", "first", "RUNNING", START));
    }
    let mut rig = quick(&fake);
    rig.until("the list", SOON, Rig::listed).await;
    let target = Target::Run(nightly().run("r1"));
    let plan = rig
        .plan(Action::Cancel, target, ActionOptions::default())
        .await
        .unwrap();
    assert!(
        plan.hits.iter().any(|hit| hit.now.contains("first-abc")),
        "{:?}",
        plan.hits
    );
    fake.db().task_runs = vec![
        task_run("t1", "r1", "first", "COMPLETED", START),
        task_run("t2", "r1", "second", "RUNNING", START),
    ];
    let accepted = json!({"status": "ACCEPT", "state": {"type": "CANCELLING"}});
    let accepted = ResponseTemplate::new(201).set_body_json(accepted);
    fake.db().instead.insert("set_state", (1, accepted));
    let run = flow_run("r1", "dep-1", "CANCELLED", &now());
    let id = plan.request.id.0;
    rig.requests
        .send(dagtop::backends::Request::Execute(Box::new(plan)))
        .await
        .unwrap();
    rig.until("it is sent", SOON, |rig| {
        matches!(rig.actions.get(&id), Some(ActionStatus::Requested { .. }))
    })
    .await;
    fake.db().flow_runs[0] = run;
    rig.until("its end", SOON, |rig| {
        matches!(rig.actions.get(&id), Some(ActionStatus::Confirmed { .. }))
    })
    .await;
}
