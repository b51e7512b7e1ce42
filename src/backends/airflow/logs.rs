//! Following a log: the whole once, piece by piece as it comes, then by token what is new.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::backends::poll::{Schedule, Urgency};
use crate::backends::report::Report;
use crate::model::{Event, LogChunk, LogKey, LogUpdate, NodeState, SafeText};
use crate::net::http::HttpError;

use super::api::Api;
use super::shared::Shared;
use super::{detail, log_v1, log_v2, states};
use crate::backends::client::Trouble;

/// Sent on when so much has come together.
const PIECE: usize = 64 << 10;

enum Reader {
    V1(log_v1::Text),
    V2(log_v2::Records),
}

/// What one request gave.
struct Read {
    token: Option<String>,
    ended: bool,
}

/// What is known of a log so far.
struct Position {
    token: Option<String>,
    /// Whether what comes first replaces what was sent.
    fresh: bool,
    /// Whether a line of level ERROR or a traceback has been seen.
    error_seen: bool,
    /// The beginning of a line whose end has not come.
    partial: String,
    report: Report,
    /// Of the whole log as last sent, when it was small.
    sent: Option<u64>,
}

/// Reads a log, and goes on until its end if `follow`. Ends when there is nothing more to come.
pub async fn read(shared: Arc<Shared>, key: LogKey, follow: bool) {
    let base = match shared.api {
        Api::V1 => Duration::from_secs(4),
        Api::V2 => Duration::from_secs(3),
    };
    let base = base.max(shared.refresh);
    let mut schedule = Schedule::new(base, u64::from(key.attempt) + 11);
    let mut position = Position {
        token: None,
        fresh: true,
        error_seen: false,
        partial: String::new(),
        report: Report::default(),
        sent: None,
    };
    let mut urgency = Urgency::Now;
    loop {
        let began = Instant::now();
        match once(&shared, &key, &mut position, urgency).await {
            Ok(true) => return,
            Ok(false) if !follow => return,
            Ok(false) => {
                // without a token the whole is read again: not often
                let often = position.token.is_some();
                position.fresh = !often;
                schedule.set_base(if often { base } else { base * 3 });
                schedule.succeeded(began.elapsed());
            }
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                // a token that another server process signed: read from the beginning
                if position.token.take().is_some() && matches!(error, HttpError::Refused { .. }) {
                    position.fresh = true;
                    continue;
                }
                position.fresh = true;
                let why = SafeText::new(error.to_string());
                if send(&shared, &key, LogUpdate::Failed(why)).await.is_err() || !follow {
                    return;
                }
                schedule.failed(error.retry_after());
            }
        }
        urgency = Urgency::WhenDue;
        tokio::time::sleep(schedule.wait()).await;
    }
}

async fn send(shared: &Shared, key: &LogKey, update: LogUpdate) -> Result<(), EngineGone> {
    let key = key.clone();
    shared.emit(Event::Log(LogChunk { key, update })).await
}

/// One request. Says whether the log is over.
async fn once(
    shared: &Shared,
    key: &LogKey,
    position: &mut Position,
    urgency: Urgency,
) -> Result<bool, Trouble> {
    let (dag, run) = (key.node.run.pipeline.pipeline.raw(), key.node.run.run.raw());
    let (task, index) = states::task_of(&key.node.node);
    if position.fresh {
        position.error_seen = false;
        position.partial.clear();
    }
    // asked before the log is: what the task says at its end is in the log then
    let state = state(shared, key);
    let call = shared.api.log(
        dag,
        run,
        task,
        index,
        key.attempt,
        position.token.as_deref(),
    );
    shared.pacer.turn(urgency).await;
    let mut answer = shared.http.send(&call).await?;
    let place = answer.place().clone();
    let mut reader = match shared.api {
        Api::V1 => Reader::V1(log_v1::Text::default()),
        Api::V2 => Reader::V2(log_v2::Records::default()),
    };
    let mut text = String::new();
    while let Some(piece) = answer.chunk().await? {
        match &mut reader {
            Reader::V1(reader) => reader.feed(&piece, &mut text),
            Reader::V2(reader) => reader.feed(&piece, &mut text),
        }
        if text.len() >= PIECE {
            pass_on(shared, key, position, &mut text).await?;
        }
    }
    let mut bad = 0;
    let read = match reader {
        Reader::V1(reader) => reader.token().map(|(token, ended)| Read { token, ended }),
        Reader::V2(reader) => {
            bad = reader.bad;
            reader.token().map(|token| Read {
                ended: token.is_none(),
                token,
            })
        }
    };
    if bad > 0 {
        shared
            .complain(format!(
                "{bad} records of a log could not be read ({place})"
            ))
            .await?;
    }
    let read = read.map_err(|problem| HttpError::BadAnswer {
        place,
        path: SafeText::new("content"),
        problem: SafeText::new(problem),
    })?;
    // a server calls the log of a task ended that has not begun, or that waits between two pokes; v1
    // also one that has not grown for a while
    let ended = read.ended
        && match (shared.api, state) {
            (_, Some(NodeState::Pending | NodeState::Queued | NodeState::Waiting)) => false,
            (Api::V2, _) => true,
            (Api::V1, state) => state.is_none_or(NodeState::ended),
        };
    if ended && !position.error_seen && state == Some(NodeState::Failed) {
        for line in detail::last_words(shared, &key.node, key.attempt).await? {
            text.push_str(&line);
            text.push('\n');
        }
    }
    // also when nothing came: a log without lines is known to be without lines
    let whole = position.fresh.then(|| {
        let mut hasher = std::hash::DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    });
    if whole.is_some() && whole == position.sent {
        position.fresh = false;
    } else if !text.is_empty() || position.fresh {
        position.sent = whole;
        pass_on(shared, key, position, &mut text).await?;
    }
    position.token = read.token;
    if ended {
        send(shared, key, LogUpdate::End).await?;
    }
    Ok(ended)
}

