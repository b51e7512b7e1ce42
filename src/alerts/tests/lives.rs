//! What becomes of a finding, by a clock that the test turns.

use std::collections::BTreeMap;

use super::*;
use crate::alerts::{Finding, Life, Policy, Settings, Step, Telling};
use crate::model::{Alert, AlertState, Occasion, Priority, Silence, Target, When};

/// Alerts over a backend that has been heard, and nothing but what the test says is found.
struct Sim {
    alerts: Alerts,
    world: World,
    /// What was written down.
    kept: BTreeMap<AlertId, String>,
}

fn channels(alert: &Alert) -> Vec<String> {
    let all = ["chat".to_owned()];
    let pager = (alert.priority == Priority::P1).then(|| "pager".to_owned());
    all.into_iter().chain(pager).collect()
}

impl Sim {
    fn new(settings: Settings) -> Self {
        Self {
            alerts: Alerts::new(settings),
            world: world(vec![]),
            kept: BTreeMap::new(),
        }
    }

    fn plain() -> Self {
        Self::new(settings())
    }

    fn step(&mut self, minute: i64, findings: &[Finding]) -> Vec<Telling> {
        let scene = Scene {
            world: &self.world,
            fleet: &[],
            baselines: &Baselines::default(),
            metrics: &Store::new(Limits::default()),
            troubles: &[],
            now: t(minute),
            error_of: &|_| None,
        };
        self.alerts.step(findings.to_vec(), &scene);
        self.alerts.take_tellings()
    }

    /// The rules look the world's pipelines up, as they do when they are evaluated.
    fn learn(&mut self) {
        let fleet = self.world.fleet(t(0), Duration::minutes(5));
        let keys = fleet.iter().map(|row| &row.key);
        self.alerts.settings.rules.expects.learn(keys, t(0));
        self.alerts.needs = self.alerts.settings.rules.expects.needs();
    }

    /// What a process that begins now would know.
    fn restart(&mut self, settings: Settings) {
        let (lives, gone) = self.alerts.take_changes();
        for life in lives {
            let text = serde_json::to_string(&life).unwrap();
            self.kept.insert(life.alert.id.clone(), text);
        }
        for id in gone {
            self.kept.remove(&id);
        }
        let lives: Vec<Life> = self
            .kept
            .values()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        self.alerts = Alerts::new(settings);
        self.alerts.restore(lives);
    }

    fn state(&self, name: &str) -> AlertState {
        self.alerts.get(&id(name)).unwrap().state
    }
}

fn settings() -> Settings {
    Settings {
        route: Box::new(channels),
        ..Settings::default()
    }
}

fn id(name: &str) -> AlertId {
    AlertId::new("run-failing", format!("lab/{name}"))
}

fn finding(name: &str, since: i64) -> Finding {
    Finding::from(Alert {
        title: SafeText::new(name),
        target: Some(Target::Pipeline(key(name))),
        labels: vec![("pipeline".to_owned(), name.to_owned())],
        ..Alert::new(id(name), Priority::P2, t(since))
    })
}

fn told(tellings: &[Telling]) -> Vec<(Occasion, String, Vec<&'static str>)> {
    let one = |t: &Telling| t.alert.title.to_string();
    let channels = |t: &Telling| -> Vec<&'static str> {
        let names = t.channels.iter();
        names
            .map(|c| if c == "chat" { "chat" } else { "pager" })
            .collect()
    };
    let all = tellings.iter();
    all.map(|t| (t.occasion, one(t), channels(t))).collect()
}

#[test]
fn it_fires_when_its_condition_has_held_and_is_told_once() {
    let mut sim = Sim::plain();
    let held = Finding {
        hold: Duration::minutes(5),
        ..finding("a", 0)
    };
    assert_eq!(sim.step(0, std::slice::from_ref(&held)), []);
    assert_eq!(sim.state("a"), AlertState::Pending);
    assert!(sim.alerts.firing().is_empty());
    assert_eq!(sim.alerts.wake(), Some(t(5)));
    assert_eq!(sim.step(4, std::slice::from_ref(&held)), []);
    let first = sim.step(5, std::slice::from_ref(&held));
    assert_eq!(told(&first), [(Occasion::Fired, "a".into(), vec!["chat"])]);
    for minute in 6..60 {
        assert_eq!(sim.step(minute, std::slice::from_ref(&held)), []);
    }
    let last = sim.step(60, &[]);
    assert_eq!(
        told(&last),
        [(Occasion::Resolved, "a".into(), vec!["chat"])]
    );
    assert_eq!(sim.state("a"), AlertState::Resolved);
    assert_eq!(sim.step(61, &[]), []);
    sim.step(60 + 24 * 60, &[]);
    assert_eq!(sim.alerts.get(&id("a")), None, "forgotten after a day");
}

