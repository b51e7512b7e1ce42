//! A run in view is read again a part at a time: what no look at changes told is found, and no answer is big.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fake::{airflow, ok, ti};
use super::*;
use dagtop::model::*;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const SOON: Duration = Duration::from_secs(60);
const AT: &str = "/api/v2/dags/orders/dagRuns/r1/taskInstances";

/// The task instances of one run, in pages as Airflow gives them; remembers (offset, rows) of what was asked.
#[derive(Clone)]
struct Run {
    rows: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Run {
    async fn of(server: &MockServer, tasks: usize) -> Self {
        let rows = (0..tasks).map(|i| ti(&format!("t{i:03}"), json!("success")));
        let run = Self {
            rows: Arc::new(Mutex::new(rows.collect())),
            asked: Arc::default(),
        };
        Mock::given(path(AT))
            .respond_with(run.clone())
            .with_priority(1)
            .mount(server)
            .await;
        run
    }

    fn asked(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Respond for Run {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let number = |name: &str| {
            let found = request.url.query_pairs().find(|(key, _)| key == name);
            found.map_or(0, |(_, value)| value.parse().unwrap())
        };
        let (offset, limit) = (number("offset"), number("limit").min(100));
        let rows = self.rows.lock().unwrap();
        let page: Vec<&Value> = rows.iter().skip(offset).take(limit).collect();
        self.asked.lock().unwrap().push((offset, page.len()));
        ok(json!({"task_instances": page, "total_entries": rows.len()}))
    }
}

async fn open(server: &MockServer, tasks: usize) -> (Rig, RunKey) {
    let settings = settings(&server.uri(), password("admin", "s3cret"));
    let often = Duration::from_millis(50);
    let mut rig = Rig::start_with(backend_at(&settings, SOON, often));
    rig.until("the fleet", SOON, |rig| rig.up() && rig.listed())
        .await;
    let run = dag("orders").run("r1");
    rig.look(|focus| focus.runs = vec![run.clone()]);
    rig.until("the nodes", SOON, |rig| {
        rig.run(&run).is_some_and(|r| r.nodes.len() >= tasks)
    })
    .await;
    (rig, run)
}

#[tokio::test]
async fn an_unchanged_run_is_read_once_and_then_in_small_parts() {
    let server = airflow().await;
    let run = Run::of(&server, 230).await;
    let (mut rig, _) = open(&server, 230).await;
    assert_eq!(run.asked(), [(0, 100), (100, 100), (200, 30)]);
    let events = rig.events;
    rig.until("a round and the first part of the next", SOON, |_| {
        run.asked.lock().unwrap().len() >= 7
    })
    .await;
    assert_eq!(
        run.asked()[..7],
        [
            (0, 40),
            (40, 40),
            (80, 40),
            (120, 40),
            (160, 40),
            (200, 30),
            (0, 40)
        ],
        "one part after the other, and never all of it again"
    );
    assert!(rig.events > events);
}

#[tokio::test]
async fn what_no_look_at_changes_told_is_found_by_the_round() {
    let server = airflow().await;
    let served = Run::of(&server, 120).await;
    let (mut rig, run) = open(&server, 120).await;
    let state = |rig: &Rig, task: &str| Some(rig.run(&run)?.nodes.get(&NodeId::new(task))?.state);
    assert_eq!(state(&rig, "t077"), Some(NodeState::Succeeded));
    served.rows.lock().unwrap()[77] = ti("t077", json!("failed"));
    rig.until("the failure", SOON, |rig| {
        state(rig, "t077") == Some(NodeState::Failed)
    })
    .await;
    assert!(
        served.asked().iter().skip(2).all(|(_, rows)| *rows <= 40),
        "found by a part, not by reading everything"
    );
}

#[tokio::test]
async fn a_node_that_is_gone_makes_it_read_everything() {
    let server = airflow().await;
    let served = Run::of(&server, 120).await;
    let (mut rig, run) = open(&server, 120).await;
    served.asked();
    served.rows.lock().unwrap().remove(5);
    rig.until("119 nodes", SOON, |rig| {
        rig.run(&run).is_some_and(|r| r.nodes.len() == 119)
    })
    .await;
    let whole = |asked: &[(usize, usize)]| asked.contains(&(0, 100)) && asked.contains(&(100, 19));
    assert!(whole(&served.asked()));
}
