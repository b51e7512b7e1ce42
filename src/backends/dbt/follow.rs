//! Following `logs/dbt.log`, into which whatever dbt runs in this project writes.
//!
//! dbt renames the file when it is full (`dbt.log.1`, 10 MB unless told otherwise) and begins a new
//! one; the old one is read to its end before the new one is begun.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use super::lines::{Lines, Reader};
use super::said::Said;

/// Of a log that is seen for the first time only this much of its end is read, in bytes.
const FIRST: u64 = 16 << 20;
/// How much is read at one look at most, in bytes: the rest at the next. What lines mean takes ten times their room.
const LOOK: usize = 256 << 10;
const PIECE: usize = 64 << 10;

/// One line as it came, and what is known to have been said by then.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// Which run of dbt wrote the line, where that is known.
    pub invocation: Option<String>,
    pub line: Vec<u8>,
    pub said: Vec<Said>,
}

/// A place in the log.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// What was there at first has been read.
    seen: bool,
    lines: Lines,
    reader: Reader,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: u64,
    at: u64,
}

/// What a look at the log found.
#[derive(Debug, Default)]
pub struct Found {
    pub items: Vec<Item>,
    /// There is more to read at once.
    pub more: bool,
    /// What was there before dagtop looked: it may be over for long.
    pub first: bool,
}

impl Follower {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            seen: false,
            lines: Lines::default(),
            reader: Reader::default(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what was added since the last look. A log that is not there (yet) is empty.
    pub fn look(&mut self) -> io::Result<Found> {
        let mut found = Found {
            first: !self.seen,
            ..Found::default()
        };
        if self.open.is_none() {
            let Some(open) = self.find()? else {
                self.seen = true;
                return Ok(found);
            };
            self.open = Some(open);
        }
        self.read(&mut found)?;
        if !found.more && self.moved() {
            // the file that was renamed is read to its end; a last line without an end is its last
            self.finish_line(&mut found);
            self.open = self.find()?.map(|open| Open { at: 0, ..open });
            self.read(&mut found)?;
        }
        if !found.more && self.lines.held() == 0 {
            found.items.extend(self.reader.flush().map(|said| Item {
                invocation: said.invocation.clone(),
                line: Vec::new(),
                said: vec![said],
            }));
        }
        self.seen |= !found.more;
        Ok(found)
    }

    fn find(&self) -> io::Result<Option<Open>> {
        let file = match File::open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let meta = file.metadata()?;
        Ok(Some(Open {
            file,
            inode: meta.ino(),
            at: meta.len().saturating_sub(FIRST),
        }))
    }

    /// Whether the name now means another file, or the file was emptied.
    fn moved(&self) -> bool {
        let Some(open) = &self.open else { return false };
        match fs::metadata(&self.path) {
            Ok(meta) => meta.ino() != open.inode || meta.len() < open.at,
            // renamed, and the new one is about to come
            Err(_) => true,
        }
    }

    fn read(&mut self, found: &mut Found) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        // times of day in old lines are before the file was last written
        let now = match open.file.metadata().and_then(|m| m.modified()) {
            Ok(at) if at < SystemTime::now() => DateTime::<Utc>::from(at),
            _ => Utc::now(),
        };
        let mut piece = vec![0; PIECE];
        let mut total = 0;
        let (lines, reader, items) = (&mut self.lines, &mut self.reader, &mut found.items);
        loop {
            let n = open.file.read_at(&mut piece, open.at)?;
            open.at += n as u64;
            total += n;
            lines.feed(&piece[..n], |line| items.push(item(reader, line, now)));
            if n == 0 {
                return Ok(());
            }
            if total >= LOOK {
                found.more = true;
                return Ok(());
            }
        }
    }

    fn finish_line(&mut self, found: &mut Found) {
        let (reader, items) = (&mut self.reader, &mut found.items);
        self.lines
            .finish(|line| items.push(item(reader, line, Utc::now())));
    }
}

fn item(reader: &mut Reader, line: &[u8], now: DateTime<Utc>) -> Item {
    let json = line.starts_with(b"{");
    let said = reader.read(line, now);
    let invocation = if json {
        said.last().and_then(|s| s.invocation.clone())
    } else {
        reader.invocation().map(str::to_owned)
    };
    Item {
        invocation,
        line: line.to_vec(),
        said,
    }
}