#[test]
fn what_goes_away_before_it_fires_was_nothing() {
    let mut sim = Sim::plain();
    let held = Finding {
        hold: Duration::minutes(5),
        ..finding("a", 0)
    };
    assert_eq!(sim.step(0, &[held]), []);
    assert_eq!(sim.step(4, &[]), []);
    assert_eq!(sim.alerts.get(&id("a")), None);
    assert_eq!(sim.alerts.take_changes(), (vec![], vec![]));
}

#[test]
fn it_is_over_when_it_has_been_gone_for_its_time() {
    let mut sim = Sim::plain();
    let slow = Finding {
        linger: Duration::minutes(3),
        ..finding("a", 0)
    };
    sim.step(0, std::slice::from_ref(&slow));
    assert_eq!(sim.step(1, &[]), []);
    assert_eq!(sim.step(3, std::slice::from_ref(&slow)), [], "back in time");
    assert_eq!(sim.step(10, &[]), []);
    assert_eq!(sim.step(12, &[]), []);
    assert_eq!(sim.step(13, &[])[0].occasion, Occasion::Resolved);
}

#[test]
fn one_that_comes_and_goes_is_told_four_times_and_then_kept() {
    let mut sim = Sim::plain();
    let mut all = Vec::new();
    for minute in 0..50 {
        let now: &[Finding] = if minute % 2 == 0 {
            &[finding("a", minute)]
        } else {
            &[]
        };
        all.extend(sim.step(minute, now));
    }
    let fired = all.iter().filter(|t| t.occasion == Occasion::Fired).count();
    let over = all.len() - fired;
    assert_eq!((fired, over), (4, 3), "25 times in 50 minutes");
    let alert = &sim.alerts.firing()[0];
    assert!(alert.flapping);
    assert_eq!(alert.state, AlertState::Firing);
    // gone since minute 49
    for minute in 50..64 {
        assert_eq!(sim.step(minute, &[]), []);
    }
    assert_eq!(sim.step(64, &[])[0].occasion, Occasion::Resolved);
    // and then it is like any other
    let again = sim.step(70, &[finding("a", 70)]);
    assert_eq!(again[0].occasion, Occasion::Fired);
    assert!(!again[0].alert.flapping);
}

fn climbing() -> Settings {
    let step = |minutes, channel: &str| Step {
        after: Duration::minutes(minutes),
        channels: vec![channel.to_owned()],
    };
    Settings {
        policies: vec![Policy {
            name: "night".to_owned(),
            matchers: vec![crate::alerts::matchers::Matcher::parse("pipeline=a").unwrap()],
            hours: None,
            steps: vec![step(0, "chat"), step(10, "pager"), step(30, "chat")],
            repeat: Some(Duration::minutes(20)),
        }],
        route: Box::new(|_| Vec::new()),
        ..Settings::default()
    }
}

#[test]
fn what_nobody_takes_on_climbs_until_somebody_does() {
    let mut sim = Sim::new(climbing());
    let found = [finding("a", 0), finding("b", 0)];
    let mut at = Vec::new();
    for minute in 0..95 {
        for (occasion, _, channels) in told(&sim.step(minute, &found)) {
            at.push((minute, occasion, channels.join(" ")));
        }
    }
    let step = |minute, channels: &str| (minute, Occasion::Escalated, channels.to_owned());
    assert_eq!(
        at,
        [
            (0, Occasion::Fired, "chat".to_owned()),
            step(10, "pager"),
            step(30, "chat"),
            step(50, "chat"),
            step(70, "chat"),
            step(90, "chat"),
        ],
        "b matches no policy and no route"
    );
    order(&mut sim.alerts, &id("a"), AlertDeed::Ack, 95);
    let acked = sim.alerts.take_tellings();
    assert_eq!(
        told(&acked),
        [(Occasion::Acknowledged, "a".into(), vec!["chat", "pager"])]
    );
    for minute in 95..300 {
        assert_eq!(sim.step(minute, &found), []);
    }
    order(&mut sim.alerts, &id("a"), AlertDeed::Unack, 300);
    assert_eq!(sim.step(309, &found), []);
    assert_eq!(told(&sim.step(310, &found))[0].2, ["pager"]);
    let over = sim.step(311, &[]);
    assert_eq!(
        told(&over),
        [(Occasion::Resolved, "a".into(), vec!["chat", "pager"])]
    );
}

