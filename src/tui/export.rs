//! Owns logs on their way to a file: a slice at a time from the loop, written by a thread of its own, so that neither
//! a large log nor a slow disk holds a key up. Must not know screens.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::config::paths;
use crate::engine::Watch;
use crate::logs::{Export, Log};

use super::app::Wanted;

/// Bytes of a slice.
const SLICE: usize = 256 << 10;
/// Slices that may wait for the disk.
const WAITING: usize = 4;

/// A file that goes when nobody needs it any more.
#[derive(Debug)]
pub(super) struct TempFile(PathBuf);

impl TempFile {
    /// A name of its own for this process; the file is made by [`Writing`], for nobody else to read.
    pub(super) fn new(number: u64) -> Self {
        let name = format!("dagtop-{}-{number}.log", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How a file is opened.
pub(super) enum Open {
    /// What was there is replaced.
    Replace,
    /// It must not be there: nobody may have put a link in its place.
    New,
}

#[derive(Debug)]
pub(super) struct Writing {
    what: Wanted,
    names: Vec<String>,
    export: Export,
    to: mpsc::Sender<String>,
}

impl Writing {
    /// Begins to write to a file; `done` is called with how it ended, in another thread.
    pub(super) fn start(
        watch: &Watch,
        what: Wanted,
        path: PathBuf,
        open: Open,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> Self {
        let (to, slices) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || done(write(&path, &open, slices)));
        let names = what.keys.iter().map(|key| {
            let node = watch.world.node(&key.node);
            let name = node.map_or_else(|| key.node.node.safe(), |node| node.name.clone());
            format!("{name} {}", key.attempt)
        });
        Self {
            names: names.collect(),
            export: Export::new(what.filter.clone()),
            what,
            to,
        }
    }

    /// Hands on a slice, where there is room. `false`: that was all.
    pub(super) fn step(&mut self, watch: &Watch) -> bool {
        let nothing = Log::default();
        let permit = match self.to.try_reserve() {
            Ok(permit) => permit,
            Err(mpsc::error::TrySendError::Full(())) => return true,
            Err(mpsc::error::TrySendError::Closed(())) => return false,
        };
        let log = |key| watch.logs.get(key).unwrap_or(&nothing);
        let logs = self.what.keys.iter().map(log);
        let logs: Vec<(&Log, &str)> = logs.zip(self.names.iter().map(String::as_str)).collect();
        let mut slice = String::new();
        let more = self.export.step(&logs, SLICE, &mut slice);
        if !slice.is_empty() {
            permit.send(slice);
        }
        more
    }

    /// The disk takes more.
    pub(super) fn has_room(&self) -> bool {
        self.to.capacity() > 0
    }
}

fn write(path: &Path, open: &Open, mut slices: mpsc::Receiver<String>) -> io::Result<()> {
    let mut file: File = match open {
        Open::Replace => {
            if let Some(folder) = path.parent() {
                paths::create_private_dir(folder)?;
            }
            paths::create_private_file(path)?
        }
        Open::New => OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?,
    };
    while let Some(slice) = slices.blocking_recv() {
        file.write_all(slice.as_bytes())?;
    }
    file.flush()
}
