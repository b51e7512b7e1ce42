//! What could be done about capacity, each piece of advice with the figures it rests on.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::bottleneck::Bottlenecks;
use super::flaky::Flaky;
use super::forecast::Reach;
use super::load::Load;
use super::series::{Sample, by_time, span};
use super::stats::Spread;
use crate::model::span::duration;
use crate::model::{NodeId, SafeText};

/// Part of the critical path that is waiting, above which more at once is worth a word.
const WAITS: f64 = 0.15;
/// Part of a run's length that a faster node has to save to be worth a word.
const SAVES: f64 = 0.05;
/// The busiest hour has to be so many times as busy as the quietest third of the week.
const PEAK: f64 = 3.0;
/// Part of what there is, above which it is tight, and below which it is idle.
const TIGHT: f64 = 0.8;
const IDLE: f64 = 0.4;
/// Fewer runs or samples are not advised upon.
const ENOUGH: usize = 10;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "advice", rename_all = "snake_case")]
pub enum What {
    /// Let more nodes run at once.
    MoreAtOnce,
    /// Make a node faster.
    Faster { node: NodeId },
    /// Mend a node that fails and works again.
    Mend { node: NodeId },
    /// Move runs from the busiest hours of the week to quieter ones.
    Spread,
    /// Give more of what is nearly used up.
    More,
    /// Take away what is never used.
    Less,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Seconds,
    Share,
    /// Whatever is counted: nodes, runs, slots, bytes.
    Count,
    /// Hour of the week, from Monday 00:00 UTC.
    Hour,
    /// Seconds since 1970.
    Time,
}

/// One measured (or, where it says so, computed) figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: Unit,
}

/// A piece of advice and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    pub what: What,
    pub figures: Vec<Figure>,
    /// Runs or samples.
    pub measured: usize,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// What has to be so for it to help.
    pub assumption: &'static str,
}

fn figure(name: &'static str, value: f64, unit: Unit) -> Figure {
    Figure { name, value, unit }
}

impl Advice {
    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|f| f.name == name);
        found.map(|f| f.value)
    }

    /// "let more nodes run at once: waiting 31 %, length 18m, ... (120 runs, 3 Nov to 27 Nov; if ...)"
    pub fn words(&self) -> SafeText {
        let what = match &self.what {
            What::MoreAtOnce => "let more nodes run at once".to_owned(),
            What::Faster { node } => format!("make {} faster", node.safe()),
            What::Mend { node } => format!("mend {}", node.safe()),
            What::Spread => "move runs to quieter hours".to_owned(),
            What::More => "give more".to_owned(),
            What::Less => "give less".to_owned(),
        };
        let figures: Vec<String> = self
            .figures
            .iter()
            .map(|f| format!("{} {}", f.name, shown(f)))
            .collect();
        let day = |t: DateTime<Utc>| t.format("%-d %b").to_string();
        let when = match (self.from, self.to) {
            (Some(from), Some(to)) => format!(", {} to {}", day(from), day(to)),
            _ => String::new(),
        };
        SafeText::new(format!(
            "{what}: {} ({} measured{when}; if {})",
            figures.join(", "),
            self.measured,
            self.assumption
        ))
    }
}

fn shown(figure: &Figure) -> String {
    let value = figure.value;
    match figure.unit {
        Unit::Seconds => duration(span(value)),
        Unit::Share => format!("{:.0} %", value * 100.0),
        Unit::Count if value.abs() < 100.0 => format!("{value:.1}"),
        Unit::Count => format!("{value:.0}"),
        Unit::Hour => {
            const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
            let hour = value.clamp(0.0, 167.0) as usize;
            let day = DAYS.get(hour / 24).copied().unwrap_or_default();
            format!("{day} {:02}:00 UTC", hour % 24)
        }
        Unit::Time => match DateTime::from_timestamp(value as i64, 0) {
            Some(time) => time.format("%-d %b %Y").to_string(),
            None => "-".to_owned(),
        },
    }
}

/// What the bottlenecks of a pipeline say: more at once, faster nodes (three at most).
pub fn of_pipeline(found: &Bottlenecks) -> Vec<Advice> {
    let mut all = Vec::new();
    if found.runs < ENOUGH {
        return all;
    }
    let length = found.length.median;
    if found.wait_share >= WAITS && found.parallelism.useful > found.parallelism.average {
        all.push(Advice {
            what: What::MoreAtOnce,
            figures: vec![
                figure("waiting on the critical path", found.wait_share, Unit::Share),
                figure("length", length, Unit::Seconds),
                figure("without waits", found.minimum, Unit::Seconds),
                figure("at once now", found.parallelism.average, Unit::Count),
                figure("at most now", found.parallelism.peak, Unit::Count),
                figure("needed", found.parallelism.useful.ceil(), Unit::Count),
            ],
            measured: found.runs,
            from: Some(found.from),
            to: Some(found.to),
            assumption: "nodes wait for slots and not for something else, and take as long with more beside them",
        });
    }
    let worth = found.nodes.iter().filter(|n| n.saves_share >= SAVES);
    for node in worth.take(3) {
        all.push(Advice {
            what: What::Faster {
                node: node.node.clone(),
            },
            figures: vec![
                figure("faster by", found.faster, Unit::Share),
                figure("saves of each run", node.saves, Unit::Seconds),
                figure("of its length", node.saves_share, Unit::Share),
                figure("on the critical path in", node.on_path.share, Unit::Share),
                figure("takes", node.work, Unit::Seconds),
            ],
            measured: found.runs,
            from: Some(found.from),
            to: Some(found.to),
            assumption: "all other nodes take and wait as long as they did",
        });
    }
    all
}

