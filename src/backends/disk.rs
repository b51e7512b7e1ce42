//! Owns how a backend keeps things on disk: private folders and files, whole or not at all, and the
//! right to write to them. Must not know what is kept.
//!
//! A right is an exclusive `flock`: the kernel lets go of it when its holder dies, however it dies.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::config::paths::{create_private_dir, replace_private_file};

/// Something on disk could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: not a run of this version: {why}", path.display())]
    Format { path: PathBuf, why: String },
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
}

pub trait At<T> {
    fn at(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io {
            path: path.to_owned(),
            source,
        })
    }
}

/// The right to something; given back when dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Said aloud: closing is not enough while a process that is just being started still has the file open, too.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// An id as a file name: letters, digits and `_-+=,@:` stay, `.` except in front; everything else is percent-encoded.
pub fn file_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for (i, byte) in id.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => name.push(char::from(byte)),
            b'_' | b'-' | b'+' | b'=' | b',' | b'@' | b':' => name.push(char::from(byte)),
            b'.' if i > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

pub fn make_dir(path: &Path) -> Result<(), StoreError> {
    create_private_dir(path).at(path)
}

pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace_private_file(path, bytes).at(path)
}

/// Takes the right to what lies beside this file; `None` when another has it.
pub fn lock(path: &Path) -> Result<Option<Lock>, StoreError> {
    // opened without emptying it: it may be another's
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .at(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(e) if e == rustix::io::Errno::WOULDBLOCK => return Ok(None),
        other => other.map_err(io::Error::from).at(path)?,
    }
    file.set_len(0).at(path)?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
        .at(path)?;
    Ok(Some(Lock { file }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_right_that_was_given_back_is_free_whoever_still_has_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = lock(&path).unwrap().unwrap();
        // what a process has that is just being started
        let _copy = held.file.try_clone().unwrap();
        assert!(lock(&path).unwrap().is_none());
        drop(held);
        assert!(lock(&path).unwrap().is_some());
    }
}
