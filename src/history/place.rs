//! Where the store is.

use std::path::{Path, PathBuf};

use crate::config::History;

use super::leader::Leader;
use super::sqlite::Sqlite;
use super::store::{Store, StoreError};

#[derive(Clone, Debug)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
}

impl Place {
    /// What the configuration says, or the state directory.
    pub fn of(_history: &History, state_dir: &Path) -> Self {
        Self::Folder(state_dir.to_owned())
    }

    /// Opens it, and makes it when it isn't there. Waits for a disk or a server: never in the loop.
    pub fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        match self {
            Self::Folder(dir) => Ok(Box::new(Sqlite::open(dir)?)),
        }
    }

    /// The file it is in, if it is in one of this machine.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(dir) => Some(dir.join("history.db")),
        }
    }

    /// Who of all programs on it tells people.
    pub fn leader(&self) -> Leader {
        match self {
            Self::Folder(dir) => Leader::new(dir),
        }
    }
}
