//! What is expected of pipelines by the clock: that they start, that they are done in time, that their last good run
//! is not too old.

use std::collections::HashMap;
use std::str::FromStr as _;

use chrono::{DateTime, Days, Duration, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::analytics::sla::Objective;
use crate::model::span::duration as span;
use crate::model::{Health, PipelineKey, Priority, SafeText, Target, glob};
use crate::world::{FleetRow, RunView};

use super::super::group::Needs;
use super::super::silences::at;
use super::{Builtin, Found};

/// A run that starts so much before its time is the run of that time: clocks differ.
const EARLY: Duration = Duration::minutes(1);
/// How long a critical pipeline's end is news.
const NEWS: Duration = Duration::minutes(15);
/// So many of the newest runs are looked at for one that belongs to a time: others overtake it at most by so many.
const NEWEST: usize = 5;
/// Times that were missed are counted up to here.
const COUNTED: usize = 100;

/// Which pipelines: `backend/pipeline`, or `pipeline` of any backend; `*` is any text, `?` any character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(pub String);

impl Glob {
    pub fn matches(&self, key: &PipelineKey) -> bool {
        let pipeline = key.pipeline.raw();
        match self.0.split_once('/') {
            Some((backend, rest)) if glob(backend, key.backend.raw()) && glob(rest, pipeline) => {
                true
            }
            // the names of some pipelines have slashes of their own
            _ => glob(&self.0, pipeline),
        }
    }
}

/// A cron line by the clock of a place.
#[derive(Clone, Debug)]
pub struct Cron {
    cron: croner::Cron,
    zone: Tz,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error("`{line}` is no cron line: {why}")]
    Line { line: SafeText, why: SafeText },
    #[error("`{0}` never comes")]
    Never(SafeText),
}

impl Cron {
    pub fn parse(line: &str, zone: Tz) -> Result<Self, CronError> {
        let cron = croner::Cron::from_str(line).map_err(|e| CronError::Line {
            line: SafeText::new(line),
            why: SafeText::new(e.to_string()),
        })?;
        let cron = Self { cron, zone };
        match cron.after(DateTime::<Utc>::UNIX_EPOCH) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never(SafeText::new(line))),
        }
    }

    /// The first time after this one. A time that a clock change leaves out comes right after the gap; one that it
    /// shows twice comes once.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = time.with_timezone(&self.zone);
        let next = self.cron.find_next_occurrence(&local, false).ok()?;
        Some(next.with_timezone(&Utc))
    }

    /// Its times from one moment to another, both with it, at most so many.
    pub fn between(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        most: usize,
    ) -> Vec<DateTime<Utc>> {
        let first = self.after(from - Duration::seconds(1));
        std::iter::successors(first, |at| self.after(*at))
            .take_while(|at| *at <= to)
            .take(most)
            .collect()
    }

    /// The last time that is not after this one.
    pub fn before(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = time.with_timezone(&self.zone);
        let last = self.cron.find_previous_occurrence(&local, true).ok()?;
        Some(last.with_timezone(&Utc))
    }
}

/// What is expected of the pipelines that match.
#[derive(Clone, Debug)]
pub struct Expect {
    pub pipelines: Glob,
    pub zone: Tz,
    pub cron: Option<Cron>,
    /// It starts so long after its time at the latest.
    pub start_within: Duration,
    /// It is done by this time of the day of its start (or of the next, when that is past).
    pub done_by: Option<NaiveTime>,
    /// Its last good end is not older.
    pub fresh: Option<Duration>,
    /// Tell when it is done.
    pub finished: bool,
    /// The share of times at which its deadlines are to hold: what may be missed is its budget.
    pub target: f64,
    pub duration_limit: Option<Duration>,
    /// What it needs.
    pub after: Vec<Glob>,
    /// What its troubles are worth at most.
    pub priority: Option<Priority>,
    pub runbook: Option<SafeText>,
}

impl Expect {
    /// That nothing is expected.
    pub fn new(pipelines: Glob) -> Self {
        Self {
            pipelines,
            zone: Tz::UTC,
            cron: None,
            start_within: Duration::minutes(5),
            done_by: None,
            fresh: None,
            finished: false,
            target: 0.99,
            duration_limit: None,
            after: Vec::new(),
            priority: None,
            runbook: None,
        }
    }

    /// What of it can be kept or missed; `None`: nothing.
    pub fn objective(&self) -> Option<Objective> {
        let objective = Objective {
            zone: self.zone,
            done_by: self.done_by,
            start_within: self.cron.as_ref().map(|_| self.start_within),
            duration_limit: self.duration_limit,
        };
        let asks = objective.done_by.is_some()
            || objective.start_within.is_some()
            || objective.duration_limit.is_some();
        asks.then_some(objective)
    }

    /// The time that has come last, and by when its run is to be done.
    fn deadline(
        &self,
        by: NaiveTime,
        come: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let due = match &self.cron {
            Some(_) => come?,
            None => {
                let today = now.with_timezone(&self.zone).date_naive();
                at(self.zone, today.and_time(NaiveTime::MIN))
            }
        };
        let day = due.with_timezone(&self.zone).date_naive();
        let same_day = at(self.zone, day.and_time(by));
        if same_day > due {
            return Some((due, same_day));
        }
        let next = day.checked_add_days(Days::new(1))?;
        Some((due, at(self.zone, next.and_time(by))))
    }