#[test]
fn an_hour_asleep_is_one_message_to_each_channel() {
    let mut sim = Sim::new(climbing());
    sim.step(0, &[finding("a", 0)]);
    let woken = sim.step(61, &[finding("a", 0)]);
    assert_eq!(
        told(&woken),
        [(Occasion::Escalated, "a".into(), vec!["pager", "chat"])]
    );
    assert_eq!(sim.step(80, &[finding("a", 0)]), []);
    assert_eq!(sim.step(81, &[finding("a", 0)]).len(), 1);
}

fn quiet(from: i64, until: i64) -> Silence {
    Silence {
        id: "s1".to_owned(),
        reason: SafeText::new("we know"),
        by: by(from),
        matchers: vec!["pipeline=a".to_owned()],
        when: When::Once {
            from: t(from),
            until: t(until),
        },
    }
}

#[test]
fn a_silence_ahead_keeps_quiet_and_then_tells_what_still_holds() {
    let mut sim = Sim::plain();
    sim.alerts.silence(quiet(10, 60)).unwrap();
    assert_eq!(sim.step(5, &[finding("b", 5)]).len(), 1);
    assert_eq!(sim.step(15, &[finding("a", 15), finding("b", 5)]), []);
    assert_eq!(sim.state("a"), AlertState::Silenced);
    let shown: Vec<_> = sim.alerts.firing().iter().map(|a| a.open()).collect();
    assert_eq!(shown, [true, false], "listed, quietly, below");
    assert_eq!(
        sim.step(40, &[finding("b", 5)]),
        [],
        "came and went unheard"
    );
    assert_eq!(sim.step(50, &[finding("a", 50), finding("b", 5)]), []);
    let after = sim.step(60, &[finding("a", 50), finding("b", 5)]);
    assert_eq!(told(&after), [(Occasion::Fired, "a".into(), vec!["chat"])]);
    assert_eq!(sim.alerts.silences().iter().count(), 0, "over for good");
}

#[test]
fn what_was_told_before_a_silence_is_told_when_it_is_over() {
    let mut sim = Sim::plain();
    sim.step(0, &[finding("a", 0)]);
    sim.alerts.silence(quiet(1, 60)).unwrap();
    assert_eq!(sim.step(2, &[finding("a", 0)]), []);
    assert_eq!(sim.step(10, &[])[0].occasion, Occasion::Resolved);
}

#[test]
fn resolved_by_hand_is_quiet_until_it_comes_back() {
    let mut sim = Sim::plain();
    sim.step(0, &[finding("a", 0)]);
    order(&mut sim.alerts, &id("a"), AlertDeed::Resolve, 1);
    let over = sim.alerts.take_tellings();
    assert_eq!(over[0].occasion, Occasion::Resolved);
    for minute in 1..30 {
        assert_eq!(sim.step(minute, &[finding("a", 0)]), []);
    }
    sim.restart(settings());
    assert_eq!(sim.step(31, &[finding("a", 0)]), [], "also over a restart");
    assert!(sim.alerts.firing().is_empty());
    assert_eq!(sim.step(32, &[]), []);
    assert_eq!(
        sim.step(33, &[finding("a", 33)])[0].occasion,
        Occasion::Fired
    );
}

#[test]
fn a_restart_at_any_moment_neither_repeats_nor_forgets() {
    // what is found at each minute, over two hours
    let story = |minute: i64| -> Vec<Finding> {
        let mut found = Vec::new();
        if (5..70).contains(&minute) {
            found.push(finding("a", 5));
        }
        if minute >= 30 && minute % 40 < 25 {
            found.push(Finding {
                hold: Duration::minutes(3),
                linger: Duration::minutes(4),
                ..finding("b", minute / 40 * 40)
            });
        }
        found
    };
    let play = |restart_at: &[i64]| {
        let mut sim = Sim::new(climbing());
        let mut all = Vec::new();
        for minute in 0..120 {
            all.extend(sim.step(minute, &story(minute)));
            if minute == 40 {
                order(&mut sim.alerts, &id("a"), AlertDeed::Ack, 40);
                all.extend(sim.alerts.take_tellings());
            }
            if restart_at.contains(&minute) {
                sim.restart(climbing());
            }
        }
        all.iter()
            .map(|t| (t.occasion, t.alert.id.clone(), t.channels.clone()))
            .collect::<Vec<_>>()
    };
    let undisturbed = play(&[]);
    assert_eq!(undisturbed.len(), 5, "{undisturbed:?}");
    for minute in 0..119 {
        assert_eq!(play(&[minute]), undisturbed, "restart at {minute}");
    }
    let every: Vec<i64> = (0..119).collect();
    assert_eq!(play(&every), undisturbed, "a restart every minute");
}

