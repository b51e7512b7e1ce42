//! What is known of the steps of one run: read as a whole from the server's statistics, kept current by events, which
//! may come late, twice or in another order than they happened.

use chrono::{DateTime, Duration, Utc};
use indexmap::IndexMap;

use crate::backends::report::Report;
use crate::model::SafeText;

use super::wire::{Evaluation, Event, StepStats};

/// Events have milliseconds where the statistics have microseconds.
const SAME: Duration = Duration::milliseconds(2);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub steps: IndexMap<String, Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its process is on the way.
    Starting,
    Running,
    UpForRetry,
    Success,
    Failure,
    Skipped,
}

impl Status {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "IN_PROGRESS",
            Self::UpForRetry => "UP_FOR_RETRY",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Skipped => "SKIPPED",
        }
    }
}

/// One try. Its beginning may be heard of after its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is made of the two below, oldest first.
    pub spans: Vec<Span>,
    /// When its tries began, as far as that was heard of.
    starts: Vec<DateTime<Utc>>,
    ends: Vec<DateTime<Utc>>,
    /// What it ended as, and when.
    outcome: Option<(Outcome, DateTime<Utc>)>,
    /// Since when its process is being started.
    pub starting: Option<DateTime<Utc>>,
    /// Whether it failed by itself rather than because it was told to stop; only an event tells.
    pub own_failure: Option<bool>,
    /// Of a failed asset check: its severity is ERROR, and what it says.
    pub checks: Vec<(bool, SafeText)>,
    /// What it says of itself.
    pub report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    Failure,
    Skipped,
}

impl Step {
    pub fn status(&self) -> Status {
        let began = self.spans.iter().filter_map(|s| s.start).max();
        match self.outcome {
            Some((outcome, at)) if began.is_none_or(|began| began <= at + SAME) => match outcome {
                Outcome::Success => Status::Success,
                Outcome::Failure => Status::Failure,
                Outcome::Skipped => Status::Skipped,
            },
            _ => match self.spans.last() {
                None => Status::Starting,
                Some(span) if span.end.is_none() => Status::Running,
                Some(_) => Status::UpForRetry,
            },
        }
    }

    /// How often it was tried. What was skipped was not.
    pub fn tries(&self) -> u32 {
        match self.status() {
            Status::Skipped => 0,
            _ => u32::try_from(self.spans.len()).unwrap_or(u32::MAX),
        }
    }

    fn last_time(&self) -> Option<DateTime<Utc>> {
        let times = self.spans.iter().flat_map(|s| [s.start, s.end]);
        times.flatten().max().or(self.starting)
    }

    fn began(&mut self, at: DateTime<Utc>) {
        if self.starts.iter().all(|t| *t + SAME < at) {
            self.report.progress = None;
        }
        self.mark(at, |step| &mut step.starts);
    }

    fn ended(&mut self, at: DateTime<Utc>) {
        self.mark(at, |step| &mut step.ends);
    }

    /// Takes in a moment, once, in whatever order moments are heard of.
    fn mark(&mut self, at: DateTime<Utc>, of: impl Fn(&mut Self) -> &mut Vec<DateTime<Utc>>) {
        let list = of(self);
        if list.iter().all(|t| !same(*t, at)) {
            list.push(at);
            list.sort_unstable();
            self.spans = spans(&self.starts, &self.ends);
        }
    }

    fn came_out(&mut self, outcome: Outcome, at: DateTime<Utc>) {
        self.ended(at);
        if self.outcome.is_none_or(|(_, before)| before <= at) {
            self.outcome = Some((outcome, at));
        }
    }

    /// Takes in what an asset check found, once.
    fn checked(&mut self, found: &Evaluation) {
        if found.success {
            return;
        }
        let said = check_text(found);
        if !self.checks.iter().any(|(_, known)| *known == said) {
            self.checks.push((found.severity == "ERROR", said));
        }
    }
}

