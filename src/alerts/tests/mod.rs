//! Owns the tests of alerts by a clock that they turn themselves. Must not know time zones of this machine, files or
//! networks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lives;
mod month;
mod rules;
mod schedule;
mod silences;

use chrono::{DateTime, Duration, Utc};

use crate::analytics::Baselines;
use crate::metrics::{Limits, Store};
use crate::model::{
    AlertDeed, AlertId, AlertOrder, BackendId, BackendInfo, BackendStatus, By, Component, Event,
    Node, NodeId, NodeState, Notice, NoticeLevel, Pipeline, PipelineKey, Reach, Run, RunState,
    SafeText, Stamped,
};
use crate::world::World;

use super::{Alerts, Builtin, Rules, Scene};

pub fn t(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

pub fn key(name: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new("lab"), name)
}

pub fn by(minute: i64) -> By {
    By {
        who: SafeText::new("ann"),
        at: t(minute),
    }
}

pub fn order(alerts: &mut Alerts, id: &AlertId, deed: AlertDeed, minute: i64) {
    let order = AlertOrder {
        id: id.clone(),
        by: by(minute),
        deed,
    };
    assert!(alerts.order(&order), "nothing to be done");
}

pub fn info() -> BackendInfo {
    BackendInfo {
        id: BackendId::new("lab"),
        name: SafeText::new("lab"),
        kind: "airflow",
        read_only: false,
        protect: false,
        drives_runs: false,
        accent: None,
    }
}

pub fn world(events: Vec<Event>) -> World {
    let mut world = World::new([info()]);
    let up = BackendStatus {
        reach: Reach::Up,
        ..BackendStatus::default()
    };
    let listed = Event::Pipelines {
        list: Vec::new(),
        complete: true,
    };
    for event in [Event::Status(up), listed].into_iter().chain(events) {
        world.apply(&Stamped {
            backend: BackendId::new("lab"),
            at: t(0),
            event,
        });
    }
    world
}

pub fn run(name: &str, state: RunState) -> Event {
    let mut run = Run::new(key(name).run("1"), t(0));
    run.state = state;
    run.started_at = Some(t(0));
    Event::Runs { list: vec![run] }
}

pub fn node(name: &str, state: NodeState) -> Event {
    let mut node = Node::new(NodeId::new("load"));
    node.state = state;
    node.scheduled_at = Some(t(0));
    node.pool = Some(SafeText::new("tiny"));
    node.ended_at = state.ended().then(|| t(1));
    Event::Nodes {
        run: key(name).run("1"),
        list: vec![node],
        complete: false,
    }
}

pub fn firing(events: Vec<Event>, minute: i64) -> Vec<(Builtin, String, String)> {
    let world = world(events);
    let mut alerts = Alerts::new(Rules::default());
    evaluate(&mut alerts, &world, minute, None);
    let all = alerts.firing().iter();
    all.map(|a| {
        (
            Builtin::parse(&a.id.rule).unwrap(),
            a.title.to_string(),
            a.reason.to_string(),
        )
    })
    .collect()
}

pub fn evaluate(alerts: &mut Alerts, world: &World, minute: i64, error: Option<&str>) -> bool {
    let fleet = world.fleet(t(minute), Duration::minutes(5));
    alerts.evaluate(&Scene {
        world,
        fleet: &fleet,
        baselines: &Baselines::default(),
        metrics: &Store::new(Limits::default()),
        troubles: &[],
        now: t(minute),
        error_of: &|_| error.map(SafeText::new),
    })
}