#[test]
fn after_a_restart_nothing_is_over_before_its_backend_was_heard() {
    let mut sim = Sim::plain();
    sim.step(0, &[finding("a", 0)]);
    sim.restart(settings());
    sim.world = World::new([info()]);
    for minute in 1..30 {
        assert_eq!(sim.step(minute, &[]), [], "not one answer yet");
    }
    assert_eq!(sim.alerts.firing().len(), 1);
    sim.world = world(vec![]);
    assert_eq!(sim.step(31, &[]), [], "it may tell piece by piece");
    assert_eq!(sim.step(33, &[])[0].occasion, Occasion::Resolved);
}

#[test]
fn notes_are_kept_with_who_wrote_them() {
    let mut sim = Sim::plain();
    sim.step(0, &[finding("a", 0)]);
    let note = AlertDeed::Note(SafeText::new("the vendor is on it"));
    order(&mut sim.alerts, &id("a"), note, 1);
    sim.restart(settings());
    let notes = &sim.alerts.get(&id("a")).unwrap().notes;
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].by.who.as_str(), notes[0].by.at), ("ann", t(1)));
    assert!(!sim.alerts.order(&AlertOrder {
        id: id("nobody"),
        by: by(1),
        deed: AlertDeed::Ack
    }));
}

/// A world in which these pipelines run, and rules by which `b1` and `b2` need `a`, and `c` needs `b1`.
fn lineage() -> (World, Settings) {
    use crate::alerts::{Expect, Glob};
    let names = ["a", "b1", "b2", "c", "z"];
    let list = names.map(|name| Pipeline::new(key(name))).to_vec();
    let complete = true;
    let world = world(vec![Event::Pipelines { list, complete }]);
    let needs = |name: &str, upstream: &str| Expect {
        after: vec![Glob(upstream.to_owned())],
        ..Expect::new(Glob(name.to_owned()))
    };
    let rules = Rules {
        expects: vec![needs("b*", "a"), needs("c", "b1")].into(),
        ..Rules::default()
    };
    let settings = Settings {
        rules,
        ..settings()
    };
    (world, settings)
}

fn of_rule(rule: &str, name: &str, since: i64) -> Finding {
    let mut finding = finding(name, since);
    finding.alert.id.rule = rule.to_owned();
    finding
}

#[test]
fn what_follows_from_a_failure_is_one_alert_with_it() {
    let (world, settings) = lineage();
    let mut sim = Sim::new(settings);
    sim.world = world;
    sim.learn();
    let story = [
        finding("a", 0),
        of_rule("run-late", "b1", 3),
        finding("b2", 4),
        of_rule("stale", "c", 5),
        finding("z", 6),
    ];
    let all = told(&sim.step(6, &story));
    let fired = |name: &str| (Occasion::Fired, name.to_owned(), vec!["chat"]);
    assert_eq!(all, [fired("a"), fired("z")], "z needs nothing");
    let behind: Vec<&str> = sim.alerts.firing()[1]
        .behind
        .iter()
        .map(|b| b.as_str())
        .collect();
    assert_eq!(sim.alerts.firing().len(), 2);
    assert_eq!(
        sim.alerts.get(&id("a")).unwrap().behind.len(),
        3,
        "{behind:?}"
    );
    // the cause is gone, one of its consequences stays: it has a quarter of an hour to follow
    let left = [of_rule("run-late", "b1", 3)];
    let over = told(&sim.step(10, &left));
    let resolved = |name: &str| (Occasion::Resolved, name.to_owned(), vec!["chat"]);
    assert_eq!(over, [resolved("a"), resolved("z")]);
    assert_eq!(sim.step(24, &left), []);
    assert_eq!(told(&sim.step(25, &left)), [fired("b1")]);
}

