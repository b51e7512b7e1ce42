//! Runs that take too long, don't move, or wait too long.

use chrono::Duration;

use crate::analytics::{Like, Usual};
use crate::model::span::duration as span;
use crate::model::{NodeState, SafeText, Target};
use crate::world::{FleetRow, RunView};

use super::{Builtin, Found};

/// A run that takes this much longer than usual is nobody's trouble, whatever the factor.
const SMALL: Duration = Duration::seconds(30);

pub(super) fn run(found: &mut Found<'_>, row: &FleetRow, view: &RunView) {
    if !view.health.active() {
        return;
    }
    let (now, rules, baselines) = (found.now(), found.rules, found.scene.baselines);
    let target = || Target::Run(view.run.key.clone());
    let key = &row.key;
    if let (Some(started), Some(took)) = (view.run.started_at, view.run.elapsed(now)) {
        let mut over = |rule, limit: Duration, why: String| {
            if took > limit {
                let reason = SafeText::new(format!("takes {}, {why}", span(took)));
                found.of_pipeline(rule, key, None, target(), reason, started + limit);
            }
        };
        let own = over_limit(rules, row);
        if let Some(limit) = own {
            let why = format!("its limit is {}", span(limit));
            over(Builtin::DurationLimit, limit, why);
        }
        if let Some(usual) = baselines.usual(key, started) {
            let mut over = |rule, limit: Duration, why: String| {
                if took > limit && took > usual.median + SMALL {
                    let reason = SafeText::new(format!("takes {}, {why}", span(took)));
                    found.of_pipeline(rule, key, None, target(), reason, started + limit);
                }
            };
            if rules.duration_high {
                let why = format!("95 % of {} take up to {}", like(&usual), span(usual.p95));
                over(Builtin::DurationHigh, usual.p95, why);
            }
            if let Some(factor) = rules.duration_unusual {
                let why = format!("{} usually take {}", like(&usual), span(usual.median));
                let limit = times(usual.median, factor);
                over(Builtin::DurationUnusual, limit, why);
            }
        }
    }
    if let Some(limit) = rules.stuck
        && now - view.moved >= limit
        && view.nodes.values().any(|n| n.state == NodeState::Running)
    {
        let reason = format!("nothing has moved for {}", span(now - view.moved));
        let reason = SafeText::new(reason);
        found.of_pipeline(
            Builtin::Stuck,
            key,
            None,
            target(),
            reason,
            view.moved + limit,
        );
    }
    if let Some(limit) = rules.queue_wait {
        waits(found, row, view, limit);
    }
}

/// Its own limit, or the one of all.
fn over_limit(rules: &super::Rules, row: &FleetRow) -> Option<Duration> {
    let own = rules.expect(&row.key).and_then(|e| e.duration_limit);
    own.or(rules.duration_limit)
}

/// One alert for a run, of the node that has waited longest.
fn waits(found: &mut Found<'_>, row: &FleetRow, view: &RunView, limit: Duration) {
    let now = found.now();
    let queued = view.nodes.values();
    let queued = queued.filter(|n| n.state == NodeState::Queued);
    let waits = queued.filter_map(|n| Some((n.queued_at.or(n.scheduled_at)?, n)));
    let of_node = waits.min_by_key(|(at, _)| *at);
    let of_run = view.run.queued_at.filter(|_| view.run.started_at.is_none());
    let (since, what, target) = match (of_node, of_run) {
        (Some((at, node)), _) => {
            let target = Target::Node(view.run.key.node(&node.id));
            let place = node.pool.as_ref().map(|p| format!(" in {p}"));
            let what = format!("{} waits{}", node.name, place.unwrap_or_default());
            (at, what, target)
        }
        (None, Some(at)) => (
            at,
            "the run waits".to_owned(),
            Target::Run(view.run.key.clone()),
        ),
        (None, None) => return,
    };
    if now - since >= limit {
        let reason = SafeText::new(format!("{what} for {}", span(now - since)));
        let rule = Builtin::QueueWait;
        found.of_pipeline(rule, &row.key, None, target, reason, since + limit);
    }
}

fn like(usual: &Usual) -> String {
    match usual.of {
        Like::WeekdayAndHour => format!("{} runs of this weekday and hour", usual.runs),
        Like::Hour => format!("{} runs of this hour", usual.runs),
        Like::Any => format!("its last {} runs", usual.runs),
    }
}

/// `factor` is finite and positive: the configuration sees to that.
fn times(duration: Duration, factor: f64) -> Duration {
    Duration::milliseconds((duration.num_milliseconds() as f64 * factor) as i64)
}
