#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Alert, Priority};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn lane(name: &str, merges: bool) -> LaneSettings {
    LaneSettings {
        name: name.to_owned(),
        rate: 60,
        send_resolved: true,
        merges,
    }
}

fn message(occasion: Occasion, subject: &str) -> Message {
    let mut alert = Alert::new(AlertId::new("run-failing", subject), Priority::P2, at(0));
    alert.title = SafeText::new(subject);
    alert.reason = SafeText::new("failed at load");
    alert.fired = Some(at(0));
    Message::new(occasion, alert, at(0))
}

fn fired(subject: &str) -> Message {
    message(Occasion::Fired, subject)
}

fn resolved(subject: &str) -> Message {
    message(Occasion::Resolved, subject)
}

fn ok() -> Result<Receipt, SendError> {
    Ok(Receipt::default())
}

fn later() -> Result<Receipt, SendError> {
    Err(SendError::later("no connection"))
}

/// The ledger's rows, after everything that was to be written.
#[derive(Default)]
struct Rows(BTreeMap<u64, Delivery>);

impl Rows {
    fn write(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Put(delivery) => {
                    self.0.insert(delivery.id, *delivery);
                }
                Change::Remove(id) => {
                    self.0.remove(&id);
                }
            }
        }
    }

    fn count(&self, state: DeliveryState) -> usize {
        self.0.values().filter(|d| d.state == state).count()
    }
}

/// Sends what is due; each with this result.
fn send(
    outbox: &mut Outbox,
    rows: &mut Rows,
    now: DateTime<Utc>,
    result: &dyn Fn(&Delivery) -> Result<Receipt, SendError>,
) -> Vec<Delivery> {
    let (due, changes) = outbox.due(now, usize::MAX);
    rows.write(changes);
    for delivery in &due {
        rows.write(outbox.settled(delivery.id, result(delivery), now));
    }
    due
}

#[test]
fn a_resolve_never_overtakes_its_trigger() {
    let (mut outbox, mut rows) = (Outbox::new([lane("pager", false)]), Rows::default());
    rows.write(outbox.enqueue(&fired("a"), ["pager"], at(0)));
    let (due, changes) = outbox.due(at(0), 9);
    rows.write(changes);
    assert_eq!(due.len(), 1);
    rows.write(outbox.enqueue(&resolved("a"), ["pager"], at(1)));
    assert!(
        outbox.due(at(2), 9).0.is_empty(),
        "its trigger is under way"
    );
    rows.write(outbox.settled(due[0].id, later(), at(2)));
    let again = outbox.next().unwrap();
    assert!(again > at(2));
    let first = send(&mut outbox, &mut rows, again, &|_| {
        Ok(Receipt {
            thread: Some("thread".to_owned()),
            screen: None,
        })
    });
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].message.occasion, first[0].attempts),
        (Occasion::Fired, 2)
    );
    let second = send(&mut outbox, &mut rows, again, &|_| ok());
    assert_eq!(second[0].message.occasion, Occasion::Resolved);
    assert_eq!(second[0].thread.as_deref(), Some("thread"));
    assert!(rows.0.is_empty() && outbox.idle() && outbox.next().is_none());
}

#[test]
fn what_was_over_before_it_was_told_is_not_told() {
    let (mut outbox, mut rows) = (Outbox::new([lane("pager", false)]), Rows::default());
    rows.write(outbox.enqueue(&fired("a"), ["pager"], at(0)));
    rows.write(outbox.enqueue(&message(Occasion::Escalated, "a"), ["pager"], at(1)));
    rows.write(outbox.enqueue(&resolved("a"), ["pager"], at(2)));
    assert!(rows.0.is_empty() && outbox.next().is_none());
    // an end of which nobody knows a beginning is told: it may have been in a digest
    rows.write(outbox.enqueue(&resolved("a"), ["pager"], at(3)));
    assert_eq!(send(&mut outbox, &mut rows, at(3), &|_| ok()).len(), 1);
}

