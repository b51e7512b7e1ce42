//! A month of a fleet in which it is known what breaks: every page is counted.

use super::*;
use crate::alerts::{Cron, Expect, Glob, Settings};
use crate::model::{Occasion, Silence, When};
use crate::world::Changes;
use chrono_tz::Tz;

const PIPELINES: i64 = 500;
const DAYS: i64 = 30;
/// Minutes between two looks.
const LOOK: i64 = 30;

/// What goes wrong, by day and pipeline; the rest of the month is quiet.
struct Story {
    /// Fails at its time and is well again with the next day's run.
    fails: Vec<(i64, i64)>,
    /// Does not start on that day.
    skips: Vec<(i64, i64)>,
    /// The backend does not answer from this minute to that one.
    outage: (i64, i64),
    /// On this day pipeline 0 fails, and those that need it fail after it.
    cascade: i64,
}

/// Pipelines 1 to 10 need pipeline 0.
fn needs_first(pipeline: i64) -> bool {
    (1..=10).contains(&pipeline)
}

fn name(pipeline: i64) -> String {
    format!("p{pipeline:03}")
}

/// Minute of the month at which a pipeline is due on a day: spread over 20 hours, those that need the first one one look
/// after it.
fn due(pipeline: i64, day: i64) -> i64 {
    let of_day = if needs_first(pipeline) {
        LOOK
    } else {
        pipeline * 7 % 1200 / LOOK * LOOK
    };
    day * 1440 + 60 + of_day
}

fn story() -> Story {
    // a fixed seed: the same month every time
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: i64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        i64::try_from(seed % below.unsigned_abs()).unwrap()
    };
    let outage = (13 * 1440 + 300, 13 * 1440 + 480);
    let mut used = std::collections::HashSet::new();
    let mut pick = |n: usize| {
        let mut all = Vec::new();
        while all.len() < n {
            // never two stories of one pipeline on neighbouring days, none near the others' days
            let (day, pipeline) = (2 + draw(DAYS - 4), 11 + draw(PIPELINES - 11));
            let apart = (12..=15).contains(&day) || (19..=21).contains(&day);
            if !apart && (-1..=1).all(|d| !used.contains(&(day + d, pipeline))) {
                used.insert((day, pipeline));
                all.push((day, pipeline));
            }
        }
        all
    };
    Story {
        fails: pick(60),
        skips: pick(25),
        outage,
        cascade: 20,
    }
}

fn send(world: &mut World, minute: i64, event: Event) -> Changes {
    world.apply(&Stamped {
        backend: BackendId::new("lab"),
        at: t(minute),
        event,
    })
}

fn finished(pipeline: i64, minute: i64, state: RunState) -> Event {
    let mut run = Run::new(key(&name(pipeline)).run(minute.to_string()), t(minute));
    run.state = state;
    run.started_at = Some(t(minute));
    run.ended_at = Some(t(minute + 5));
    Event::Runs { list: vec![run] }
}

