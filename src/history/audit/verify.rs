//! Whether the chain holds: every line is read once, nothing of it is kept.

use std::fmt;
use std::io::{self, BufRead};
use std::rc::Rc;

use serde::Serialize;

use crate::model::many;

use super::chain::{Hash, Hashing, Link, Sealed, unseal};
use super::copied::Copied;
use super::read::{Pieces, Trail};

/// Findings that are told; the rest is counted.
const MOST: usize = 100;

/// Something that was found, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub file: Rc<str>,
    /// Of the file, from 1; 0: no line of it.
    pub line: u64,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what } = self;
        match (file.is_empty(), line) {
            (true, _) => f.write_str(what),
            (false, 0) => write!(f, "{file}: {what}"),
            (false, line) => write!(f, "{file}:{line}: {what}"),
        }
    }
}

/// A hash that was noted elsewhere: its line must still be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub hash: Hash,
    pub n: Option<u64>,
    /// Who noted it.
    pub by: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Lines of the chain, and files.
    pub lines: u64,
    pub files: u64,
    pub head: Option<Link>,
    /// What is wrong, and how much more of it there is.
    pub broken: Vec<Finding>,
    pub more: u64,
    /// What is explained: lines of an older version, a write that was cut off.
    pub notes: Vec<Finding>,
    /// Noted hashes that were found, with the number of their line.
    pub met: Vec<(Wanted, u64)>,
}

impl Verdict {
    pub const fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    pub fn of(trail: Trail, wanted: Vec<Wanted>) -> io::Result<Self> {
        let mut check = Check::new(wanted);
        trail.each(|name, reader| check.file(name, reader).map(|()| true))?;
        Ok(check.finish())
    }
}

/// Bytes that are no line of the chain.
struct Gap {
    hashing: Hashing,
    file: Rc<str>,
    line: u64,
    lines: u64,
    /// Of them, those that say something: no cut-off write does.
    says: u64,
    /// Of them, lines of the chain that were changed, which has been told.
    changed: u64,
}

pub(super) struct Check {
    verdict: Verdict,
    last: Link,
    /// What a changed line says that its own hash was: the next line may go on from there.
    claimed: Option<Link>,
    gap: Option<Gap>,
    wanted: Vec<Wanted>,
    file: Rc<str>,
    /// Copies: what stood between two lines is not among them, and a machine may have begun anew.
    copies: bool,
}

impl Check {
    pub(super) fn new(wanted: Vec<Wanted>) -> Self {
        Self {
            verdict: Verdict::default(),
            last: Link::ROOT,
            claimed: None,
            gap: None,
            wanted,
            file: "".into(),
            copies: false,
        }
    }

    /// What the store has of a machine.
    pub(super) fn of_copies(chain: &str, wanted: Vec<Wanted>) -> Self {
        Self {
            file: chain.into(),
            copies: true,
            ..Self::new(wanted)
        }
    }

    /// The next line of a copy, in the order in which they came. Only lines of the chain are copied.
    pub(super) fn copy(&mut self, line: &Copied) {
        let (n, bytes) = (line.n, line.body.as_bytes());
        if unseal(bytes).is_none() {
            let what = format!("line {n} is no line of the chain: put here, or changed");
            return self.broken(0, what);
        }
        self.line(0, bytes, bytes, true);
        let own = Copied::of(&line.chain, bytes);
        if own.is_some_and(|(own, _)| own != *line) {
            let what = format!("line {n} is filed under what it does not say itself");
            self.broken(0, what);
        }
    }

    /// What is found beside the chain.
    pub(super) fn differs(&mut self, what: String) {
        self.broken(0, what);
    }

    pub(super) fn note(&mut self, what: String) {
        let file = Rc::clone(&self.file);
        if self.verdict.notes.len() < MOST {
            self.verdict.notes.push(Finding {
                file,
                line: 0,
                what,
            });
        }
    }

    pub(super) fn file(&mut self, name: Rc<str>, reader: &mut dyn BufRead) -> io::Result<()> {
        // nothing binds what is left over at the end of a file but a line in the same file
        self.close_gap();
        self.file = name;
        self.verdict.files += 1;
        let mut pieces = Pieces::new(reader);
        while let Some(piece) = pieces.next()? {
            self.line(piece.number, piece.line(), piece.bytes, piece.whole);
        }
        Ok(())
    }

    /// `bytes`: with its end, if it has one.
    fn line(&mut self, number: u64, line: &[u8], bytes: &[u8], whole: bool) {
        match unseal(line).filter(|_| whole) {
            Some(sealed) if sealed.right => self.chained(number, &sealed),
            Some(changed) => {
                let what = format!(
                    "line {} was changed: its hash is not that of its text",
                    changed.link.n
                );
                self.broken(number, what);
                self.claimed = Some(changed.link);
                self.apart(number, bytes, false, true);
            }
            None => {
                let says = whole && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
                self.apart(number, bytes, says, false);
            }
        }
    }

    fn apart(&mut self, line: u64, bytes: &[u8], says: bool, changed: bool) {
        let file = &self.file;
        let gap = self.gap.get_or_insert_with(|| Gap {
            hashing: Hashing::new(),
            file: Rc::clone(file),
            line,
            lines: 0,
            says: 0,
            changed: 0,
        });
        gap.hashing.add(bytes);
        gap.lines += 1;
        gap.says += u64::from(says);
        gap.changed += u64::from(changed);
    }

