//! How much room it takes, and giving it back.

use chrono::{DateTime, Utc};

use crate::history::retention::GONE;
use crate::history::store::{Kind, Shelf, Size};

use super::put::WRITING;
use super::records::{millis, time, unsigned};
use super::wire::{Answer, Session, get};

/// Records that go in one transaction: other writers wait no longer than that.
const STEP: i64 = 5_000;

const TABLES: &[&str] = &[
    "runs", "nodes", "tails", "days", "points", "events", "tellings", "worlds", "orders", "audit",
];

/// What those refer to, and documents.
const OTHERS: &[&str] = &["documents", "pipelines", "node_names", "series", "writers"];

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
    let all = "select coalesce(sum(pg_total_relation_size(oid)), 0)::int8 from pg_class
        where relnamespace = 'dagtop'::regnamespace and relkind = 'r'";
    let all = unsigned(session.number(all, &[]).await?);
    Ok(Size {
        bytes: all,
        free: all.saturating_sub(bytes(session).await?),
        records,
        span,
    })
}

/// What of it is in use, indexes included. Deleted rows leave their room inside a table's files for what comes, and the
/// server keeps no account of that: it is reckoned from the number of rows that live, as its statistics have it, and
/// the size of a sample of them. A server older than 15 tells of deleted rows up to a second late.
pub(super) async fn bytes(session: &mut Session) -> Answer<u64> {
    // of what this session did itself; a server older than 15 can't
    session
        .batch(
            "do $$ begin
               if current_setting('server_version_num')::int >= 150000 then perform pg_stat_force_next_flush(); end if;
             end $$",
        )
        .await?;
    let mut sum = 0;
    for table in TABLES.iter().chain(OTHERS) {
        let text = format!(
            "select pg_total_relation_size('{table}')::int8, pg_table_size('{table}')::int8,
               pg_stat_get_live_tuples('{table}'::regclass)::int8"
        );
        let rows = session.ask(&text, &[]).await?;
        let Some(row) = rows.first() else { continue };
        let (all, rows, many) = (get(row, 0)?, get(row, 1)?, get(row, 2)?);
        sum += match all > SMALL {
            true => in_use(session, table, all, rows, many).await?,
            false => unsigned(all),
        };
    }
    Ok(sum)
}

/// A table that takes less is not looked into, bytes.
const SMALL: i64 = 1 << 20;
/// Pages of a sample, and their bytes.
const SAMPLE: f64 = 50.0;
const PAGE: f64 = 8_192.0;

/// `all` bytes with indexes, `rows` without, and how `many` of them live.
async fn in_use(session: &mut Session, table: &str, all: i64, rows: i64, many: i64) -> Answer<u64> {
    let percent = (100.0 * SAMPLE * PAGE / rows as f64).min(100.0);
    // with the pointer to it in its page
    let text = format!(
        "select avg(pg_column_size(t.*) + 4)::float8 from {table} t tablesample system ({percent})"
    );
    let sample = session.ask(&text, &[]).await?;
    let one: Option<f64> = sample.first().map(|row| get(row, 0)).transpose()?.flatten();
    let Some(one) = one else {
        // nothing lives there, or the sample met only what is free
        return Ok(if many == 0 { 0 } else { unsigned(all) });
    };
    let share = (one * many as f64 / rows as f64).min(1.0);
    Ok((all as f64 * share) as u64)
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
            let (marks, step) = (Shelf::Marks.word(), STEP / 50);
            texts.push(format!(
                "insert into documents as d (shelf, key, body) values ('{marks}', '{GONE}', '{before}')
                 on conflict (shelf, key) do update set body = greatest(d.body::int8, {before})::text"
            ));
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
    for table in TABLES.iter().chain(OTHERS) {
        let text = format!("select sum(hashtext(t::text)::int8)::text from {table} t");
        session.ask(&text, &[]).await?;
    }
    Ok(())
}
