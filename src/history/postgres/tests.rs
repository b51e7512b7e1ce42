//! Against a real server: `DAGTOP_TEST_POSTGRES` is the URL of a user who may make databases and users
//! (tests/lab/postgres).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_days;
mod shared;
mod team;

use secrecy::ExposeSecret as _;

use super::*;
use crate::config::{Secret, Tls};
use crate::history::contract;

/// A database of its own, which goes with it.
pub(crate) struct Database {
    name: String,
    /// Of the server.
    url: reqwest::Url,
}

impl Database {
    pub(crate) fn new() -> Self {
        let url = std::env::var("DAGTOP_TEST_POSTGRES").expect("a server: tests/lab/postgres");
        let name = format!("dagtop_test_{:x}", random().unsigned_abs());
        let database = Self {
            name,
            url: url.parse().unwrap(),
        };
        database.server(&format!("create database {}", database.name));
        database
    }

    fn url(&self, sslmode: &str) -> reqwest::Url {
        let mut url = self.url.clone();
        url.set_path(&self.name);
        url.set_query(Some(&format!("sslmode={sslmode}")));
        url
    }

    pub(crate) fn address(&self) -> Address {
        at(&self.url("disable"))
    }

    fn open(&self) -> Postgres {
        Postgres::open(&self.address()).unwrap()
    }

    /// Says something to the server, outside of this database.
    fn server(&self, text: &str) {
        say(&self.url, text);
    }

    /// Says something in it.
    fn say(&self, text: &str) -> Option<i64> {
        say(&self.url("disable"), text)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        self.server(&drop);
    }
}

fn at(url: &reqwest::Url) -> Address {
    Address {
        url: Secret::Literal(url.as_str().to_owned().into()),
        tls: Tls::default(),
    }
}

/// The number that comes of it, if one does.
fn say(url: &reqwest::Url, text: &str) -> Option<i64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config: tokio_postgres::Config = url.as_str().parse().unwrap();
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows = client.query(text, &[]).await.unwrap();
        rows.first().and_then(|row| row.try_get(0).ok())
    })
}

fn password() -> String {
    let url: reqwest::Url = std::env::var("DAGTOP_TEST_POSTGRES")
        .unwrap()
        .parse()
        .unwrap();
    url.password().unwrap().to_owned()
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn postgres_keeps_the_contract() {
    let database = Database::new();
    contract::contract(|| Box::new(database.open()));
    let database = Database::new();
    contract::records(|| Box::new(database.open()));
    let database = Database::new();
    contract::days(|| Box::new(database.open()));
    let database = Database::new();
    contract::orders(|| Box::new(database.open()));
    let database = Database::new();
    contract::audits(|| Box::new(database.open()));
}

#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn what_is_old_goes_from_postgres() {
    for test in contract::old::ALL {
        let database = Database::new();
        test(&|| Box::new(database.open()));
    }
}

/// More than is fetched at once, and the reader may go before the end.
#[test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
fn many_lines_come_in_portions() {
    let database = Database::new();
    let mut store = database.open();
    let lines: Vec<Write> = (0..5_000)
        .map(|n| contract::append(Log::Events, n, &n.to_string()))
        .collect();
    store.write(&lines).unwrap();
    for most in [5_000, 2_500, 1] {
        let mut seen = Vec::new();
        let mut each = |line: Line| {
            seen.push(line.body);
            seen.len() < most
        };
        store.since(Log::Events, contract::t(0), &mut each).unwrap();
        let wanted: Vec<String> = (0..most).map(|n| n.to_string()).collect();
        assert_eq!(seen, wanted);
    }
    assert_eq!(store.last(Log::Events).unwrap(), 5_000);
}

/// A store may be asked inside a runtime: it waits beside it.
#[tokio::test]
#[ignore = "needs PostgreSQL: tests/lab/postgres"]
async fn it_may_be_used_inside_a_runtime() {
    let database = tokio::task::spawn_blocking(Database::new).await.unwrap();
    let mut store = database.open();
    let put = contract::put(Shelf::Alerts, "a\0b'\\", "1");
    store.write(&[put]).unwrap();
    assert_eq!(store.shelf(Shelf::Alerts).unwrap()[0].0, "a\u{fffd}b'\\");
    drop(store);
    tokio::task::spawn_blocking(move || drop(database))
        .await
        .unwrap();
}

#[test]
fn nothing_of_a_batch_is_written_twice() {
    let line = |n: i64| contract::append(Log::Orders, n, &n.to_string());
    let done: Vec<Write> = (0..10).map(line).collect();
    // some were dropped meanwhile, others came
    let again: Vec<Write> = [1, 4, 9, 10, 11].into_iter().map(line).collect();
    assert_eq!(rest(&done, &again), [line(10), line(11)]);
    assert_eq!(rest(&done, &done), []);
    let secret = Secret::Literal("postgres://a:hunter2@b/c".to_owned().into());
    let Secret::Literal(value) = &secret else {
        panic!()
    };
    assert!(value.expose_secret().contains("hunter2"));
    let address = Address {
        url: secret,
        tls: Tls::default(),
    };
    assert!(!format!("{address:?}").contains("hunter2"));
}