    fn chained(&mut self, number: u64, sealed: &Sealed) {
        let link = sealed.link;
        let gap = self.gap.take();
        let follows = |link: Link| sealed.prev == link.hash && sealed.link.n == link.n + 1;
        if follows(self.last) {
            self.between(gap, number, sealed);
        } else if self.claimed.is_some_and(follows) {
            // told where it was changed; what stood beside it is told too
            if let Some(gap) = gap.filter(|g| g.lines > g.changed) {
                self.unbound(&gap);
            }
        } else if self.copies && link.n == 1 && sealed.prev == Hash::NONE {
            if let Some(gap) = gap.filter(|g| g.lines > g.changed) {
                self.unbound(&gap);
            }
            self.note(format!(
                "begun anew after line {}: what comes from here on is another file",
                self.last.n
            ));
        } else {
            let last = self.last.n;
            let what = if link.n > last + 1 {
                let (from, to) = (last + 1, link.n - 1);
                let missing = match from == to {
                    true => format!("line {from} is missing"),
                    false => format!("lines {from} to {to} are missing"),
                };
                format!("{missing} before line {}", link.n)
            } else if link.n == last + 1 {
                format!(
                    "line {} does not follow the line before it: that one, or this one, is another than it was",
                    link.n
                )
            } else {
                format!(
                    "line {} stands after line {last}: moved here, or here twice",
                    link.n
                )
            };
            self.broken(number, what);
            if let Some(gap) = gap.filter(|g| g.lines > g.changed) {
                self.unbound(&gap);
            }
        }
        self.verdict.lines += 1;
        self.claimed = None;
        self.last = link;
        self.verdict.head = Some(link);
        let met = &mut self.verdict.met;
        self.wanted.retain(|wanted| {
            let found = wanted.hash == link.hash && wanted.n.is_none_or(|n| n == link.n);
            if found {
                met.push((wanted.clone(), link.n));
            }
            !found
        });
    }

    /// What stands before a line that follows the one before: bound by it, or not.
    fn between(&mut self, gap: Option<Gap>, number: u64, sealed: &Sealed) {
        let n = sealed.link.n;
        match (gap, sealed.over) {
            (None, None) => {}
            (None, Some(_)) if self.copies => {}
            (Some(gap), None) => self.unbound(&gap),
            (None, Some(over)) => {
                let what = format!(
                    "{} missing before line {n}, which it was written after",
                    are(over.bytes, "byte")
                );
                self.broken(number, what);
            }
            (Some(gap), Some(over)) if gap.hashing.over() != over => {
                let what = format!(
                    "what stands before line {n} ({}) is not what it was written after",
                    many(gap.hashing.bytes, "byte")
                );
                self.finding(&gap, what, true);
            }
            // an older version's, before the first line of all
            (Some(gap), Some(_)) if n == 1 => {
                let what = format!(
                    "{} without hashes, from before the chain; line 1 binds what is there",
                    many(gap.lines, "line")
                );
                self.finding(&gap, what, false);
            }
            (Some(gap), Some(_)) => {
                let torn = gap.lines - gap.says - gap.changed;
                if torn > 0 {
                    let what = format!(
                        "{} of a write that was cut off; line {n} goes on after it",
                        many(gap.hashing.bytes, "byte")
                    );
                    self.finding(&gap, what, false);
                }
                if gap.says > 0 {
                    let what = format!(
                        "{} without hashes between line {} and line {n}: written by an older dagtop, or by hand",
                        many(gap.says, "line"),
                        n - 1
                    );
                    self.finding(&gap, what, true);
                }
            }
        }
    }

    fn unbound(&mut self, gap: &Gap) {
        let what = match gap.lines - gap.changed {
            1 => "this is no line of the chain: put here, or changed".to_owned(),
            more => {
                format!("{more} lines from here on are none of the chain: put here, or changed")
            }
        };
        self.finding(gap, what, true);
    }

    /// What is left over at the end of a file.
    fn close_gap(&mut self) {
        let Some(gap) = self.gap.take() else { return };
        let torn = gap.lines - gap.says - gap.changed;
        if self.verdict.lines == 0 && gap.changed == 0 {
            let what = format!(
                "{} without hashes: nothing binds what is there before the next line is written",
                many(gap.lines, "line")
            );
            self.finding(&gap, what, false);
        } else if gap.says > 0 {
            self.unbound(&gap);
        } else if torn > 0 {
            let what = format!(
                "{} of a write that was cut off at the end; the next line will bind what is there",
                many(gap.hashing.bytes, "byte")
            );
            self.finding(&gap, what, false);
        }
        self.claimed = None;
    }

    fn finding(&mut self, gap: &Gap, what: String, broken: bool) {
        let finding = Finding {
            file: Rc::clone(&gap.file),
            line: gap.line,
            what,
        };
        if broken {
            self.push(finding);
        } else if self.verdict.notes.len() < MOST {
            self.verdict.notes.push(finding);
        }
    }

    fn broken(&mut self, line: u64, what: String) {
        let file = Rc::clone(&self.file);
        self.push(Finding { file, line, what });
    }

    fn push(&mut self, finding: Finding) {
        if self.verdict.broken.len() < MOST {
            self.verdict.broken.push(finding);
        } else {
            self.verdict.more += 1;
        }
    }

    pub(super) fn finish(mut self) -> Verdict {
        self.close_gap();
        for wanted in std::mem::take(&mut self.wanted) {
            let named = wanted
                .n
                .map_or("a line".to_owned(), |n| format!("line {n}"));
            let what = format!(
                "{named} with the hash {} is not there: {} noted it; the end was cut off, or all of it was written anew",
                wanted.hash, wanted.by
            );
            self.push(Finding {
                file: "".into(),
                line: 0,
                what,
            });
        }
        self.verdict
    }
}

fn are(count: u64, what: &str) -> String {
    let are = if count == 1 { "is" } else { "are" };
    format!("{} {are}", many(count, what))
}
