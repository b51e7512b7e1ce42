//! Owns all series, within bounds: so many series, so many buckets. What had to go is counted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::catalog::{Kind, Name};
use super::history::{Bucket, History, REACH};
use super::news::{News, Width};
use super::source::Source;
use super::tags::{Tag, Tags};
use super::{moment, tick};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub series: usize,
    /// Of all series together, 40 bytes each.
    pub buckets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series: 10_000,
            buckets: 1_000_000,
        }
    }
}

/// What is kept and what could not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub series: usize,
    pub buckets: usize,
    /// About so many bytes.
    pub bytes: usize,
    /// Series let go for want of room, since the start.
    pub forgotten: u64,
    /// Values that were older than anything kept.
    pub late: u64,
    /// Values that were no numbers.
    pub refused: u64,
    /// How far back anything is known, in seconds: less than eight days when room was wanting.
    pub reach: u64,
}

/// A place in the store; whoever keeps one compares [`Store::epoch`] first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

/// One metric with one set of tags.
#[derive(Debug)]
pub struct Series {
    pub name: Name,
    pub tags: Arc<[Tag]>,
    pub history: History,
    /// From here on a count that was not counted is 0 ...
    pub since: u32,
    /// ... up to here.
    pub until: Option<u32>,
    /// Whose answers it comes from; `None`: dagtop's own.
    pub source: Option<usize>,
    written: u32,
}

#[derive(Debug, Default)]
struct Index {
    ids: Vec<SeriesId>,
    by_tags: HashMap<Arc<[Tag]>, SeriesId>,
    /// Grows when a series goes.
    epoch: u64,
}

