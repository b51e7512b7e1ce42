//! Outcomes by day outlive their runs, and count each once; orders outlive what has not taken them up.

use super::*;

/// What became of runs, day by day, and that it outlives them.
pub(in crate::history) fn days(open: impl Fn() -> Box<dyn Store>) {
    // t(0) is 2026-09-21 13:33:20
    let noon = |day: i64| DateTime::from_timestamp((20_717 + day) * 86_400 + 43_200, 0).unwrap();
    let mut store = open();
    let run = |name: &str, day: i64, health: Health, seconds: i64| {
        let mut past = past("a", name, 0);
        past.health = health;
        past.run.ordered_at = noon(day);
        past.run.queued_at = Some(noon(day));
        past.run.started_at = Some(noon(day) + chrono::Duration::seconds(5));
        past.run.ended_at = Some(noon(day) + chrono::Duration::seconds(5 + seconds));
        past
    };
    let write = |past: &PastRun| Write::Run(Box::new(past.clone()));
    let mut going = run("going", 1, Health::Running, 0);
    going.run.ended_at = None;
    let other = PastRun {
        run: Run {
            key: PipelineKey::new(&BackendId::new("dev"), "z").run("1"),
            ..run("x", 1, Health::Cancelled, 1).run
        },
        ..run("x", 1, Health::Cancelled, 1)
    };
    store
        .write(&[
            write(&run("1", 0, Health::Succeeded, 60)),
            write(&run("2", 0, Health::Failed, 600)),
            write(&run("3", 1, Health::Warned, 30)),
            write(&going),
            write(&other),
        ])
        .unwrap();
    let mut ask = Ask {
        of: Of::Backend(BackendId::new("prod")),
        from: noon(0),
        to: noon(2),
        newest_first: false,
        most: 100,
    };
    let brief = |store: &mut Box<dyn Store>, ask: &Ask| -> Vec<String> {
        let days = store.days(ask).unwrap();
        days.iter()
            .map(|d| {
                assert_eq!(d.at.timestamp() % 86_400, 0);
                let (day, p) = (
                    d.at.timestamp() / 86_400 - 20_717,
                    d.pipeline.pipeline.raw(),
                );
                let (counts, times) = (
                    (d.good, d.bad, d.other),
                    (d.timed, d.took, d.queued, d.waited),
                );
                format!("{day} {p} {counts:?} {times:?}")
            })
            .collect()
    };
    let first = "0 a (1, 1, 0) (1, 60.0, 2, 10.0)";
    let second = "1 a (1, 0, 0) (1, 30.0, 1, 5.0)";
    assert_eq!(brief(&mut store, &ask), [first, second]);
    // told again, and otherwise: it counts once, as it is
    let same = run("1", 0, Health::Succeeded, 60);
    let later = run("2", 0, Health::Succeeded, 700);
    let moved = run("3", 2, Health::Warned, 30);
    let ended = run("going", 1, Health::Failed, 9);
    let mut again = run("again", 0, Health::Failed, 9);
    store.write(&[write(&again)]).unwrap();
    again.run.ended_at = None;
    again.health = Health::Running;
    let batch = [&same, &later, &moved, &ended, &again].map(write);
    store.write(&batch).unwrap();
    let first = "0 a (2, 0, 0) (2, 760.0, 2, 10.0)";
    let second = "1 a (0, 1, 0) (0, 0.0, 1, 5.0)";
    assert_eq!(
        brief(&mut store, &ask),
        [first, second, "2 a (1, 0, 0) (1, 30.0, 1, 5.0)"]
    );
    assert_eq!(store.forget(Kind::Runs, noon(3)).unwrap(), 6);
    ask.to = noon(1);
    assert_eq!(brief(&mut store, &ask), [first, second], "it outlives them");
    ask.newest_first = true;
    ask.most = 1;
    assert_eq!(brief(&mut store, &ask), [second]);
    (ask.of, ask.most) = (Of::All, 10);
    let third = "1 z (0, 0, 1) (0, 0.0, 1, 5.0)";
    assert_eq!(brief(&mut store, &ask), [second, third, first]);
    ask.of = Of::Pipeline(same.run.key.pipeline.clone());
    assert_eq!(brief(&mut store, &ask), [second, first]);
    assert_eq!(store.forget(Kind::Days, noon(1)).unwrap(), 1);
    assert_eq!(brief(&mut store, &ask), [second]);
    // a backend tells again what was forgotten: it was counted
    let load = attempt(&same.run.key, "load", 1, 10);
    let batch = [write(&same), Write::Node(Box::new(load.clone()))];
    store.write(&batch).unwrap();
    let log = load.run.node(&load.node).log(1);
    let text = "no".to_owned();
    let tail = Write::Tail {
        log,
        at: t(0),
        text,
    };
    store.write(&[Write::Node(Box::new(load)), tail]).unwrap();
    assert_eq!(brief(&mut store, &ask), [second]);
    assert_eq!(store.run(&same.run.key).unwrap(), None);
    assert_eq!(store.nodes_of(&same.run.key).unwrap(), []);
    let mut store = open();
    store.write(&[write(&ended)]).unwrap();
    assert_eq!(
        brief(&mut store, &ask),
        [second],
        "another program knows it too"
    );
    // one that goes on was not counted, and one that is newer was not forgotten
    let mut long = run("long", 0, Health::Running, 0);
    long.run.ended_at = None;
    store.write(&[write(&long)]).unwrap();
    long.run.ended_at = Some(noon(4));
    long.health = Health::Failed;
    store
        .write(&[write(&long), write(&run("new", 3, Health::Succeeded, 1))])
        .unwrap();
    ask.to = noon(4);
    let third = "3 a (1, 0, 0) (1, 1.0, 1, 5.0)";
    let first = "0 a (0, 1, 0) (0, 0.0, 1, 5.0)";
    let days = [third, "2 a (1, 0, 0) (1, 30.0, 1, 5.0)", second, first];
    assert_eq!(brief(&mut store, &ask), days);
    // the mark only goes forward
    store.forget(Kind::Runs, noon(-9)).unwrap();
    store.write(&[write(&same)]).unwrap();
    assert_eq!(brief(&mut store, &ask), days);
    assert_eq!(store.run(&same.run.key).unwrap(), None);
}

