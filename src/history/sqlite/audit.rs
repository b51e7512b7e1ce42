//! Copies of the audits of machines, as rows.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::history::audit::{Copied, CopiedAsk};

use super::put::signed;
use super::records::{Result, millis, time, unsigned};

pub(super) fn put(db: &Connection, line: &Copied) -> Result<usize> {
    db.prepare_cached(
        "insert into audit (at, chain, n, hash, body) values (?, ?, ?, ?, ?)
         on conflict (chain, n, hash) do nothing",
    )?
    .execute(params![
        millis(line.at),
        line.chain,
        signed(line.n),
        line.hash,
        line.body
    ])
}

pub(super) fn lines(
    db: &Connection,
    ask: &CopiedAsk,
    each: &mut dyn FnMut(i64, Copied) -> bool,
) -> Result<()> {
    let (order, beyond) = match ask.newest_first {
        true => ("desc", "<"),
        false => ("asc", ">"),
    };
    let text = format!(
        "select chain, n, hash, at, body, seq from audit
         where at >= ?1 and at < ?2 and (?3 is null or (at, seq) {beyond} (?3, ?4))
         order by at {order}, seq {order} limit ?5"
    );
    let (at, seq) = ask.after.map(|(at, seq)| (millis(at), seq)).unzip();
    // the index is entered where it goes on
    let (mut from, mut to) = (millis(ask.from), millis(ask.to));
    match (at, ask.newest_first) {
        (Some(at), true) => to = to.min(at.saturating_add(1)),
        (Some(at), false) => from = from.max(at),
        (None, _) => {}
    }
    let most = i64::try_from(ask.most).unwrap_or(i64::MAX);
    let mut rows = db.prepare_cached(&text)?;
    let mut rows = rows.query(params![from, to, at, seq, most])?;
    while let Some(row) = rows.next()? {
        if !each(row.get(5)?, line(row)?) {
            break;
        }
    }
    Ok(())
}

pub(super) fn of(db: &Connection, chain: &str, each: &mut dyn FnMut(Copied) -> bool) -> Result<()> {
    let mut rows = db.prepare_cached(
        "select chain, n, hash, at, body from audit where chain = ? order by seq",
    )?;
    let mut rows = rows.query([chain])?;
    while let Some(row) = rows.next()? {
        if !each(line(row)?) {
            break;
        }
    }
    Ok(())
}

pub(super) fn end(db: &Connection, chain: &str) -> Result<Option<(u64, String)>> {
    db.prepare_cached("select n, hash from audit where chain = ? order by seq desc limit 1")?
        .query_row([chain], |row| Ok((unsigned(row.get(0)?), row.get(1)?)))
        .optional()
}

pub(super) fn chains(db: &Connection) -> Result<Vec<String>> {
    db.prepare_cached("select distinct chain from audit order by chain")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn line(row: &Row<'_>) -> Result<Copied> {
    Ok(Copied {
        chain: row.get(0)?,
        n: unsigned(row.get(1)?),
        hash: row.get(2)?,
        at: time(row.get(3)?),
        body: row.get(4)?,
    })
}
