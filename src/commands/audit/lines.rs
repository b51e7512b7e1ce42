//! Where the lines of the audit come from: the files of this machine, or the store that a team shares. Must not know
//! what is made of them.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use crate::cli::Global;
use crate::config::Paths;
use crate::history::audit::{Copied, CopiedAsk, Copier, Found, Trail};
use crate::history::{Place, Store};

use super::super::{open, say};

/// From (with) to (without).
pub(in super::super) type Span = (DateTime<Utc>, DateTime<Utc>);

pub(in super::super) enum Lines {
    Files(Trail),
    /// Up to when it was asked: what is written about the asking itself is not in it.
    Team(Box<dyn Store>, DateTime<Utc>),
}

impl Lines {
    /// Of a folder; without one, of the team where it has a store, and of this machine where it has none or where it
    /// can't be reached, which is said.
    pub(in super::super) fn open(global: &Global, dir: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(dir) = dir {
            return Self::files(dir);
        }
        let state_dir = Paths::discover(global.config.as_deref())?.state_dir;
        let team = open::history(global).and_then(|place| Self::team(&place, &state_dir));
        match team {
            Ok(Some(team)) => Ok(team),
            Ok(None) => Self::files(&state_dir),
            Err(error) => {
                say(format!(
                    "{error:#}; only what was done on this machine is looked at"
                ));
                Self::files(&state_dir)
            }
        }
    }

    pub(in super::super) fn files(dir: &Path) -> anyhow::Result<Self> {
        let trail = Trail::of(dir);
        let trail = trail.with_context(|| format!("can't read the audit in {}", dir.display()))?;
        Ok(Self::Files(trail))
    }

    /// `None`: nobody shares the store. What was done here is sent before.
    fn team(place: &Place, state_dir: &Path) -> anyhow::Result<Option<Self>> {
        if !place.is_far() {
            return Ok(None);
        }
        let mut store = place.open()?;
        Copier::new(state_dir).all(store.as_mut())?;
        Ok(Some(Self::Team(store, Utc::now())))
    }

    pub(in super::super) const fn is_team(&self) -> bool {
        matches!(self, Self::Team(..))
    }

    /// Every line of a time, the oldest first: of a team by their times, of files as they stand there. That some can't
    /// be read is said.
    pub(in super::super) fn each(
        self,
        span: Span,
        mut line: impl FnMut(Found, &[u8]) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let unread = match self {
            Self::Files(trail) => trail
                .entries(|found, raw| {
                    if found.entry.at >= span.0 && found.entry.at < span.1 {
                        line(found, raw)?;
                    }
                    Ok(true)
                })
                .context("can't read the audit")?,
            Self::Team(mut store, upto) => {
                of_team(store.as_mut(), (span.0, span.1.min(upto)), line)?
            }
        };
        if unread > 0 {
            say(format!(
                "{unread} of it can't be read; `dagtop audit verify` says which"
            ));
        }
        Ok(())
    }
}

/// Says how many could not be read.
pub(in super::super) fn of_team(
    store: &mut dyn Store,
    (from, to): Span,
    mut line: impl FnMut(Found, &[u8]) -> io::Result<()>,
) -> anyhow::Result<u64> {
    let ask = CopiedAsk {
        from,
        to,
        newest_first: false,
        after: None,
        most: usize::MAX,
    };
    let (mut unread, mut failed) = (0, None);
    let mut each = |_: i64, copied: Copied| match copied.found() {
        Some(found) => {
            failed = line(found, copied.body.as_bytes()).err();
            failed.is_none()
        }
        None => {
            unread += 1;
            true
        }
    };
    store.audit(&ask, &mut each)?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(unread),
    }
}