/// Nodes whose failed attempts cost time though they work in the end.
pub fn of_flaky(found: &[Flaky]) -> Vec<Advice> {
    let worth = found.iter().filter(|f| f.runs >= ENOUGH && f.lost > 0.0);
    worth
        .map(|f| Advice {
            what: What::Mend {
                node: f.node.clone(),
            },
            figures: vec![
                figure("fails and works again in", f.rate.share, Unit::Share),
                figure("at least in", f.rate.low, Unit::Share),
                figure("lost in failed attempts", f.lost, Unit::Seconds),
            ],
            measured: f.runs,
            from: None,
            to: None,
            assumption: "it goes on failing as often",
        })
        .collect()
}

/// Whether runs crowd into a few hours of the week.
pub fn of_load(load: &Load) -> Option<Advice> {
    if load.runs < ENOUGH {
        return None;
    }
    let mut hours = load.busiest();
    let (busiest, peak) = *hours.first()?;
    hours.reverse();
    let third = hours.get(..56)?;
    let quiet = third.iter().map(|h| h.1).sum::<f64>() / third.len() as f64;
    if peak < 1.0 || peak < PEAK * quiet {
        return None;
    }
    let quietest = hours.first()?.0;
    Some(Advice {
        what: What::Spread,
        figures: vec![
            figure("busiest hour", busiest as f64, Unit::Hour),
            figure("runs at once then", peak, Unit::Count),
            figure("on average", load.mean(), Unit::Count),
            figure("in the quietest third of the week", quiet, Unit::Count),
            figure("quietest hour", quietest as f64, Unit::Hour),
        ],
        measured: load.runs,
        from: Some(load.from),
        to: Some(load.to),
        assumption: "runs may start at another time",
    })
}

/// Whether what is used of something limited (slots of a pool, workers, memory of a node, bytes on a disk) nears its
/// limit or leaves most of it idle. `reach` is when it reaches it, as [`super::forecast::reaches`] says of the same.
pub fn of_use(
    used: &[Sample],
    limit: f64,
    reach: Option<&Reach>,
    now: DateTime<Utc>,
) -> Option<Advice> {
    let used = by_time(used.to_vec());
    let spread = Spread::of(used.iter().map(|s| s.value)).filter(|s| s.count >= ENOUGH)?;
    if !(limit.is_finite() && limit > 0.0) {
        return None;
    }
    let mut figures = vec![
        figure("limit", limit, Unit::Count),
        figure("usual", spread.median, Unit::Count),
        figure("in 95 % at most", spread.p95, Unit::Count),
        figure("at most", spread.max, Unit::Count),
    ];
    let reach = reach.filter(|r| r.trend.per_day > 0.0);
    if let Some(reach) = reach {
        let time = |t: DateTime<Utc>| t.timestamp() as f64;
        figures.push(figure("grows a day by", reach.trend.per_day, Unit::Count));
        figures.push(figure("reached", time(reach.when), Unit::Time));
        figures.push(figure("earliest", time(reach.earliest), Unit::Time));
        figures.extend(reach.latest.map(|t| figure("latest", time(t), Unit::Time)));
    }
    let soon = reach.is_some_and(|r| (r.when - now).num_days() <= 90);
    let (what, assumption) = match () {
        () if soon => (
            What::More,
            "it goes on growing as it did since its last change",
        ),
        () if spread.p95 >= limit * TIGHT => (What::More, "what is asked for stays as it is"),
        () if spread.max <= limit * IDLE && reach.is_none() => {
            (What::Less, "no rarer peak is kept free for")
        }
        () => return None,
    };
    Some(Advice {
        what,
        figures,
        measured: spread.count,
        from: used.first().map(|s| s.at),
        to: used.last().map(|s| s.at),
        assumption,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::forecast::reaches;
    use super::super::tell::at;
    use super::*;

    const DAY: i64 = 86_400;

    fn series(value: impl Fn(i64) -> f64) -> Vec<Sample> {
        let sample = |day: i64| Sample {
            at: at(day * DAY),
            value: value(day),
        };
        (0..60).map(sample).collect()
    }

    #[test]
    fn a_disk_that_fills_says_when() {
        let used = series(|day| 100.0 + 2.0 * day as f64 + (day % 3) as f64);
        let now = at(59 * DAY);
        let reach = reaches(&used, 300.0, now);
        let found = of_use(&used, 300.0, reach.as_ref(), now).unwrap();
        assert_eq!(found.what, What::More);
        // 219 at the end, 2 a day: 40 days and a half
        let days = (found.figure("reached").unwrap() - at(59 * DAY).timestamp() as f64) / 86_400.0;
        assert!((39.0..42.0).contains(&days), "{days}");
        assert!(found.figure("earliest") <= found.figure("reached"));
        let words = found.words();
        assert!(
            words.as_str().starts_with("give more: limit 300, usual "),
            "{words}"
        );
        assert!(
            words.as_str().contains("60 measured, 5 Jan to 5 Mar; if "),
            "{words}"
        );
    }

    #[test]
    fn what_is_idle_or_right_is_told_apart() {
        let wave = |day: i64| 10.0 + (day % 4) as f64;
        let now = at(59 * DAY);
        let of_use = |limit| of_use(&series(wave), limit, None, now);
        let idle = of_use(100.0).unwrap();
        assert_eq!((idle.what, idle.measured), (What::Less, 60));
        assert_eq!(of_use(20.0), None);
        assert_eq!(of_use(13.0).unwrap().what, What::More);
    }
}
