//! An engine's end of one backend that asks a server, for tests: events build a world, logs are kept as text.
#![allow(dead_code)]

pub mod door;

use std::collections::HashMap;
use std::time::Duration;

use dagtop::backends::{Backend, Link, Request};
use dagtop::config::{self, BackendKind, Login, Secret, Server, Tls};
use dagtop::model::{
    Action, ActionId, ActionOptions, ActionRequest, ActionStatus, BackendId, BackendInfo, Event,
    Focus, LogKey, LogUpdate, NodeKey, PipelineKey, Plan, Reach, RunKey, SafeText, Stamped, Target,
    WireStats,
};
use dagtop::world::{RunView, World};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub const NAME: &str = "lab";

pub fn password(user: &str, password: &str) -> Login {
    Login::Password {
        user: user.to_owned(),
        password: secret(password),
    }
}

pub fn secret(text: &str) -> Secret {
    Secret::Literal(text.to_owned().into())
}

pub fn server(url: &str, login: Login) -> Server {
    Server {
        url: url.parse().unwrap(),
        login,
        tls: Tls::default(),
        proxy: None,
        headers: Vec::new(),
    }
}

/// A section of the configuration and what it says of the backend.
pub fn section(
    kind: BackendKind,
    read_timeout: Duration,
    refresh: Duration,
) -> (BackendInfo, config::Backend) {
    let info = BackendInfo {
        id: BackendId::new(NAME),
        name: SafeText::new(NAME),
        kind: kind.name(),
        read_only: false,
        protect: false,
        drives_runs: false,
        accent: None,
    };
    let section = config::Backend {
        name: NAME.to_owned(),
        enabled: true,
        read_only: false,
        protect: false,
        accent: None,
        tags: Vec::new(),
        refresh,
        connect_timeout: Duration::from_secs(5),
        read_timeout,
        kind,
    };
    (info, section)
}

pub struct Log {
    pub text: String,
    pub ended: bool,
    pub replaced: usize,
    pub failed: Option<SafeText>,
}

