//! How long what is kept: by kind, and by how much room it takes in all. Goes in small steps, so that nobody who
//! writes waits for it; what is archived is on disk there before it goes here.

use std::collections::VecDeque;
use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};

use crate::config;

use super::archive::Archive;
use super::shapes;
use super::store::{Ask, Grain, Kind, Log, Of, Shelf, Store, StoreError};
use super::tend::TendError;

/// The mark before which runs were forgotten, in milliseconds: they have been counted in their days.
pub(super) const GONE: &str = "runs gone";
/// The mark up to which whoever tells people has taken up what people did.
pub const READ: &str = "orders";

/// It is looked through for what is old so often.
const EVERY: Duration = Duration::hours(1);
/// What is younger stays, whatever room it takes.
const YOUNG: Duration = Duration::hours(1);

/// How long each kind is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub runs: Duration,
    pub events: Duration,
    pub tails: Duration,
    /// By grain, in the order of [`Grain::ALL`].
    pub points: [Duration; 4],
    /// What became of the runs of each day.
    pub days: Duration,
    /// Bytes that all of it may take.
    pub size: Option<u64>,
    /// Where what goes is written before it does.
    pub archive: Option<PathBuf>,
}

impl From<&config::Keep> for Policy {
    fn from(keep: &config::Keep) -> Self {
        // what is longer than can be counted is for ever
        let long = |keep: std::time::Duration| Duration::from_std(keep).unwrap_or(Duration::MAX);
        Self {
            runs: long(keep.runs),
            events: long(keep.events),
            tails: long(keep.tails),
            points: keep.metrics.map(long),
            days: long(keep.metrics[3]),
            size: Some(keep.size),
            archive: keep.archive.clone(),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::from(&config::Keep::default())
    }
}

impl Policy {
    /// What is older than that goes, kind by kind.
    fn cuts(&self, now: DateTime<Utc>) -> Vec<(Kind, DateTime<Utc>)> {
        let mut all = vec![
            (Kind::Log(Log::Events), self.events),
            (Kind::Log(Log::Worlds), self.events),
            (Kind::Tails, self.tails),
        ];
        let points = Grain::ALL.into_iter().zip(self.points);
        all.extend(points.map(|(grain, keep)| (Kind::Points(grain), keep)));
        all.push((Kind::Log(Log::Tellings), self.runs));
        all.push((Kind::Log(Log::Orders), self.runs));
        all.push((Kind::Runs, self.runs));
        all.push((Kind::Days, self.days));
        let cut = |keep: Duration| now.checked_sub_signed(keep);
        let cuts = all.into_iter();
        cuts.filter_map(|(kind, keep)| Some((kind, cut(keep)?)))
            .collect()
    }
}

/// What went away, in the order of [`Policy::cuts`]'s kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub records: Vec<(&'static str, usize)>,
}

impl Pruned {
    fn add(&mut self, kind: Kind, many: usize) {
        let word = word(kind);
        match self.records.iter_mut().find(|(known, _)| *known == word) {
            Some((_, sum)) => *sum += many,
            None if many > 0 => self.records.push((word, many)),
            None => {}
        }
    }

    pub fn total(&self) -> usize {
        self.records.iter().map(|(_, many)| many).sum()
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Runs => "runs",
        Kind::Days => "days",
        Kind::Tails => "tails",
        Kind::Points(_) => "points",
        Kind::Log(log) => log.word(),
    }
}

#[derive(Clone, Copy, Debug)]
enum Job {
    Cut(Kind, DateTime<Utc>),
    /// Shapes of runs go when nothing that was told since refers to them.
    Shapes(DateTime<Utc>),
    /// What is oldest goes until there is room.
    Size,
}

#[derive(Debug)]
pub(super) struct Retention {
    policy: Policy,
    archive: Option<Archive>,
    jobs: VecDeque<Job>,
    looked: Option<DateTime<Utc>>,
}