    /// The time of day as the place's clock shows it: "04:00 CET".
    fn clock(&self, time: DateTime<Utc>) -> String {
        time.with_timezone(&self.zone)
            .format("%H:%M %Z")
            .to_string()
    }
}

/// All that is expected; of what matches a pipeline, the first counts.
#[derive(Clone, Debug, Default)]
pub struct Expects {
    list: Vec<Expect>,
    /// Which one a pipeline has: patterns are held against each name once.
    of: HashMap<PipelineKey, Option<Known>>,
}

/// What is expected of one pipeline.
#[derive(Clone, Copy, Debug)]
struct Known {
    at: usize,
    /// The last time that is due by now, with its grace over.
    judged: Between,
    /// The last time that has come.
    come: Between,
}

/// Between two times of a cron line: searching for them is dear, and they hold for long.
#[derive(Clone, Copy, Debug, Default)]
struct Between {
    last: Option<DateTime<Utc>>,
    /// `None`: not searched for.
    next: Option<DateTime<Utc>>,
}

impl Between {
    fn renew(&mut self, cron: &Cron, now: DateTime<Utc>) {
        let holds =
            self.next.is_some_and(|next| now < next) && self.last.is_none_or(|last| last <= now);
        if !holds {
            self.last = cron.before(now);
            self.next = cron.after(now);
        }
    }
}

impl From<Vec<Expect>> for Expects {
    fn from(list: Vec<Expect>) -> Self {
        Self {
            list,
            of: HashMap::new(),
        }
    }
}

impl Expects {
    /// Looks up the pipelines that are there, and what is due of them now. Says whether one is new.
    pub fn learn<'k>(
        &mut self,
        keys: impl ExactSizeIterator<Item = &'k PipelineKey>,
        now: DateTime<Utc>,
    ) -> bool {
        if self.list.is_empty() {
            return false;
        }
        // those that are gone don't stay for ever
        if self.of.len() > 2 * keys.len() + 100 {
            self.of.clear();
        }
        let known = self.of.len();
        for key in keys {
            let list = &self.list;
            let known = self.of.entry(key.clone()).or_insert_with(|| {
                Some(Known {
                    at: list.iter().position(|e| e.pipelines.matches(key))?,
                    judged: Between::default(),
                    come: Between::default(),
                })
            });
            if let Some(known) = known
                && let Some(expect) = list.get(known.at)
                && let Some(cron) = &expect.cron
            {
                known.judged.renew(cron, now - expect.start_within);
                known.come.renew(cron, now);
            }
        }
        self.of.len() != known
    }

    /// What needs what, of the pipelines that were looked up.
    pub(in crate::alerts) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        let mut keys: Vec<&PipelineKey> = self.of.keys().collect();
        keys.sort();
        for key in &keys {
            let after = self.of(key).map(|e| e.after.as_slice()).unwrap_or_default();
            for glob in after {
                for upstream in keys.iter().filter(|k| glob.matches(k)) {
                    needs.add(key, upstream);
                }
            }
        }
        needs
    }

    fn known(&self, key: &PipelineKey) -> Option<(&Expect, &Known)> {
        let known = self.of.get(key)?.as_ref()?;
        Some((self.list.get(known.at)?, known))
    }

    /// `None` as well when it was not learnt.
    pub fn of(&self, key: &PipelineKey) -> Option<&Expect> {
        Some(self.known(key)?.0)
    }

    /// "done by 04:00 CET, 38m left"
    pub(in crate::alerts) fn sla(&self, key: &PipelineKey, now: DateTime<Utc>) -> Option<SafeText> {
        let (expect, known) = self.known(key)?;
        let (_, deadline) = expect.deadline(expect.done_by?, known.come.last, now)?;
        let left = match deadline - now {
            left if left >= Duration::zero() => format!("{} left", span(left)),
            over => format!("missed {} ago", span(-over)),
        };
        let text = format!("done by {}, {left}", expect.clock(deadline));
        Some(SafeText::new(text))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Expect> {
        self.list.iter()
    }
}

