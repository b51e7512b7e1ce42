//! Pipeline files that are wrong, change, or go away while they are watched; the bundled ones.

use dagtop::backends::local::demo;
use dagtop::model::{Health, NodeState, RunState};

use super::driver::{Driver, LinkDriver, backend, settings, write};

const GOOD: &str = "[[node]]\nid = \"a\"\nrun = \"true\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_a_stale_pipeline_with_a_notice() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "good", GOOD);
    write(
        temp.path(),
        "bad",
        "[[node]]\nid = \"a\"\nrun = \"true\"\nneeds = [\"b\"]\n",
    );
    let mut driver = Driver::new(temp.path());
    let (good, bad) = (driver.pipeline("good"), driver.pipeline("bad"));
    driver
        .until("both and a notice", |d| {
            d.world.pipeline(&good).is_some()
                && d.world
                    .pipeline(&bad)
                    .is_some_and(|p| p.pipeline.stale.is_some())
                && d.world.backend(&backend()).unwrap().notices.len() == 1
        })
        .await;
    let notice = driver.world.backend(&backend()).unwrap().notices[0].clone();
    assert!(notice.subject.ends_with("bad.toml"));
    assert!(notice.text[0].contains("bad.toml:4:10: `a` needs `b`, which is no node here"));
    let run = driver.trigger("good", "r1").await;
    assert_eq!(driver.over(&run).await, RunState::Succeeded);

    write(temp.path(), "bad", GOOD);
    driver.refresh().await;
    driver
        .until("it mended", |d| {
            d.world
                .pipeline(&bad)
                .is_some_and(|p| p.pipeline.stale.is_none())
                && d.world.backend(&backend()).unwrap().notices.is_empty()
        })
        .await;
    std::fs::remove_file(temp.path().join("pipelines/bad.toml")).unwrap();
    driver.refresh().await;
    driver
        .until("it gone", |d| d.world.pipeline(&bad).is_none())
        .await;
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_a_failure_a_retry_and_health() {
    let temp = tempfile::tempdir().unwrap();
    let mut prepared = demo::prepare(temp.path()).unwrap();
    assert_eq!(prepared.start.len(), 4);
    // the same work, without the pauses that make it watchable and with a shorter ledger
    for (name, text) in demo::FILES {
        if !name.starts_with("partner") {
            let text = text
                .replace("sleep 1", "sleep 0.01")
                .replace("sleep 2", "sleep 0.01");
            let text = text.replace("default = 120", "default = 4");
            std::fs::write(temp.path().join("pipelines").join(name), text).unwrap();
        }
    }
    prepared.start.push("machine_watch".to_owned());
    let mut driver = Driver::with(prepared);
    let newest = |d: &LinkDriver, name: &str| {
        let run = d.world.runs_of(&d.pipeline(name)).next()?;
        Some((run.run.key.clone(), run.health))
    };
    for (name, want) in [
        ("billing_close", Health::Failed),
        ("orders_daily", Health::Succeeded),
        ("ledger_replay", Health::Succeeded),
    ] {
        driver
            .until(name, |d| {
                newest(d, name).is_some_and(|(_, health)| health == want)
            })
            .await;
    }
    // it judges the machine that it runs on, and may find its disk full
    driver
        .until("machine_watch", |d| {
            newest(d, "machine_watch")
                .is_some_and(|(_, health)| matches!(health, Health::Succeeded | Health::Warned))
        })
        .await;
    let (billing, _) = newest(&driver, "billing_close").unwrap();
    let blocked = driver
        .states(&billing)
        .iter()
        .filter(|(_, s)| *s == NodeState::Blocked)
        .count();
    assert_eq!(blocked, 3);
    let log = String::from_utf8(driver.log(&billing, "convert", 1).await).unwrap();
    assert!(
        log.contains("ExchangeRateError: no exchange rate for XTS"),
        "{log}"
    );
    assert!(log.contains("invoices.txt:217"), "{log}");
    let (orders, _) = newest(&driver, "orders_daily").unwrap();
    let view = driver.world.run(&orders).unwrap();
    assert!(view.nodes.len() >= 12);
    assert!(view.topology.as_ref().unwrap().groups.len() >= 4);
    let (partner, _) = newest(&driver, "partner_sync").unwrap();
    assert_eq!(driver.over(&partner).await, RunState::Succeeded);
    assert!(driver.node(&partner, "fetch").unwrap().attempt >= 2);
    driver.quit().await;
}

#[test]
fn one_file_is_read_before_anything_is_started() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", "[[node]]\nid = \"a\"\nrn = \"true\"\n");
    let path = settings(temp.path()).pipelines[0].join("p.toml");
    let error = dagtop::backends::local::read(&path)
        .unwrap_err()
        .to_string();
    assert!(error.contains("p.toml:3:1: unknown key `rn`"), "{error}");
    assert!(error.contains("missing key `run`"), "{error}");
    let error = dagtop::backends::local::read(&path.with_extension("no")).unwrap_err();
    assert!(error.to_string().contains("p.no"), "{error}");
}
