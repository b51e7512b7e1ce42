//! The log of an attempt: what the step said by its run's events, and what its process wrote to standard output.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::backends::http::HttpError;
use crate::backends::poll::Urgency;
use crate::model::{Event, LogChunk, LogKey, LogUpdate, SafeText};

use super::family::{Place, RUN};
use super::feed::{Capture, Feed};
use super::shared::Shared;
use super::wire::Captured;
use super::{api, gql};

/// Bytes of one stream in one answer.
const PIECE: usize = 64 << 10;
/// Between two looks at an output that grows.
const OUTPUT: Duration = Duration::from_millis(2500);
/// How long an attempt that is not known yet is waited for.
const UNKNOWN: Duration = Duration::from_secs(2);

/// Reads a log, and goes on until its end if `on`.
pub async fn read(shared: Arc<Shared>, key: LogKey, on: bool) {
    let told = match super::side::log(&shared, &key) {
        Some(text) => whole(&shared, &key, text).await,
        None => follow(&shared, &key, on).await,
    };
    // an engine that is gone has nobody left to tell
    let _ = told;
}

async fn send(shared: &Shared, key: &LogKey, update: LogUpdate) -> Result<(), EngineGone> {
    let key = key.clone();
    shared.emit(Event::Log(LogChunk { key, update })).await
}

/// A log that is no run's: all there is.
async fn whole(shared: &Shared, key: &LogKey, text: String) -> Result<(), EngineGone> {
    send(shared, key, LogUpdate::Replace(text.into_bytes())).await?;
    send(shared, key, LogUpdate::End).await
}

/// Where an attempt's log is. `None`: there is no such attempt yet.
fn place(shared: &Shared, key: &LogKey) -> Option<Place> {
    let memory = shared.memory();
    let family = memory.families.get(key.node.run.run.raw())?;
    if key.attempt == 0 {
        let run = family.last()?.run.run_id.clone();
        return Some(Place { run, attempt: 0 });
    }
    let tries = family.attempts.get(&key.node.node)?;
    let at = usize::try_from(key.attempt).ok()?.checked_sub(1)?;
    tries.get(at).map(|(place, _)| place.clone())
}

async fn follow(shared: &Arc<Shared>, key: &LogKey, on: bool) -> Result<(), EngineGone> {
    let place = loop {
        if let Some(place) = place(shared, key) {
            break place;
        }
        // the run is being loaded, or the attempt is about to begin
        tokio::time::sleep(UNKNOWN).await;
        if !on {
            return Ok(());
        }
    };
    let feed = Feed::of(shared, &place.run);
    let mut news = feed.news();
    let step = Some(key.node.node.raw()).filter(|step| *step != RUN);
    let mut at = 0;
    let mut fresh = true;
    let mut output = Output::default();
    loop {
        let piece = feed.piece(step, place.attempt, at);
        at = piece.next;
        if piece.lost {
            let what = SafeText::new("the beginning of this log is not held any more");
            send(shared, key, LogUpdate::Lost(what)).await?;
        }
        if let Some(why) = piece.trouble {
            send(shared, key, LogUpdate::Failed(why)).await?;
            if !on {
                return Ok(());
            }
        }
        let mut bytes = piece.bytes;
        if let Some(step) = step.filter(|_| piece.caught_up) {
            let captures = feed.captures(step);
            match output
                .read(shared, &place, step, &captures, piece.ended)
                .await
            {
                Ok(text) => bytes.extend(text.into_bytes()),
                Err(Trouble::Gone(gone)) => return Err(gone),
                Err(Trouble::Http(error)) => {
                    shared
                        .complain(format!("output of {step}: {error}"))
                        .await?
                }
            }
        }
        if !bytes.is_empty() || (fresh && piece.caught_up) {
            let update = match std::mem::take(&mut fresh) {
                true => LogUpdate::Replace(bytes),
                false => LogUpdate::Append(bytes),
            };
            send(shared, key, update).await?;
        }
        if piece.ended && output.over {
            return send(shared, key, LogUpdate::End).await;
        }
        if !on && piece.caught_up {
            return Ok(());
        }
        tokio::select! {
            changed = news.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            () = tokio::time::sleep(OUTPUT) => {}
        }
    }
}

/// What a process wrote, where it is one step's own.
#[derive(Default)]
struct Output {
    cursor: Option<String>,
    read: Option<tokio::time::Instant>,
    /// The beginning of a line of which the end has not come.
    partial: String,
    over: bool,
}

impl Output {
    /// What is new of it, as lines. Dagster writes its own lines to standard error, where they repeat the events.
    async fn read(
        &mut self,
        shared: &Shared,
        place: &Place,
        step: &str,
        captures: &[Capture],
        ended: bool,
    ) -> Result<String, Trouble> {
        let own: Vec<&Capture> = captures
            .iter()
            .filter(|c| c.steps.len() == 1 && c.steps[0] == step)
            .collect();
        let number = usize::try_from(place.attempt).unwrap_or_default();
        let Some(capture) = number.checked_sub(1).and_then(|at| own.get(at)) else {
            self.over = ended;
            return Ok(String::new());
        };
        if self.over || (!ended && self.read.is_some_and(|at| at.elapsed() < OUTPUT)) {
            return Ok(String::new());
        }
        let mut text = String::new();
        loop {
            let logs = captured(shared, &place.run, &capture.key, self.cursor.as_deref()).await?;
            let moved = logs.cursor.is_some() && logs.cursor != self.cursor;
            self.cursor = logs.cursor.or(self.cursor.take());
            let new = logs.stdout.unwrap_or_default();
            self.lines(&new, &mut text);
            if !moved || text.len() >= PIECE * 4 {
                self.over = ended && !moved;
                break;
            }
        }
        if self.over && !self.partial.is_empty() {
            let rest = std::mem::take(&mut self.partial);
            self.lines(&format!("{rest}\n"), &mut text);
        }
        self.read = Some(tokio::time::Instant::now());
        Ok(text)
    }

    fn lines(&mut self, new: &str, out: &mut String) {
        self.partial.push_str(new);
        let Some((lines, rest)) = self.partial.rsplit_once('\n') else {
            return;
        };
        for line in lines.lines() {
            out.push_str("INFO dagster.stdout - ");
            out.push_str(line);
            out.push('\n');
        }
        self.partial = rest.to_owned();
    }
}

/// A piece of what a process wrote, behind the cursor ("bytes of stdout:bytes of stderr").
pub async fn captured(
    shared: &Shared,
    run: &str,
    file: &str,
    cursor: Option<&str>,
) -> Result<Captured, HttpError> {
    let variables = json!({"key": [run, "compute_logs", file], "cursor": cursor, "limit": PIECE});
    let mut reply = gql::ask(shared, Urgency::Now, api::CAPTURED, variables).await?;
    reply.take("logs")
}