#[test]
fn a_trigger_that_was_tried_is_told_with_its_end() {
    let (mut outbox, mut rows) = (Outbox::new([lane("pager", false)]), Rows::default());
    rows.write(outbox.enqueue(&fired("a"), ["pager"], at(0)));
    send(&mut outbox, &mut rows, at(0), &|_| later());
    rows.write(outbox.enqueue(&resolved("a"), ["pager"], at(1)));
    rows.write(outbox.enqueue(&resolved("a"), ["pager"], at(2)));
    assert_eq!(rows.0.len(), 2, "one end is enough");
    let mut told = Vec::new();
    while let Some(next) = outbox.next() {
        let sent = send(&mut outbox, &mut rows, next, &|_| ok());
        told.extend(sent.into_iter().map(|d| d.message.occasion));
    }
    assert_eq!(told, [Occasion::Fired, Occasion::Resolved]);
}

#[test]
fn a_channel_that_wants_no_ends_gets_none() {
    let mut settings = lane("mail", true);
    settings.send_resolved = false;
    let (mut outbox, mut rows) = (Outbox::new([settings]), Rows::default());
    rows.write(outbox.enqueue(&fired("a"), ["mail"], at(0)));
    send(&mut outbox, &mut rows, at(0), &|_| ok());
    rows.write(outbox.enqueue(&resolved("a"), ["mail"], at(1)));
    assert!(rows.0.is_empty() && outbox.next().is_none());
}

#[test]
fn the_most_urgent_goes_first_within_the_rate() {
    let (mut outbox, mut rows) = (Outbox::new([lane("pager", false)]), Rows::default());
    for n in 0..30 {
        let mut low = fired(&format!("low{n}"));
        low.alert.priority = Priority::P4;
        rows.write(outbox.enqueue(&low, ["pager"], at(0)));
    }
    let mut high = fired("high");
    high.alert.priority = Priority::P1;
    rows.write(outbox.enqueue(&high, ["pager"], at(0)));
    let first = send(&mut outbox, &mut rows, at(0), &|_| ok());
    assert_eq!(first.len(), 10, "ten seconds' worth at once");
    assert_eq!(first[0].message.alert.title, "high");
    assert_eq!(outbox.next(), Some(at(1)));
    assert_eq!(send(&mut outbox, &mut rows, at(1), &|_| ok()).len(), 1);
    assert_eq!(send(&mut outbox, &mut rows, at(11), &|_| ok()).len(), 10);
}

#[test]
fn ten_thousand_alerts_are_one_mail_and_ten_thousand_pages() {
    let lanes = [lane("mail", true), lane("pager", false)];
    let (mut outbox, mut rows) = (Outbox::new(lanes), Rows::default());
    for n in 0..10_000 {
        let changes = outbox.enqueue(&fired(&format!("p{n}")), ["mail", "pager"], at(0));
        rows.write(changes);
    }
    assert_eq!(rows.count(DeliveryState::Waiting), 20_000);
    let mut sent: HashMap<String, usize> = HashMap::new();
    let mut now = at(0);
    while let Some(next) = outbox.next() {
        now = now.max(next);
        for delivery in send(&mut outbox, &mut rows, now, &|_| ok()) {
            *sent.entry(delivery.channel.clone()).or_default() += 1;
            if delivery.channel == "mail" {
                let alert = &delivery.message.alert;
                assert_eq!(alert.title, "10000 alerts");
                assert_eq!(alert.reason, "10000 P2");
                assert_eq!(alert.behind.len(), 21);
                assert_eq!(alert.behind[0], "P2 p0: failed at load");
                assert_eq!(alert.behind[20], "and 9980 more");
            }
        }
    }
    assert_eq!((sent["mail"], sent["pager"]), (1, 10_000));
    // 60 a minute after the first ten
    assert_eq!(now, at(9990));
    // and their ends: one mail, a page's end each
    for n in 0..10_000 {
        rows.write(outbox.enqueue(&resolved(&format!("p{n}")), ["mail", "pager"], now));
    }
    let mut ends: HashMap<String, usize> = HashMap::new();
    while let Some(next) = outbox.next() {
        now = now.max(next);
        for delivery in send(&mut outbox, &mut rows, now, &|_| ok()) {
            assert_eq!(delivery.message.occasion, Occasion::Resolved);
            *ends.entry(delivery.channel.clone()).or_default() += 1;
        }
    }
    assert_eq!((ends["mail"], ends["pager"]), (1, 10_000));
    assert!(rows.0.is_empty(), "{}", rows.0.len());
}

