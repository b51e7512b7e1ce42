//! How much room it takes, and giving it back.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::history::retention::GONE;
use crate::history::store::{Kind, Shelf, Size};

/// Records that go in one transaction: other writers wait no longer than that.
const STEP: i64 = 5_000;
const MANY: usize = 5_000;

const TABLES: &[&str] = &[
    "runs", "nodes", "tails", "days", "points", "events", "tellings", "worlds", "orders", "audit",
];

pub(super) fn size(db: &Connection) -> rusqlite::Result<Size> {
    let pragma = |name: &str| -> rusqlite::Result<u64> {
        let value: i64 = db.pragma_query_value(None, name, |row| row.get(0))?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    let page = pragma("page_size")?;
    let mut records = Vec::new();
    for table in TABLES {
        let count: i64 = db.query_row(&format!("select count(*) from {table}"), [], |row| {
            row.get(0)
        })?;
        records.push((*table, u64::try_from(count).unwrap_or(0)));
    }
    let span: (Option<i64>, Option<i64>) = db.query_row(
        "select (select min(ordered) from runs), (select max(ordered) from runs)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let time = |at: Option<i64>| at.and_then(DateTime::from_timestamp_millis);
    Ok(Size {
        bytes: page * pragma("page_count")?,
        free: page * pragma("freelist_count")?,
        records,
        span: time(span.0).zip(time(span.1)),
    })
}

pub(super) fn bytes(db: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| -> rusqlite::Result<i64> {
        db.pragma_query_value(None, name, |row| row.get(0))
    };
    let taken = pragma("page_count")? - pragma("freelist_count")?;
    Ok(u64::try_from(taken.saturating_mul(pragma("page_size")?)).unwrap_or(0))
}

/// Runs that are older than this were forgotten.
pub(super) fn gone(db: &Connection) -> rusqlite::Result<i64> {
    let text = "select cast(body as integer) from documents where shelf = ? and key = ?";
    let found = db
        .prepare_cached(text)?
        .query_row([Shelf::Marks.word(), GONE], |row| row.get(0));
    Ok(found.optional()?.unwrap_or(i64::MIN))
}

fn forgets(db: &Connection, before: i64) -> rusqlite::Result<()> {
    let before = gone(db)?.max(before);
    db.execute(
        "insert or replace into documents values (?, ?, ?)",
        params![Shelf::Marks.word(), GONE, before.to_string()],
    )?;
    Ok(())
}

pub(super) fn forget(
    db: &mut Connection,
    what: Kind,
    before: DateTime<Utc>,
) -> rusqlite::Result<usize> {
    let before = before.timestamp_millis();
    let change = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let gone = match what {
        Kind::Log(log) => change.execute(
            &format!(
                "delete from {log} where seq in (select seq from {log} where at < ? order by at limit ?)",
                log = log.word()
            ),
            params![before, STEP],
        )?,
        Kind::Tails => {
            let keys = "select run, node, attempt from tails where at < ? limit ?";
            change.execute(
                &format!("delete from tails where (run, node, attempt) in ({keys})"),
                params![before, STEP],
            )?
        }
        Kind::Points(grain) => {
            // the key goes by series: each of them has its oldest at the front
            let series: Vec<i64> = change
                .prepare_cached("select id from series")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mut gone = 0;
            for series in series {
                gone += change
                    .prepare_cached("delete from points where grain = ? and series = ? and at < ?")?
                    .execute(params![grain.seconds(), series, before])?;
                if gone >= MANY {
                    break;
                }
            }
            gone
        }
        Kind::Days => {
            let keys = "select pipeline, day from days where day < ? / 86400000 limit ?";
            change.execute(
                &format!("delete from days where (pipeline, day) in ({keys})"),
                params![before, STEP],
            )?
        }
        Kind::Runs => {
            forgets(&change, before)?;
            let old = "select id from runs where ordered < ? order by ordered limit ?";
            let step = STEP / 50;
            for of in ["nodes", "tails"] {
                let text = format!("delete from {of} where run in ({old})");
                change.execute(&text, params![before, step])?;
            }
            change.execute(
                &format!("delete from runs where id in ({old})"),
                params![before, step],
            )?
        }
    };
    change.commit()?;
    Ok(gone)
}
