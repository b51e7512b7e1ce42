//! Following a log: all of it once in pages, then what is new, by asking again or over the server's stream where it
//! has one. Lines come late and out of order (a run sends them in batches), so each question overlaps the one before
//! and a line is known by its id.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::backends::poll::{Schedule, Urgency};
use crate::backends::ws::SocketError;
use crate::model::{Event, LogChunk, LogKey, LogUpdate, NodeState, SafeText};
use crate::net::http::{Call, HttpError};

use super::api::{self, Lines};
use super::shared::Shared;
use super::tasks::Subject;
use super::wire::{Log, State};
use super::{live, states};

/// Lines of one log that are read, at most.
const MOST: usize = 200_000;
/// A line may come so long after the time that it carries.
const LATE: chrono::Duration = chrono::Duration::seconds(10);
/// After the end of a task its last lines may take so long.
const SETTLED: chrono::Duration = chrono::Duration::seconds(8);
/// While the stream tells, everything is asked for this often.
const TRUTH: Duration = Duration::from_secs(15);
/// A node that nobody knows yet is waited for so long.
const PATIENCE: u32 = 20;

/// A log, and how far it was read.
struct Reading {
    lines: Lines,
    /// What of it belongs to this attempt.
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    /// The time of the newest line.
    newest: Option<DateTime<Utc>>,
    ids: HashSet<String>,
    order: VecDeque<(Option<DateTime<Utc>>, String)>,
    /// Whether what comes first replaces what was sent.
    fresh: bool,
    error_seen: bool,
}

/// Reads a log, and goes on until its end if `on`.
pub async fn read(shared: Arc<Shared>, key: LogKey, on: bool) {
    let mut schedule = Schedule::new(shared.refresh, u64::from(key.attempt) + 11);
    let mut reading = match find(&shared, &key).await {
        Ok(reading) => reading,
        Err(Trouble::Gone(_)) => return,
        Err(Trouble::Http(error)) => {
            let why = SafeText::new(error.to_string());
            // an engine that is gone has nobody left to tell
            let _ = send(&shared, &key, LogUpdate::Failed(why)).await;
            return;
        }
    };
    let mut urgency = Urgency::Now;
    loop {
        let began = Instant::now();
        match once(&shared, &key, &mut reading, urgency).await {
            Ok(true) => return,
            Ok(false) if !on => return,
            Ok(false) => schedule.succeeded(began.elapsed()),
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                let why = SafeText::new(error.to_string());
                if send(&shared, &key, LogUpdate::Failed(why)).await.is_err() || !on {
                    return;
                }
                schedule.failed(error.retry_after());
            }
        }
        urgency = Urgency::WhenDue;
        if shared.logs && schedule.failures() == 0 {
            match stream(&shared, &key, &mut reading).await {
                Ok(()) | Err(End::Gone) => return,
                // until it can be opened again, the log is asked for
                Err(End::Socket(error)) => schedule.failed(error.retry_after()),
            }
        }
        tokio::time::sleep(schedule.wait()).await;
    }
}