/// "check totals_match of mart_orders failed: 7 rows too few"
pub fn check_text(found: &Evaluation) -> SafeText {
    let why = match found.description.as_deref() {
        Some(why) if !why.is_empty() => format!(": {why}"),
        _ => String::new(),
    };
    let asset = match found.asset_key.path.is_empty() {
        true => String::new(),
        false => format!(" of {}", found.asset_key.text()),
    };
    let outcome = if found.success { "passed" } else { "failed" };
    SafeText::new(format!("check {}{asset} {outcome}{why}", found.check_name))
}

/// Tries from their beginnings and ends, both in order of time. What is begun anew has ended, whoever did not say so.
fn spans(starts: &[DateTime<Utc>], ends: &[DateTime<Utc>]) -> Vec<Span> {
    let mut list: Vec<Span> = Vec::new();
    let (mut starts, mut ends) = (starts.iter().peekable(), ends.iter().peekable());
    loop {
        let open = list.last_mut().filter(|span| span.end.is_none());
        let ends_first = match (starts.peek(), ends.peek()) {
            (None, None) => return list,
            (start, None) => start.is_none(),
            (None, Some(_)) => true,
            // at one and the same time a try ends before the next begins, and begins before it ends
            (Some(start), Some(end)) => match open.is_some() {
                true => **end <= **start + SAME,
                false => **end + SAME < **start,
            },
        };
        let next = if ends_first {
            ends.next()
        } else {
            starts.next()
        };
        let at = next.copied();
        match (ends_first, open) {
            (true, Some(span)) => span.end = at,
            (true, None) => list.push(Span {
                start: None,
                end: at,
            }),
            (false, open) => {
                if let Some(span) = open {
                    span.end = at;
                }
                list.push(Span {
                    start: at,
                    end: None,
                });
            }
        }
    }
}

fn same(a: DateTime<Utc>, b: DateTime<Utc>) -> bool {
    (a - b).abs() <= SAME
}

impl Table {
    pub fn of(stats: &[StepStats]) -> Self {
        let mut table = Self::default();
        for row in stats {
            let mut step = Step {
                starting: row.markers.iter().find_map(|m| m.start_time),
                ..Step::default()
            };
            let whole = [(row.start_time, row.end_time)];
            let tries: Vec<_> = match row.attempts.is_empty() {
                true => whole.to_vec(),
                false => row
                    .attempts
                    .iter()
                    .map(|m| (m.start_time, m.end_time))
                    .collect(),
            };
            step.starts = tries.iter().filter_map(|(start, _)| *start).collect();
            step.ends = tries
                .iter()
                .filter_map(|(start, end)| end.filter(|_| start.is_some()))
                .collect();
            step.starts.sort_unstable();
            step.ends.sort_unstable();
            step.spans = spans(&step.starts, &step.ends);
            let outcome = match row.status.as_deref() {
                Some("SUCCESS") => Some(Outcome::Success),
                Some("FAILURE") => Some(Outcome::Failure),
                Some("SKIPPED") => Some(Outcome::Skipped),
                _ => None,
            };
            let end = row.end_time.or(row.start_time);
            step.outcome = outcome.map(|o| (o, end.unwrap_or(DateTime::<Utc>::MAX_UTC - SAME)));
            table.steps.insert(row.step_key.clone(), step);
        }
        table
    }

    /// Takes in newer statistics. They were asked for before the newest events came: whoever knows the later time is
    /// believed. What only events tell is kept.
    pub fn renew(&mut self, stats: &[StepStats]) {
        for (key, mut new) in Self::of(stats).steps {
            match self.steps.get_mut(&key) {
                Some(known) if known.last_time() > new.last_time() => {}
                Some(known) => {
                    new.own_failure = known.own_failure;
                    new.checks = std::mem::take(&mut known.checks);
                    new.report = std::mem::take(&mut known.report);
                    *known = new;
                }
                None => {
                    self.steps.insert(key, new);
                }
            }
        }
    }

