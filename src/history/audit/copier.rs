//! Takes the lines of this machine's files to the store, so that a team sees in one place what was done on every
//! machine. The files stay the authority: what can't be sent now is sent later, and nothing is kept there twice.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::history::store::{Shelf, Store, StoreError, Write};

use super::chain::{Hash, Link, unseal};
use super::copied::Copied;
use super::read::{Spot, Trail};
use super::{chain_of, mark};

/// Lines, and bytes of them, that are sent at once.
const LINES: usize = 1_000;
const BYTES: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the audit can't be copied to the history: {0}; its file has every line")]
    Store(#[from] StoreError),
    #[error("the audit in {dir} can't be read, so it is not copied to the history: {source}")]
    File {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    /// Behind the last line that was sent; `None`: before all.
    spot: Option<Spot>,
    /// That line.
    last: Option<Hash>,
}

/// What is sent next.
#[derive(Debug, Default)]
struct Batch {
    lines: Vec<Copied>,
    last: Option<Link>,
    at: At,
    /// There is more.
    more: bool,
}

#[derive(Debug)]
pub struct Copier {
    dir: PathBuf,
    chain: String,
    /// `None`: the store has not been asked yet.
    at: Option<At>,
    /// The file as it was when the end of it was sent: device, number and length.
    seen: Option<(u64, u64, u64)>,
    busy: bool,
}

impl Copier {
    pub fn new(state_dir: &Path) -> Self {
        Self {
            dir: state_dir.to_owned(),
            chain: chain_of(state_dir),
            at: None,
            seen: None,
            busy: false,
        }
    }

    /// There is more to be sent at once.
    pub(in crate::history) fn busy(&self) -> bool {
        self.busy
    }

    /// Some of it.
    pub(in crate::history) fn step(&mut self, store: &mut dyn Store) -> Result<(), CopyError> {
        let sent = self.send(store);
        // after a failure it is tried again, not at once
        self.busy &= sent.is_ok();
        sent
    }

    /// All of it.
    pub fn all(&mut self, store: &mut dyn Store) -> Result<(), CopyError> {
        self.step(store)?;
        while self.busy {
            self.step(store)?;
        }
        Ok(())
    }

    fn send(&mut self, store: &mut dyn Store) -> Result<(), CopyError> {
        // looked at before it is read: what comes meanwhile is seen the next time
        let now = std::fs::metadata(self.dir.join("audit.jsonl")).ok();
        let now = now.map(|m| (m.dev(), m.ino(), m.len()));
        if now == self.seen && !self.busy && self.at.is_some() {
            return Ok(());
        }
        let at = match self.at {
            Some(at) => at,
            None => self.find(store)?,
        };
        let batch = self.next(at).map_err(|e| self.unreadable(e))?;
        if let Some(last) = batch.last {
            let mut writes: Vec<Write> = batch.lines.into_iter().map(copy).collect();
            // noted beside them: an end that is cut off shows
            writes.push(Write::Put {
                shelf: Shelf::Marks,
                key: mark(&self.chain),
                body: serde_json::to_string(&last).unwrap_or_default(),
            });
            store.write(&writes)?;
        }
        self.at = Some(batch.at);
        self.busy = batch.more;
        self.seen = now;
        Ok(())
    }

    fn unreadable(&self, source: io::Error) -> CopyError {
        CopyError::File {
            dir: self.dir.clone(),
            source,
        }
    }

    /// Behind the last line that the store has of this machine. Where the files don't have it, everything is sent: the
    /// store knows what it has.
    fn find(&self, store: &mut dyn Store) -> Result<At, CopyError> {
        let mut found = At::default();
        let Some((_, hash)) = store.audit_end(&self.chain)? else {
            return Ok(found);
        };
        let end = format!("\"{hash}\"}}");
        let walk = |trail: Trail| {
            trail.walk(None, |piece, spot| {
                let line = piece.line();
                if !line.ends_with(end.as_bytes()) {
                    return Ok(true);
                }
                if let Some(sealed) = unseal(line).filter(|s| s.right && piece.whole) {
                    found = At {
                        spot: Some(spot),
                        last: Some(sealed.link.hash),
                    };
                }
                Ok(found.last.is_none())
            })
        };
        let walked = Trail::of(&self.dir).and_then(walk);
        walked.map_err(|e| self.unreadable(e))?;
        Ok(found)
    }

    fn next(&self, at: At) -> io::Result<Batch> {
        match self.read(at)? {
            Some(batch) => Ok(batch),
            // another file has taken the place of the one that was sent
            None => Ok(self.read(At::default())?.unwrap_or_default()),
        }
    }

    /// `None`: what stands there does not follow on what was sent.
    fn read(&self, at: At) -> io::Result<Option<Batch>> {
        let mut batch = Batch {
            at,
            ..Batch::default()
        };
        let (mut bytes, mut astray) = (0, false);
        let trail = Trail::of(&self.dir)?;
        trail.walk(at.spot, |piece, spot| {
            if batch.lines.len() >= LINES || bytes >= BYTES {
                batch.more = true;
                return Ok(false);
            }
            let copied = Copied::of(&self.chain, piece.line()).filter(|_| piece.whole);
            if let Some((line, link)) = copied {
                let first = batch.lines.is_empty();
                let follows = |last| unseal(piece.line()).is_some_and(|s| s.prev == last);
                if first && at.last.is_some_and(|last| !follows(last)) {
                    astray = true;
                    return Ok(false);
                }
                bytes += line.body.len();
                batch.lines.push(line);
                batch.last = Some(link);
                batch.at.last = Some(link.hash);
            }
            batch.at.spot = Some(spot);
            Ok(true)
        })?;
        Ok((!astray).then_some(batch))
    }
}

fn copy(line: Copied) -> Write {
    Write::Audit(Box::new(line))
}