pub(super) fn pipeline(found: &mut Found<'_>, row: &FleetRow) {
    let Some((expect, known)) = found.rules.expects.known(&row.key) else {
        return;
    };
    let world = found.scene.world;
    // what its backend does not tell can't be missed
    let heard = world
        .backend(&row.key.backend)
        .is_some_and(|b| b.listed && b.up());
    if !heard || row.paused {
        return;
    }
    // looked up one by one: the first one mostly tells
    let runs = || world.runs_of(&row.key).take(NEWEST);
    let target = Target::Pipeline(row.key.clone());
    if let Some(cron) = &expect.cron {
        start(found, row, expect, cron, known.judged.last, runs());
    }
    if let Some(by) = expect.done_by {
        sla(found, row, expect, by, known.come.last, runs());
    }
    let good = |r: &&RunView| matches!(r.health, Health::Succeeded | Health::Warned);
    if let Some(limit) = expect.fresh {
        let last_good = world.runs_of(&row.key).find(|r| good(r));
        let last_good = last_good.and_then(|r| r.run.ended_at);
        let oldest = world.runs_of(&row.key).filter_map(|r| r.run.started_at);
        let oldest = oldest.last().filter(|_| last_good.is_none());
        // without a good run it is as old as the oldest that is known
        if let Some(since) = last_good.or(oldest)
            && found.now() - since > limit
        {
            let age = span(found.now() - since);
            let reason = match last_good {
                Some(_) => format!("ended well {age} ago, limit {}", span(limit)),
                None => format!("has not ended well for {age}, limit {}", span(limit)),
            };
            let (rule, reason) = (Builtin::Stale, SafeText::new(reason));
            found.of_pipeline(rule, &row.key, None, target.clone(), reason, since + limit);
        }
    }
    if expect.finished
        && let Some(last) = runs().next().filter(good)
        && let Some(ended) = last.run.ended_at
        && (Duration::zero()..NEWS).contains(&(found.now() - ended))
    {
        let took = last.run.elapsed(ended).map(span).unwrap_or_default();
        let reason = SafeText::new(format!("done at {} in {took}", expect.clock(ended)));
        let target = Target::Run(last.run.key.clone());
        found.of_pipeline(Builtin::Finished, &row.key, None, target, reason, ended);
    }
}

/// When a run began, or was made when it has not begun.
fn begun(view: &RunView) -> DateTime<Utc> {
    let run = &view.run;
    run.started_at.or(run.queued_at).unwrap_or(run.ordered_at)
}

/// Times that came since its last run: one is late, several are missed.
fn start<'w>(
    found: &mut Found<'_>,
    row: &FleetRow,
    expect: &Expect,
    cron: &Cron,
    last_due: Option<DateTime<Utc>>,
    runs: impl Iterator<Item = &'w RunView>,
) {
    let Some(last_due) = last_due else {
        return;
    };
    let mut newest = None;
    for run in runs {
        // a run that is queued is there, whenever it begins
        let at = begun(run);
        if at >= last_due - EARLY {
            return;
        }
        newest = newest.max(Some(at));
    }
    let mut first_due = last_due;
    let mut missed = 1;
    while missed < COUNTED
        && let Some(earlier) = cron.before(first_due - Duration::seconds(1))
        && newest.is_some_and(|at| at < earlier - EARLY)
    {
        first_due = earlier;
        missed += 1;
    }
    let target = Target::Pipeline(row.key.clone());
    let mut tell = |rule, reason: String| {
        let reason = SafeText::new(reason);
        found.of_pipeline(rule, &row.key, None, target.clone(), reason, first_due);
    };
    let due = expect.clock(first_due);
    if newest.is_none() {
        tell(Builtin::NeverStarted, format!("has never run, due {due}"));
        return;
    }
    tell(Builtin::RunLate, format!("not started, due {due}"));
    if missed > 1 {
        let count = match missed {
            COUNTED => format!("at least {COUNTED}"),
            n => n.to_string(),
        };
        let what = format!("{count} runs did not start, the first was due {due}");
        tell(Builtin::RunMissing, what);
    }
}

/// Whether the run of the present time is, was or will be done in time.
fn sla<'w>(
    found: &mut Found<'_>,
    row: &FleetRow,
    expect: &Expect,
    by: NaiveTime,
    come: Option<DateTime<Utc>>,
    runs: impl Iterator<Item = &'w RunView>,
) {
    let now = found.now();
    let Some((due, deadline)) = expect.deadline(by, come, now) else {
        return;
    };
    let mut runs = runs.peekable();
    // nothing is known of the time before its first run
    if runs.peek().is_none() {
        return;
    }
    let of_now = runs.find(|r| begun(r) >= due - EARLY);
    let good = |r: &&RunView| matches!(r.health, Health::Succeeded | Health::Warned);
    let done = of_now.filter(good).and_then(|r| r.run.ended_at);
    let target = of_now.map_or_else(
        || Target::Pipeline(row.key.clone()),
        |r| Target::Run(r.run.key.clone()),
    );
    // what was late and is done is no longer anybody's trouble
    if done.is_some() {
        return;
    }
    let clock = expect.clock(deadline);
    if now > deadline {
        let reason = SafeText::new(format!("missed {clock}, {} ago", span(now - deadline)));
        let rule = Builtin::SlaMissed;
        found.of_pipeline(rule, &row.key, None, target, reason, deadline);
        return;
    }
    let started = of_now.and_then(|r| r.run.started_at);
    let starts = started.unwrap_or(now.max(due));
    let Some(usual) = found.scene.baselines.usual(&row.key, starts) else {
        return;
    };
    let late = (starts + usual.median).max(now) - deadline;
    if late > Duration::zero() {
        let reason = SafeText::new(format!("will miss {clock} by {}", span(late)));
        found.of_pipeline(Builtin::SlaRisk, &row.key, None, target, reason, now);
    }
}
