//! Events by subscription: `/events/out` says everything that changes within a tenth of a second. The socket wakes us;
//! what is asked by REST stays the truth.
//!
//! The protocol (3.8, measured): sub-protocol `prefect`; the first frame authenticates, the second filters. The filter
//! must say `until` a time far away: without one it ends now, and after what was is said nothing more ever comes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::backends::EngineGone;
use crate::backends::lenient::parse_time;
use crate::backends::poll::Schedule;
use crate::backends::ws::{Socket, SocketError};
use crate::net::http::Http;

use super::shared::{Memory, Shared};
use super::tasks::Source;
use super::wire::{Event, FlowRun, State, TaskRun};
use super::{api, states, tell};

const PROTOCOL: &str = "prefect";
/// Between two tries, at first.
const AGAIN: Duration = Duration::from_secs(1);
/// Events that are taken in at once.
const BATCH: usize = 256;
/// Ids of events that are remembered: the same event comes again after a reconnect.
const IDS: usize = 8192;
/// Further back nothing is said again: the server itself goes back 15 minutes at most.
const REPLAY: chrono::Duration = chrono::Duration::minutes(14);
/// The events of before a reconnect that are asked for again.
const OVERLAP: chrono::Duration = chrono::Duration::seconds(30);

/// Why a session ended.
enum End {
    Gone(EngineGone),
    Socket(SocketError),
}

impl From<EngineGone> for End {
    fn from(gone: EngineGone) -> Self {
        Self::Gone(gone)
    }
}

impl From<SocketError> for End {
    fn from(error: SocketError) -> Self {
        Self::Socket(error)
    }
}

/// Listens for ever, and again after every end.
pub async fn watch(shared: &Arc<Shared>) -> Result<Infallible, EngineGone> {
    let mut schedule = Schedule::new(shared.refresh.min(AGAIN), 5);
    let mut seen = Seen::default();
    let mut first = true;
    loop {
        let error = match session(shared, &mut seen, &mut schedule).await {
            End::Gone(gone) => return Err(gone),
            End::Socket(error) => error,
        };
        let told = shared.set_live(false);
        if std::mem::take(&mut first) && !told {
            // the first reading waits for the subscription, and there is none
            shared.look.notify_one();
        }
        let every = shared.refresh.as_secs_f64();
        let why = format!("no live events, so it is asked every {every} s: {error}");
        shared.worse(|worse| worse.live = Some(why)).await?;
        schedule.failed(error.retry_after());
        tokio::select! {
            () = tokio::time::sleep(schedule.wait()) => {}
            () = shared.retry.notified() => {}
        }
    }
}

/// Opens a socket of Prefect's: the first frame says who we are.
pub async fn open<'a>(http: &'a Http, path: &str) -> Result<Socket<'a>, SocketError> {
    let mut socket = Socket::open(http, path, PROTOCOL).await?;
    let credential = http.credential().await?;
    // as it is, neither encoded nor with a word before it
    let token = credential.as_ref().map(|secret| secret.expose_secret());
    socket
        .send(&json!({"type": "auth", "token": token}))
        .await?;
    // anything but a yes is a close frame with its reason
    socket.next().await?;
    Ok(socket)
}

async fn session(shared: &Arc<Shared>, seen: &mut Seen, schedule: &mut Schedule) -> End {
    let mut socket = match open(&shared.http, "/events/out").await {
        Ok(socket) => socket,
        Err(error) => return error.into(),
    };
    let now = shared.server_now();
    let since = seen
        .last
        .map_or(now, |last| (last - OVERLAP).max(now - REPLAY));
    let filter = json!({"type": "filter", "backfill": true, "filter": {
        "occurred": {"since": api::stamp(since), "until": api::stamp(now + chrono::Duration::days(3650))},
        "event": {"prefix": ["prefect."]},
    }});
    if let Err(error) = socket.send(&filter).await {
        return error.into();
    }
    schedule.succeeded(Duration::ZERO);
    // what happened while nobody listened may be more than is said again
    shared.memory().resync |= seen.last.is_some();
    seen.last = seen.last.or(Some(now));
    shared.set_live(true);
    if let Err(gone) = shared.worse(|worse| worse.live = None).await {
        return gone.into();
    }
    loop {
        let frames = match socket.batch(BATCH).await {
            Ok(frames) => frames,
            Err(error) => return error.into(),
        };
        if let Err(gone) = take(shared, seen, &frames).await {
            return gone.into();
        }
    }
}

/// What was said already.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
    /// When the newest event occurred.
    last: Option<DateTime<Utc>>,
}

impl Seen {
    /// Whether it is new.
    fn take(&mut self, event: &Event, now: DateTime<Utc>) -> bool {
        if !self.ids.insert(event.id.clone()) {
            return false;
        }
        self.order.push_back(event.id.clone());
        if self.order.len() > IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        // a clock that is ahead must not make us deaf to what comes
        self.last = self.last.max(event.occurred.map(|at| at.min(now)));
        true
    }
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    event: Value,
}

async fn take(shared: &Shared, seen: &mut Seen, frames: &[String]) -> Result<(), EngineGone> {
    let now = shared.server_now();
    let mut events: Vec<Event> = Vec::new();
    let mut bad = None;
    for text in frames {
        let event = serde_json::from_str::<Frame>(text)
            .and_then(|frame| serde_json::from_value::<Event>(frame.event));
        match event {
            Ok(event) => {
                if seen.take(&event, now) {
                    events.push(event);
                }
            }
            Err(error) => bad = Some(error),
        }
    }
    if let Some(error) = bad {
        shared
            .complain(format!("an event can't be read: {error}"))
            .await?;
    }
    events.sort_by_key(|event| event.occurred);
    let news = sort(&mut shared.memory(), &events);
    if news.strangers {
        shared.strangers.notify_one();
    }
    if news.system {
        shared.system.notify_one();
    }
    if news.deployments {
        shared.memory().resync = true;
        shared.look.notify_one();
    }
    if !news.runs.is_empty() {
        tell::runs(shared, news.runs).await?;
    }
    if !news.tasks.is_empty() {
        tell::tasks(shared, news.tasks).await?;
    }
    tell::progress(shared, &news.progress).await
}

