//! Reading: all files, the oldest first, line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use rustix::fs::{FlockOperation, flock};

use super::chain::unseal;
use super::entry::Entry;
use super::file::lock;

/// What is longer is no line of an audit.
const LONGEST: u64 = 1 << 20;

/// A line or a part of one, with its end if it has one.
pub(super) struct Piece<'a> {
    pub bytes: &'a [u8],
    /// From the beginning of a line to its end, or to the end of the file.
    pub whole: bool,
    /// Counted from 1.
    pub number: u64,
}

impl<'a> Piece<'a> {
    /// Without its end.
    pub(super) fn line(&self) -> &'a [u8] {
        self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes)
    }
}

/// Lines of a file, however long they are.
pub(super) struct Pieces<R> {
    reader: R,
    bytes: Vec<u8>,
    number: u64,
    /// The last piece was not the end of its line.
    within: bool,
}

impl<R: BufRead> Pieces<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            bytes: Vec::new(),
            number: 0,
            within: false,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.bytes.clear();
        let reader = self.reader.by_ref();
        if reader.take(LONGEST).read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(None);
        }
        let first = !self.within;
        let ended = self.bytes.ends_with(b"\n");
        self.number += u64::from(first);
        self.within = !ended;
        let full = u64::try_from(self.bytes.len()).is_ok_and(|n| n >= LONGEST);
        Ok(Some(Piece {
            bytes: &self.bytes,
            whole: first && (ended || !full),
            number: self.number,
        }))
    }
}

/// The files that were put aside, by their numbers.
pub(super) fn rotated(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| {
            let digits = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
            digits.parse().ok()
        });
        found.extend(number.map(|n| (n, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// The files of an audit as they were at one moment.
#[derive(Debug)]
pub struct Trail {
    files: Vec<(Rc<str>, Source)>,
}

#[derive(Debug)]
enum Source {
    Aside(PathBuf),
    /// So many bytes of the file that is written.
    Current(File, u64),
}

/// A place in the files: which of them, and how many bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    file: (u64, u64),
    bytes: u64,
}

/// One line, for whoever lists them.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The file and the line in it; of a copy the machine and its number there.
    pub file: Rc<str>,
    pub line: u64,
    /// Its number in the chain; `None`: an older version wrote it, or something else.
    pub n: Option<u64>,
    pub entry: Entry,
}

impl Trail {
    /// Nothing that is written meanwhile is in it; an audit that there is not is empty.
    pub fn of(state_dir: &Path) -> io::Result<Self> {
        let path = state_dir.join("audit.jsonl");
        let current = still(&path)?;
        let name = |path: &Path| -> Rc<str> {
            let name = path.file_name().map(|n| n.to_string_lossy());
            name.unwrap_or_default().into()
        };
        let aside = match rotated(state_dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let mut files: Vec<_> = aside
            .into_iter()
            .map(|(_, path)| (name(&path), Source::Aside(path)))
            .collect();
        if let Some(file) = current {
            let length = file.metadata()?.len();
            flock(&file, FlockOperation::Unlock)?;
            files.push((name(&path), Source::Current(file, length)));
        }
        Ok(Self { files })
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Hands over every file with its name.
    pub(super) fn each(
        self,
        mut file: impl FnMut(Rc<str>, &mut dyn BufRead) -> io::Result<bool>,
    ) -> io::Result<()> {
        for (name, source) in self.files {
            let go_on = match source {
                Source::Aside(path) => file(name, &mut BufReader::new(File::open(path)?))?,
                Source::Current(f, length) => file(name, &mut BufReader::new(f.take(length)))?,
            };
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// Every piece behind a place, with the place behind it; `false` ends it. A place that there is not any more is the
    /// beginning.
    pub(super) fn walk(
        self,
        from: Option<Spot>,
        mut each: impl FnMut(Piece<'_>, Spot) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut files = Vec::new();
        for (_, source) in self.files {
            let (file, length) = match source {
                Source::Aside(path) => {
                    let file = File::open(path)?;
                    let length = file.metadata()?.len();
                    (file, length)
                }
                Source::Current(file, length) => (file, length),
            };
            let about = file.metadata()?;
            files.push((file, (about.dev(), about.ino()), length));
        }
        let there = from.and_then(|from| {
            let fits = |(_, file, length): &(File, (u64, u64), u64)| {
                *file == from.file && *length >= from.bytes
            };
            Some((files.iter().position(fits)?, from.bytes))
        });
        let (first, mut skip) = there.unwrap_or((0, 0));
        for (mut file, id, length) in files.into_iter().skip(first) {
            let mut bytes = std::mem::take(&mut skip);
            file.seek(SeekFrom::Start(bytes))?;
            let mut pieces = Pieces::new(BufReader::new(file.take(length - bytes)));
            while let Some(piece) = pieces.next()? {
                bytes += u64::try_from(piece.bytes.len()).unwrap_or(0);
                if !each(piece, Spot { file: id, bytes })? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Every line that says something, the oldest first, with its own text; `false` ends it. Says how many could not be
    /// read.
    pub fn entries(
        self,
        mut each: impl FnMut(Found, &[u8]) -> io::Result<bool>,
    ) -> io::Result<u64> {
        let mut unread = 0;
        self.each(|file, reader| {
            let mut pieces = Pieces::new(reader);
            while let Some(piece) = pieces.next()? {
                let Ok(entry) = serde_json::from_slice(piece.line()) else {
                    unread += 1;
                    continue;
                };
                let sealed = unseal(piece.line()).filter(|s| s.right);
                let found = Found {
                    file: Rc::clone(&file),
                    line: piece.number,
                    n: sealed.map(|s| s.link.n),
                    entry,
                };
                if !each(found, piece.line())? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(unread)
    }
}

/// The file that is written, locked: no file is put aside meanwhile.
fn still(path: &Path) -> io::Result<Option<File>> {
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let since = Instant::now();
    loop {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        lock(&file, FlockOperation::NonBlockingLockShared, since)?;
        match (std::fs::metadata(path), file.metadata()?) {
            (Ok(there), own) if there.ino() == own.ino() && there.dev() == own.dev() => {
                return Ok(Some(file));
            }
            // put aside between the two
            (Ok(_), _) => {}
            (Err(error), _) if absent(&error) => {}
            (Err(error), _) => return Err(error),
        }
    }
}
