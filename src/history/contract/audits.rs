//! Lines of the audits of several machines, each of them once.

use super::*;

/// Lines of the audits of several machines.
pub(in crate::history) fn audits(open: impl Fn() -> Box<dyn Store>) {
    let line = |chain: &str, n: u64, second: i64| Copied {
        chain: chain.to_owned(),
        n,
        hash: format!("{chain}{n}"),
        at: t(second),
        body: format!("{{\"said\": \"{chain}'s {n}th\\u0000\"}}"),
    };
    let write = |line: &Copied| Write::Audit(Box::new(line.clone()));
    let mut store = open();
    assert_eq!(store.audit_chains().unwrap(), [""; 0]);
    assert_eq!(store.audit_end("a").unwrap(), None);
    let a: Vec<Copied> = (1..=4).map(|n| line("a", n, n as i64 * 10)).collect();
    let b: Vec<Copied> = (1..=3).map(|n| line("b'", n, n as i64 * 10 + 5)).collect();
    // at the same time as one of a, and with another hash than a line with its number
    let c = line("a", 5, 35);
    let d = Copied {
        hash: "other".to_owned(),
        ..a[1].clone()
    };
    store.write(&[&b[0], &b[1]].map(write)).unwrap();
    store
        .write(&[&a[0], &a[1], &a[2], &a[3]].map(write))
        .unwrap();
    // whoever writes again what is there writes what is new
    let mut other = open();
    other
        .write(&[&a[3], &b[1], &b[2], &a[3], &c, &d].map(write))
        .unwrap();
    let mut store = open();
    assert_eq!(store.audit_chains().unwrap(), ["a", "b'"]);
    assert_eq!(store.audit_end("a").unwrap(), Some((2, "other".to_owned())));
    assert_eq!(store.audit_end("b'").unwrap(), Some((3, "b'3".to_owned())));
    let of = |store: &mut Box<dyn Store>, chain: &str, most: usize| {
        let mut all = Vec::new();
        let mut each = |line| {
            all.push(line);
            all.len() < most
        };
        store.audit_of(chain, &mut each).unwrap();
        all
    };
    assert_eq!(of(&mut store, "b'", 9), b);
    assert_eq!(of(&mut store, "a", 2), a[..2]);
    assert_eq!(of(&mut store, "a", 9)[4..], [c.clone(), d.clone()]);
    assert_eq!(of(&mut store, "nobody", 9), []);

    let mut ask = CopiedAsk {
        from: t(0),
        to: t(1_000),
        newest_first: false,
        after: None,
        most: usize::MAX,
    };
    let asked = |store: &mut Box<dyn Store>, ask: &CopiedAsk| {
        let mut all = Vec::new();
        let mut each = |seq, line: Copied| {
            all.push((seq, line));
            true
        };
        store.audit(ask, &mut each).unwrap();
        all
    };
    let lines =
        |all: &[(i64, Copied)]| -> Vec<Copied> { all.iter().map(|l| l.1.clone()).collect() };
    let by_time = [&a[0], &b[0], &a[1], &d, &b[1], &a[2], &b[2], &c, &a[3]].map(Clone::clone);
    assert_eq!(lines(&asked(&mut store, &ask)), by_time);
    (ask.from, ask.to) = (t(15), t(35));
    assert_eq!(lines(&asked(&mut store, &ask)), by_time[1..6]);
    // page by page, either way
    (ask.from, ask.to, ask.most) = (t(0), t(1_000), 2);
    for newest_first in [false, true] {
        (ask.newest_first, ask.after) = (newest_first, None);
        let mut all = Vec::new();
        loop {
            let page = asked(&mut store, &ask);
            let Some((seq, last)) = page.last() else {
                break;
            };
            assert!(page.len() <= 2);
            ask.after = Some((last.at, *seq));
            all.extend(lines(&page));
        }
        let mut wanted = by_time.to_vec();
        if newest_first {
            wanted.reverse();
        }
        assert_eq!(all, wanted);
    }
    let mut seen = 0;
    let mut each = |_, _| {
        seen += 1;
        false
    };
    store
        .audit(
            &CopiedAsk {
                most: 9,
                after: None,
                ..ask
            },
            &mut each,
        )
        .unwrap();
    assert_eq!(seen, 1);
    assert!(store.size().unwrap().records.contains(&("audit", 9)));
    store.check().unwrap();
}
