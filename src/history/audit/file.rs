//! Appending: one line, one write, on the disk when it returns; several programs take turns by a lock on the file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::config::AUDIT_FILE;
use crate::config::paths::create_private_dir;

use super::chain::{Hashing, Link, Over, seal, unseal};
use super::entry::{Entry, What};
use super::read::{Pieces, rotated};
use super::who::Who;

/// Of the end of a file, what is read for its last line.
const TAIL: u64 = 256 << 10;
/// How long another program may hold the file.
const TURN: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
#[error(
    "the audit file {path} can't be written: {source}; actions are still possible, but nothing keeps a record of them"
)]
pub struct AuditError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl AuditError {
    pub(super) fn behind(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            source: io::Error::other("a thousand lines wait for the disk already"),
        }
    }
}

/// Where it is written down who did what.
#[derive(Debug)]
pub struct Audit {
    dir: PathBuf,
    path: PathBuf,
    who: Who,
    full: u64,
    file: Option<File>,
    /// How long the file was after the last line of ours, and that line.
    known: Option<(u64, Link)>,
}

/// Where the next line belongs.
struct End {
    link: Link,
    over: Option<Hashing>,
    /// The last line has no end yet.
    open: bool,
}

impl Audit {
    /// Opens (or makes, mode 0600) `audit.jsonl` in the state directory.
    pub fn open(state_dir: &Path) -> Result<Self, AuditError> {
        let mut audit = Self {
            dir: state_dir.to_owned(),
            path: state_dir.join("audit.jsonl"),
            who: Who::here(),
            full: AUDIT_FILE,
            file: None,
            known: None,
        };
        let opened = create_private_dir(state_dir).and_then(|()| open_file(&audit.path));
        audit.file = Some(opened.map_err(|e| audit.fail(e))?);
        Ok(audit)
    }

    /// Puts files aside when they are so long.
    #[must_use]
    pub fn rotated_at(mut self, bytes: u64) -> Self {
        self.full = bytes;
        self
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// On the disk when it returns.
    pub fn write(&mut self, at: DateTime<Utc>, what: What) -> Result<Link, AuditError> {
        let entry = Entry {
            at,
            who: self.who.clone(),
            what,
        };
        let link = self.append(&entry);
        if link.is_err() {
            self.known = None;
        }
        link.map_err(|e| self.fail(e))
    }

    fn fail(&self, source: io::Error) -> AuditError {
        AuditError {
            path: self.path.clone(),
            source,
        }
    }

    fn append(&mut self, entry: &Entry) -> io::Result<Link> {
        let mut file = self.turn()?;
        let length = file.metadata()?.len();
        let end = match self.known {
            Some((known, link)) if known == length => End {
                link,
                over: None,
                open: false,
            },
            _ => end(&mut file, length, || before(&self.dir))?,
        };
        let mut bytes = Vec::new();
        let mut over = end.over;
        if end.open {
            bytes.push(b'\n');
            if let Some(over) = &mut over {
                over.add(b"\n");
            }
        }
        let over: Option<Over> = over.map(|o| o.over());
        let (line, link) = seal(end.link, over, entry)?;
        bytes.extend(line);
        if let Err(error) = file.write_all(&bytes) {
            // half a line says nothing; where it can't be taken back, the next line binds it
            let _ = file.set_len(length);
            return Err(error);
        }
        file.sync_data()?;
        if length == 0 {
            self.sync_dir()?;
        }
        let length = length + u64::try_from(bytes.len()).unwrap_or(0);
        self.known = Some((length, link));
        if length >= self.full {
            self.put_aside()?;
        } else {
            flock(&file, FlockOperation::Unlock)?;
            self.file = Some(file);
        }
        Ok(link)
    }

    /// The file, when it is this program's turn.
    fn turn(&mut self) -> io::Result<File> {
        let since = Instant::now();
        loop {
            let file = match self.file.take() {
                Some(file) => file,
                None => open_file(&self.path)?,
            };
            lock(&file, FlockOperation::NonBlockingLockExclusive, since)?;
            // it may have been put aside meanwhile
            let there = std::fs::metadata(&self.path);
            if there.is_ok_and(|m| file.metadata().is_ok_and(|f| same(&m, &f))) {
                return Ok(file);
            }
            self.known = None;
        }
    }

    /// `audit.jsonl` becomes `audit-0001.jsonl` or what comes next; whoever writes next begins a new file.
    fn put_aside(&mut self) -> io::Result<()> {
        let last = rotated(&self.dir)?.last().map_or(0, |(number, _)| *number);
        let name = format!("audit-{:04}.jsonl", last + 1);
        std::fs::rename(&self.path, self.dir.join(name))?;
        self.known = None;
        self.sync_dir()
    }

    /// A new name is on the disk only with its directory.
    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

/// Waits for it, and not for ever: another program may have been stopped while it had it.
pub(super) fn lock(file: &File, how: FlockOperation, since: Instant) -> io::Result<()> {
    loop {
        match flock(file, how) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK | Errno::INTR) if since.elapsed() < TURN => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(Errno::WOULDBLOCK) => {
                let why = "another program holds it, and does not let go";
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn same(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn open_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// The last line of the chain, and what stands after it. `base`: the line before the file.
fn end(file: &mut File, length: u64, base: impl FnOnce() -> io::Result<Link>) -> io::Result<End> {
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    (&mut *file).take(length - from).read_to_end(&mut tail)?;
    let open = tail.last().is_some_and(|byte| *byte != b'\n');
    let mut until = tail.len();
    while until > 0 {
        let line = &tail[..until];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let start = memchr::memrchr(b'\n', line).map_or(0, |at| at + 1);
        if start == 0 && from > 0 {
            // perhaps only the end of a line
            break;
        }
        if let Some(sealed) = unseal(&line[start..]).filter(|s| s.right) {
            let over = (until < tail.len()).then(|| {
                let mut hashing = Hashing::new();
                hashing.add(&tail[until..]);
                hashing
            });
            let link = sealed.link;
            return Ok(End { link, over, open });
        }
        until = start;
    }
    // the chain is not begun yet, or what stands after it is long
    file.seek(SeekFrom::Start(0))?;
    let (mut link, mut over) = (base()?, None);
    let mut pieces = Pieces::new(BufReader::new((&mut *file).take(length)));
    while let Some(piece) = pieces.next()? {
        match unseal(piece.line()).filter(|s| s.right && piece.whole) {
            Some(sealed) => (link, over) = (sealed.link, None),
            None => over.get_or_insert_with(Hashing::new).add(piece.bytes),
        }
    }
    Ok(End { link, over, open })
}

/// The last line before a file that has nothing in it: that of the one that was put aside last.
fn before(dir: &Path) -> io::Result<Link> {
    let Some((_, path)) = rotated(dir)?.pop() else {
        return Ok(Link::ROOT);
    };
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    // what stands after it in that file is told by whoever verifies
    Ok(end(&mut file, length, || Ok(Link::ROOT))?.link)
}