    /// Takes in one event.
    pub fn apply(&mut self, event: &Event) {
        let (Some(key), Some(at)) = (&event.step_key, event.timestamp) else {
            return;
        };
        let Some(kind) = event.event_type.as_deref() else {
            // a line of the program's own
            let mut report = Report::default();
            if report.read(&event.message) {
                self.steps
                    .entry(key.clone())
                    .or_default()
                    .report
                    .read(&event.message);
            }
            return;
        };
        const TELLING: [&str; 10] = [
            "STEP_WORKER_STARTING",
            "STEP_START",
            "STEP_RESTARTED",
            "STEP_UP_FOR_RETRY",
            "STEP_SUCCESS",
            "STEP_FAILURE",
            "STEP_SKIPPED",
            "ASSET_CHECK_EVALUATION",
            "ASSET_MATERIALIZATION",
            "STEP_OUTPUT",
        ];
        if !TELLING.contains(&kind) {
            return;
        }
        let step = self.steps.entry(key.clone()).or_default();
        match kind {
            "STEP_WORKER_STARTING" => step.starting = step.starting.or(Some(at)),
            "STEP_START" | "STEP_RESTARTED" => step.began(at),
            "STEP_UP_FOR_RETRY" => step.ended(at),
            "STEP_SUCCESS" => step.came_out(Outcome::Success, at),
            "STEP_SKIPPED" => step.came_out(Outcome::Skipped, at),
            "STEP_FAILURE" => {
                step.came_out(Outcome::Failure, at);
                step.own_failure = Some(event.error_source.as_deref() != Some("INTERRUPT"));
            }
            "ASSET_CHECK_EVALUATION" => {
                if let Some(found) = &event.evaluation {
                    step.checked(found);
                }
            }
            _ => {
                for entry in &event.metadata_entries {
                    if let Some(number) = entry.number() {
                        step.report.metric(&entry.label, number);
                    }
                }
            }
        }
    }

