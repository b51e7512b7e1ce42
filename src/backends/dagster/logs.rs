//! The log of an attempt: what the step said by its run's events, and what its process wrote to standard output.

use std::sync::Arc;

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::model::{Event, LogChunk, LogKey, LogUpdate, SafeText};

use super::family::{Place, RUN};
use super::feed::Feed;
use super::output::Output;
use super::shared::Shared;

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
        tokio::time::sleep(shared.refresh).await;
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
            () = tokio::time::sleep(shared.look()) => {}
        }
    }
}
