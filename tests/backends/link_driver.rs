//! Stands in for the engine before one backend: a link, a world built from what the backend says, and
//! the logs.
#![allow(dead_code)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use dagtop::backends::{Backend, Link, Request};
use dagtop::model::{
    Action, ActionId, ActionOptions, ActionRequest, ActionStatus, BackendId, BackendInfo, Event,
    Focus, LogKey, LogUpdate, Node, NodeId, NodeKey, NodeState, PipelineKey, Plan, RunKey,
    RunState, SafeText, Stamped, Target,
};
use dagtop::world::World;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Long enough for a machine that is busy with other things; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct LinkDriver {
    pub world: World,
    pub logs: HashMap<LogKey, Log>,
    pub bad_records: Vec<String>,
    /// How often each kind of event came.
    pub told: HashMap<&'static str, usize>,
    pub patience: Duration,

    requests: Option<mpsc::Sender<Request>>,
    focus: watch::Sender<Focus>,
    events: mpsc::Receiver<Stamped>,
    task: JoinHandle<()>,
    next: u64,
}

#[derive(Debug, Default)]
pub struct Log {
    pub bytes: Vec<u8>,
    pub ended: bool,
    pub chunks: usize,
    pub largest: usize,
    pub lost: Vec<SafeText>,
    path: Option<PathBuf>,
}

impl Log {
    /// Reads what its file has more.
    fn read_on(&mut self) {
        use std::io::{Read as _, Seek as _};
        let Some(path) = &self.path else { return };
        let mut file = std::fs::File::open(path).unwrap();
        let at = std::io::SeekFrom::Start(self.bytes.len() as u64);
        file.seek(at).unwrap();
        file.read_to_end(&mut self.bytes).unwrap();
    }
}

pub fn backend() -> BackendId {
    BackendId::new("here")
}

/// What is known of a backend of a kind.
pub fn info(kind: &'static str) -> BackendInfo {
    BackendInfo {
        id: backend(),
        name: backend().safe(),
        kind,
        read_only: false,
        protect: false,
        accent: None,
        drives_runs: true,
    }
}

impl LinkDriver {
    pub fn start(backend: Box<dyn Backend>) -> Self {
        let info = backend.info().clone();
        let id = info.id.clone();
        let world = World::new([info]);
        let (sender, events) = mpsc::channel(256);
        let (requests, inbox) = mpsc::channel(64);
        let (focus, seen) = watch::channel(Focus::default());
        let link = Link::new(id, sender, inbox, seen);
        let task = tokio::spawn(async move {
            let _ = backend.run(link).await;
        });
        Self {
            world,
            logs: HashMap::new(),
            bad_records: Vec::new(),
            told: HashMap::new(),
            patience: PATIENCE,

            requests: Some(requests),
            focus,
            events,
            task,
            next: 0,
        }
    }

    fn apply(&mut self, stamped: &Stamped) {
        match &stamped.event {
            Event::Log(chunk) => {
                let log = self.logs.entry(chunk.key.clone()).or_default();
                log.chunks += 1;
                match &chunk.update {
                    LogUpdate::Append(bytes) => {
                        log.largest = log.largest.max(bytes.len());
                        log.bytes.extend(bytes);
                    }
                    LogUpdate::Replace(bytes) => log.bytes.clone_from(bytes),
                    LogUpdate::File(path) => {
                        log.bytes.clear();
                        log.path = Some(path.clone());
                        log.read_on();
                    }
                    LogUpdate::Grown => log.read_on(),
                    LogUpdate::End => {
                        log.read_on();
                        log.ended = true;
                    }
                    LogUpdate::Lost(what) | LogUpdate::Failed(what) => log.lost.push(what.clone()),
                }
            }
            Event::Topology { .. } => *self.told.entry("topology").or_default() += 1,
            Event::Nodes { .. } => *self.told.entry("nodes").or_default() += 1,
            Event::BadRecord { what } => self.bad_records.push(what.to_string()),
            _ => {}
        }
        self.world.apply(stamped);
    }