/// The state of the log's node, if it is known.
fn state(shared: &Shared, key: &LogKey) -> Option<NodeState> {
    let memory = shared.memory();
    let open = memory
        .open
        .get(&key.node.run)
        .and_then(|open| open.nodes.get(&key.node.node));
    open.map(|node| node.state)
        .or_else(|| memory.told.get(&key.node.run)?.get(&key.node.node).copied())
}

async fn pass_on(
    shared: &Shared,
    key: &LogKey,
    position: &mut Position,
    text: &mut String,
) -> Result<(), EngineGone> {
    position.error_seen |= text.contains(" ERROR ")
        || text.contains(" CRITICAL ")
        || text.contains("Traceback (most recent");
    let reported = position.read_reports(text);
    let bytes = std::mem::take(text).into_bytes();
    let update = match std::mem::take(&mut position.fresh) {
        true => LogUpdate::Replace(bytes),
        false => LogUpdate::Append(bytes),
    };
    send(shared, key, update).await?;
    if reported {
        report(shared, key, &position.report).await?;
    }
    Ok(())
}

/// Tells the engine what the task said about its progress.
async fn report(shared: &Shared, key: &LogKey, report: &Report) -> Result<(), EngineGone> {
    let node = {
        let mut memory = shared.memory();
        let Some(open) = memory.open.get_mut(&key.node.run) else {
            return Ok(());
        };
        let id = (key.node.node.clone(), key.attempt);
        open.reports.insert(id, report.clone());
        open.nodes.get(&key.node.node).cloned().map(|mut node| {
            open.add_report(&mut node);
            node
        })
    };
    if let Some(node) = node {
        let run = key.node.run.clone();
        shared
            .emit(Event::Nodes {
                run,
                list: vec![node],
                complete: false,
            })
            .await?;
    }
    Ok(())
}

impl Position {
    /// Takes in what whole lines report; says whether any did.
    fn read_reports(&mut self, text: &str) -> bool {
        let mut any = false;
        let whole;
        let text = if self.partial.is_empty() {
            text
        } else {
            whole = std::mem::take(&mut self.partial) + text;
            whole.as_str()
        };
        let (lines, partial) = text.rsplit_once('\n').unwrap_or(("", text));
        if partial.len() < 4096 {
            self.partial = partial.to_owned();
        }
        for line in lines.lines() {
            any |= self.report.read(line);
        }
        any
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::model::Progress;

    #[test]
    fn progress_and_metrics_are_found_in_lines_also_when_cut() {
        let mut position = Position {
            token: None,
            fresh: true,
            error_seen: false,
            partial: String::new(),
            report: Report::default(),
            sent: None,
        };
        assert!(!position.read_reports("2026 INFO task - hello\n2026 INFO task.stdout - ::pro"));
        assert!(position.read_reports("gress 400/1000\n"));
        assert_eq!(position.report.progress, Progress::new(400, 1000));
        assert!(
            position
                .read_reports("::progress 55%\n::metric rows=12.5\n::metric rows=13\n::metric x\n")
        );
        assert_eq!(position.report.progress, Progress::new(55, 100));
        assert_eq!(position.report.metrics, [(SafeText::new("rows"), 13.0)]);
        assert!(!position.read_reports("::progress nonsense\n::progress 1/0\n"));
        assert_eq!(position.report.progress, Progress::new(55, 100));
    }
}
