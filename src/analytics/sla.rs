//! Whether promises are kept: done by a time of the day, started soon enough, not too long; and how much of the errors
//! that a target allows is used.

use chrono::{DateTime, Days, Duration, NaiveDateTime, NaiveTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::series::seconds;
use crate::model::{PastRun, RunKey};

/// A run that starts so much before its time is the run of that time: clocks differ.
const EARLY: Duration = Duration::minutes(1);
/// A chance to miss that is worth a word.
const RISK: f64 = 0.2;
/// Days that are judged one by one, at most: ten years.
const DAYS: usize = 3_660;

/// What was promised of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    pub zone: Tz,
    /// It is done, and well, by this time of the day of its due time (or of the next, when that is past).
    pub done_by: Option<NaiveTime>,
    /// It starts so long after its due time at the latest.
    pub start_within: Option<Duration>,
    pub duration_limit: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    Met,
    /// Not over, and nothing speaks against it.
    Open,
    /// Not over, and likely enough to be missed.
    AtRisk,
    Missed,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "promise", rename_all = "snake_case")]
pub enum Miss {
    /// Seconds after the deadline at which it was done well; `None`: not yet.
    DoneBy { late: Option<f64> },
    /// Seconds after the last time to start; `None`: not yet.
    StartWithin { late: Option<f64> },
    /// Seconds over the limit.
    Duration { over: f64 },
}

/// One due time, or one run where nothing was due, and whether its promises were kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The run that decided it; `None` when there was none.
    pub run: Option<RunKey>,
    pub due: DateTime<Utc>,
    pub deadline: Option<DateTime<Utc>>,
    pub kept: Kept,
    pub misses: Vec<Miss>,
    /// Seconds that were left at the deadline; negative when late.
    pub slack: Option<f64>,
    /// The chance to miss, 0 to 1, of what is not over.
    pub chance: Option<f64>,
}

/// How each due time turned out, first to last. `dues` are the times at which runs were due (from a cron line, by
/// whoever reads them); without any, each day in the objective's zone is due at midnight when there is a time to be
/// done by, else each run by itself. A due time before the first run is left out: nothing is known of it. `chance`: of
/// a run that goes on, the chance to end after a time.
pub fn outcomes<'a>(
    objective: &Objective,
    runs: impl IntoIterator<Item = &'a PastRun>,
    dues: &[DateTime<Utc>],
    now: DateTime<Utc>,
    chance: &dyn Fn(&RunKey, DateTime<Utc>) -> Option<f64>,
) -> Vec<Outcome> {
    let mut runs: Vec<&PastRun> = runs.into_iter().filter(|r| begun(r) <= now).collect();
    runs.sort_by(|a, b| begun(a).cmp(&begun(b)).then(a.run.key.cmp(&b.run.key)));
    let Some(first) = runs.first().map(|r| begun(r)) else {
        return Vec::new();
    };
    let daily = dues.is_empty() && objective.done_by.is_some();
    let mut dues: Vec<DateTime<Utc>> = if daily {
        midnights(objective.zone, first, now)
    } else {
        let known = dues.iter().copied();
        known.filter(|due| *due <= now).collect()
    };
    dues.sort_unstable();
    dues.dedup();
    if dues.is_empty() {
        let alone = |run: &&PastRun| one(objective, run.run.ordered_at, &[run], now, chance, false);
        return runs.iter().map(alone).collect();
    }
    let start = |due: DateTime<Utc>| due.checked_sub_signed(EARLY).unwrap_or(due);
    let mut all = Vec::new();
    for (i, due) in dues.iter().enumerate() {
        let from = runs.partition_point(|r| begun(r) < start(*due));
        let to = match dues.get(i + 1) {
            Some(next) => runs.partition_point(|r| begun(r) < start(*next)),
            None => runs.len(),
        };
        let known = from > 0 || from < to || first <= *due;
        if known {
            let own = runs.get(from..to).unwrap_or_default();
            all.push(one(objective, *due, own, now, chance, !daily));
        }
    }
    all
}