#[test]
fn what_has_a_thread_is_not_merged() {
    let (mut outbox, mut rows) = (Outbox::new([lane("slack", true)]), Rows::default());
    let thread = |_: &Delivery| {
        Ok(Receipt {
            thread: Some("t".to_owned()),
            screen: None,
        })
    };
    for n in 0..5 {
        rows.write(outbox.enqueue(&fired(&format!("p{n}")), ["slack"], at(0)));
    }
    assert_eq!(send(&mut outbox, &mut rows, at(0), &thread).len(), 5);
    for n in 0..5 {
        rows.write(outbox.enqueue(&resolved(&format!("p{n}")), ["slack"], at(100)));
    }
    for n in 5..40 {
        rows.write(outbox.enqueue(&fired(&format!("p{n}")), ["slack"], at(100)));
    }
    let sent = send(&mut outbox, &mut rows, at(100), &thread);
    let threads = sent.iter().filter(|d| d.thread.is_some()).count();
    assert_eq!((sent.len(), threads), (6, 5));
    assert!(sent.iter().any(|d| d.message.alert.title == "35 alerts"));
}

#[test]
fn a_failing_channel_is_tried_with_one_message_and_growing_waits() {
    let (mut outbox, mut rows) = (Outbox::new([lane("pager", false)]), Rows::default());
    for n in 0..100 {
        rows.write(outbox.enqueue(&fired(&format!("p{n}")), ["pager"], at(0)));
    }
    // ten were under way when it broke
    assert_eq!(send(&mut outbox, &mut rows, at(0), &|_| later()).len(), 10);
    let (mut tries, mut now) = (0, at(0));
    while now < at(3600) {
        now = outbox.next().unwrap();
        let sent = send(&mut outbox, &mut rows, now, &|_| later());
        assert_eq!(sent.len(), 1);
        tries += 1;
    }
    assert!((6..=15).contains(&tries), "{tries} tries in an hour");
    let [trouble] = &outbox.troubles()[..] else {
        panic!()
    };
    assert_eq!((trouble.channel.as_str(), trouble.since), ("pager", at(0)));
    assert_eq!(
        (trouble.waiting, trouble.why.as_str()),
        (100, "no connection")
    );
    // it works again: all are told, in the order of their urgency, and it is in no trouble any more
    let mut told = 0;
    while let Some(next) = outbox.next() {
        now = now.max(next);
        told += send(&mut outbox, &mut rows, now, &|_| ok()).len();
    }
    assert_eq!(told, 100);
    assert!(outbox.troubles().is_empty());
}

#[test]
fn retry_after_holds_the_whole_channel_and_no_other() {
    let lanes = [lane("slack", true), lane("pager", false)];
    let (mut outbox, mut rows) = (Outbox::new(lanes), Rows::default());
    rows.write(outbox.enqueue(&fired("a"), ["slack", "pager"], at(0)));
    send(
        &mut outbox,
        &mut rows,
        at(0),
        &|d| match d.channel.as_str() {
            "slack" => Err(SendError {
                what: SafeText::new("asked too often"),
                retry: Retry::After(Duration::from_secs(90)),
            }),
            _ => ok(),
        },
    );
    rows.write(outbox.enqueue(&fired("b"), ["slack", "pager"], at(1)));
    let sent = send(&mut outbox, &mut rows, at(1), &|_| ok());
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].channel, "pager");
    assert_eq!(outbox.next(), Some(at(90)));
    assert_eq!(outbox.counts()[1].held, Some(at(90)));
}