#[test]
fn a_month_of_500_pipelines_wakes_people_once_for_each_thing_that_broke() {
    let story = story();
    let every_day = |pipeline: i64| {
        // the cron line of the minute of the day, as it is due on day 0
        let of_day = t(due(pipeline, 0));
        Cron::parse(&of_day.format("%M %H * * *").to_string(), Tz::UTC).unwrap()
    };
    let expects = (0..PIPELINES).map(|p| Expect {
        cron: Some(every_day(p)),
        start_within: Duration::minutes(15),
        after: needs_first(p).then(|| Glob(name(0))).into_iter().collect(),
        ..Expect::new(Glob(name(p)))
    });
    let rules = Rules {
        expects: expects.collect::<Vec<_>>().into(),
        ..Rules::default()
    };
    let mut alerts = Alerts::new(Settings {
        rules,
        route: Box::new(|_| vec!["pager".to_owned()]),
        ..Settings::default()
    });
    // the last ten pipelines are maintained from day 25 to their next good run
    alerts
        .silence(Silence {
            id: "upgrade".to_owned(),
            reason: SafeText::new("upgrade"),
            by: by(0),
            matchers: vec!["pipeline=p49*".to_owned()],
            when: When::Once {
                from: t(25 * 1440),
                until: t(27 * 1440),
            },
        })
        .unwrap();
    let mut world = world(vec![]);
    let list = (0..PIPELINES)
        .map(|p| Pipeline::new(key(&name(p))))
        .collect();
    send(
        &mut world,
        0,
        Event::Pipelines {
            list,
            complete: true,
        },
    );
    for p in 0..PIPELINES {
        send(&mut world, 0, finished(p, due(p, -1), RunState::Succeeded));
    }
    let mut fleet = crate::world::Fleet::default();
    let baselines = Baselines::default();
    let mut pages = Vec::new();
    let mut most_open = 0;
    for minute in (0..DAYS * 1440).step_by(usize::try_from(LOOK).unwrap()) {
        let (down, up) = story.outage;
        if minute == down {
            let reach = Reach::Down {
                reason: SafeText::new("connection refused"),
                retry_at: None,
            };
            let status = BackendStatus {
                reach,
                ..BackendStatus::default()
            };
            send(&mut world, minute, Event::Status(status));
        }
        if minute == up {
            let status = BackendStatus {
                reach: Reach::Up,
                ..BackendStatus::default()
            };
            send(&mut world, minute, Event::Status(status));
            // what ran meanwhile is told at once
            for p in 0..PIPELINES {
                let at = due(p, minute / 1440);
                if (down..up).contains(&at) {
                    send(&mut world, minute, finished(p, at, RunState::Succeeded));
                }
            }
        }
        let day = minute / 1440;
        let answers = !(down..up).contains(&minute);
        for p in (0..PIPELINES).filter(|p| answers && due(*p, day) == minute) {
            if story.skips.contains(&(day, p)) {
                continue;
            }
            let maintained = p >= 490 && day == 25;
            let cascade = day == story.cascade && (p == 0 || needs_first(p));
            let failed = maintained || cascade || story.fails.contains(&(day, p));
            let state = if failed {
                RunState::Failed
            } else {
                RunState::Succeeded
            };
            send(&mut world, minute, finished(p, minute, state));
        }
        fleet.refresh(&world, t(minute), Duration::minutes(5));
        alerts.evaluate(&Scene {
            world: &world,
            fleet: fleet.rows(),
            baselines: &baselines,
            metrics: &Store::new(Limits::default()),
            troubles: &[],
            now: t(minute),
            error_of: &|_| None,
        });
        most_open = most_open.max(alerts.open());
        pages.extend(alerts.take_tellings());
    }
    let fired = |rule: &str| {
        pages
            .iter()
            .filter(|p| p.occasion == Occasion::Fired && p.alert.id.rule == rule)
            .count()
    };
    let over = pages
        .iter()
        .filter(|p| p.occasion == Occasion::Resolved)
        .count();
    let on_silenced = |list: &[(i64, i64)]| {
        let silent = |(day, p): &&(i64, i64)| (25..27).contains(day) && *p >= 490;
        list.iter().filter(silent).count()
    };
    let failures = story.fails.len() - on_silenced(&story.fails);
    assert_eq!(
        fired("run-failing"),
        failures + 1,
        "and one for the cascade"
    );
    assert_eq!(
        fired("run-late"),
        story.skips.len() - on_silenced(&story.skips)
    );
    assert_eq!(fired("backend-unreachable"), 1);
    let all = pages
        .iter()
        .filter(|p| p.occasion == Occasion::Fired)
        .count();
    assert_eq!(
        all,
        fired("run-failing") + fired("run-late") + 1,
        "and nothing else"
    );
    assert_eq!(over, all, "every page is called off when it is over");
    let cascade = pages
        .iter()
        .find(|p| p.alert.title.as_str() == name(0))
        .unwrap();
    assert!(
        cascade.alert.behind.len() == 10,
        "{:?}",
        cascade.alert.behind
    );
    println!(
        "{} runs, {all} pages, at most {most_open} alerts open at once",
        PIPELINES * DAYS
    );
}