pub struct Rig {
    pub world: World,
    pub logs: HashMap<LogKey, Log>,
    /// The newest event of each action.
    pub actions: HashMap<u64, ActionStatus>,
    pub complaints: Vec<SafeText>,
    pub events: usize,
    events_in: mpsc::Receiver<Stamped>,
    pub requests: mpsc::Sender<Request>,
    focus: watch::Sender<Focus>,
    task: JoinHandle<()>,
    last_action: u64,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Rig {
    pub fn start_with(backend: impl Backend + 'static) -> Self {
        let (sender, events_in) = mpsc::channel(1024);
        let (requests, inbox) = mpsc::channel(16);
        let (focus, seen) = watch::channel(Focus::default());
        let mut world = World::new([backend.info().clone()]);
        let id = backend.info().id.clone();
        world.apply(&Stamped {
            backend: id.clone(),
            at: chrono::Utc::now(),
            event: Event::Capabilities(backend.capabilities()),
        });
        let link = Link::new(id, sender, inbox, seen);
        let task = tokio::spawn(async move {
            let Err(error) = Box::new(backend).run(link).await;
            eprintln!("the backend ended: {error}");
        });
        Self {
            world,
            logs: HashMap::new(),
            actions: HashMap::new(),
            complaints: Vec::new(),
            events: 0,
            events_in,
            requests,
            focus,
            task,
            last_action: 0,
        }
    }

    fn take(&mut self, stamped: &Stamped) {
        self.events += 1;
        match &stamped.event {
            Event::Log(chunk) => {
                let log = self.logs.entry(chunk.key.clone()).or_insert(Log {
                    text: String::new(),
                    ended: false,
                    replaced: 0,
                    failed: None,
                });
                match &chunk.update {
                    LogUpdate::Append(bytes) => {
                        log.text.push_str(std::str::from_utf8(bytes).unwrap())
                    }
                    LogUpdate::Replace(bytes) => {
                        log.text = String::from_utf8(bytes.clone()).unwrap();
                        log.replaced += 1;
                    }
                    LogUpdate::File(_) | LogUpdate::Grown => {
                        panic!("a server has no files of ours")
                    }
                    LogUpdate::End => log.ended = true,
                    LogUpdate::Lost(why) | LogUpdate::Failed(why) => log.failed = Some(why.clone()),
                }
            }
            Event::Action { id, status } => {
                self.actions.insert(id.0, status.clone());
            }
            Event::BadRecord { what } => self.complaints.push(what.clone()),
            _ => {}
        }
        self.world.apply(stamped);
    }

    /// Takes events until this holds; panics with the state of things after `limit`.
    pub async fn until(
        &mut self,
        what: &str,
        limit: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) {
        let deadline = Instant::now() + limit;
        while !holds(self) {
            match tokio::time::timeout_at(deadline, self.events_in.recv()).await {
                Ok(Some(stamped)) => self.take(&stamped),
                Ok(None) => panic!("{what}: the backend has ended"),
                Err(_) => panic!(
                    "{what}: not seen in {limit:?}; status {:?}; actions {:?}; complaints {:?}",
                    self.status(),
                    self.actions,
                    self.complaints
                ),
            }
        }
    }

    /// Takes events for so long.
    pub async fn for_(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Ok(Some(stamped)) = tokio::time::timeout_at(deadline, self.events_in.recv()).await
        {
            self.take(&stamped);
        }
    }

    pub fn look(&self, change: impl FnOnce(&mut Focus)) {
        self.focus.send_modify(change);
    }

    /// Asks for everything anew.
    pub async fn refresh(&self) {
        self.requests.send(Request::Refresh).await.unwrap();
    }

    pub fn status(&self) -> &dagtop::model::BackendStatus {
        &self.world.backend(&BackendId::new(NAME)).unwrap().status
    }

    pub fn stats(&self) -> WireStats {
        self.status().stats
    }

    pub fn up(&self) -> bool {
        self.status().reach == Reach::Up
    }

    pub fn listed(&self) -> bool {
        self.world.backend(&BackendId::new(NAME)).unwrap().listed
    }

    pub fn run(&self, key: &RunKey) -> Option<&RunView> {
        self.world.run(key)
    }

    pub fn next_id(&mut self) -> ActionId {
        self.last_action += 1;
        ActionId(self.last_action)
    }

    /// Asks for a plan and waits for it, or for what became of the request.
    pub async fn plan(
        &mut self,
        action: Action,
        target: Target,
        options: ActionOptions,
    ) -> Result<Plan, ActionStatus> {
        let id = self.next_id();
        let request = ActionRequest {
            id,
            action,
            target,
            options,
        };
        self.world.asked(request.clone(), chrono::Utc::now());
        self.requests.send(Request::Plan(request)).await.unwrap();
        self.until("a plan", Duration::from_secs(60), |rig| {
            rig.actions.contains_key(&id.0)
        })
        .await;
        match self.actions.get(&id.0).unwrap().clone() {
            ActionStatus::Planned { plan } => Ok(*plan),
            other => Err(other),
        }
    }

    /// Says yes and waits until it is settled.
    pub async fn execute(&mut self, plan: Plan) -> ActionStatus {
        let id = plan.request.id.0;
        self.requests
            .send(Request::Execute(Box::new(plan)))
            .await
            .unwrap();
        self.until("an action's end", Duration::from_secs(180), |rig| {
            rig.actions.get(&id).is_some_and(ActionStatus::settled)
        })
        .await;
        self.actions[&id].clone()
    }

    /// Plans and executes; the plan and what became of it.
    pub async fn act(
        &mut self,
        action: Action,
        target: Target,
        options: ActionOptions,
    ) -> (Plan, ActionStatus) {
        let plan = self
            .plan(action, target, options)
            .await
            .unwrap_or_else(|status| panic!("{action:?}: {status:?}"));
        let status = self.execute(plan.clone()).await;
        (plan, status)
    }
}

pub fn pipeline(id: &str) -> PipelineKey {
    PipelineKey::new(&BackendId::new(NAME), id)
}

pub fn node(run: &RunKey, id: &str) -> NodeKey {
    run.node(&dagtop::model::NodeId::new(id))
}
