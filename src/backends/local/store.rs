//! State on disk: `<state>/<pipeline>/<run>/` holds `run.json` (the header, written once),
//! `journal.jsonl` (appended to), `lock`, `work/` (for the run's own files) and a log for every
//! attempt. Folders are 0700, files 0600.
//!
//! Whoever drives a run holds an exclusive `flock` on its `lock`; the kernel lets go of it when
//! the driver dies, however it dies.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::backends::disk::{At, Lock, StoreError, file_name, lock, make_dir, replace_file};
use crate::config::paths::append_private_file;

use super::record::{Entry, Header, RunRecord};

/// Layout on disk.
pub const VERSION: u32 = 1;
/// How many ended runs of a pipeline are kept.
pub const KEEP_RUNS: usize = 50;

/// The folder of one backend's state.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// Folder of one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunDir(PathBuf);

/// The journal of a run that is ours.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    _lock: Lock,
}

impl Store {
    pub fn open(root: PathBuf) -> Result<Self, StoreError> {
        make_dir(&root)?;
        // commands run elsewhere and are told these paths
        let root = fs::canonicalize(&root).at(&root)?;
        Ok(Self { root })
    }

    pub fn pipeline(&self, pipeline: &str) -> PathBuf {
        self.root.join(file_name(pipeline))
    }

    pub fn run(&self, pipeline: &str, run: &str) -> RunDir {
        RunDir(self.pipeline(pipeline).join(file_name(run)))
    }

    /// The folders of all runs of a pipeline.
    pub fn runs(&self, pipeline: &str) -> Vec<RunDir> {
        let Ok(entries) = fs::read_dir(self.pipeline(pipeline)) else {
            return Vec::new();
        };
        entries
            .filter_map(Result::ok)
            .map(|e| RunDir(e.path()))
            .filter(|d| d.0.join("run.json").is_file())
            .collect()
    }

    /// Makes a run's folder with its header. The lock is taken before anyone can see the run.
    pub fn create(&self, header: &Header) -> Result<(RunDir, Journal), StoreError> {
        let dir = self.run(&header.definition.name, &header.run);
        make_dir(&self.pipeline(&header.definition.name))?;
        match fs::DirBuilder::new().mode(0o700).create(&dir.0) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists(dir.0));
            }
            other => other.at(&dir.0)?,
        }
        make_dir(&dir.work())?;
        let journal = dir
            .journal()?
            .ok_or_else(|| StoreError::Exists(dir.0.clone()))?;
        let json = serde_json::to_vec(header).map_err(|e| StoreError::Format {
            path: dir.0.clone(),
            why: e.to_string(),
        })?;
        replace_file(&dir.0.join("run.json"), &json)?;
        // who looked between saw no run in it, and looks again when the time of the pipeline's folder is another
        let all = self.pipeline(&header.definition.name);
        let touched = File::open(&all).and_then(|dir| dir.set_modified(SystemTime::now()));
        touched.at(&all)?;
        Ok((dir, journal))
    }

    /// Whether the pipeline was paused by a person.
    pub fn paused(&self, pipeline: &str) -> bool {
        self.pipeline(pipeline).join("paused").exists()
    }

    pub fn set_paused(&self, pipeline: &str, paused: bool) -> Result<(), StoreError> {
        let path = self.pipeline(pipeline).join("paused");
        if paused {
            make_dir(&self.pipeline(pipeline))?;
            return replace_file(&path, b"");
        }
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.at(&path),
        }
    }

    /// The right to start a pipeline's scheduled runs; `None` when another dagtop has it.
    pub fn schedule_lock(&self, pipeline: &str) -> Result<Option<Lock>, StoreError> {
        let dir = self.pipeline(pipeline);
        make_dir(&dir)?;
        lock(&dir.join("schedule.lock"))
    }
}

impl RunDir {
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A folder in which the run's nodes may leave files for each other.
    pub fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    pub fn log(&self, node: &str, attempt: u32) -> PathBuf {
        self.0.join(format!("{}.{attempt}.log", file_name(node)))
    }

    /// Takes the right to drive this run; `None` when another dagtop has it.
    pub fn journal(&self) -> Result<Option<Journal>, StoreError> {
        let Some(lock) = lock(&self.0.join("lock"))? else {
            return Ok(None);
        };
        let path = self.0.join("journal.jsonl");
        let mut file = append_private_file(&path).at(&path)?;
        // the last driver may have died in the middle of a line
        let mut known = File::open(&path).at(&path)?;
        if known.seek(SeekFrom::End(0)).at(&path)? > 0 {
            known.seek(SeekFrom::End(-1)).at(&path)?;
            let mut last = [0];
            known.read_exact(&mut last).at(&path)?;
            if last != *b"\n" {
                file.write_all(b"\n").at(&path)?;
            }
        }
        Ok(Some(Journal {
            file,
            path,
            _lock: lock,
        }))
    }

    /// Who drives it, as it said itself.
    pub fn driver(&self) -> Option<i32> {
        fs::read_to_string(self.0.join("lock"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Reads the run back. The second part says how many lines of its journal made no sense; a
    /// last line without an end is not one of them: its writer was killed, or is writing.
    pub fn load(&self) -> Result<(RunRecord, usize), StoreError> {
        let path = self.0.join("run.json");
        let bytes = fs::read(&path).at(&path)?;
        let bad = |why: String| StoreError::Format {
            path: path.clone(),
            why,
        };
        let header: Header = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        if header.version != VERSION {
            return Err(bad(format!("version {}", header.version)));
        }
        let mut record = RunRecord::new(header);
        let path = self.0.join("journal.jsonl");
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other.at(&path)?,
        };
        let mut wrong = 0;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) => {
                    record.apply(&entry);
                }
                Err(_) if line.ends_with(b"\n") && !line.trim_ascii().is_empty() => wrong += 1,
                Err(_) => {}
            }
        }
        Ok((record, wrong))
    }

    /// Changes when the journal grew.
    pub fn journal_size(&self) -> u64 {
        fs::metadata(self.0.join("journal.jsonl")).map_or(0, |m| m.len())
    }

    pub fn remove(&self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.0).at(&self.0)
    }
}

impl Journal {
    /// One write, so that being killed loses no entry that was written.
    pub fn write(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let mut line = serde_json::to_vec(entry).map_err(|e| StoreError::Format {
            path: self.path.clone(),
            why: e.to_string(),
        })?;
        line.push(b'\n');
        self.file.write_all(&line).at(&self.path)
    }
}
