//! How much room it takes, and giving it back.

use chrono::{DateTime, Utc};

use crate::history::store::{Kind, Size};

use super::put::WRITING;
use super::records::{millis, time, unsigned};
use super::wire::{Answer, Session, get};

/// Records that go in one transaction: other writers wait no longer than that.
const STEP: i64 = 5_000;

const TABLES: &[&str] = &[
    "runs", "nodes", "tails", "days", "points", "events", "tellings", "worlds", "orders", "audit",
];

pub(super) async fn size(session: &mut Session) -> Answer<Size> {
    let mut records = Vec::new();
    for table in TABLES {
        let rows = session
            .ask(&format!("select count(*) from {table}"), &[])
            .await?;
        let count = rows.first().map(|row| get(row, 0)).transpose()?;
        records.push((*table, unsigned(count.unwrap_or(0))));
    }
    let rows = session
        .ask("select min(ordered), max(ordered) from runs", &[])
        .await?;
    let mut span = None;
    if let Some(row) = rows.first() {
        let (first, last): (Option<i64>, Option<i64>) = (get(row, 0)?, get(row, 1)?);
        span = first.map(time).zip(last.map(time));
    }
    Ok(Size {
        bytes: bytes(session).await?,
        free: 0,
        records,
        span,
    })
}

/// With indexes and what is free inside: the server keeps no account of that.
pub(super) async fn bytes(session: &mut Session) -> Answer<u64> {
    let ask = "select coalesce(sum(pg_total_relation_size(oid)), 0)::int8 from pg_class
        where relnamespace = 'dagtop'::regnamespace and relkind = 'r'";
    Ok(unsigned(session.number(ask, &[]).await?))
}

pub(super) async fn forget(
    session: &mut Session,
    what: Kind,
    before: DateTime<Utc>,
) -> Answer<usize> {
    let before = millis(before);
    session.batch("begin").await?;
    session
        .batch(&format!("select pg_advisory_xact_lock({WRITING})"))
        .await?;
    let mut texts = Vec::new();
    match what {
        Kind::Log(log) => texts.push(format!(
            "delete from {log} where seq in (select seq from {log} where at < {before} order by at limit {STEP})",
            log = log.word()
        )),
        Kind::Tails => texts.push(format!(
            "delete from tails where (run, node, attempt) in
               (select run, node, attempt from tails where at < {before} limit {STEP})"
        )),
        Kind::Points(grain) => texts.push(format!(
            "delete from points where (grain, series, at) in
               (select grain, series, at from points where grain = {} and at < {before} limit {STEP})",
            grain.seconds()
        )),
        Kind::Days => texts.push(format!(
            "delete from days where (pipeline, day) in
               (select pipeline, day from days where day < {before} / 86400000 limit {STEP})"
        )),
        Kind::Runs => {
            let step = STEP / 50;
            let old = format!("select id from runs where ordered < {before} order by ordered limit {step}");
            for of in ["nodes", "tails"] {
                texts.push(format!("delete from {of} where run in ({old})"));
            }
            texts.push(format!("delete from runs where id in ({old})"));
        }
    }
    let mut gone = 0;
    for text in &texts {
        gone = session.change(text).await?;
    }
    session.batch("commit").await?;
    Ok(usize::try_from(gone).unwrap_or(usize::MAX))
}

/// Makes the room of what was forgotten free for what comes. `vacuum full` would keep every program out.
pub(super) async fn vacuum(session: &mut Session) -> Answer<()> {
    for table in TABLES {
        session.batch(&format!("vacuum (analyze) {table}")).await?;
    }
    session.batch("vacuum (analyze) documents").await
}

/// Reads every row of every table.
pub(super) async fn check(session: &mut Session) -> Answer<()> {
    let others = ["documents", "pipelines", "node_names", "series", "writers"];
    for table in TABLES.iter().chain(&others) {
        let text = format!("select sum(hashtext(t::text)::int8)::text from {table} t");
        session.ask(&text, &[]).await?;
    }
    Ok(())
}