    /// Takes in what a check found that was read elsewhere.
    pub fn check(&mut self, step: &str, found: &Evaluation) {
        if let Some(step) = self.steps.get_mut(step) {
            step.checked(found);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn event(kind: &str, ms: u64) -> Event {
        serde_json::from_value(json!({"eventType": kind, "stepKey": "s", "timestamp": (1_795_140_000_000 + ms).to_string()}))
            .unwrap()
    }

    /// Two tries that fail and one that does not.
    fn story() -> Vec<Event> {
        [
            ("STEP_START", 0),
            ("STEP_UP_FOR_RETRY", 100),
            ("STEP_RESTARTED", 1100),
            ("STEP_UP_FOR_RETRY", 1200),
            ("STEP_RESTARTED", 2200),
            ("STEP_SUCCESS", 2300),
        ]
        .map(|(kind, ms)| event(kind, ms))
        .to_vec()
    }

    #[test]
    fn each_moment_of_a_story_has_its_state() {
        let mut table = Table::default();
        let seen: Vec<Status> = story()
            .iter()
            .map(|e| {
                table.apply(e);
                table.steps["s"].status()
            })
            .collect();
        use Status::{Running, Success, UpForRetry};
        assert_eq!(
            seen,
            [Running, UpForRetry, Running, UpForRetry, Running, Success]
        );
        assert_eq!(table.steps["s"].tries(), 3);
    }

    proptest! {
        #[test]
        fn events_out_of_order_and_twice_tell_the_same(order in Just(story()).prop_shuffle(), twice in 0usize..6) {
            let mut straight = Table::default();
            story().iter().for_each(|e| straight.apply(e));
            let mut table = Table::default();
            order.iter().for_each(|e| table.apply(e));
            table.apply(&order[twice]);
            prop_assert_eq!((table.steps["s"].status(), table.steps["s"].tries()), (Status::Success, 3));
            prop_assert_eq!(&table.steps["s"].spans, &straight.steps["s"].spans);
            prop_assert_eq!(table.steps["s"].last_time(), straight.steps["s"].last_time());
        }
    }

    proptest! {
        #[test]
        fn events_in_any_order_on_top_of_statistics_tell_the_same(order in Just(story()).prop_shuffle(), read in 0usize..3) {
            // read while its first, second or third try went
            let tries: Vec<_> = [(0.0, 0.1), (1.1, 1.2), (2.2, 2.3)][..=read].iter().enumerate().map(|(at, (from, to))| {
                let end = (at < read).then_some(1_795_140_000.000_3 + to);
                json!({"startTime": 1_795_140_000.000_3 + from, "endTime": end})
            }).collect();
            let stats: Vec<StepStats> = serde_json::from_value(json!([{"stepKey": "s", "status": "IN_PROGRESS",
                "startTime": 1_795_140_000.000_3, "attempts": tries}])).unwrap();
            let mut table = Table::of(&stats);
            order.iter().for_each(|e| table.apply(e));
            prop_assert_eq!((table.steps["s"].status(), table.steps["s"].tries()), (Status::Success, 3));
            for span in &table.steps["s"].spans {
                prop_assert!(span.start < span.end);
            }
        }
    }

    #[test]
    fn a_try_that_follows_at_once_is_a_try_of_its_own() {
        let mut table = Table::default();
        for (kind, ms) in [
            ("STEP_START", 0),
            ("STEP_UP_FOR_RETRY", 100),
            ("STEP_RESTARTED", 100),
        ] {
            table.apply(&event(kind, ms));
        }
        assert_eq!(
            (table.steps["s"].status(), table.steps["s"].tries()),
            (Status::Running, 2)
        );
        table.apply(&event("STEP_SUCCESS", 100));
        assert_eq!(
            (table.steps["s"].status(), table.steps["s"].tries()),
            (Status::Success, 2)
        );
    }

    #[test]
    fn the_ends_of_a_story_before_its_beginning() {
        let mut table = Table::default();
        table.apply(&event("STEP_SUCCESS", 50));
        table.apply(&event("STEP_START", 0));
        let step = &table.steps["s"];
        assert_eq!((step.status(), step.spans.len()), (Status::Success, 1));
        assert!(step.spans[0].start < step.spans[0].end);
    }

    #[test]
    fn statistics_that_are_older_than_the_events_take_nothing_back() {
        let stats: Vec<StepStats> = serde_json::from_value(json!([{"stepKey": "s", "status": "IN_PROGRESS",
            "startTime": 1795140000.0001, "endTime": null, "attempts": [{"startTime": 1795140000.0001, "endTime": null}]}]))
        .unwrap();
        let mut table = Table::of(&stats);
        assert_eq!(table.steps["s"].status(), Status::Running);
        table.apply(&event("STEP_SUCCESS", 70));
        table.renew(&stats);
        assert_eq!(table.steps["s"].status(), Status::Success);
        table.apply(&event("STEP_START", 0));
        assert_eq!(table.steps["s"].tries(), 1);
    }

    #[test]
    fn what_was_skipped_was_never_tried_and_what_waits_for_its_process_is_not_running() {
        let stats: Vec<StepStats> = serde_json::from_value(json!([
            {"stepKey": "no", "status": "SKIPPED", "startTime": null, "endTime": 1795140000.2,
                "attempts": [{"startTime": 1795140000.2, "endTime": 1795140000.2}]},
            {"stepKey": "soon", "status": null, "markers": [{"startTime": 1795140000.3, "endTime": null}]},
            {"stepKey": "again", "status": "IN_PROGRESS", "startTime": 1795140000.0, "endTime": null,
                "attempts": [{"startTime": 1795140000.0, "endTime": 1795140000.5}]}]))
        .unwrap();
        let table = Table::of(&stats);
        assert_eq!(
            (table.steps["no"].status(), table.steps["no"].tries()),
            (Status::Skipped, 0)
        );
        assert_eq!(table.steps["soon"].status(), Status::Starting);
        assert_eq!(table.steps["again"].status(), Status::UpForRetry);
    }
}
