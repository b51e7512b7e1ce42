//! The history on PostgreSQL: how fast it is written, how soon others see it, and how soon a fleet is there.
//! `eval "$(tests/lab/postgres/lab.sh env)"; cargo bench --bench postgres`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use dagtop::config::{History, Secret};
use dagtop::history::{Log, Place, Store, Write};
use dagtop::model::{
    BackendId, Health, NodeId, NodeState, PastNode, PastRun, PipelineKey, Run, RunState,
};

fn main() {
    let Ok(server) = std::env::var("DAGTOP_TEST_POSTGRES") else {
        println!("needs DAGTOP_TEST_POSTGRES: tests/lab/postgres/lab.sh");
        return;
    };
    let name = format!("dagtop_bench_{}", std::process::id());
    say(&server, &format!("create database {name}"));
    let mut url: reqwest::Url = server.parse().unwrap();
    url.set_path(&name);
    url.set_query(Some("sslmode=disable"));
    let history = History {
        url: Some(Secret::Literal(url.as_str().to_owned().into())),
        ..History::default()
    };
    let place = Place::of(&history, std::path::Path::new("."));
    {
        let mut store = place.open().unwrap();
        println!("{}", store.about().unwrap());
        events(store.as_mut());
        orders(store.as_mut());
        fleet(store.as_mut());
        let begun = Instant::now();
        drop(place.open().unwrap());
        println!("open: {:?}", begun.elapsed());
        seen(&place);
        println!("{:.1} MB", store.bytes().unwrap() as f64 / 1e6);
    }
    say(&server, &format!("drop database {name} with (force)"));
}

fn t(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn line(log: Log, second: i64, bytes: usize) -> Write {
    Write::Append {
        log,
        at: t(second),
        body: format!("{second:0bytes$}"),
    }
}

fn rate(what: &str, many: usize, took: Duration) {
    println!(
        "{what}: {:.0}/s ({many} in {took:?})",
        many as f64 / took.as_secs_f64()
    );
}

fn events(store: &mut dyn Store) {
    let batch: Vec<Write> = (0..5_000).map(|n| line(Log::Events, n, 300)).collect();
    let begun = Instant::now();
    for _ in 0..20 {
        store.write(&batch).unwrap();
    }
    rate(
        "events of 300 bytes, 5,000 at once",
        100_000,
        begun.elapsed(),
    );
}

fn orders(store: &mut dyn Store) {
    let begun = Instant::now();
    for n in 0..500 {
        store.write(&[line(Log::Orders, n, 200)]).unwrap();
    }
    rate("orders, one at once", 500, begun.elapsed());
}

/// 500 pipelines of 50 runs of 8 nodes.
fn fleet(store: &mut dyn Store) {
    let mut batch = Vec::new();
    let (mut written, mut spent) = (0, Duration::ZERO);
    for pipeline in 0..500 {
        let key = PipelineKey::new(&BackendId::new("prod"), format!("pipeline_{pipeline}"));
        for number in 0..50 {
            let at = t(number * 3_600 + pipeline);
            let mut run = Run::new(key.run(format!("scheduled__{number}")), at);
            run.state = RunState::Succeeded;
            run.started_at = Some(at);
            run.ended_at = Some(at + chrono::Duration::minutes(9));
            for node in 0..8 {
                batch.push(Write::Node(Box::new(PastNode {
                    run: run.key.clone(),
                    node: NodeId::new(format!("task_{node}")),
                    attempt: 1,
                    state: NodeState::Succeeded,
                    queued_at: Some(at),
                    started_at: Some(at),
                    ended_at: Some(at + chrono::Duration::minutes(1)),
                    exit_code: None,
                    rows: None,
                    memory: None,
                    cpu_seconds: None,
                })));
            }
            batch.push(Write::Run(Box::new(PastRun {
                run,
                health: Health::Succeeded,
                seen: at,
            })));
        }
        if batch.len() >= 8_000 || pipeline == 499 {
            let begun = Instant::now();
            store.write(&batch).unwrap();
            spent += begun.elapsed();
            written += batch.len();
            batch.clear();
        }
    }
    rate("runs and attempts, 8,100 at once", written, spent);
    let mut all: Vec<Duration> = (0..11)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(store.recent(25).unwrap().len(), 12_500);
            begun.elapsed()
        })
        .collect();
    all.sort();
    println!(
        "recent(25) of 500 pipelines: median {:?}, slowest {:?}",
        all[5], all[10]
    );
}

/// From the write on one to the line in the hands of the other.
fn seen(place: &Place) {
    let (mut one, mut other) = (place.open().unwrap(), place.open().unwrap());
    let (told, news) = channel();
    other.listen(Box::new(move || told.send(()).is_ok()));
    news.recv().unwrap();
    let mut read = other.last(Log::Orders).unwrap();
    let mut all = Vec::new();
    for n in 0..200 {
        let begun = Instant::now();
        one.write(&[line(Log::Orders, n, 200)]).unwrap();
        news.recv().unwrap();
        let lines = other.after(Log::Orders, read, 100).unwrap();
        all.push(begun.elapsed());
        read = lines.last().unwrap().seq;
    }
    all.sort();
    println!(
        "written by one, read by the other: median {:?}, slowest {:?}",
        all[100], all[199]
    );
}

fn say(url: &str, text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config: tokio_postgres::Config = url.parse().unwrap();
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(text).await.unwrap();
    });
}
