//! Two machines on one PostgreSQL (tests/lab/postgres).

use std::time::Instant;

use super::*;
use crate::history::{Place, TestDatabase};
use crate::model::{Alert, By, Escalation, Silence, When};

/// Lets both work until it is so; says how long that took.
async fn both(all: &mut [Going; 2], what: &str, so: impl Fn(&[Going; 2]) -> bool) -> Duration {
    let begun = Instant::now();
    while !so(all) {
        assert!(begun.elapsed().as_secs() < 30, "{what}");
        for one in all.iter_mut() {
            while let Ok(stamped) = one.events.try_recv() {
                one.apply(&stamped);
            }
            one.refresh();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

fn alert(going: &Going) -> Option<&Alert> {
    going.watch.alerts.firing().first()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
async fn postgres_shows_to_all_what_one_did() {
    let database = tokio::task::spawn_blocking(TestDatabase::new);
    let database = database.await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let begin = || {
        let settings = Settings {
            duty: super::super::DutySettings {
                place: Some(Place::Postgres(database.address())),
                lead: true,
                ..Default::default()
            },
            ..Settings::default()
        };
        let backends = vec![scripted("a", Script::Obliging)];
        let (engine, events) = Engine::start(backends, &settings, Audit::open(dir.path()));
        Going { engine, events }
    };
    let mut all = [begin(), begin()];
    both(&mut all, "one of them leads", |all| {
        all[0].leads() != all[1].leads()
    })
    .await;
    both(&mut all, "both see it", |all| {
        all.iter().all(|one| alert(one).is_some())
    })
    .await;
    let led = usize::from(all[1].leads());
    let other = 1 - led;
    let id = alert(&all[other]).unwrap().id.clone();
    all[other].command(Command::Alert(id.clone(), AlertDeed::Ack));
    let acked = |all: &[Going; 2]| {
        all.iter()
            .all(|one| one.watch.alerts.get(&id).unwrap().acked.is_some())
    };
    let took = both(&mut all, "an acknowledgement", acked).await;
    println!("an acknowledgement is seen on the other machine after {took:?}");
    all[led].command(Command::Alert(
        id.clone(),
        AlertDeed::Note(SafeText::new("disk is full")),
    ));
    let noted = |all: &[Going; 2]| {
        all.iter()
            .all(|one| one.watch.alerts.get(&id).unwrap().notes.len() == 1)
    };
    let took = both(&mut all, "a note", noted).await;
    println!("a note is seen on the other machine after {took:?}");
    let at = Utc::now();
    all[other].command(Command::Silence(Silence {
        id: "q1".to_owned(),
        reason: SafeText::new("migration"),
        by: By {
            who: SafeText::new("ann"),
            at,
        },
        matchers: vec!["pipeline=orders".to_owned()],
        when: When::Once {
            from: at,
            until: at + chrono::Duration::hours(1),
        },
    }));
    let silenced = |all: &[Going; 2]| {
        all.iter()
            .all(|one| one.watch.alerts.get(&id).unwrap().silenced.is_some())
    };
    let took = both(&mut all, "a silence", silenced).await;
    println!("a silence is seen on the other machine after {took:?}");

    // the one that tells people ends: the other does, and knows everything
    let [first, second] = all;
    let (ends, mut stays) = if led == 0 {
        (first, second)
    } else {
        (second, first)
    };
    drop(ends.events);
    ends.engine.shutdown(Duration::from_secs(3)).await;
    let begun = Instant::now();
    while !stays.leads() {
        assert!(begun.elapsed().as_secs() < 30, "it takes over");
        stays.refresh();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let known = stays.watch.alerts.get(&id).unwrap();
    assert!(known.acked.is_some() && known.notes.len() == 1);
    drop(stays.events);
    stays.engine.shutdown(Duration::from_secs(3)).await;
    tokio::task::spawn_blocking(move || drop(database))
        .await
        .unwrap();
}

/// Whom the program that tells people has told, and whom it tells next, is seen by one that knows no channel.
async fn escalation_is_seen(place: Place) {
    use crate::alerts::{Policy, Step};
    let dir = tempfile::tempdir().unwrap();
    let begin = |policies: Vec<Policy>| {
        let settings = Settings {
            duty: super::super::DutySettings {
                place: Some(place.clone()),
                lead: true,
                ..Default::default()
            },
            policies,
            ..Settings::default()
        };
        let backends = vec![scripted("a", Script::Obliging)];
        let (engine, events) = Engine::start(backends, &settings, Audit::open(dir.path()));
        Going { engine, events }
    };
    let step = |after, channel: &str| Step {
        after: chrono::Duration::minutes(after),
        channels: vec![channel.to_owned()],
    };
    let mut leads = begin(vec![Policy {
        name: "night".to_owned(),
        matchers: Vec::new(),
        hours: None,
        steps: vec![step(0, "slack"), step(60, "phone")],
        repeat: None,
    }]);
    let begun = Instant::now();
    while !leads.leads() {
        assert!(begun.elapsed().as_secs() < 30, "it leads");
        leads.refresh();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut all = [leads, begin(Vec::new())];
    let told = |one: &Going| alert(one).map(|a| a.escalation.clone());
    let took = both(&mut all, "whom it told", |all| {
        let [leader, other] = all.each_ref().map(told);
        let seen = other.filter(|other| !other.told.is_empty());
        seen.zip(leader).is_some_and(|(seen, leader)| {
            let due = |of: &Escalation| of.next.as_ref().map(|(due, _)| *due);
            seen.told == leader.told && due(&seen).is_some() && due(&seen) == due(&leader)
        })
    })
    .await;
    println!("whom an alert was told is seen on the other machine after {took:?}");
    assert!(!all[1].leads());
    let leader = told(&all[0]).unwrap();
    assert_eq!(leader.told, [SafeText::new("slack")]);
    assert_eq!(leader.next.unwrap().1, [SafeText::new("phone")]);
    // acknowledged: nobody else is told
    let id = alert(&all[1]).unwrap().id.clone();
    all[1].command(Command::Alert(id, AlertDeed::Ack));
    both(&mut all, "an end of it", |all| {
        let next = |one: &Going| told(one).is_some_and(|told| told.next.is_none());
        all.iter().all(next)
    })
    .await;
    for one in all {
        drop(one.events);
        one.engine.shutdown(Duration::from_secs(3)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn escalation_is_seen_by_all_on_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    escalation_is_seen(Place::Folder(dir.path().to_owned())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
async fn postgres_shows_to_all_whom_the_leader_told() {
    let database = tokio::task::spawn_blocking(TestDatabase::new);
    let database = database.await.unwrap();
    escalation_is_seen(Place::Postgres(database.address())).await;
    tokio::task::spawn_blocking(move || drop(database))
        .await
        .unwrap();
}

/// A server that can't be reached keeps nobody from working, and from being told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_not_there_is_told_and_the_work_goes_on() {
    // a port that nobody listens on
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgres://ann:hunter2@127.0.0.1:{port}/past?sslmode=disable");
    let config = crate::config::History {
        url: Some(crate::config::Secret::Literal(url.into())),
        ..Default::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        duty: super::super::DutySettings {
            place: Some(Place::of(&config, dir.path())),
            lead: true,
            ..Default::default()
        },
        ..Settings::default()
    };
    let backends = vec![scripted("a", Script::Obliging)];
    let (engine, events) = Engine::start(backends, &settings, Audit::open(dir.path()));
    let mut going = Going { engine, events };
    while alert(&going).is_none() {
        until(&mut going, |_| true).await;
    }
    let mut troubles = Vec::new();
    while troubles.is_empty() {
        going.refresh();
        troubles.extend(going.troubles());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = troubles[0].as_str();
    assert!(
        told.contains(&format!("postgres://ann@127.0.0.1:{port}/past")),
        "{told}"
    );
    assert!(
        told.contains("refused") && !told.contains("hunter2"),
        "{told}"
    );
    drop(going.events);
    going.engine.shutdown(Duration::from_secs(3)).await;
}
