//! Owns following one log file for as long as it is on screen. Must not know what its lines mean:
//! whoever follows brings a [`Sift`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::backends::{Emitter, EngineGone};
use crate::model::{Event, LogChunk, LogKey, LogUpdate, SafeText};

/// Largest piece that is sent at once, in bytes.
const PIECE: usize = 64 << 10;
/// How often a growing file is looked at.
const LOOK: Duration = Duration::from_millis(80);

/// Makes what is shown of what is in a file.
pub trait Sift: Send + 'static {
    /// Of a longer file only this much of its end is wanted, in bytes.
    const SHOWN: Option<u64>;

    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>);

    /// Nothing more will come.
    fn finish(&mut self, out: &mut Vec<u8>);

    /// Something was left out: what comes next does not follow.
    fn restart(&mut self) {}
}

/// Sends what the file holds, then what is added to it, until `ended` says that nothing more will
/// be and everything was sent.
pub async fn follow<S: Sift>(
    path: PathBuf,
    key: LogKey,
    mut sift: S,
    mut ended: watch::Receiver<bool>,
    emitter: Emitter,
) -> Result<(), EngineGone> {
    let send = |update| {
        emitter.emit(Event::Log(LogChunk {
            key: key.clone(),
            update,
        }))
    };
    let mut file: Option<File> = None;
    let mut at = 0;
    let mut piece = vec![0; PIECE];
    let mut first = true;
    loop {
        // asked before reading: what was written before the end is then read
        let last = *ended.borrow_and_update();
        if file.is_none() {
            match File::open(&path) {
                Ok(opened) => file = Some(opened),
                Err(e) if e.kind() == io::ErrorKind::NotFound && !last => {}
                Err(e) => {
                    let text = format!("{}: {e}", path.display());
                    return send(LogUpdate::Failed(SafeText::new(text))).await;
                }
            }
        }
        if let Some(file) = &file {
            let size = file.metadata().map_or(0, |m| m.len());
            // the beginning of a long log, or what a fast writer is ahead of the reader
            let shown = S::SHOWN.unwrap_or(u64::MAX);
            let skipped = size.saturating_sub(shown).saturating_sub(at);
            let mut resync = skipped > 0;
            if resync {
                at += skipped;
                sift.restart();
                if first {
                    send(LogUpdate::Replace(Vec::new())).await?;
                    first = false;
                }
                let text = format!("{skipped} bytes are not shown here");
                send(LogUpdate::Lost(SafeText::new(text))).await?;
            }
            loop {
                let n = match file.read_at(&mut piece, at) {
                    Ok(n) => n,
                    Err(e) => return send(LogUpdate::Failed(SafeText::new(e.to_string()))).await,
                };
                at += n as u64;
                let mut bytes = &piece[..n];
                if resync {
                    // go on with a whole line
                    let start = memchr::memchr(b'\n', bytes).map_or(0, |i| i + 1);
                    bytes = &bytes[start..];
                    resync = false;
                }
                let mut out = Vec::with_capacity(bytes.len());
                sift.feed(bytes, &mut out);
                if first {
                    send(LogUpdate::Replace(out)).await?;
                    first = false;
                } else if !out.is_empty() {
                    send(LogUpdate::Append(out)).await?;
                } else {
                    // a long way to the next line that is wanted
                    tokio::task::yield_now().await;
                }
                // a writer that never rests must not keep us from looking up
                if n < PIECE || at >= size {
                    break;
                }
            }
        }
        if last {
            let mut out = Vec::new();
            sift.finish(&mut out);
            if !out.is_empty() {
                send(LogUpdate::Append(out)).await?;
            }
            return send(LogUpdate::End).await;
        }
        // an end wakes at once, else the file is looked at again; an actor that is gone ends it
        if let Ok(Err(_)) = tokio::time::timeout(LOOK, ended.changed()).await {
            return Ok(());
        }
    }
}
