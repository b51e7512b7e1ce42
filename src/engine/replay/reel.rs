//! The reel: what is kept between two times, and the way to any moment in it. What a moment looks like depends on the
//! moment alone: the last whole world before it, and the lines since, in the order in which they were written.

use chrono::{DateTime, Duration, Utc};

use crate::history::{Log, Store, StoreError, worlds};
use crate::model::{BackendInfo, LogKey, SafeText};

use super::line::{Line, Watched, is_heart, may_fail};
use super::scene::{Scene, Shapes};

/// Lines read at once.
const BATCH: usize = 1024;
/// More lines than this are not handed over one by one: the moment is made anew, away from the loop.
const STEP: usize = 4_000;
/// Lines looked through for failures at once.
const SLICE: usize = 20_000;

/// From (with) to (with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// What may be asked of a reel.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    To(DateTime<Utc>),
    Next {
        sought: Sought,
        forward: bool,
    },
    /// The ends of these logs.
    Tails(Vec<LogKey>),
    /// More of the times at which something failed.
    Marks,
}

/// Where a step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    Event,
    Failure,
}

/// What comes of asking.
#[derive(Debug)]
pub enum Answer {
    Moved(DateTime<Utc>, Moved),
    /// There is no such event or failure.
    Nowhere(Sought, bool),
    Tails(Vec<(LogKey, Option<String>)>),
    /// Times, and whether these were all.
    Marks(Vec<DateTime<Utc>>, bool),
}

/// What has come of going somewhere.
#[derive(Debug)]
pub enum Moved {
    /// All of it is different.
    Scene(Box<Scene>),
    /// These lines have come.
    Lines(Vec<Line>),
}

#[derive(Debug, thiserror::Error)]
pub enum ReelError {
    #[error("there is nothing to replay: {0}")]
    Nothing(SafeText),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a reel stands: all lines up to a number have been handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The moment that is shown.
    pub at: DateTime<Utc>,
    seq: i64,
    /// Which whole world it was reached from, counted from 1; 0: none.
    base: usize,
    /// The latest time of any line so far: lines of several backends may be a little out of order.
    latest: DateTime<Utc>,
}

/// A whole world: where it lies, when it was, and the last event in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub upto: i64,
}

#[derive(Debug)]
pub struct Reel {
    store: Stored,
    span: Span,
    /// Backends that are known beside those that worlds name.
    backends: Vec<BackendInfo>,
    worlds: Vec<Mark>,
    shapes: Shapes,
    cursor: Option<Cursor>,
    /// The last line that was looked through for failures, and the latest time so far; `None`: all have been.
    marked: Option<(i64, DateTime<Utc>)>,
    unreadable: u64,
}