/// Begins to read. A node that nobody knows yet is waited for: its run is being loaded.
async fn find(shared: &Shared, key: &LogKey) -> Result<Reading, Trouble> {
    for _ in 0..PATIENCE {
        if let Some(reading) = begin(shared, key).await? {
            return Ok(reading);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let why = format!("Prefect has no task run {}", key.node.node.raw());
    Err(HttpError::setup(why).into())
}

async fn send(shared: &Shared, key: &LogKey, update: LogUpdate) -> Result<(), EngineGone> {
    let key = key.clone();
    shared.emit(Event::Log(LogChunk { key, update })).await
}

/// What stands behind a log's node; `None` if nobody knows it yet.
fn subject(shared: &Shared, key: &LogKey) -> Option<Subject> {
    let memory = shared.memory();
    let run = key.node.run.run.raw();
    memory.runs.get(run)?.tasks.subject(run, &key.node.node)
}

/// Begins to read: which lines, and from when to when.
async fn begin(shared: &Shared, key: &LogKey) -> Result<Option<Reading>, Trouble> {
    let Some(subject) = subject(shared, key) else {
        return Ok(None);
    };
    let (lines, history) = match subject {
        Subject::Flow(run) => {
            let history = api::run_states(&run);
            (Lines::Flow(run), history)
        }
        Subject::Task(task) => {
            let history = api::task_states(&task);
            (Lines::Task(task), history)
        }
        Subject::Subflow { run: Some(run), .. } => {
            let history = api::run_states(&run);
            (Lines::Whole(run), history)
        }
        Subject::Subflow { task, run: None } => {
            let history = api::task_states(&task);
            (Lines::Task(task), history)
        }
    };
    let (mut from, mut to) = (None, None);
    if attempts(shared, key) > 1 || key.attempt > 1 {
        let starts = starts(shared, &history).await?;
        let nth = |n: u32| starts.get(usize::try_from(n).ok()?).copied();
        // what a first attempt says before it starts is its own
        from = key.attempt.checked_sub(1).filter(|n| *n > 0).and_then(nth);
        to = nth(key.attempt);
    }
    Ok(Some(Reading {
        lines,
        from,
        to,
        newest: None,
        ids: HashSet::new(),
        order: VecDeque::new(),
        fresh: true,
        error_seen: false,
    }))
}

/// How often the log's node has been tried, as far as is known.
fn attempts(shared: &Shared, key: &LogKey) -> u32 {
    let memory = shared.memory();
    let run = key.node.run.run.raw();
    let Some(known) = memory.runs.get(run) else {
        return 0;
    };
    match known.tasks.subject(run, &key.node.node) {
        Some(Subject::Task(task)) => known.tasks.row(&task).map_or(0, |row| row.run_count),
        Some(Subject::Flow(id)) if id == run => known.row.run_count,
        _ => 0,
    }
}

/// When each attempt began to run.
async fn starts(shared: &Shared, history: &Call) -> Result<Vec<DateTime<Utc>>, HttpError> {
    let mut states: Vec<State> = shared.ask(Urgency::Now, history).await?;
    states.sort_by_key(|state| state.timestamp);
    Ok(states
        .iter()
        .filter(|s| s.kind == "RUNNING")
        .filter_map(|s| s.timestamp)
        .collect())
}

/// Whether a log's node is over for good, and its state and last word.
fn ending(shared: &Shared, key: &LogKey) -> Option<(DateTime<Utc>, NodeState, String)> {
    let memory = shared.memory();
    let run = key.node.run.run.raw();
    let known = memory.runs.get(run)?;
    let state = match known.tasks.subject(run, &key.node.node)? {
        Subject::Task(task) | Subject::Subflow { task, .. } => &known.tasks.row(&task)?.state,
        Subject::Flow(id) if id == run => &known.row.state,
        Subject::Flow(id) => &known.tasks.subflow(&id)?.state,
    };
    let node = states::node_state(state, &known.row.state.kind);
    let at = state
        .timestamp
        .or(known.row.end_time)
        .unwrap_or(DateTime::<Utc>::MIN_UTC);
    node.ended().then(|| (at, node, state.message.clone()))
}

/// Asks for what is new. Says whether the log is over.
async fn once(
    shared: &Shared,
    key: &LogKey,
    reading: &mut Reading,
    urgency: Urgency,
) -> Result<bool, Trouble> {
    // asked before the log is: what a task says at its end is in the log then
    let ending = ending(shared, key);
    let now = shared.server_now();
    let after = reading.newest.map(|newest| newest - LATE).or(reading.from);
    let mut offset = 0;
    loop {
        let call = api::logs(&reading.lines, after, offset);
        let (page, _) = shared.list::<Log>(urgency, 1, |_| call.clone()).await?;
        let held = page.rows.len();
        offset += held;
        pass_on(shared, key, reading, page.rows).await?;
        if held < api::PAGE || offset >= MOST {
            break;
        }
    }
    let past = reading.to.is_some_and(|to| to + LATE < now);
    let over = past || ending.as_ref().is_some_and(|(at, ..)| *at + SETTLED < now);
    if over {
        if let Some((_, NodeState::Failed | NodeState::Blocked, message)) = ending.filter(|_| !past)
            && !reading.error_seen
            && !message.is_empty()
        {
            let line = format!("{} ERROR prefect - {message}\n", stamp(now));
            send(shared, key, LogUpdate::Append(line.into_bytes())).await?;
        }
        send(shared, key, LogUpdate::End).await?;
    }
    Ok(over)
}

/// Sends what is new of these lines. The first time also when there is none: a log without lines is known to be so.
async fn pass_on(
    shared: &Shared,
    key: &LogKey,
    reading: &mut Reading,
    rows: Vec<Log>,
) -> Result<(), EngineGone> {
    let mut text = String::new();
    for row in rows {
        reading.take(&row, &mut text);
    }
    if text.is_empty() && !reading.fresh {
        return Ok(());
    }
    let bytes = text.into_bytes();
    let update = match std::mem::take(&mut reading.fresh) {
        true => LogUpdate::Replace(bytes),
        false => LogUpdate::Append(bytes),
    };
    send(shared, key, update).await
}

impl Reading {
    fn take(&mut self, row: &Log, text: &mut String) {
        let within = |at: DateTime<Utc>| {
            self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
        };
        if !row.timestamp.is_none_or(within) || !self.ids.insert(row.id.clone()) {
            return;
        }
        self.order.push_back((row.timestamp, row.id.clone()));
        self.newest = self.newest.max(row.timestamp);
        // older lines are not asked for again
        let old = self.newest.map(|newest| newest - LATE * 3);
        while self.order.len() > 2 * api::PAGE
            && let Some((at, _)) = self.order.front()
            && *at < old
        {
            if let Some((_, id)) = self.order.pop_front() {
                self.ids.remove(&id);
            }
        }
        self.error_seen |= row.level >= 40;
        let at = row.timestamp.map(stamp).unwrap_or_default();
        let line = format!(
            "{at} {} {} - {}\n",
            level(row.level),
            row.name,
            row.message.trim_end()
        );
        text.push_str(&line);
    }

    /// Whether a line of the stream is of this log.
    fn own(&self, row: &Log) -> bool {
        let is = |id: &Option<String>, own: &str| id.as_deref() == Some(own);
        match &self.lines {
            Lines::Task(id) => is(&row.task_run_id, id),
            Lines::Flow(id) => row.task_run_id.is_none() && is(&row.flow_run_id, id),
            Lines::Whole(id) => is(&row.flow_run_id, id),
        }
    }
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Python's levels: 10, 20, ...; anything in between counts as the one below it.
fn level(level: u32) -> &'static str {
    match level {
        50.. => "CRITICAL",
        40.. => "ERROR",
        30.. => "WARNING",
        20.. => "INFO",
        _ => "DEBUG",
    }
}

enum End {
    Gone,
    Socket(SocketError),
}

impl From<SocketError> for End {
    fn from(error: SocketError) -> Self {
        Self::Socket(error)
    }
}

impl From<EngineGone> for End {
    fn from(_: EngineGone) -> Self {
        Self::Gone
    }
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    log: Value,
}

/// Takes lines as they come, and asks now and then for what the stream left out (it drops what a slow reader does not
/// take). Ok when the log is over.
async fn stream(shared: &Shared, key: &LogKey, reading: &mut Reading) -> Result<(), End> {
    let mut socket = live::open(&shared.http, "/logs/out").await?;
    let filter = json!({"type": "filter", "filter": reading.lines.stream()});
    socket.send(&filter).await?;
    let mut ask_at = Instant::now();
    loop {
        let texts = tokio::select! {
            texts = socket.batch(256) => texts?,
            () = tokio::time::sleep_until(ask_at) => {
                match once(shared, key, reading, Urgency::WhenDue).await {
                    Ok(true) => return Ok(()),
                    Ok(_) | Err(Trouble::Http(_)) => {}
                    Err(Trouble::Gone(_)) => return Err(End::Gone),
                }
                let soon = ending(shared, key).is_some();
                ask_at = Instant::now() + if soon { shared.refresh } else { TRUTH };
                continue;
            }
        };
        let rows = texts
            .iter()
            .filter_map(|text| serde_json::from_str::<Frame>(text).ok())
            .filter_map(|frame| serde_json::from_value::<Log>(frame.log).ok())
            .filter(|row| reading.own(row))
            .collect();
        pass_on(shared, key, reading, rows).await?;
        if ending(shared, key).is_some() {
            ask_at = ask_at.min(Instant::now() + shared.refresh * 3);
        }
    }
}
