//! What is kept of a project's runs: `<state>/dbt/<backend>/<run>/` holds `run.json` (the record),
//! `log` (dbt's lines as they came) and `lock`; beside the runs lies `quality.json` (the ledger).
//!
//! Whoever writes to a run holds its lock: the dagtop that started it, or the first that saw it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backends::disk::{At, Lock, StoreError, file_name, lock, make_dir, replace_file};
use crate::config::paths::append_private_file;

use super::ledger::Ledger;
use super::record::Record;

/// Layout on disk.
pub const VERSION: u32 = 1;
/// How many ended runs are kept.
pub const KEEP_RUNS: usize = 40;
/// More of dbt's lines are counted, not kept, in bytes.
const MAX_LOG: u64 = 256 << 20;

/// The folder of one backend's state.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunDir(PathBuf);

impl Store {
    pub fn open(root: PathBuf) -> Result<Self, StoreError> {
        make_dir(&root)?;
        // commands run elsewhere and are told these paths
        let root = fs::canonicalize(&root).at(&root)?;
        Ok(Self { root })
    }

    pub fn runs(&self) -> Vec<RunDir> {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return Vec::new();
        };
        entries
            .filter_map(Result::ok)
            .map(|e| RunDir(e.path()))
            .filter(|d| d.record().is_file())
            .collect()
    }

    /// Makes the folder of a new run. Its lock is taken before anyone can see the run.
    pub fn create(&self, record: &Record) -> Result<(RunDir, Lock), StoreError> {
        let dir = RunDir(self.root.join(file_name(&record.run)));
        if dir.record().exists() {
            return Err(StoreError::Exists(dir.0));
        }
        make_dir(&dir.0)?;
        let right = dir.lock()?;
        let right = right.ok_or_else(|| StoreError::Exists(dir.0.clone()))?;
        dir.save(record)?;
        Ok((dir, right))
    }

    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        match load(&self.ledger_file()) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Ledger::default())
            }
            other => other,
        }
    }

    pub fn save_ledger(&self, ledger: &Ledger) -> Result<(), StoreError> {
        save(&self.ledger_file(), ledger)
    }

    fn ledger_file(&self) -> PathBuf {
        self.root.join("quality.json")
    }
}

impl RunDir {
    fn record(&self) -> PathBuf {
        self.0.join("run.json")
    }

    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// What marks the processes of this run.
    pub fn mark(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    pub fn exists(&self) -> bool {
        self.record().is_file()
    }

    /// Takes the right to write; `None` when another dagtop has it.
    pub fn lock(&self) -> Result<Option<Lock>, StoreError> {
        lock(&self.0.join("lock"))
    }

    pub fn load(&self) -> Result<Record, StoreError> {
        let record: Record = load(&self.record())?;
        if record.version != VERSION {
            return Err(StoreError::Format {
                path: self.0.clone(),
                why: format!("version {}", record.version),
            });
        }
        Ok(record)
    }

    pub fn save(&self, record: &Record) -> Result<(), StoreError> {
        save(&self.record(), record)
    }

    pub fn remove(&self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.0).at(&self.0)
    }
}

fn load<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let bytes = fs::read(path).at(path)?;
    serde_json::from_slice(&bytes).map_err(|e| format(path, &e))
}

fn save(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let json = serde_json::to_vec(value).map_err(|e| format(path, &e))?;
    replace_file(path, &json)
}

fn format(path: &Path, error: &serde_json::Error) -> StoreError {
    StoreError::Format {
        path: path.to_owned(),
        why: error.to_string(),
    }
}

/// dbt's lines, as they came.
#[derive(Debug)]
pub struct LogFile {
    file: fs::File,
    kept: u64,
    pub lost: u64,
}

impl LogFile {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = append_private_file(path).at(path)?;
        let kept = file.metadata().at(path)?.len();
        Ok(Self {
            file,
            kept,
            lost: 0,
        })
    }

    /// A full disk loses lines, not the run.
    pub fn write(&mut self, bytes: &[u8]) {
        let room = MAX_LOG.saturating_sub(self.kept) >= bytes.len() as u64;
        if room && self.file.write_all(bytes).is_ok() {
            self.kept += bytes.len() as u64;
        } else {
            self.lost += bytes.len() as u64;
        }
    }
}
