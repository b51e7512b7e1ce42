//! Following one log file for as long as it is on screen: saying where it is, and when there is more in it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::backends::{Emitter, EngineGone};
use crate::model::{Event, LogChunk, LogKey, LogUpdate, SafeText};

/// How often a growing file is looked at.
const LOOK: Duration = Duration::from_millis(80);

/// Says which file the log is, as soon as it is there, then that it has grown, until `ended` says that nothing more
/// will be written.
pub async fn follow(
    path: PathBuf,
    key: LogKey,
    mut ended: watch::Receiver<bool>,
    emitter: Emitter,
) -> Result<(), EngineGone> {
    let send = |update| {
        emitter.emit(Event::Log(LogChunk {
            key: key.clone(),
            update,
        }))
    };
    let mut known = None;
    loop {
        // asked before looking: what was written before the end is then seen
        let last = *ended.borrow_and_update();
        match std::fs::metadata(&path) {
            Ok(meta) => {
                let size = Some(meta.len());
                if known.is_none() {
                    send(LogUpdate::File(path.clone())).await?;
                } else if known != size {
                    send(LogUpdate::Grown).await?;
                }
                known = size;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound && !last => {}
            Err(e) => {
                let text = format!("{}: {e}", path.display());
                return send(LogUpdate::Failed(SafeText::new(text))).await;
            }
        }
        if last {
            return send(LogUpdate::End).await;
        }
        // an end wakes at once, else the file is looked at again; an actor that is gone ends it
        if let Ok(Err(_)) = tokio::time::timeout(LOOK, ended.changed()).await {
            return Ok(());
        }
    }
}
