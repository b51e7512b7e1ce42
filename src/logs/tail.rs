//! Owns following a file as it grows: what is new, and whether it was cut short or replaced.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that is followed. Reads block: call it off the loop.
#[derive(Debug)]
pub struct FileTail {
    path: PathBuf,
    file: File,
    offset: u64,
}

/// Why what was read before no longer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The same file became shorter and is read from its beginning.
    Truncated,
    /// Another file has its name now and is read from its beginning.
    Rotated,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailRead {
    pub bytes: Vec<u8>,
    /// Set when `bytes` begin a new file.
    pub restart: Option<Restart>,
    /// There is more already: read again at once.
    pub more: bool,
}

impl FileTail {
    /// Opens a file of which only the last `keep` bytes are wanted. Says how many bytes before them are
    /// skipped; then the first line read is the rest of one.
    pub fn open(path: impl AsRef<Path>, keep: u64) -> io::Result<(Self, u64)> {
        let path = path.as_ref().to_owned();
        let file = File::open(&path)?;
        let offset = file.metadata()?.len().saturating_sub(keep);
        Ok((Self { path, file, offset }, offset))
    }

    /// Bytes of the file behind what was read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is new, at most `max` bytes. A file that was moved away is read to its end first.
    pub fn read_new(&mut self, max: usize) -> io::Result<TailRead> {
        let mut restart = None;
        if self.file.metadata()?.len() < self.offset {
            self.offset = 0;
            restart = Some(Restart::Truncated);
        }
        let mut bytes = self.read(max)?;
        if bytes.is_empty() && restart.is_none() && self.is_replaced()? {
            self.file = File::open(&self.path)?;
            self.offset = 0;
            restart = Some(Restart::Rotated);
            bytes = self.read(max)?;
        }
        let more = bytes.len() == max;
        Ok(TailRead {
            bytes,
            restart,
            more,
        })
    }

    fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.offset))?;
        (&self.file).take(max as u64).read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }

    /// A name that is gone for a moment is no other file yet.
    fn is_replaced(&self) -> io::Result<bool> {
        let id = |meta: &Metadata| (meta.dev(), meta.ino());
        match std::fs::metadata(&self.path) {
            Ok(meta) => Ok(id(&meta) != id(&self.file.metadata()?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn append(path: &Path, text: &str) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn growth_truncation_and_rotation_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        append(&path, "one\n");
        let (mut tail, skipped) = FileTail::open(&path, 1024).unwrap();
        assert_eq!(skipped, 0);
        let read = |tail: &mut FileTail| {
            let read = tail.read_new(1024).unwrap();
            (String::from_utf8(read.bytes).unwrap(), read.restart)
        };
        assert_eq!(read(&mut tail), ("one\n".into(), None));
        assert_eq!(read(&mut tail), (String::new(), None));
        append(&path, "two\n");
        assert_eq!(read(&mut tail), ("two\n".into(), None));

        std::fs::write(&path, "cut\n").unwrap();
        assert_eq!(read(&mut tail), ("cut\n".into(), Some(Restart::Truncated)));

        append(&path, "last words\n");
        std::fs::rename(&path, dir.path().join("x.log.1")).unwrap();
        assert_eq!(read(&mut tail), ("last words\n".into(), None));
        assert_eq!(read(&mut tail), (String::new(), None));
        append(&path, "new\n");
        assert_eq!(read(&mut tail), ("new\n".into(), Some(Restart::Rotated)));
        assert_eq!(tail.offset(), 4);
    }

    #[test]
    fn a_long_file_is_opened_near_its_end_and_read_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        append(&path, "0123456789");
        let (mut tail, skipped) = FileTail::open(&path, 6).unwrap();
        assert_eq!(skipped, 4);
        let first = tail.read_new(4).unwrap();
        assert_eq!(
            (first.bytes.as_slice(), first.more),
            (b"4567".as_slice(), true)
        );
        assert_eq!(tail.read_new(4).unwrap().bytes, b"89");
        assert!(FileTail::open(dir.path().join("none"), 1).is_err());
    }
}