impl Retention {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            archive: policy.archive.clone().map(Archive::new),
            policy,
            jobs: VecDeque::new(),
            looked: None,
        }
    }

    pub(super) fn busy(&self) -> bool {
        !self.jobs.is_empty()
    }

    fn plan(&mut self, now: DateTime<Utc>) {
        self.looked = Some(now);
        let cuts = self.policy.cuts(now).into_iter();
        self.jobs = cuts.map(|(kind, before)| Job::Cut(kind, before)).collect();
        if let Some(before) = now.checked_sub_signed(self.policy.events) {
            self.jobs.push_back(Job::Shapes(before));
        }
        self.jobs.push_back(Job::Size);
    }

    /// A little of what is due; says what went. A job that can't be done waits for the next time.
    pub(super) fn step(
        &mut self,
        store: &mut dyn Store,
        now: DateTime<Utc>,
    ) -> Result<(&'static str, usize), TendError> {
        if self.jobs.is_empty() && self.looked.is_none_or(|at| (now - at).abs() >= EVERY) {
            self.plan(now);
        }
        let Some(job) = self.jobs.pop_front() else {
            return Ok(("", 0));
        };
        let (kind, gone) = match job {
            Job::Cut(kind, before) => {
                let before = needed(store, kind, before)?;
                (Some(kind), self.cut(store, kind, before)?)
            }
            Job::Shapes(before) => {
                shapes::prune(store, before)?;
                (None, 0)
            }
            Job::Size => self.shrink(store, now)?,
        };
        if gone > 0 {
            self.jobs.push_front(job);
        }
        Ok((kind.map_or("", word), gone))
    }

    /// All of it now. `each` hears how many went so far.
    pub(super) fn all(
        &mut self,
        store: &mut dyn Store,
        now: DateTime<Utc>,
        each: &mut dyn FnMut(&Pruned),
    ) -> Result<Pruned, TendError> {
        self.plan(now);
        let mut pruned = Pruned::default();
        while let Some(job) = self.jobs.front().copied() {
            let (_, gone) = self.step(store, now)?;
            let kind = match job {
                Job::Cut(kind, _) => kind,
                Job::Shapes(_) | Job::Size => Kind::Log(Log::Events),
            };
            pruned.add(kind, gone);
            each(&pruned);
        }
        Ok(pruned)
    }

    fn cut(
        &mut self,
        store: &mut dyn Store,
        kind: Kind,
        before: DateTime<Utc>,
    ) -> Result<usize, TendError> {
        let Some(archive) = self.archive.as_mut().filter(|_| kind != Kind::Days) else {
            return Ok(store.forget(kind, before)?);
        };
        let Some(upto) = archive.export(store, kind, before)? else {
            return Ok(0);
        };
        let mut all = 0;
        loop {
            let gone = store.forget(kind, upto)?;
            all += gone;
            if gone == 0 {
                // what was exported counts as a step also where it had been deleted before
                return Ok(all.max(1));
            }
        }
    }

    /// Lets the oldest of what takes most go; says what, and how much. The rollups go last: they are small.
    fn shrink(
        &mut self,
        store: &mut dyn Store,
        now: DateTime<Utc>,
    ) -> Result<(Option<Kind>, usize), TendError> {
        let Some(limit) = self.policy.size else {
            return Ok((None, 0));
        };
        if store.bytes()? <= limit {
            return Ok((None, 0));
        }
        let logs = [Kind::Log(Log::Events), Kind::Log(Log::Worlds)];
        let rest = [Kind::Tails, Kind::Points(Grain::Minute), Kind::Runs];
        for kind in logs.into_iter().chain(rest) {
            let Some(oldest) = oldest(store, kind, now)? else {
                continue;
            };
            // a hundredth of its time, an hour at least
            let piece = ((now - oldest) / 100).max(Duration::hours(1));
            let before = (oldest + piece).min(now - YOUNG);
            if before <= oldest {
                continue;
            }
            let gone = self.cut(store, kind, before)?;
            if gone > 0 {
                return Ok((Some(kind), gone));
            }
        }
        Ok((None, 0))
    }
}

/// Of what people did that stays which no alert has taken up yet.
fn needed(
    store: &mut dyn Store,
    kind: Kind,
    before: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    if kind != Kind::Log(Log::Orders) {
        return Ok(before);
    }
    let read = store.document(Shelf::Marks, READ)?;
    let read = read.and_then(|body| body.parse().ok()).unwrap_or(0);
    let unread = store.after(Log::Orders, read, usize::MAX)?;
    let first = unread.iter().map(|line| line.at).min();
    Ok(first.map_or(before, |first| first.min(before)))
}

fn oldest(
    store: &mut dyn Store,
    kind: Kind,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let mut first = None;
    match kind {
        Kind::Log(log) => store.since(log, DateTime::UNIX_EPOCH, &mut |line| {
            first = Some(line.at);
            false
        })?,
        Kind::Tails => {
            let tails = store.tails(DateTime::<Utc>::MAX_UTC, 1)?;
            first = tails.first().map(|tail| tail.at);
        }
        Kind::Runs => {
            let ask = Ask {
                of: Of::All,
                from: DateTime::UNIX_EPOCH,
                to: DateTime::<Utc>::MAX_UTC,
                newest_first: false,
                most: 1,
            };
            store.runs(&ask, &mut |past| {
                first = Some(past.run.ordered_at);
                false
            })?;
        }
        // what is older than two days has no minutes
        Kind::Points(_) => first = Some(now - Duration::days(2)),
        Kind::Days => {}
    }
    Ok(first)
}

/// Everything that is due goes now. `each` hears how many records went so far.
pub fn prune(
    store: &mut dyn Store,
    policy: Policy,
    each: &mut dyn FnMut(&Pruned),
) -> Result<Pruned, TendError> {
    Retention::new(policy).all(store, Utc::now(), each)
}