struct Stored(Box<dyn Store>);

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Reel {
    /// What a store keeps of a span, as far as it keeps anything of it.
    pub fn open(
        mut store: Box<dyn Store>,
        mut backends: Vec<BackendInfo>,
        wanted: Span,
    ) -> Result<Self, ReelError> {
        let worlds = marks(store.as_mut(), wanted)?;
        // what came before the first world is of the backends that it names, also where nobody watches them
        for named in worlds
            .first()
            .map_or(Ok(Vec::new()), |mark| named(store.as_mut(), *mark))?
        {
            if !backends.iter().any(|known| known.id == named.id) {
                backends.push(BackendInfo::from(&named));
            }
        }
        // the store finds a number at once, a time only by looking through all lines before it
        let seq = worlds.first().map_or(0, |world| world.upto);
        let first = store.after(Log::Events, seq, 1)?;
        let first = first.first().map(|line| line.at);
        let begun = worlds.first().map(|w| w.at).into_iter().chain(first).min();
        let Some(begun) = begun.filter(|at| *at <= wanted.to) else {
            let why = "no events are kept of that time; `dagtop` and `dagtop serve` keep them while [alerts] keep_events is on";
            return Err(ReelError::Nothing(SafeText::new(why)));
        };
        let span = Span {
            from: wanted.from.max(begun),
            to: wanted.to,
        };
        Ok(Self {
            store: Stored(store),
            span,
            backends,
            worlds,
            shapes: Shapes::default(),
            cursor: None,
            marked: Some((-1, DateTime::<Utc>::MIN_UTC)),
            unreadable: 0,
        })
    }

    pub fn span(&self) -> Span {
        self.span
    }

    pub fn at(&self) -> Option<DateTime<Utc>> {
        self.cursor.map(|cursor| cursor.at)
    }

    /// Lines and worlds that could not be read so far.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Does what is asked; takes as long as the disk takes.
    pub fn answer(&mut self, ask: &Ask) -> Result<Answer, ReelError> {
        let to = match ask {
            Ask::To(at) => *at,
            Ask::Next { sought, forward } => match self.seek(*sought, *forward)? {
                Some(at) => at,
                None => return Ok(Answer::Nowhere(*sought, *forward)),
            },
            Ask::Tails(keys) => return Ok(Answer::Tails(self.tails(keys)?)),
            Ask::Marks => {
                let more = self.marks()?.unwrap_or_default();
                return Ok(Answer::Marks(more, self.marked.is_none()));
            }
        };
        let moved = self.go(to)?;
        Ok(Answer::Moved(self.at().unwrap_or(to), moved))
    }

    /// Shows a moment.
    pub fn go(&mut self, to: DateTime<Utc>) -> Result<Moved, ReelError> {
        let to = to.clamp(self.span.from, self.span.to);
        let base = self.base(to);
        if let Some(cursor) = self.cursor.filter(|c| c.base == base && c.at <= to) {
            let mut lines = Vec::new();
            let mut cursor = cursor;
            let whole = self.read(&mut cursor, to, |line| {
                lines.push(line);
                lines.len() < STEP
            })?;
            if whole {
                self.cursor = Some(cursor);
                return Ok(Moved::Lines(lines));
            }
        }
        self.anew(to, base)
            .map(|scene| Moved::Scene(Box::new(scene)))
    }

    /// Makes a moment from the world before it.
    fn anew(&mut self, to: DateTime<Utc>, mut base: usize) -> Result<Scene, ReelError> {
        let (mut scene, mark) = loop {
            let Some(mark) = base
                .checked_sub(1)
                .and_then(|i| self.worlds.get(i))
                .copied()
            else {
                break (Scene::new(self.backends.iter().cloned()), None);
            };
            match self.world(mark)? {
                Some(scene) => break (scene, Some(mark)),
                None => {
                    // the one before it will do
                    self.unreadable += 1;
                    self.worlds.remove(base - 1);
                    base -= 1;
                }
            }
        };
        let mut cursor = Cursor {
            at: to,
            seq: mark.map_or(0, |m| m.upto),
            base,
            latest: mark.map_or(DateTime::<Utc>::MIN_UTC, |m| m.at),
        };
        self.read(&mut cursor, to, |line| {
            scene.apply(line);
            true
        })?;
        scene.settle();
        self.cursor = Some(cursor);
        Ok(scene)
    }

    /// A whole world, if it can be read.
    fn world(&mut self, mark: Mark) -> Result<Option<Scene>, ReelError> {
        let found = self.store.0.after(Log::Worlds, mark.seq - 1, 1)?;
        let Some(text) = found
            .first()
            .and_then(|line| worlds::unpack(&line.body).ok())
        else {
            return Ok(None);
        };
        let mut lines = text.lines();
        let Some(watched) = lines.next().and_then(watched) else {
            return Ok(None);
        };
        let mut scene = Scene::new(watched.iter().map(BackendInfo::from));
        for line in lines {
            match serde_json::from_str::<Line>(line) {
                Ok(line) => {
                    let line = self.shapes.look_up(self.store.0.as_mut(), line)?;
                    line.into_iter().for_each(|line| scene.apply(line));
                }
                Err(_) => self.unreadable += 1,
            }
        }
        Ok(Some(scene))
    }

    /// Hands over what was until a time; `false`: whoever takes it had enough before that.
    fn read(
        &mut self,
        cursor: &mut Cursor,
        to: DateTime<Utc>,
        mut each: impl FnMut(Line) -> bool,
    ) -> Result<bool, ReelError> {
        cursor.at = to;
        loop {
            let lines = self.store.0.after(Log::Events, cursor.seq, BATCH)?;
            let last = lines.len() < BATCH;
            for line in lines {
                let latest = cursor.latest.max(line.at);
                if latest > to {
                    return Ok(true);
                }
                cursor.latest = latest;
                cursor.seq = line.seq;
                let Ok(line) = serde_json::from_str::<Line>(&line.body) else {
                    self.unreadable += 1;
                    continue;
                };
                let line = self.shapes.look_up(self.store.0.as_mut(), line)?;
                if let Some(line) = line
                    && !each(line)
                {
                    return Ok(false);
                }
            }
            if last {
                return Ok(true);
            }
        }
    }

    /// Hands over every line from what is shown until a time, without going to any whole world on the way.
    pub fn run(&mut self, to: DateTime<Utc>, each: &mut dyn FnMut(Line)) -> Result<(), ReelError> {
        let Some(mut cursor) = self.cursor else {
            return Ok(());
        };
        self.read(&mut cursor, to, |line| {
            each(line);
            true
        })?;
        cursor.base = self.base(to);
        self.cursor = Some(cursor);
        Ok(())
    }

    /// When the next or the previous event or failure was, as seen from what is shown.
    pub fn seek(
        &mut self,
        sought: Sought,
        forward: bool,
    ) -> Result<Option<DateTime<Utc>>, ReelError> {
        let Some(cursor) = self.cursor else {
            return Ok(None);
        };
        if forward {
            let mut found = None;
            self.look(cursor.seq, cursor.latest, self.span.to, |at, body| {
                found = is_sought(sought, body).then_some(at);
                found.is_none()
            })?;
            return Ok(found);
        }
        // piece by piece backwards: each begins with a world
        for base in (0..=cursor.base).rev() {
            let mark = base.checked_sub(1).and_then(|i| self.worlds.get(i));
            let (seq, from) = mark.map_or((0, DateTime::<Utc>::MIN_UTC), |m| (m.upto, m.at));
            let end = self.worlds.get(base).map_or(cursor.at, |next| next.at);
            let end = end.min(cursor.at);
            let mut found = None;
            self.look(seq, from, end, |at, body| {
                if at < end && is_sought(sought, body) {
                    found = Some(at);
                }
                true
            })?;
            if let Some(at) = found {
                return Ok((at >= self.span.from).then_some(at));
            }
            if from <= self.span.from {
                break;
            }
        }
        Ok(None)
    }

    /// More of the times at which something failed; `None`: these were all.
    pub fn marks(&mut self) -> Result<Option<Vec<DateTime<Utc>>>, ReelError> {
        let Some((seq, latest)) = self.marked else {
            return Ok(None);
        };
        let (seq, latest) = match seq {
            -1 => {
                let base = self.base(self.span.from).checked_sub(1);
                let mark = base.and_then(|i| self.worlds.get(i));
                mark.map_or((0, latest), |m| (m.upto, m.at))
            }
            _ => (seq, latest),
        };
        let (mut all, mut seen) = (Vec::new(), 0);
        let from = self.span.from;
        let (last, at, ended) = self.look(seq, latest, self.span.to, |at, body| {
            if at >= from && is_sought(Sought::Failure, body) {
                all.push(at);
            }
            seen += 1;
            seen < SLICE
        })?;
        self.marked = (!ended).then_some((last, at));
        Ok(Some(all))
    }

    /// Looks at lines after one until a time or until it has seen enough: with the time each counts at. Says where it
    /// ended, and whether that was the end.
    fn look(
        &mut self,
        mut seq: i64,
        mut latest: DateTime<Utc>,
        to: DateTime<Utc>,
        mut each: impl FnMut(DateTime<Utc>, &str) -> bool,
    ) -> Result<(i64, DateTime<Utc>, bool), ReelError> {
        loop {
            let lines = self.store.0.after(Log::Events, seq, BATCH)?;
            for line in &lines {
                latest = latest.max(line.at);
                if latest > to {
                    return Ok((seq, latest, true));
                }
                seq = line.seq;
                if !each(latest, &line.body) {
                    return Ok((seq, latest, false));
                }
            }
            if lines.len() < BATCH {
                return Ok((seq, latest, true));
            }
        }
    }

    /// The ends of logs that are kept.
    pub fn tails(&mut self, keys: &[LogKey]) -> Result<Vec<(LogKey, Option<String>)>, ReelError> {
        let mut all = Vec::new();
        for key in keys {
            all.push((key.clone(), self.store.0.tail(key)?));
        }
        Ok(all)
    }

    /// How many whole worlds there are up to a time.
    fn base(&self, at: DateTime<Utc>) -> usize {
        self.worlds.partition_point(|world| world.at <= at)
    }
}