    /// Takes in events until this is so.
    pub async fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + self.patience;
        while !so(self) {
            match tokio::time::timeout_at(deadline, self.events.recv()).await {
                Ok(Some(event)) => self.apply(&event),
                Ok(None) => panic!("the backend has ended before: {what}\n{}", self.state()),
                Err(_) => panic!("never seen: {what}\n{}", self.state()),
            }
        }
    }

    /// Waits for something outside, taking in events meanwhile.
    pub async fn poll(&mut self, what: &str, mut so: impl FnMut() -> bool) {
        let deadline = tokio::time::Instant::now() + self.patience;
        while !so() {
            assert!(
                tokio::time::Instant::now() < deadline,
                "never seen: {what}\n{}",
                self.state()
            );
            let step = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                Some(event) = self.events.recv() => self.apply(&event),
                () = step => {}
            }
        }
    }

    fn state(&self) -> String {
        let mut text = String::new();
        for pipeline in self.world.pipelines() {
            text += &format!(
                "{:?} {:?}\n",
                pipeline.pipeline.key, pipeline.pipeline.stale
            );
            for run in self.world.runs_of(&pipeline.pipeline.key) {
                text += &format!(
                    "  {:?} {:?} {:?}\n",
                    run.run.key.run, run.run.state, run.health
                );
                for node in run.nodes.values() {
                    text += &format!("    {:?} {} {:?}\n", node.id, node.native, node.note);
                }
            }
        }
        for action in self.world.actions() {
            text += &format!("{:?} {:?}\n", action.request, action.status);
        }
        text
    }

    pub fn focus(&self, change: impl FnOnce(&mut Focus)) {
        self.focus.send_modify(change);
    }

    pub async fn send(&self, request: Request) {
        self.requests.as_ref().unwrap().send(request).await.unwrap();
    }

    pub async fn refresh(&self) {
        self.send(Request::Refresh).await;
    }

    /// Asks for a plan: the plan, or why there is none.
    pub async fn plan(
        &mut self,
        action: Action,
        target: Target,
        options: ActionOptions,
    ) -> Result<Plan, String> {
        self.next += 1;
        let id = ActionId(self.next);
        let request = ActionRequest {
            id,
            action,
            target,
            options,
        };
        self.world.asked(request.clone(), chrono::Utc::now());
        self.send(Request::Plan(request)).await;
        self.until("a plan", |d| {
            d.world.action(id).unwrap().status != ActionStatus::Planning
        })
        .await;
        match self.world.action(id).unwrap().status.clone() {
            ActionStatus::Planned { plan } => Ok(*plan),
            ActionStatus::Refused { why } => Err(why.to_string()),
            other => panic!("{other:?}"),
        }
    }

    /// Carries a plan out: what was confirmed, or why not.
    pub async fn execute(&mut self, plan: Plan) -> Result<String, String> {
        let id = plan.request.id;
        self.send(Request::Execute(Box::new(plan))).await;
        self.until("an outcome", |d| {
            d.world.action(id).unwrap().status.settled()
        })
        .await;
        match self.world.action(id).unwrap().status.clone() {
            ActionStatus::Confirmed { what } => Ok(what.to_string()),
            ActionStatus::Refused { why } => Err(why.to_string()),
            other => panic!("{other:?}"),
        }
    }

    pub async fn act(&mut self, action: Action, target: Target) -> Result<String, String> {
        let plan = self.plan(action, target, ActionOptions::default()).await?;
        self.execute(plan).await
    }

    pub fn pipeline(&self, name: &str) -> PipelineKey {
        PipelineKey::new(&backend(), name)
    }

    pub async fn over(&mut self, run: &RunKey) -> RunState {
        self.until("the end of the run", |d| {
            d.world.run(run).is_some_and(|r| r.run.state.ended())
        })
        .await;
        self.world.run(run).unwrap().run.state
    }

    pub fn node(&self, run: &RunKey, node: &str) -> Option<Node> {
        self.world.node(&key(run, node)).cloned()
    }

    pub async fn until_state(&mut self, run: &RunKey, node: &str, state: NodeState) {
        self.until(&format!("{node} {state:?}"), |d| {
            d.node(run, node).is_some_and(|n| n.state == state)
        })
        .await;
    }

    /// Node id and state, in the order of the run.
    pub fn states(&self, run: &RunKey) -> Vec<(String, NodeState)> {
        self.world
            .run(run)
            .unwrap()
            .nodes
            .values()
            .map(|n| (n.id.raw().to_owned(), n.state))
            .collect()
    }

    /// The whole log of an ended attempt, as it is told.
    pub async fn log(&mut self, run: &RunKey, node: &str, attempt: u32) -> Vec<u8> {
        let key = key(run, node).log(attempt);
        self.focus(|f| f.logs = vec![key.clone()]);
        self.until("the end of the log", |d| {
            d.logs.get(&key).is_some_and(|l| l.ended)
        })
        .await;
        self.logs[&key].bytes.clone()
    }

    /// As when nobody waits for the backend to tidy up.
    pub fn drop_backend(&self) {
        self.task.abort();
    }

    /// As when dagtop is quit: the backend may end what runs.
    pub async fn quit(mut self) {
        self.requests = None;
        while self.events.recv().await.is_some() {}
        self.task.await.unwrap();
    }
}

pub fn key(run: &RunKey, node: &str) -> NodeKey {
    run.node(&NodeId::new(node))
}
