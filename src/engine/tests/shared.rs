//! Two machines on one PostgreSQL (tests/lab/postgres).

use std::time::Instant;

use super::*;
use crate::history::{Place, TestDatabase};
use crate::model::{Alert, By, Silence, When};

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
