//! Owns text that had no room in memory: files of the store's own, for nobody else to read, gone with the process.
//!
//! Every process has a directory with a locked file in it. A directory whose lock is free belongs to a process that
//! ended without tidying up; whoever starts next removes it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};

const LOCK: &str = "lock";

/// A place for text on disk, of bounded size. Made when it is first needed.
#[derive(Debug)]
pub struct Spill {
    parent: PathBuf,
    limit: u64,
    used: Arc<AtomicU64>,
    next: u64,
    keep: Duration,
    own: Option<Own>,
}

/// The directory of this process.
#[derive(Debug)]
struct Own {
    dir: PathBuf,
    /// Held, not used: its lock says that this process lives.
    _lock: File,
}

/// One segment on disk. Its file goes with it.
#[derive(Debug)]
pub(super) struct Spilled {
    path: PathBuf,
    len: u64,
    used: Arc<AtomicU64>,
    pub(super) since: SystemTime,
}

impl Spill {
    /// Keeps at most `limit` bytes in a directory of its own below `parent`. What dead processes left there is
    /// removed at once.
    pub fn new(parent: impl Into<PathBuf>, limit: u64) -> Self {
        let parent = parent.into();
        remove_leftovers(&parent);
        Self {
            parent,
            limit,
            used: Arc::default(),
            next: 0,
            keep: Duration::MAX,
            own: None,
        }
    }

    /// Text older than this is let go by [`super::LogStore::expire`].
    #[must_use]
    pub fn kept_for(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    pub(super) fn keep(&self) -> Duration {
        self.keep
    }

    fn dir(&mut self) -> io::Result<&Path> {
        let own = match self.own.take() {
            Some(own) => own,
            None => Own::make(&self.parent)?,
        };
        Ok(&self.own.insert(own).dir)
    }

    /// Bytes on disk now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// More would be too much: something must be let go first.
    pub(super) fn is_full(&self, len: usize) -> bool {
        self.used() + len as u64 > self.limit
    }

    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<Spilled> {
        let name = self.next.to_string();
        self.next += 1;
        let path = self.dir()?.join(name);
        let written = new_file(&path).and_then(|mut file| file.write_all(text));
        if let Err(error) = written {
            // half a segment is none; where nothing was made there is nothing to remove
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let len = text.len() as u64;
        self.used.fetch_add(len, Ordering::Relaxed);
        Ok(Spilled {
            path,
            len,
            used: Arc::clone(&self.used),
            since: SystemTime::now(),
        })
    }
}

impl Own {
    fn make(parent: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
        let pid = std::process::id();
        let mut refused = io::Error::other("no directory can be made there");
        for n in 0..1000 {
            let dir = parent.join(format!("{pid}-{n}"));
            match DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => {
                    let lock = new_file(&dir.join(LOCK))?;
                    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
                    return Ok(Self { dir, _lock: lock });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    refused = error;
                    break;
                }
            }
        }
        Err(refused)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // what can't be removed is a leftover for the next start
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Spilled {
    pub(super) fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        self.used.fetch_sub(self.len, Ordering::Relaxed);
        let _ = fs::remove_file(&self.path);
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let dir = entry.path();
        let Ok(lock) = File::open(dir.join(LOCK)) else {
            continue;
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(&dir);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_private_and_go_with_their_segments() {
        let temp = tempfile::tempdir().unwrap();
        let parent = temp.path().join("a/logs");
        let mut spill = Spill::new(&parent, 10);
        assert!(!parent.exists());
        let one = spill.write(b"12345").unwrap();
        let dir = spill.dir().unwrap().to_owned();
        assert_eq!((mode(&dir), mode(&one.path)), (0o700, 0o600));
        assert_eq!(mode(&parent), 0o700);
        assert!(!spill.is_full(5) && spill.is_full(6));
        assert_eq!(io::read_to_string(one.open().unwrap()).unwrap(), "12345");
        drop(one);
        assert_eq!(spill.used(), 0);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        drop(spill);
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
    }

    #[test]
    fn leftovers_of_the_dead_are_removed_those_of_the_living_stay() {
        let temp = tempfile::tempdir().unwrap();
        let dead = temp.path().join("1-0");
        fs::create_dir(&dead).unwrap();
        drop(new_file(&dead.join(LOCK)).unwrap());
        drop(new_file(&dead.join("7")).unwrap());
        let mut alive = Spill::new(temp.path(), 10);
        assert!(!dead.exists());
        let dir = alive.dir().unwrap().to_owned();
        let mut other = Spill::new(temp.path(), 10);
        assert!(dir.exists() && other.dir().unwrap().exists());
    }

    #[test]
    fn a_directory_that_can_not_be_written_is_an_error() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Spill::new(file.join("x"), 10).write(b"1").is_err());
        let mut spill = Spill::new(temp.path(), 10);
        let dir = spill.dir().unwrap().to_owned();
        fs::remove_dir_all(dir).unwrap();
        assert!(spill.write(b"1").is_err());
        assert_eq!(spill.used(), 0);
    }
}