/// What a batch of events says.
#[derive(Default)]
struct News {
    runs: Vec<(FlowRun, Source)>,
    tasks: Vec<(TaskRun, Source)>,
    /// Flow run, task run, percent.
    progress: Vec<(String, String, f64)>,
    strangers: bool,
    deployments: bool,
    system: bool,
}

fn sort(memory: &mut Memory, events: &[Event]) -> News {
    let mut news = News::default();
    // an event says only what changed: several about one run build on each other
    let mut rows: HashMap<String, FlowRun> = HashMap::new();
    for event in events {
        let id = event
            .resource
            .get("prefect.resource.id")
            .map(String::as_str)
            .unwrap_or_default();
        let source = || Source::Event {
            id: event.id.clone(),
            follows: event.follows.clone(),
        };
        let kind = event.event.strip_prefix("prefect.").unwrap_or_default();
        let (kind, what) = kind.split_once('.').unwrap_or((kind, ""));
        match (kind, what) {
            ("flow-run", "heartbeat") => {
                if let Some(id) = id.strip_prefix("prefect.flow-run.") {
                    // by our clock: that of its sender may differ
                    if let Some(known) = memory.runs.get(id) {
                        // it lives after all: the look that doubted it is taken again
                        news.system |= known.lost;
                        memory.beats.insert(id.to_owned(), Utc::now());
                    }
                }
            }
            ("flow-run", _) => {
                let (Some(id), Some(state)) = (id.strip_prefix("prefect.flow-run."), state(event))
                else {
                    continue;
                };
                let known = rows.get(id).cloned().or_else(|| flow_run(memory, id));
                match known {
                    Some(known) => {
                        let row = changed(known, state, event);
                        rows.insert(id.to_owned(), row.clone());
                        news.runs.push((row, source()));
                    }
                    // planned runs are made by the dozen, and read with everything now and then
                    None if memory.strangers.len() < 4 * api::PAGE => {
                        news.strangers = true;
                        memory.strangers.insert(id.to_owned());
                    }
                    None => memory.resync = true,
                }
            }
            ("task-run", _) => {
                if let Some(row) = task_run(event, id) {
                    news.tasks.push((row, source()));
                }
            }
            ("artifact", _) => {
                let of = |role: &str| related(event, role);
                if let (Some(run), Some(task), Some(percent)) = (
                    of("flow-run"),
                    of("task-run"),
                    event.payload["data"].as_f64(),
                ) {
                    news.progress
                        .push((run.to_owned(), task.to_owned(), percent));
                }
            }
            ("deployment", _) => {
                news.deployments = true;
                news.system = true;
            }
            ("work-pool" | "work-queue" | "concurrency-limit", _) => news.system = true,
            _ => {}
        }
    }
    news
}

fn flow_run(memory: &Memory, id: &str) -> Option<FlowRun> {
    if let Some(known) = memory.runs.get(id) {
        return Some(known.row.clone());
    }
    let root = memory.runs.get(memory.roots.get(id)?)?;
    root.tasks.subflow(id).cloned()
}

/// The id of what an event is about besides, by its role.
fn related<'a>(event: &'a Event, role: &str) -> Option<&'a str> {
    let is = |related: &&HashMap<String, String>| {
        related
            .get("prefect.resource.role")
            .is_some_and(|r| r == role)
    };
    let id = event.related.iter().find(is)?.get("prefect.resource.id")?;
    id.strip_prefix("prefect.")?
        .strip_prefix(role)?
        .strip_prefix('.')
}

/// The state that an event tells of; `None` if it tells of none.
fn state(event: &Event) -> Option<State> {
    let get = |key: &str| event.resource.get(key).cloned();
    let kind = get("prefect.state-type")?;
    let validated: State =
        serde_json::from_value(event.payload["validated_state"].clone()).unwrap_or_default();
    let stamp = get("prefect.state-timestamp").map(Value::String);
    Some(State {
        kind,
        name: get("prefect.state-name").unwrap_or_default(),
        timestamp: stamp.as_ref().and_then(parse_time).or(event.occurred),
        message: get("prefect.state-message").unwrap_or_default(),
        ..validated
    })
}

/// A flow run as it is after an event.
fn changed(mut row: FlowRun, state: State, event: &Event) -> FlowRun {
    let at = state.timestamp;
    if let Some(count) = event.resource.get("prefect.run-count") {
        row.run_count = count.parse().unwrap_or(row.run_count);
    }
    if state.kind == "RUNNING" {
        row.start_time = row.start_time.or(at);
    }
    row.end_time = match states::ended(&state.kind) {
        true => at,
        false => None,
    };
    row.state = state;
    row
}

/// A task run as an event has it: the event holds all of it but its id and state.
fn task_run(event: &Event, id: &str) -> Option<TaskRun> {
    let id = id.strip_prefix("prefect.task-run.")?;
    let mut row: TaskRun =
        serde_json::from_value(event.payload["task_run"].clone()).unwrap_or_default();
    row.state = state(event)?;
    row.id = id.to_owned();
    row.flow_run_id = related(event, "flow-run")?.to_owned();
    if let Some(name) = event.resource.get("prefect.resource.name") {
        row.name.clone_from(name);
    }
    Some(row)
}

#[cfg(test)]
mod tests;
