//! What goes wrong between here and a server, and what it is called.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn why(url: &reqwest::Url) -> (StoreError, String) {
    let error = Postgres::open(&at(url)).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(&password()), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    (error, text)
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn what_is_wrong_is_told_and_no_secret_with_it() {
    let database = Database::new();
    let user = format!("{}_guest", database.name);
    database.server(&format!("create role {user} login password 'hunter2'"));

    let mut url = database.url("disable");
    url.set_password(Some("hunter2")).unwrap();
    let (error, text) = why(&url);
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(text.contains("does not let us in"), "{text}");

    let mut url = database.url("disable");
    url.set_path("no_such_database");
    let (error, text) = why(&url);
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(
        text.contains("no_such_database") && text.contains("createdb"),
        "{text}"
    );

    let mut guest = database.url("disable");
    guest.set_username(&user).unwrap();
    guest.set_password(Some("hunter2")).unwrap();
    let (error, text) = why(&guest);
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(text.contains("GRANT CREATE ON DATABASE"), "{text}");
    // the schema is there, and another's
    drop(database.open());
    let (_, text) = why(&guest);
    assert!(text.contains("permission denied"), "{text}");

    let mut url = database.url("disable");
    url.set_port(Some(1)).unwrap();
    let (error, text) = why(&url);
    assert!(matches!(error, StoreError::Away { .. }), "{error:?}");
    assert!(error.passes() && text.contains("refused"), "{text}");

    database.say("update dagtop.version set version = 99");
    let (error, text) = why(&database.url("disable"));
    assert!(matches!(error, StoreError::Newer(_)), "{error:?}");
    assert!(text.contains(&database.name), "{text}");
    database.server(&format!("drop role {user}"));
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let database = Database::new();
    for mode in ["require", "prefer", "verify-full"] {
        let (_, text) = why(&database.url(mode));
        assert!(
            text.contains("TLS") && text.contains("certificate"),
            "{text}"
        );
    }
    let ca = std::env::var("DAGTOP_TEST_POSTGRES_CA").expect("its authority: tests/lab/postgres");
    let trusting = |ca: Option<std::path::PathBuf>, insecure| Address {
        tls: Tls {
            ca,
            insecure,
            ..Tls::default()
        },
        ..at(&database.url("require"))
    };
    let encrypted =
        "select count(*) from pg_stat_ssl s join pg_stat_activity a using (pid) where s.ssl and a.application_name = 'dagtop'
           and a.datname = current_database()";
    for address in [trusting(Some(ca.into()), false), trusting(None, true)] {
        let store = Postgres::open(&address).unwrap();
        // one that ended may still be seen for a moment
        shared::until("it is encrypted", || database.say(encrypted) == Some(1));
        drop(store);
    }
}

/// Two programs that start at once on a new database.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn the_schema_is_made_once() {
    let database = Database::new();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Postgres::open(&database.address()).map(drop)))
            .collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
}

/// A writer whose connection is cut, whenever it is cut.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn a_connection_that_breaks_is_made_anew() {
    let database = Database::new();
    let mut store = database.open();
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'dagtop' and datname = current_database()";
    for n in 0..5 {
        store
            .write(&[contract::append(Log::Orders, n, &n.to_string())])
            .unwrap();
        database.say(cut);
    }
    let lines = store.after(Log::Orders, 0, 100).unwrap();
    assert_eq!(contract::bodies(&lines), ["0", "1", "2", "3", "4"]);
}

