//! Several programs on one server.

use super::*;
use crate::history::{Heard, Keeper, Leader};

/// Long enough on a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(20);

pub(super) fn until(what: &str, mut there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What one does the other hears, without being asked to look.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn what_one_did_wakes_the_others() {
    let database = Database::new();
    let (mut one, mut other) = (database.open(), database.open());
    let (told, news) = std::sync::mpsc::channel();
    other.listen(Box::new(move || told.send(()).is_ok()));
    // it looks when it begins to listen
    news.recv_timeout(LONG).unwrap();
    assert!(!other.changed().unwrap());
    other
        .write(&[contract::append(Log::Orders, 1, "own")])
        .unwrap();
    let events = [contract::append(Log::Events, 1, "nobody waits for it")];
    one.write(&events).unwrap();
    assert!(news.recv_timeout(Duration::from_millis(300)).is_err());
    one.write(&[contract::put(Shelf::Silences, "a", "1")])
        .unwrap();
    news.recv_timeout(LONG).unwrap();
    assert!(other.changed().unwrap());
    assert_eq!(other.shelf(Shelf::Silences).unwrap().len(), 1);
    // a connection that broke listens again
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'
        and datname = current_database()";
    database.say(cut);
    news.recv_timeout(LONG).unwrap();
    one.write(&[contract::append(Log::Orders, 2, "an order")])
        .unwrap();
    news.recv_timeout(LONG).unwrap();
    drop(news);
}

/// Many write at the same time: everybody sees every line, once, and in one order.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn two_keepers_hear_every_order_of_each_other_once() {
    let database = Database::new();
    let keeper = || {
        let (heard, inbox) = tokio::sync::mpsc::channel(1_000);
        (
            Keeper::start(Box::new(database.open()), heard, false, None),
            inbox,
        )
    };
    let (mut all, mut inboxes) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (keeper, inbox) = keeper();
        all.push(keeper);
        inboxes.push(inbox);
    }
    let name = |keeper: usize, n: i64| format!("{keeper} {n}");
    for n in 0..40 {
        for (who, keeper) in all.iter().enumerate() {
            assert!(keeper.write(contract::append(Log::Orders, n, &name(who, n))));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    for (who, inbox) in inboxes.iter_mut().enumerate() {
        let mut heard = Vec::new();
        until("orders of the others", || {
            while let Ok(Heard::Orders(lines)) = inbox.try_recv() {
                heard.extend(lines.into_iter().map(|line| line.body));
            }
            heard.len() >= 80
        });
        let mut wanted: Vec<String> = (0..3)
            .filter(|other| *other != who)
            .flat_map(|other| (0..40).map(move |n| name(other, n)))
            .collect();
        heard.sort();
        wanted.sort();
        assert_eq!(heard, wanted);
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn one_of_all_leads_and_who_loses_its_connection_steps_down() {
    let database = Database::new();
    let mut one = Leader::on(&database.address());
    until("one leads", || one.lead());
    let mut other = Leader::on(&database.address());
    std::thread::sleep(Duration::from_secs(3));
    assert!(one.lead() && !other.lead());
    let holder = "from pg_locks l join pg_stat_activity a using (pid) where locktype = 'advisory' and l.granted
        and a.datname = current_database()";
    database.say(&format!("select pg_terminate_backend(pid) {holder}"));
    // one of the two has it again, and never both for longer than it takes to look
    let held = format!("select count(*) {holder}");
    until("the lock is held again", || database.say(&held) == Some(1));
    until("one of them leads", || one.lead() != other.lead());
    drop(one);
    until("the one that is left leads", || other.lead());
}
