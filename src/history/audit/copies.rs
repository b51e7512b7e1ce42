//! Whether what the store has of every machine's audit holds, and whether it is what the files of this one say.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;

use crate::history::store::{Shelf, Store, StoreError};
use crate::model::{SafeText, many};

use super::chain::{Hash, Link, unseal};
use super::read::Trail;
use super::verify::{Check, Verdict, Wanted};
use super::{chain_of, mark};

/// The copy of one machine's audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copies {
    /// Whose ([`super::chain_of`]).
    pub chain: SafeText,
    pub verdict: Verdict,
}

/// Every line of all machines is read; the copy of the audit in `state_dir` is compared with the files there.
pub fn copies(store: &mut dyn Store, state_dir: Option<&Path>) -> Result<Vec<Copies>, StoreError> {
    // what is noted before the lines are read must be among them
    let marks = store.shelf(Shelf::Marks)?;
    let noted = |chain: &str| -> Option<Wanted> {
        let key = mark(chain);
        let (_, body) = marks.iter().find(|(known, _)| *known == key)?;
        let link: Link = serde_json::from_str(body).ok()?;
        Some(Wanted {
            hash: link.hash,
            n: Some(link.n),
            by: "the history".to_owned(),
        })
    };
    let own = state_dir.map(|dir| (chain_of(dir), dir));
    let mut all = Vec::new();
    for chain in store.audit_chains()? {
        let files = own.as_ref().filter(|(own, _)| *own == chain);
        let shown = SafeText::new(&chain);
        let mut check = Check::of_copies(&shown, noted(&chain).into_iter().collect());
        let mut there = HashMap::new();
        store.audit_of(&chain, &mut |line| {
            check.copy(&line);
            if files.is_some() {
                there.extend(line.hash.parse().ok().map(|hash: Hash| (hash, line.n)));
            }
            true
        })?;
        if let Some((_, dir)) = files {
            match Difference::read(dir, there) {
                Ok(difference) => difference.tell(&mut check),
                Err(error) => check.note(format!("not compared with its files: {error}")),
            }
        }
        let verdict = check.finish();
        all.push(Copies {
            chain: shown,
            verdict,
        });
    }
    Ok(all)
}

/// What the files of this machine and their copy don't both have.
struct Difference {
    /// In the copy only, ...
    strange: BTreeSet<u64>,
    /// ... and in the files only.
    left: BTreeSet<u64>,
    /// The last that both have.
    met: u64,
}

impl Difference {
    /// The copy was read before: what is in it must be in the files.
    fn read(dir: &Path, mut there: HashMap<Hash, u64>) -> io::Result<Self> {
        let (mut left, mut met) = (BTreeSet::new(), 0);
        Trail::of(dir)?.walk(None, |piece, _| {
            if let Some(sealed) = unseal(piece.line()).filter(|s| s.right && piece.whole) {
                match there.remove(&sealed.link.hash) {
                    Some(n) => met = met.max(n),
                    None => {
                        left.insert(sealed.link.n);
                    }
                }
            }
            Ok(true)
        })?;
        Ok(Self {
            strange: there.into_values().collect(),
            left,
            met,
        })
    }

    fn tell(&self, check: &mut Check) {
        let Self { strange, left, met } = self;
        let other = left.intersection(strange).copied();
        for lines in runs(other) {
            check.differs(format!(
                "{lines} another in the files of this machine than here"
            ));
        }
        for lines in runs(strange.difference(left).copied()) {
            check.differs(format!(
                "{lines} here, and not in the files of this machine: removed or changed there"
            ));
        }
        let missing = left.difference(strange).copied();
        for lines in runs(missing.clone().filter(|n| n <= met)) {
            check.differs(format!(
                "{lines} in the files of this machine, and not here: removed or changed here"
            ));
        }
        let unsent = missing.filter(|n| n > met).count();
        if unsent > 0 {
            check.note(format!(
                "{} of the files of this machine not yet here: sent when dagtop next runs",
                many(unsent, "line")
            ));
        }
    }
}

/// Numbers that follow each other, in words.
fn runs(numbers: impl Iterator<Item = u64>) -> Vec<String> {
    let mut all: Vec<(u64, u64)> = Vec::new();
    for n in numbers {
        match all.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => all.push((n, n)),
        }
    }
    let words = |(first, last)| match first == last {
        true => format!("line {first} is"),
        false => format!("lines {first} to {last} are"),
    };
    all.into_iter().map(words).collect()
}