#[test]
fn a_failure_that_was_there_before_is_no_consequence() {
    let (world, settings) = lineage();
    let mut sim = Sim::new(settings);
    sim.world = world;
    sim.learn();
    let both = [finding("a", 10), finding("b1", 2)];
    assert_eq!(sim.step(10, &both).len(), 2, "b1 failed before a did");
    let behind = &sim.alerts.get(&id("a")).unwrap().behind;
    let names: Vec<&str> = behind.iter().map(|b| b.as_str()).collect();
    assert_eq!(names, ["b1", "b2", "c"], "what a failure of it reaches");
}

#[test]
fn of_one_pipeline_the_cause_is_told_and_not_what_is_seen_of_it() {
    let mut sim = Sim::plain();
    let story = [
        of_rule("duration-limit", "a", 0),
        of_rule("sla-risk", "a", 1),
        of_rule("node-failed", "a", 2),
        finding("a", 2),
    ];
    assert_eq!(told(&sim.step(2, &story)).len(), 1);
    assert_eq!(sim.alerts.firing()[0].id, id("a"));
    // an acknowledgement of the cause holds for all of it
    order(&mut sim.alerts, &id("a"), AlertDeed::Ack, 3);
    sim.alerts.take_tellings();
    for minute in 3..200 {
        assert_eq!(sim.step(minute, &story), []);
    }
}

#[test]
fn orders_that_are_read_again_are_done_once() {
    let mut sim = Sim::plain();
    sim.step(0, &[finding("a", 0)]);
    order(&mut sim.alerts, &id("a"), AlertDeed::Ack, 1);
    order(&mut sim.alerts, &id("a"), AlertDeed::Unack, 2);
    sim.alerts.take_tellings();
    sim.restart(settings());
    let mut again = |deed, minute| {
        sim.alerts.order(&AlertOrder {
            id: id("a"),
            by: by(minute),
            deed,
        })
    };
    assert!(!again(AlertDeed::Ack, 1) && !again(AlertDeed::Unack, 2));
    assert!(again(AlertDeed::Ack, 3), "a new one is done");
    // an order to an alert of that name that was before
    sim.step(10, &[]);
    sim.step(20, &[finding("a", 20)]);
    let late = AlertOrder {
        id: id("a"),
        by: by(9),
        deed: AlertDeed::Ack,
    };
    assert!(!sim.alerts.order(&late));
}

#[test]
fn of_a_backend_that_does_not_answer_nothing_is_over() {
    let mut sim = Sim::plain();
    let degraded = Finding::from(Alert {
        target: Some(Target::Backend(BackendId::new("lab"))),
        ..Alert::new(
            AlertId::new("backend-degraded", "lab/scheduler"),
            Priority::P2,
            t(0),
        )
    });
    assert_eq!(sim.step(0, &[degraded]).len(), 1);
    let status = |reach| Stamped {
        backend: BackendId::new("lab"),
        at: t(1),
        event: Event::Status(BackendStatus {
            reach,
            ..BackendStatus::default()
        }),
    };
    sim.world.apply(&status(Reach::Down {
        reason: SafeText::new("refused"),
        retry_at: None,
    }));
    for minute in 1..30 {
        assert_eq!(sim.step(minute, &[]), [], "nobody knows");
    }
    sim.world.apply(&status(Reach::Up));
    assert_eq!(sim.step(30, &[])[0].occasion, Occasion::Resolved);
}

#[test]
fn a_rule_over_numbers_that_are_not_there_yet_ends_nothing() {
    let text = "[[rule]]\nname=\"errors\"\nquery=\"sum(last_5m):sum:pipeline.errors{*} by {pipeline} > 0\"\n";
    let path = std::path::Path::new("/x/config.toml");
    let rules = crate::config::load::parse(path, text).unwrap().config.rules;
    let of = || Settings {
        own: crate::alerts::Own::new(&rules),
        ..settings()
    };
    let mut sim = Sim::new(of());
    let mut found = finding("a", 0);
    found.alert.id = AlertId::new("errors", "pipeline:a");
    found.alert.target = None;
    assert_eq!(sim.step(0, &[found]).len(), 1);
    sim.restart(of());
    for minute in 1..600 {
        assert_eq!(sim.step(minute, &[]), [], "no number has been seen");
    }
    assert_eq!(sim.alerts.firing().len(), 1);
    sim.step(24 * 60 + 2, &[]);
    assert!(
        sim.alerts.firing().is_empty(),
        "its group has gone for good"
    );
}