fn is_sought(sought: Sought, body: &str) -> bool {
    match sought {
        Sought::Event => !is_heart(body),
        Sought::Failure => {
            may_fail(body) && serde_json::from_str::<Line>(body).is_ok_and(|line| line.fails())
        }
    }
}

/// Nothing is older.
fn floor() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// The backends that the first line of a whole world names.
fn watched(head: &str) -> Option<Vec<Watched>> {
    let head: Option<Line> = serde_json::from_str(head).ok();
    head?.world
}

/// Those of a world that lies there; none when it can't be read.
fn named(store: &mut dyn Store, mark: Mark) -> Result<Vec<Watched>, StoreError> {
    let found = store.after(Log::Worlds, mark.seq - 1, 1)?;
    let head = found.first().and_then(|line| worlds::head(&line.body).ok());
    Ok(head.as_deref().and_then(watched).unwrap_or_default())
}

/// The worlds of a span, and the last one before it.
pub(super) fn marks(store: &mut dyn Store, span: Span) -> Result<Vec<Mark>, StoreError> {
    for ahead in [1, 24, 24 * 30, 24 * 365 * 100] {
        let from = span.from.checked_sub_signed(Duration::hours(ahead));
        let from = from.unwrap_or_else(floor).max(floor());
        let mut all: Vec<Mark> = Vec::new();
        store.since(Log::Worlds, from, &mut |line| {
            if line.at > span.to {
                return false;
            }
            // one that can't be read is found out when it is needed
            let upto = worlds::upto(&line.body);
            // those of several programs may overlap
            let later = all.last().is_none_or(|last| last.at < line.at);
            if let (Ok(upto), true) = (upto, later) {
                all.push(Mark {
                    seq: line.seq,
                    at: line.at,
                    upto,
                });
            }
            true
        })?;
        let before = all.partition_point(|world| world.at <= span.from);
        if before > 0 {
            all.drain(..before - 1);
            return Ok(all);
        }
        if from == floor() {
            return Ok(all);
        }
    }
    Ok(Vec::new())
}
