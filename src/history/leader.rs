//! Who of several programs on one store tells people: the one that holds the lock. It goes with its process, however
//! that ends.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::config::paths::append_private_file;

use super::postgres::{Address, Vote};

#[derive(Debug)]
pub struct Leader(Lock);

#[derive(Debug)]
enum Lock {
    File { path: PathBuf, held: Option<File> },
    Server(Vote),
}

impl Drop for Leader {
    /// Said aloud: closing is not enough while a process that is just being started still has the file open, too.
    fn drop(&mut self) {
        if let Lock::File {
            held: Some(file), ..
        } = &self.0
        {
            // who can't let go of it is at its end
            let _ = flock(file, FlockOperation::Unlock);
        }
    }
}

impl Leader {
    pub fn new(state_dir: &Path) -> Self {
        Self(Lock::File {
            path: state_dir.join("leader.lock"),
            held: None,
        })
    }

    /// Of all programs on a server.
    pub fn on(address: &Address) -> Self {
        Self(Lock::Server(Vote::start(address)))
    }

    /// Tries to be it, without waiting. Who is it by a file stays it; who is it by a server may lose it with the
    /// connection. A file that can't be had for another reason is nobody's: then nobody tells twice.
    pub fn lead(&mut self) -> bool {
        match &mut self.0 {
            Lock::Server(vote) => vote.leads(),
            Lock::File { path, held } => {
                if held.is_none()
                    && let Ok(file) = append_private_file(path)
                    && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
                {
                    *held = Some(file);
                }
                held.is_some()
            }
        }
    }
}