/// What people did goes when it is old, but not before it was taken up.
pub(in crate::history) fn orders(open: impl Fn() -> Box<dyn Store>) {
    let mut store = open();
    let old = |days: i64| chrono::Utc::now() - chrono::Duration::days(days);
    let order = |days: i64| Write::Append {
        log: Log::Orders,
        at: old(days),
        body: days.to_string(),
    };
    store
        .write(&[order(900), order(500), order(450), order(600), order(1)])
        .unwrap();
    let left = |store: &mut Box<dyn Store>| {
        prune(store.as_mut(), Policy::default(), &mut |_| {}).unwrap();
        let lines = store.after(Log::Orders, 0, 10).unwrap();
        lines.into_iter().map(|line| line.body).collect::<Vec<_>>()
    };
    assert_eq!(left(&mut store).len(), 5, "nobody has taken any up");
    let seq = store.after(Log::Orders, 0, 10).unwrap()[2].seq;
    store
        .write(&[put(Shelf::Marks, READ, &seq.to_string())])
        .unwrap();
    assert_eq!(
        left(&mut store),
        ["500", "450", "600", "1"],
        "one of 600 days waits"
    );
    let last = store.last(Log::Orders).unwrap();
    store
        .write(&[put(Shelf::Marks, READ, &last.to_string())])
        .unwrap();
    assert_eq!(left(&mut store), ["1"]);
    store.write(&[order(0)]).unwrap();
    assert_eq!(store.last(Log::Orders).unwrap(), last + 1, "numbers go on");
}
