//! The rules about health.

use super::*;

#[test]
fn a_failing_run_names_its_node_and_later_its_error() {
    let world = world(vec![
        run("orders", RunState::Running),
        node("orders", NodeState::Failed),
    ]);
    let mut alerts = Alerts::new(Rules::default());
    evaluate(&mut alerts, &world, 2, None);
    assert_eq!(alerts.firing()[0].reason.as_str(), "failed at load");
    assert_eq!(alerts.firing()[0].since, t(1));
    assert!(evaluate(&mut alerts, &world, 3, Some("OutOfMemoryError")));
    assert_eq!(
        alerts.firing()[0].reason.as_str(),
        "failed at load: OutOfMemoryError"
    );
    assert!(
        !evaluate(&mut alerts, &world, 4, Some("OutOfMemoryError")),
        "nothing new"
    );
}

#[test]
fn a_run_in_which_everything_waits_is_blocked_after_a_while() {
    let events = || {
        vec![
            run("orders", RunState::Running),
            node("orders", NodeState::Queued),
        ]
    };
    assert!(firing(events(), 4).is_empty());
    let found = firing(events(), 6);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, Builtin::RunBlocked);
    assert_eq!(found[0].2, "load waits for a slot in tiny");
}

#[test]
fn a_late_run_says_when_it_was_due() {
    let mut pipeline = Pipeline::new(key("orders"));
    pipeline.schedule.next = Some(t(0));
    let found = firing(
        vec![Event::Pipelines {
            list: vec![pipeline],
            complete: true,
        }],
        6,
    );
    assert_eq!(found[0].0, Builtin::RunLate);
    assert!(found[0].2.starts_with("not started, due "), "{found:?}");
}

#[test]
fn a_backend_that_is_down_is_one_alert() {
    let mut list = Vec::new();
    for n in 0..50 {
        let mut pipeline = Pipeline::new(key(&format!("p{n}")));
        pipeline.schedule.next = Some(t(1));
        list.push(pipeline);
    }
    let down = Reach::Down {
        reason: SafeText::new("connection refused"),
        retry_at: None,
    };
    let status = Event::Status(BackendStatus {
        reach: down,
        ..BackendStatus::default()
    });
    let found = firing(
        vec![
            Event::Pipelines {
                list,
                complete: true,
            },
            status,
        ],
        30,
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, Builtin::BackendUnreachable);
    assert_eq!(found[0].2, "connection refused");
}

#[test]
fn import_errors_and_silent_schedulers_are_told() {
    let notices = Event::Notices(vec![Notice {
        subject: SafeText::new("dags/broken.py"),
        level: NoticeLevel::Error,
        text: vec![
            SafeText::new("Traceback"),
            SafeText::new("ImportError: no module x"),
            SafeText::new(""),
        ],
        at: Some(t(0)),
    }]);
    let components = Event::Components(vec![Component {
        name: SafeText::new("scheduler"),
        healthy: Some(false),
        heartbeat: Some(t(-9)),
        note: None,
    }]);
    let found = firing(vec![notices, components], 1);
    assert_eq!(
        found[0],
        (
            Builtin::BackendDegraded,
            "lab".into(),
            "scheduler: no heartbeat".into()
        )
    );
    assert_eq!(
        found[1],
        (
            Builtin::ImportError,
            "dags/broken.py".into(),
            "ImportError: no module x".into()
        )
    );
}

#[test]
fn an_ack_sinks_an_alert_and_ends_with_it() {
    let mut world = world(vec![run("a", RunState::Failed), run("b", RunState::Failed)]);
    let mut alerts = Alerts::new(Rules::default());
    evaluate(&mut alerts, &world, 2, None);
    let first = alerts.firing()[0].id.clone();
    order(&mut alerts, &first, AlertDeed::Ack, 2);
    evaluate(&mut alerts, &world, 3, None);
    assert_eq!(alerts.open(), 1);
    assert_eq!(alerts.firing()[1].id, first);
    for (state, open) in [(RunState::Succeeded, 1), (RunState::Failed, 2)] {
        let event = run(&first.subject["lab/".len()..], state);
        world.apply(&Stamped {
            backend: BackendId::new("lab"),
            at: t(4),
            event,
        });
        evaluate(&mut alerts, &world, 5, None);
        assert_eq!(alerts.open(), open, "a new failure is a new alert");
    }
}

#[test]
fn a_rule_can_be_switched_off() {
    let world = world(vec![run("a", RunState::Failed)]);
    let mut alerts = Alerts::new(Rules {
        off: vec![Builtin::RunFailing],
        ..Rules::default()
    });
    evaluate(&mut alerts, &world, 2, None);
    assert!(alerts.firing().is_empty());
}
