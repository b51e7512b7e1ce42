//! Who of several programs on one store tells people: the one that holds the lock. It goes with its process, however
//! that ends.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::config::paths::append_private_file;

#[derive(Debug)]
pub struct Leader {
    path: PathBuf,
    held: Option<File>,
}

impl Leader {
    pub fn new(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("leader.lock"),
            held: None,
        }
    }

    /// Tries to be it; who is it stays it. A lock that can't be had for another reason is nobody's: then nobody tells
    /// twice.
    pub fn lead(&mut self) -> bool {
        if self.held.is_some() {
            return true;
        }
        let Ok(file) = append_private_file(&self.path) else {
            return false;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            self.held = Some(file);
        }
        self.held.is_some()
    }
}