fn one(
    objective: &Objective,
    due: DateTime<Utc>,
    runs: &[&PastRun],
    now: DateTime<Utc>,
    chance: &dyn Fn(&RunKey, DateTime<Utc>) -> Option<f64>,
    scheduled: bool,
) -> Outcome {
    let mut out = Outcome {
        run: runs.last().map(|r| r.run.key.clone()),
        due,
        deadline: None,
        kept: Kept::Met,
        misses: Vec::new(),
        slack: None,
        chance: None,
    };
    if let Some(by) = objective.done_by {
        done_by(objective.zone, by, runs, now, chance, &mut out);
    }
    if let Some(within) = objective.start_within.filter(|_| scheduled)
        && let Some(last) = due.checked_add_signed(within)
    {
        match runs.first().map(|r| begun(r)) {
            Some(at) if at > last => out.miss(Miss::StartWithin {
                late: Some(seconds(at - last)),
            }),
            None if now > last => out.miss(Miss::StartWithin { late: None }),
            None => out.kept = out.kept.max(Kept::Open),
            Some(_) => {}
        }
    }
    if let Some(limit) = objective.duration_limit {
        for run in runs {
            let over = run.run.elapsed(now).filter(|took| *took > limit);
            if let Some(took) = over {
                out.miss(Miss::Duration {
                    over: seconds(took - limit),
                });
            } else if run.run.ended_at.is_none() && !run.run.state.ended() {
                out.kept = out.kept.max(Kept::Open);
            }
        }
    }
    out
}

impl Outcome {
    fn miss(&mut self, miss: Miss) {
        self.misses.push(miss);
        self.kept = Kept::Missed;
    }
}

fn done_by(
    zone: Tz,
    by: NaiveTime,
    runs: &[&PastRun],
    now: DateTime<Utc>,
    chance: &dyn Fn(&RunKey, DateTime<Utc>) -> Option<f64>,
    out: &mut Outcome,
) {
    let Some(deadline) = deadline(zone, by, out.due) else {
        return;
    };
    out.deadline = Some(deadline);
    let good = runs.iter().filter(|r| r.good());
    let first = good.min_by_key(|r| (r.run.ended_at.is_none(), r.run.ended_at));
    if let Some((run, ended)) = first.and_then(|r| Some((r, r.run.ended_at?))) {
        out.run = Some(run.run.key.clone());
        out.slack = Some(seconds(deadline - ended));
        if ended > deadline {
            out.miss(Miss::DoneBy {
                late: Some(seconds(ended - deadline)),
            });
        }
        return;
    }
    if now > deadline {
        out.miss(Miss::DoneBy { late: None });
        return;
    }
    let going = runs.iter().filter(|r| r.run.ended_at.is_none());
    out.chance = going
        .filter_map(|r| chance(&r.run.key, deadline))
        .min_by(f64::total_cmp);
    out.kept = match out.chance {
        Some(chance) if chance >= RISK => Kept::AtRisk,
        _ => Kept::Open,
    };
}

/// When a run began, or was made when it has not begun.
fn begun(run: &PastRun) -> DateTime<Utc> {
    let run = &run.run;
    run.started_at.or(run.queued_at).unwrap_or(run.ordered_at)
}

/// By when what is due at this time is to be done.
pub fn deadline(zone: Tz, by: NaiveTime, due: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // the calendar ends; times near its ends have no local time
    let local = due
        .naive_utc()
        .checked_add_offset(zone.offset_from_utc_datetime(&due.naive_utc()).fix())?;
    let same_day = wall(zone, local.date().and_time(by))?;
    if same_day > due {
        return Some(same_day);
    }
    let next = local.date().checked_add_days(Days::new(1))?;
    wall(zone, next.and_time(by))
}

/// A local time in UTC; one that a clock change leaves out comes right after the gap, of two the earlier.
fn wall(zone: Tz, time: NaiveDateTime) -> Option<DateTime<Utc>> {
    let quarter = Duration::minutes(15);
    let mut time = time;
    // gaps are of half an hour to a day
    for _ in 0..=96 {
        if let Some(found) = zone.from_local_datetime(&time).earliest() {
            return Some(found.with_timezone(&Utc));
        }
        time = time.checked_add_signed(quarter)?;
    }
    None
}

/// The beginnings of the days from one time to another, at most ten years of them, the newest.
fn midnights(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let offset = zone.offset_from_utc_datetime(&to.naive_utc()).fix();
    let mut day = to.naive_utc().checked_add_offset(offset).map(|t| t.date());
    let mut all = Vec::new();
    while let Some(date) = day
        && all.len() < DAYS
        && let Some(midnight) = wall(zone, date.and_time(NaiveTime::MIN))
    {
        if midnight <= to {
            all.push(midnight);
        }
        if midnight <= from {
            break;
        }
        day = date.pred_opt();
    }
    all
}

/// How much of what a target allows to be missed is used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// The share that is to be met: 0.99.
    pub target: f64,
    pub met: usize,
    pub missed: usize,
    /// Not over.
    pub open: usize,
    pub at_risk: usize,
    /// The share that was met, of those that are over.
    pub share: Option<f64>,
    /// How many may be missed of so many.
    pub allowed: f64,
    /// How many more may be missed; negative when too many were.
    pub left: f64,
    /// The share of misses over the share that may be missed: at 1 the budget is used up at the end of the period, at 2
    /// in half of it. `None` when nothing is over or nothing may be missed.
    pub burn: Option<f64>,
}