/// Carries bytes to the server; cuts a connection after it has sent a COMMIT of a batch, before the answer.
fn cutter(server: (String, u16), cuts: &'static AtomicUsize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, server) = (client.unwrap(), server.clone());
            let mut there = TcpStream::connect(server).unwrap();
            let (mut back, mut from) = (client.try_clone().unwrap(), there.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut back);
                let _ = back.shutdown(Shutdown::Both);
            });
            std::thread::spawn(move || {
                let mut bytes = [0; 16_384];
                while let Ok(read @ 1..) = client.read(&mut bytes) {
                    let said = &bytes[..read];
                    let commit = said.windows(7).any(|w| w == b"commit\0");
                    let left = cuts.load(Ordering::SeqCst);
                    if commit && left > 0 {
                        cuts.store(left - 1, Ordering::SeqCst);
                        // nobody hears the answer
                        let _ = client.shutdown(Shutdown::Both);
                        let _ = there.write_all(said);
                        std::thread::sleep(Duration::from_millis(300));
                        let _ = there.shutdown(Shutdown::Both);
                        return;
                    }
                    if there.write_all(said).is_err() {
                        return;
                    }
                }
                let _ = there.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn a_commit_whose_answer_is_lost_is_not_done_twice() {
    static CUTS: AtomicUsize = AtomicUsize::new(0);
    let database = Database::new();
    let server = database.url("disable");
    let host = server.host_str().unwrap().to_owned();
    let port = cutter((host, server.port().unwrap_or(5432)), &CUTS);
    let mut url = server.clone();
    url.set_port(Some(port)).unwrap();
    let mut store = Postgres::open(&at(&url)).unwrap();
    for n in 0..3 {
        CUTS.store(1, Ordering::SeqCst);
        store
            .write(&[
                contract::append(Log::Orders, n, &n.to_string()),
                contract::append(Log::Events, n, "event"),
            ])
            .unwrap();
        assert_eq!(CUTS.load(Ordering::SeqCst), 0, "it was cut");
    }
    let mut store = database.open();
    let lines = store.after(Log::Orders, 0, 100).unwrap();
    assert_eq!(contract::bodies(&lines), ["0", "1", "2"]);
    assert_eq!(store.after(Log::Events, 0, 100).unwrap().len(), 3);
}

pub(super) fn lab(what: &str) {
    let lab = std::env::var("DAGTOP_TEST_POSTGRES_LAB").expect("its script: tests/lab/postgres");
    let done = std::process::Command::new(lab)
        .arg(what)
        .stdin(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(done.success(), "{what}");
}

/// The server goes down as a machine does, and comes back: what people did is there, once each and in their order.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn what_was_done_while_the_server_was_away_is_written_when_it_is_back() {
    let database = Database::new();
    let (heard, mut inbox) = tokio::sync::mpsc::channel(64);
    let mut keeper = crate::history::Keeper::start(Box::new(database.open()), heard, true, None);
    let mut done = 0;
    let mut act = |keeper: &crate::history::Keeper, many: i64| {
        for _ in 0..many {
            assert!(keeper.write(contract::append(Log::Orders, done, &done.to_string())));
            done += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    act(&keeper, 50);
    lab("halt");
    act(&keeper, 50);
    let trouble = inbox.blocking_recv().unwrap();
    let crate::history::Heard::Trouble(why) = trouble else {
        panic!("{trouble:?}");
    };
    assert!(!why.as_str().contains(&password()), "{why}");
    lab("go");
    act(&keeper, 50);
    keeper.close();
    let mut store = database.open();
    let lines = store.after(Log::Orders, 0, 1_000).unwrap();
    let wanted: Vec<String> = (0..150).map(|n| n.to_string()).collect();
    assert_eq!(contract::bodies(&lines), wanted);
}

/// A server whose disk is full says so with this code; here each row is refused with it.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn a_full_disk_of_the_server_loses_nothing_that_somebody_did() {
    use crate::history::Heard;
    let database = Database::new();
    let mut store = database.open();
    database.say(
        "create function dagtop.no_room() returns trigger language plpgsql as $$ begin
           raise exception using errcode = '53100', message = 'could not extend file: No space left on device';
         end $$",
    );
    for table in ["events", "orders"] {
        database.say(&format!(
            "create trigger no_room before insert on dagtop.{table} for each row execute function dagtop.no_room()"
        ));
    }
    let event = |n| contract::append(Log::Events, n, "told");
    let error = store.write(&[event(1)]).unwrap_err();
    assert!(matches!(error, StoreError::Full), "{error:?}");
    let (heard, mut inbox) = tokio::sync::mpsc::channel(64);
    let mut keeper = crate::history::Keeper::start(Box::new(store), heard, true, None);
    let order = |n: i64| contract::append(Log::Orders, n, &n.to_string());
    assert!(keeper.write(order(1)));
    let heard = inbox.blocking_recv().unwrap();
    let Heard::Trouble(why) = heard else {
        panic!("{heard:?}");
    };
    assert!(why.contains("no room on the disk"), "{why}");
    assert!(keeper.write(order(2)));
    for table in ["events", "orders"] {
        database.say(&format!("drop trigger no_room on dagtop.{table}"));
    }
    loop {
        match inbox.blocking_recv().unwrap() {
            Heard::Recovered { lost } => break assert_eq!(lost, 0),
            Heard::Trouble(why) => panic!("told twice: {why}"),
            _ => {}
        }
    }
    keeper.close();
    let lines = database.open().after(Log::Orders, 0, 10).unwrap();
    assert_eq!(contract::bodies(&lines), ["1", "2"]);
}
