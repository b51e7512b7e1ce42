//! Where the store is: a folder of this machine, or a PostgreSQL that several share.

use std::path::{Path, PathBuf};

use crate::config::History;

use super::leader::Leader;
use super::postgres::{Address, Postgres};
use super::sqlite::Sqlite;
use super::store::{Store, StoreError};

/// Its address may hold a password: it is fetched when the store is opened, and shown nowhere.
#[derive(Clone, Debug)]
pub enum Place {
    Folder(PathBuf),
    Postgres(Address),
}

impl Place {
    /// What the configuration says, or the state directory.
    pub fn of(history: &History, state_dir: &Path) -> Self {
        match &history.url {
            None => Self::Folder(state_dir.to_owned()),
            Some(url) => Self::Postgres(Address {
                url: url.clone(),
                tls: history.tls.clone(),
            }),
        }
    }

    /// Opens it, and makes it when it isn't there. Waits for a disk or a server: never in the loop.
    pub fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        match self {
            Self::Folder(dir) => Ok(Box::new(Sqlite::open(dir)?)),
            Self::Postgres(address) => Ok(Box::new(Postgres::open(address)?)),
        }
    }

    /// The file it is in, if it is in one of this machine.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(dir) => Some(dir.join("history.db")),
            Self::Postgres(_) => None,
        }
    }

    /// Opening and asking may take longer than a loop may wait.
    pub const fn is_far(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Who of all programs on it tells people.
    pub fn leader(&self) -> Leader {
        match self {
            Self::Folder(dir) => Leader::new(dir),
            Self::Postgres(address) => Leader::on(address),
        }
    }
}