#[derive(Debug)]
pub struct Store {
    limits: Limits,
    slots: Vec<Option<Series>>,
    free: Vec<u32>,
    by_name: Vec<Index>,
    known: HashSet<Tag>,
    sources: Vec<Source>,
    by_backend: HashMap<Box<str>, usize>,
    newest: u32,
    /// When a backend was first heard, or not.
    begun: Option<u32>,
    swept: u32,
    reach: u32,
    stats: Stats,
    /// What was recorded and not taken yet, where somebody takes it.
    news: Option<News>,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Store {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            by_name: Name::ALL.iter().map(|_| Index::default()).collect(),
            known: HashSet::new(),
            sources: Vec::new(),
            by_backend: HashMap::new(),
            newest: 0,
            begun: None,
            swept: 0,
            reach: REACH,
            stats: Stats::default(),
            news: None,
        }
    }

    /// From now on what is recorded can be taken.
    pub fn keep_news(&mut self) {
        self.news.get_or_insert_default();
    }

    /// What was recorded in minutes that are over, each minute of a series as one; what is older than a day as one
    /// hour. A minute comes again when more was recorded in it.
    pub fn take_news(&mut self, now: DateTime<Utc>) -> Vec<(SeriesId, Width, Bucket)> {
        let Some(news) = &mut self.news else {
            return Vec::new();
        };
        let over = news.take_over(tick(now));
        let sums = over.into_iter().filter_map(|(width, start, id)| {
            let sum = self.get(id)?.history.sum(start, width.ticks())?;
            Some((id, width, sum))
        });
        sums.collect()
    }

    /// Takes in a value: of a count how many, of the others the value itself.
    pub fn record(&mut self, at: DateTime<Utc>, name: Name, tags: &Tags, value: f64) {
        if !value.is_finite() {
            self.stats.refused += 1;
            return;
        }
        let tick = self.advance(at);
        if self.newest.saturating_sub(tick) >= self.reach {
            self.stats.late += 1;
            return;
        }
        let id = self.series(name, tags, tick);
        let now = self.newest;
        if let Some(series) = self.get_mut(id) {
            series.since = series.since.min(tick);
            series.until = series.until.filter(|until| *until > tick);
            series.written = series.written.max(tick);
            if !series.history.add(tick, value, now) {
                self.stats.late += 1;
                return;
            }
        }
        if let Some(news) = &mut self.news {
            news.heard(id, tick, now);
        }
    }

    /// Takes in what was kept of a stretch of time. Of a store that is only looked at: nothing grows old in it.
    pub fn lay(&mut self, name: Name, tags: &Tags, bucket: Bucket) {
        let id = self.series(name, tags, bucket.start);
        if let Some(series) = self.get_mut(id) {
            // a count that is kept was 0 before, wherever its backend was heard
            series.since = 0;
            series.history.lay(bucket);
        }
    }

    /// From when on everything is known that backends told; `None`: nothing is yet.
    pub fn known_from(&self) -> Option<DateTime<Utc>> {
        let begun = self.begun?;
        Some(moment(begun.max(self.newest.saturating_sub(self.reach))))
    }

    /// There is such a count, and nothing was counted yet. Makes no room for itself.
    pub fn declare(&mut self, at: DateTime<Utc>, name: Name, tags: &Tags) {
        let tick = self.advance(at);
        let there = self.find(name, tags).is_some();
        if there || self.len() < self.limits.series {
            let id = self.series(name, tags, tick);
            // alive, so it is not the first to go
            if let Some(series) = self.get_mut(id) {
                series.until = None;
                series.written = series.written.max(tick);
            }
        }
    }

    /// A level is over: its node ended, its queue is gone. A count is counted no more.
    pub fn end(&mut self, at: DateTime<Utc>, name: Name, tags: &Tags) {
        let tick = self.advance(at);
        let now = self.newest;
        if let Some(id) = self.find(name, tags)
            && let Some(series) = self.get_mut(id)
        {
            match series.kind() {
                Kind::Count => series.until = Some(series.until.unwrap_or(tick)),
                Kind::Gauge => series.history.end(tick, now),
                Kind::Measure => {}
            }
        }
    }

    /// The backend answers.
    pub fn up(&mut self, at: DateTime<Utc>, backend: &str) {
        let tick = self.advance(at);
        self.begun.get_or_insert(tick);
        let at = self.source(backend);
        if let Some(source) = self.sources.get_mut(at) {
            source.up(tick);
        }
    }

    /// The backend no longer answers: what it told no longer holds.
    pub fn down(&mut self, at: DateTime<Utc>, backend: &str) {
        let tick = self.advance(at);
        self.begun.get_or_insert(tick);
        let at = self.source(backend);
        if let Some(source) = self.sources.get_mut(at) {
            source.down(tick);
        }
    }

    fn advance(&mut self, at: DateTime<Utc>) -> u32 {
        let tick = tick(at);
        self.newest = self.newest.max(tick);
        tick
    }

    fn source(&mut self, backend: &str) -> usize {
        if let Some(at) = self.by_backend.get(backend) {
            return *at;
        }
        let at = self.sources.len();
        self.sources.push(Source::default());
        self.by_backend.insert(backend.into(), at);
        at
    }

    fn find(&self, name: Name, tags: &Tags) -> Option<SeriesId> {
        let index = self.by_name.get(name as usize)?;
        index.by_tags.get(tags.list()).copied()
    }

    fn series(&mut self, name: Name, tags: &Tags, tick: u32) -> SeriesId {
        if let Some(id) = self.find(name, tags) {
            return id;
        }
        if self.len() >= self.limits.series {
            self.make_room();
        }
        let list: Vec<Tag> = tags.list().iter().map(|tag| self.intern(tag)).collect();
        let backend = list.iter().find(|tag| &**tag.key() == "backend").cloned();
        let source = backend
            .filter(|_| !name.metric().own)
            .map(|tag| self.source(tag.value()));
        let tags: Arc<[Tag]> = list.into();
        let series = Series {
            name,
            tags: tags.clone(),
            history: History::default(),
            since: tick,
            until: None,
            source,
            written: tick,
        };
        let id = match self.free.pop() {
            Some(at) => SeriesId(at),
            None => {
                self.slots.push(None);
                SeriesId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
            }
        };
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            *slot = Some(series);
        }
        if let Some(index) = self.by_name.get_mut(name as usize) {
            index.ids.push(id);
            index.by_tags.insert(tags, id);
        }
        id
    }

    fn intern(&mut self, tag: &Tag) -> Tag {
        if let Some(known) = self.known.get(tag) {
            return known.clone();
        }
        self.known.insert(tag.clone());
        tag.clone()
    }

    /// Lets a hundredth of the series go, those that were written longest ago.
    fn make_room(&mut self) {
        let mut ages: Vec<(u32, u32)> = (0u32..)
            .zip(&self.slots)
            .filter_map(|(at, slot)| Some((slot.as_ref()?.written, at)))
            .collect();
        let many = (ages.len() / 100).max(1).min(ages.len());
        if many == 0 {
            return;
        }
        ages.select_nth_unstable(many - 1);
        for (_, at) in ages.into_iter().take(many) {
            self.remove(SeriesId(at));
            self.stats.forgotten += 1;
        }
        self.tidy();
    }

    fn remove(&mut self, id: SeriesId) {
        let Some(series) = self.slots.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(id.0);
        if let Some(news) = &mut self.news {
            news.gone(id);
        }
        if let Some(index) = self.by_name.get_mut(series.name as usize) {
            index.by_tags.remove(&series.tags);
            index.ids.retain(|known| *known != id);
            index.epoch += 1;
        }
    }

    /// Forgets tags of series that are gone.
    fn tidy(&mut self) {
        self.known.retain(|tag| !tag.alone());
    }

    /// Lets old buckets and empty series go. Cheap when it has been done within the last minute.
    pub fn sweep(&mut self, now: DateTime<Utc>) {
        let now = self.advance(now).max(self.newest);
        if now < self.swept.saturating_add(6) {
            return;
        }
        self.swept = now;
        self.reach = REACH;
        for series in self.slots.iter_mut().flatten() {
            series.history.settle(now);
        }
        // a day at least is kept, whatever it takes
        while self.buckets() > self.limits.buckets && self.reach > 8_640 {
            self.reach = (self.reach - self.reach / 4).max(8_640);
            let before = now.saturating_sub(self.reach);
            for series in self.slots.iter_mut().flatten() {
                series.history.forget_before(before);
            }
        }
        while self.buckets() > self.limits.buckets && self.len() > 1 {
            self.make_room();
        }
        // nothing in it and not declared for a day
        let gone = |s: &Series| s.history.is_empty() && now.saturating_sub(s.written) > 8_640;
        let empty: Vec<u32> = (0u32..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.as_ref().is_some_and(gone))
            .map(|(at, _)| at)
            .collect();
        for at in empty {
            self.remove(SeriesId(at));
        }
        self.tidy();
    }

    fn buckets(&self) -> usize {
        self.slots.iter().flatten().map(|s| s.history.len()).sum()
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn stats(&self) -> Stats {
        // a tag, its texts, and its place in the set of those that are known
        let tags: usize = self
            .known
            .iter()
            .map(|t| 120 + t.key().len() + t.value().len() + t.plain().len())
            .sum();
        let series: usize = self
            .slots
            .iter()
            .flatten()
            // the slot, the list of tags, its place by tags and by name
            .map(|s| size_of::<Option<Series>>() + s.tags.len() * 8 + 16 + 40 + s.history.heap())
            .sum();
        Stats {
            series: self.len(),
            buckets: self.buckets(),
            bytes: tags + series,
            reach: u64::from(self.reach) * 10,
            ..self.stats
        }
    }

    /// All series of a metric, in the order in which they came.
    pub fn of(&self, name: Name) -> &[SeriesId] {
        self.by_name
            .get(name as usize)
            .map_or(&[], |index| &index.ids)
    }

    /// Grows when a series of the metric goes; until then [`Store::of`] only grows at its end.
    pub fn epoch(&self, name: Name) -> u64 {
        self.by_name
            .get(name as usize)
            .map_or(0, |index| index.epoch)
    }

    pub fn get(&self, id: SeriesId) -> Option<&Series> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    fn get_mut(&mut self, id: SeriesId) -> Option<&mut Series> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Whether what the series tells was known at some time between two ticks.
    pub fn heard(&self, source: Option<usize>, from: u32, to: u32) -> bool {
        source.is_none_or(|at| self.sources.get(at).is_some_and(|s| s.heard(from, to)))
    }
}

impl Series {
    pub fn kind(&self) -> Kind {
        self.name.metric().kind
    }
}
