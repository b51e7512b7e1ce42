//! How much room it takes, and giving it back.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use crate::history::store::{Kind, Size};

/// Records that go in one transaction: other writers wait no longer than that.
const STEP: i64 = 5_000;

const TABLES: &[&str] = &[
    "runs", "nodes", "tails", "points", "events", "tellings", "worlds", "orders",
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
            let keys = "select grain, series, at from points where grain = ? and at < ? limit ?";
            change.execute(
                &format!("delete from points where (grain, series, at) in ({keys})"),
                params![grain.seconds(), before, STEP],
            )?
        }
        Kind::Runs => {
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