#[test]
fn what_is_refused_or_too_old_is_a_dead_letter() {
    let (mut outbox, mut rows) = (Outbox::new([lane("pager", false)]), Rows::default());
    rows.write(outbox.enqueue(&fired("a"), ["pager"], at(0)));
    send(&mut outbox, &mut rows, at(0), &|_| {
        Err(SendError::never("invalid event"))
    });
    assert_eq!(rows.count(DeliveryState::Dead), 1);
    let dead: Vec<&Delivery> = outbox.dead().collect();
    assert_eq!(
        dead[0].last_error.as_deref().map(|e| e as &str),
        Some("invalid event")
    );
    assert_eq!(
        outbox.troubles().len(),
        1,
        "a lost message is trouble at once"
    );
    let id = dead[0].id;
    // a person tries again
    rows.write(outbox.retry(id, at(60)).unwrap());
    assert_eq!(outbox.retry(id, at(60)), Err(NoRetry::Unknown));
    assert_eq!(send(&mut outbox, &mut rows, at(60), &|_| later()).len(), 1);
    let mut now = at(60);
    while let Some(next) = outbox.next() {
        now = next;
        send(&mut outbox, &mut rows, now, &|_| later());
    }
    assert!(
        now <= at(60) + GIVE_UP && now > at(60) + TimeDelta::hours(12),
        "{now}"
    );
    assert_eq!(rows.count(DeliveryState::Dead), 1);
    let attempts = rows.0[&id].attempts;
    assert!(attempts <= ATTEMPTS && attempts > 50, "{attempts}");
    // its alert is over: it can't be opened any more, and is forgotten after a month
    rows.write(outbox.enqueue(&resolved("a"), ["pager"], now));
    send(&mut outbox, &mut rows, now + TimeDelta::hours(1), &|_| ok());
    assert_eq!(outbox.retry(id, now), Err(NoRetry::Over));
    assert!(outbox.prune(now).is_empty());
    rows.write(outbox.prune(now + TimeDelta::days(40)));
    assert!(rows.0.is_empty());
}

