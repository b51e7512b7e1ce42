#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{DateTime, Duration, Utc};

use crate::model::{
    Action, ActionId, ActionOptions, ActionRequest, ActionStatus, BackendId, BackendInfo,
    BackendStatus, Event, Health, Node, NodeCounts, NodeId, NodeState, Pipeline, PipelineKey,
    Reach, Run, RunState, SafeText, Stamped, Target,
};

use super::{Changes, Fleet, Tally, World};

fn t(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

fn id() -> BackendId {
    BackendId::new("lab")
}

fn world() -> World {
    World::new([BackendInfo {
        id: id(),
        name: SafeText::new("lab"),
        kind: "local",
        read_only: false,
        protect: false,
        drives_runs: false,
        accent: None,
    }])
}

fn tell(world: &mut World, minutes: i64, event: Event) -> Changes {
    world.apply(&Stamped {
        backend: id(),
        at: t(minutes),
        event,
    })
}

fn key(name: &str) -> PipelineKey {
    PipelineKey::new(&id(), name)
}

fn run(name: &str, number: i64, state: RunState) -> Run {
    let mut run = Run::new(key(name).run(number.to_string()), t(number));
    run.state = state;
    run.started_at = Some(t(number));
    run.ended_at = state.ended().then(|| t(number + 2));
    run
}

fn node(name: &str, state: NodeState) -> Node {
    let mut node = Node::new(NodeId::new(name));
    node.state = state;
    node.attempt = 1;
    node
}

fn nodes(name: &str, number: i64, list: Vec<Node>, complete: bool) -> Event {
    Event::Nodes {
        run: key(name).run(number.to_string()),
        list,
        complete,
    }
}

fn health(world: &World, name: &str, number: i64) -> Health {
    world
        .run(&key(name).run(number.to_string()))
        .unwrap()
        .health
}

#[test]
fn a_run_called_success_with_a_failed_node_is_failed() {
    let mut world = world();
    tell(
        &mut world,
        1,
        Event::Runs {
            list: vec![run("a", 0, RunState::Succeeded)],
        },
    );
    assert_eq!(health(&world, "a", 0), Health::Succeeded);
    tell(
        &mut world,
        1,
        nodes("a", 0, vec![node("load", NodeState::Failed)], false),
    );
    assert_eq!(health(&world, "a", 0), Health::Failed);
}

#[test]
fn counts_tell_of_failures_before_nodes_do() {
    let mut world = world();
    let mut late = run("a", 0, RunState::Running);
    let mut counts = NodeCounts::default();
    counts.add(NodeState::Failed, 1);
    late.counts = Some(counts);
    tell(&mut world, 1, Event::Runs { list: vec![late] });
    assert_eq!(health(&world, "a", 0), Health::Failing);
}

#[test]
fn an_allowed_failure_warns() {
    let mut world = world();
    let mut failed = node("lint", NodeState::Failed);
    failed.failure_allowed = true;
    tell(
        &mut world,
        1,
        Event::Runs {
            list: vec![run("a", 0, RunState::Succeeded)],
        },
    );
    tell(&mut world, 1, nodes("a", 0, vec![failed], true));
    assert_eq!(health(&world, "a", 0), Health::Warned);
}

#[test]
fn the_same_events_give_the_same_rows() {
    let events = || {
        vec![
            Event::Runs {
                list: vec![
                    run("b", 1, RunState::Failed),
                    run("a", 3, RunState::Running),
                ],
            },
            nodes(
                "b",
                1,
                vec![node("x", NodeState::Failed), node("y", NodeState::Blocked)],
                true,
            ),
            Event::Pipelines {
                list: vec![Pipeline::new(key("a")), Pipeline::new(key("b"))],
                complete: true,
            },
        ]
    };
    let rows = |events: Vec<Event>| {
        let mut world = world();
        for event in events {
            tell(&mut world, 5, event);
        }
        world.fleet(t(9), Duration::minutes(2))
    };
    assert_eq!(rows(events()), rows(events()));
    let names: Vec<_> = rows(events())
        .iter()
        .map(|r| r.key.pipeline.raw().to_owned())
        .collect();
    assert_eq!(names, ["b", "a"], "the failed one comes first");
}

#[test]
fn only_rows_that_something_touched_or_that_time_moves_are_computed_again() {
    let mut world = world();
    let name = |n: usize| format!("p{n:03}");
    let mut list: Vec<Pipeline> = (0..200).map(|n| Pipeline::new(key(&name(n)))).collect();
    list[7].schedule.next = Some(t(20));
    let all = Event::Pipelines {
        list: list.clone(),
        complete: true,
    };
    tell(&mut world, 0, all);
    let mut ended = run(&name(3), 1, RunState::Succeeded);
    ended.ended_at = Some(t(2));
    let list_of_runs = vec![ended, run(&name(5), 1, RunState::Running)];
    tell(&mut world, 2, Event::Runs { list: list_of_runs });
    let mut fleet = Fleet::default();
    let mut step = |world: &World, minute: i64, computed: u64, changed: bool| {
        let before = fleet.computed();
        let late = Duration::minutes(2);
        assert_eq!(fleet.refresh(world, t(minute), late), changed, "{minute}");
        assert_eq!(fleet.rows(), world.fleet(t(minute), late), "{minute}");
        assert_eq!(fleet.computed() - before, computed, "{minute}");
    };
    step(&world, 3, 200, true);
    step(&world, 3, 1, false);
    // the running one has been running for longer
    step(&world, 4, 1, true);
    let failed = nodes(&name(9), 4, vec![node("x", NodeState::Failed)], true);
    let first = Event::Runs {
        list: vec![run(&name(9), 4, RunState::Failed)],
    };
    tell(&mut world, 5, first);
    tell(&mut world, 5, failed);
    step(&world, 5, 2, true);
    // and one is late
    step(&world, 30, 2, true);
    list.truncate(150);
    let fewer = Event::Pipelines {
        list,
        complete: true,
    };
    tell(&mut world, 31, fewer);
    step(&world, 31, 150, true);
}

#[test]
fn a_pipeline_that_is_due_and_not_started_is_late() {
    let mut world = world();
    let mut pipeline = Pipeline::new(key("a"));
    pipeline.schedule.next = Some(t(10));
    tell(
        &mut world,
        0,
        Event::Pipelines {
            list: vec![pipeline],
            complete: true,
        },
    );
    let at = |world: &World, minute| world.fleet(t(minute), Duration::minutes(2))[0].health;
    assert_eq!(at(&world, 11), Health::Idle);
    assert_eq!(at(&world, 13), Health::Late);
    tell(
        &mut world,
        13,
        Event::Runs {
            list: vec![run("a", 10, RunState::Running)],
        },
    );
    assert_eq!(at(&world, 14), Health::Running, "its run has begun");
}

#[test]
fn the_worst_of_the_running_and_the_newest_counts() {
    let mut world = world();
    let list = vec![
        run("a", 1, RunState::Failed),
        run("a", 2, RunState::Running),
        run("a", 3, RunState::Succeeded),
    ];
    tell(&mut world, 4, Event::Runs { list });
    let rows = world.fleet(t(5), Duration::minutes(2));
    assert_eq!(
        rows[0].health,
        Health::Running,
        "an old failure is history, a running run is not"
    );
    assert_eq!(rows[0].active, 1);
    assert_eq!(rows[0].last.len(), 3);
    assert_eq!(Tally::of(&rows).running, 1);
}

#[test]
fn what_a_complete_list_omits_is_gone() {
    let mut world = world();
    tell(
        &mut world,
        0,
        Event::Runs {
            list: vec![
                run("a", 1, RunState::Running),
                run("b", 1, RunState::Running),
            ],
        },
    );
    tell(
        &mut world,
        1,
        Event::Pipelines {
            list: vec![Pipeline::new(key("b"))],
            complete: true,
        },
    );
    assert!(world.pipeline(&key("a")).is_none());
    assert!(world.run(&key("a").run("1")).is_none());
    assert!(world.run(&key("b").run("1")).is_some());
    tell(
        &mut world,
        2,
        Event::RunsComplete {
            pipeline: key("b"),
            list: vec![run("b", 2, RunState::Queued)],
        },
    );
    assert!(world.run(&key("b").run("1")).is_none());
}

#[test]
fn a_delta_leaves_other_nodes_alone_and_a_full_list_does_not() {
    let mut world = world();
    tell(
        &mut world,
        0,
        Event::Runs {
            list: vec![run("a", 1, RunState::Running)],
        },
    );
    tell(
        &mut world,
        0,
        nodes(
            "a",
            1,
            vec![node("x", NodeState::Running), node("y", NodeState::Pending)],
            true,
        ),
    );
    let changes = tell(
        &mut world,
        1,
        nodes("a", 1, vec![node("x", NodeState::Succeeded)], false),
    );
    assert!(changes.nodes && !changes.shape);
    let view = world.run(&key("a").run("1")).unwrap();
    assert_eq!(view.nodes.len(), 2);
    assert_eq!(view.counts().unwrap().ended(), 1);
    let changes = tell(
        &mut world,
        2,
        nodes("a", 1, vec![node("x", NodeState::Succeeded)], true),
    );
    assert!(changes.shape, "y is gone");
}

#[test]
fn saying_the_same_again_changes_nothing() {
    let mut world = world();
    let runs = || Event::Runs {
        list: vec![run("a", 1, RunState::Running)],
    };
    let list = || nodes("a", 1, vec![node("x", NodeState::Running)], true);
    tell(&mut world, 0, runs());
    tell(&mut world, 0, list());
    let revision = world.revision();
    assert!(!tell(&mut world, 1, runs()).any());
    assert!(!tell(&mut world, 1, list()).any());
    assert_eq!(world.revision(), revision);
}

#[test]
fn a_backend_speaks_only_for_itself() {
    let mut world = world();
    let other = PipelineKey::new(&BackendId::new("other"), "a");
    tell(
        &mut world,
        0,
        Event::Runs {
            list: vec![Run::new(other.run("1"), t(0))],
        },
    );
    tell(
        &mut world,
        0,
        Event::Pipelines {
            list: vec![Pipeline::new(other.clone())],
            complete: false,
        },
    );
    assert!(world.run(&other.run("1")).is_none());
    assert!(world.pipeline(&other).is_none());
}

#[test]
fn a_backend_that_is_down_makes_its_rows_stale_and_keeps_them() {
    let mut world = world();
    let status = |reach| {
        Event::Status(BackendStatus {
            reach,
            ..BackendStatus::default()
        })
    };
    tell(&mut world, 0, status(Reach::Up));
    tell(
        &mut world,
        1,
        Event::Runs {
            list: vec![run("a", 1, RunState::Running)],
        },
    );
    tell(
        &mut world,
        5,
        status(Reach::Down {
            reason: SafeText::new("connection refused"),
            retry_at: None,
        }),
    );
    let rows = world.fleet(t(6), Duration::minutes(2));
    assert!(rows[0].stale);
    assert_eq!(world.backend(&id()).unwrap().stale_since(), Some(t(1)));
    tell(&mut world, 7, status(Reach::Up));
    assert!(!world.fleet(t(8), Duration::minutes(2))[0].stale);
}

#[test]
fn a_request_is_pending_until_it_is_settled() {
    let mut world = world();
    let target = Target::Pipeline(key("a"));
    let request = ActionRequest {
        id: ActionId(7),
        action: Action::Pause,
        target: target.clone(),
        options: ActionOptions::default(),
    };
    world.asked(request, t(0));
    assert!(
        world.pending_action(&target).is_none(),
        "planning is not doing"
    );
    let says = |status| Event::Action {
        id: ActionId(7),
        status,
    };
    tell(&mut world, 1, says(ActionStatus::Requested { since: t(1) }));
    assert!(world.pending_action(&target).is_some());
    tell(
        &mut world,
        2,
        says(ActionStatus::Confirmed {
            what: SafeText::new("paused"),
        }),
    );
    assert!(world.pending_action(&target).is_none());
}

#[test]
fn memory_is_bounded() {
    let mut world = world();
    for number in 0..200 {
        tell(
            &mut world,
            0,
            Event::Runs {
                list: vec![run("a", number, RunState::Failed)],
            },
        );
        let list = vec![
            node("x", NodeState::Failed),
            node("y", NodeState::Succeeded),
        ];
        tell(&mut world, 0, nodes("a", number, list, true));
    }
    let known: Vec<_> = world.runs_of(&key("a")).collect();
    assert_eq!(known.len(), 40);
    assert_eq!(known.iter().filter(|r| r.complete).count(), 12);
    let old = known.last().unwrap();
    assert_eq!(old.nodes.len(), 1, "the failed node stays");
    assert_eq!(old.counts().unwrap().total(), 2, "and the counts");
    assert_eq!(old.health, Health::Failed);
}