/// The budget over the outcomes that were due in `[from, to)`.
pub fn budget(outcomes: &[Outcome], target: f64, from: DateTime<Utc>, to: DateTime<Utc>) -> Budget {
    let target = if target.is_finite() {
        target.clamp(0.0, 1.0)
    } else {
        1.0
    };
    let within = || outcomes.iter().filter(|o| (from..to).contains(&o.due));
    let count = |kept: Kept| within().filter(|o| o.kept == kept).count();
    let (met, missed) = (count(Kept::Met), count(Kept::Missed));
    let over = met + missed;
    let may = 1.0 - target;
    let allowed = over as f64 * may;
    Budget {
        target,
        met,
        missed,
        open: count(Kept::Open),
        at_risk: count(Kept::AtRisk),
        share: (over > 0).then(|| met as f64 / over as f64),
        allowed,
        left: allowed - missed as f64,
        burn: (over > 0 && may > 0.0).then(|| missed as f64 / over as f64 / may),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tell::{at, bad, run, start};
    use super::*;

    const HOUR: i64 = 3600;

    fn objective(zone: Tz, by: Option<&str>) -> Objective {
        Objective {
            zone,
            done_by: by.map(|t| t.parse().unwrap()),
            start_within: None,
            duration_limit: None,
        }
    }

    fn never(_: &RunKey, _: DateTime<Utc>) -> Option<f64> {
        None
    }

    #[test]
    fn days_are_met_missed_and_open() {
        // due each day, done by 04:00: in time, late, failed, then going on at 03:00 of the fourth
        let runs = [
            run("p", 0, 2 * HOUR, Some(HOUR)),
            run("p", 1, 26 * HOUR, Some(3 * HOUR)),
            bad(run("p", 2, 50 * HOUR, Some(60))),
            run("p", 3, 74 * HOUR, None),
        ];
        let by = objective(Tz::UTC, Some("04:00:00"));
        let judge = |chance: &dyn Fn(&RunKey, DateTime<Utc>) -> Option<f64>| {
            outcomes(&by, &runs, &[], at(75 * HOUR), chance)
        };
        let found = judge(&never);
        let kept: Vec<Kept> = found.iter().map(|o| o.kept).collect();
        assert_eq!(kept, [Kept::Met, Kept::Missed, Kept::Missed, Kept::Open]);
        assert_eq!(found[0].slack, Some(3600.0));
        assert_eq!(found[1].misses, [Miss::DoneBy { late: Some(3600.0) }]);
        assert_eq!(found[2].misses, [Miss::DoneBy { late: None }]);
        assert_eq!(judge(&|_, _| Some(0.3))[3].kept, Kept::AtRisk);
        let spent = budget(&found, 0.9, start(), at(100 * HOUR));
        assert_eq!((spent.met, spent.missed, spent.open), (1, 2, 1));
        assert!((spent.left - (0.3 - 2.0)).abs() < 1e-9);
        assert!((spent.burn.unwrap() - 2.0 / 3.0 / 0.1).abs() < 1e-9);
    }

    #[test]
    fn due_times_without_a_run_are_missed() {
        let mut by = objective(Tz::UTC, None);
        by.start_within = Some(Duration::minutes(5));
        by.duration_limit = Some(Duration::minutes(10));
        let runs = [
            run("p", 0, 30, Some(60)),
            run("p", 1, HOUR + 400, Some(60)),
            run("p", 2, 3 * HOUR, Some(700)),
        ];
        let dues: Vec<_> = (0..5).map(|h| at(h * HOUR)).collect();
        let found = outcomes(&by, &runs, &dues, at(4 * HOUR + 60), &never);
        let misses: Vec<_> = found.iter().map(|o| o.misses.clone()).collect();
        assert_eq!(
            misses,
            [
                vec![],
                vec![Miss::StartWithin { late: Some(100.0) }],
                vec![Miss::StartWithin { late: None }],
                vec![Miss::Duration { over: 100.0 }],
                vec![],
            ]
        );
        assert_eq!(found[4].kept, Kept::Open);
    }

    #[test]
    fn a_deadline_is_by_the_clock_of_the_place() {
        let berlin = Tz::Europe__Berlin;
        let by = "02:30:00".parse().unwrap();
        let of = |due: &str| {
            deadline(berlin, by, due.parse().unwrap())
                .unwrap()
                .to_rfc3339()
        };
        assert_eq!(of("2026-01-10T00:00:00Z"), "2026-01-10T01:30:00+00:00");
        // 02:30 is left out in this night: right after the gap
        assert_eq!(of("2026-03-28T23:00:00Z"), "2026-03-29T01:00:00+00:00");
        // past: the next day's
        assert_eq!(of("2026-01-10T02:00:00Z"), "2026-01-11T01:30:00+00:00");
    }
}