#[test]
fn a_message_that_fails_alone_does_not_hold_up_the_others() {
    let (mut outbox, mut rows) = (Outbox::new([lane("pager", false)]), Rows::default());
    for n in 0..5 {
        rows.write(outbox.enqueue(&fired(&format!("p{n}")), ["pager"], at(0)));
    }
    let mut told = 0;
    while told < 4 {
        let now = outbox.next().unwrap().max(at(0));
        assert!(now < at(120), "the others wait for one");
        told += send(
            &mut outbox,
            &mut rows,
            now,
            &|d| match d.message.alert.title.as_str() {
                "p0" => later(),
                _ => ok(),
            },
        )
        .iter()
        .filter(|d| d.message.alert.title != "p0")
        .count();
    }
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let settings = || [lane("pager", false)];
    let (mut outbox, mut rows) = (Outbox::new(settings()), Rows::default());
    for name in ["a", "b", "c"] {
        rows.write(outbox.enqueue(&fired(name), ["pager"], at(0)));
    }
    send(
        &mut outbox,
        &mut rows,
        at(0),
        &|d| match d.message.alert.title.as_str() {
            "a" => Ok(Receipt {
                thread: Some("t".to_owned()),
                screen: None,
            }),
            "b" => Err(SendError::never("no")),
            _ => later(),
        },
    );
    let (under_way, changes) = outbox.due(at(60), 9);
    rows.write(changes);
    assert_eq!(under_way.len(), 1);
    // killed here; the rows go through their written form
    let written = serde_json::to_string(&rows.0.values().collect::<Vec<_>>()).unwrap();
    let mut outbox = Outbox::restore(settings(), serde_json::from_str(&written).unwrap());
    assert_eq!(outbox.dead().count(), 1);
    // its trigger may have arrived, so its end is told
    rows.write(outbox.enqueue(&resolved("c"), ["pager"], at(61)));
    rows.write(outbox.enqueue(&resolved("a"), ["pager"], at(61)));
    let mut told = Vec::new();
    while let Some(next) = outbox.next() {
        for d in send(&mut outbox, &mut rows, next.max(at(61)), &|_| ok()) {
            told.push((
                d.message.alert.title.to_string(),
                d.message.occasion,
                d.thread,
            ));
        }
    }
    let of = |name: &str| {
        told.iter()
            .filter(|(title, ..)| title == name)
            .map(|(_, occasion, thread)| (*occasion, thread.as_deref()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("a"), [(Occasion::Resolved, Some("t"))]);
    assert_eq!(
        of("c"),
        [(Occasion::Fired, None), (Occasion::Resolved, None)]
    );
    assert_eq!(rows.count(DeliveryState::Dead), 1);
    assert_eq!(rows.0.len(), 1);
    // a channel that has gone takes its messages along, visibly
    let orphans = Outbox::restore([], serde_json::from_str(&written).unwrap());
    assert_eq!(orphans.dead().count(), 3);
}

/// Whatever happens in whatever order: nothing is lost, and order is kept.
#[derive(Clone, Debug)]
enum Step {
    Fire(u8),
    Resolve(u8),
    Send(u8),
    Restart,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6u8).prop_map(Step::Fire),
        3 => (0..6u8).prop_map(Step::Resolve),
        4 => any::<u8>().prop_map(Step::Send),
        1 => Just(Step::Restart),
        2 => (1..600u16).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn nothing_is_lost_and_order_is_kept(steps in proptest::collection::vec(step(), 1..120), merges in any::<bool>()) {
        let settings = || [lane("c", merges)];
        let (mut outbox, mut rows) = (Outbox::new(settings()), Rows::default());
        let mut now = at(0);
        // what each alert is, and the last that the peer heard of it
        let mut firing: BTreeMap<String, bool> = BTreeMap::new();
        let mut heard: BTreeMap<String, Occasion> = BTreeMap::new();
        let mut under_way: Vec<Delivery> = Vec::new();
        for step in steps {
            match step {
                Step::Fire(n) => {
                    let name = n.to_string();
                    if !firing.get(&name).copied().unwrap_or(false) {
                        rows.write(outbox.enqueue(&fired(&name), ["c"], now));
                        firing.insert(name, true);
                    }
                }
                Step::Resolve(n) => {
                    let name = n.to_string();
                    if firing.get(&name).copied().unwrap_or(false) {
                        rows.write(outbox.enqueue(&resolved(&name), ["c"], now));
                        firing.insert(name, false);
                    }
                }
                Step::Send(luck) => {
                    let (due, changes) = outbox.due(now, usize::from(luck % 4));
                    rows.write(changes);
                    for one in due.iter().chain(&under_way) {
                        let same = due.iter().chain(&under_way)
                            .filter(|d| d.message.alert.id == one.message.alert.id).count();
                        prop_assert_eq!(same, 1, "two under way for one alert");
                    }
                    under_way.extend(due);
                    if luck % 3 != 0 && let Some(one) = under_way.pop() {
                        let arrives = luck % 5 != 0;
                        if arrives {
                            heard.insert(one.message.alert.title.to_string(), one.message.occasion);
                        }
                        let result = if arrives && luck % 2 == 0 { ok() } else { later() };
                        rows.write(outbox.settled(one.id, result, now));
                    }
                }
                Step::Restart => {
                    for one in under_way.drain(..) {
                        heard.insert(one.message.alert.title.to_string(), one.message.occasion);
                    }
                    outbox = Outbox::restore(settings(), rows.0.values().cloned().collect());
                }
                Step::Wait(seconds) => now += TimeDelta::seconds(i64::from(seconds)),
            }
        }
        for one in under_way.drain(..) {
            rows.write(outbox.settled(one.id, later(), now));
        }
        let mut rounds = 0;
        while let Some(next) = outbox.next() {
            now = now.max(next);
            for one in send(&mut outbox, &mut rows, now, &|_| ok()) {
                heard.insert(one.message.alert.title.to_string(), one.message.occasion);
            }
            rounds += 1;
            prop_assert!(rounds < 10_000, "it never ends");
        }
        // in the end the peer knows of each alert what is so (with so few alerts nothing is merged)
        for (name, is_firing) in &firing {
            match (is_firing, heard.get(name)) {
                (true, Some(Occasion::Fired)) | (false, Some(Occasion::Resolved) | None) => {}
                (is_firing, heard) => prop_assert!(false, "{name}: firing {is_firing}, heard {heard:?}"),
            }
        }
        prop_assert!(outbox.idle());
        let kept = rows.0.values().filter(|d| d.state != DeliveryState::Sent).count();
        prop_assert_eq!(kept, 0);
    }
}

#[test]
fn waits_grow_and_are_not_the_same_for_all() {
    for nth in 1..200 {
        let wait = backoff(7, nth);
        assert!(wait >= TimeDelta::milliseconds(2500) && wait <= TimeDelta::minutes(10));
        assert_eq!(wait, backoff(7, nth));
    }
    assert!(backoff(1, 8) >= TimeDelta::minutes(5));
    let mut different: Vec<TimeDelta> = (0..100).map(|id| backoff(id, 5)).collect();
    different.sort();
    different.dedup();
    assert!(different.len() > 80, "{}", different.len());
}
