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
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

const LOCK: &str = "lock";

/// A place for text on disk, of bounded size.
#[derive(Debug)]
pub struct Spill {
    dir: PathBuf,
    limit: u64,
    used: Arc<AtomicU64>,
    next: u64,
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
    /// Keeps at most `limit` bytes in a directory of its own below `parent`, and removes what dead processes left
    /// there.
    pub fn open(parent: &Path, limit: u64) -> io::Result<Self> {
        make_dir(parent)?;
        remove_leftovers(parent);
        let pid = std::process::id();
        let dir = (0..1000)
            .map(|n| parent.join(format!("{pid}-{n}")))
            .find(|dir| DirBuilder::new().mode(0o700).create(dir).is_ok())
            .ok_or_else(|| io::Error::other("no directory can be made there"))?;
        let lock = new_file(&dir.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            dir,
            limit,
            used: Arc::default(),
            next: 0,
            _lock: lock,
        })
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
        let path = self.dir.join(self.next.to_string());
        self.next += 1;
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

impl Drop for Spill {
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

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
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

    #[test]
    fn files_are_private_and_go_with_their_segments() {
        let temp = tempfile::tempdir().unwrap();
        let parent = temp.path().join("a/logs");
        let mut spill = Spill::open(&parent, 10).unwrap();
        let one = spill.write(b"12345").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&spill.dir), mode(&one.path)), (0o700, 0o600));
        assert_eq!(mode(&parent), 0o700);
        assert!(!spill.is_full(5) && spill.is_full(6));
        assert_eq!(io::read_to_string(one.open().unwrap()).unwrap(), "12345");
        drop(one);
        assert_eq!(spill.used(), 0);
        assert_eq!(fs::read_dir(&spill.dir).unwrap().count(), 1);
        drop(spill);
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
    }

    #[test]
    fn leftovers_of_the_dead_are_removed_those_of_the_living_stay() {
        let temp = tempfile::tempdir().unwrap();
        let dead = temp.path().join("1-0");
        make_dir(&dead).unwrap();
        drop(new_file(&dead.join(LOCK)).unwrap());
        drop(new_file(&dead.join("7")).unwrap());
        let alive = Spill::open(temp.path(), 10).unwrap();
        assert!(!dead.exists());
        let other = Spill::open(temp.path(), 10).unwrap();
        assert!(alive.dir.exists() && other.dir.exists());
    }

    #[test]
    fn a_directory_that_can_not_be_written_is_an_error() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Spill::open(&file.join("x"), 10).is_err());
        let mut spill = Spill::open(temp.path(), 10).unwrap();
        fs::remove_dir_all(&spill.dir).unwrap();
        assert!(spill.write(b"1").is_err());
        assert_eq!(spill.used(), 0);
    }
}
