//! Copies of the audits of machines, as rows.

use std::borrow::Cow;

use tokio_postgres::Row;

use crate::history::audit::{Copied, CopiedAsk};

use super::put::{signed, text};
use super::records::{millis, quoted, time, unsigned};
use super::wire::{Answer, Session, get};

const PUT: &str = "insert into audit (at, chain, n, hash, body)
    select n.at, n.chain, n.n, n.hash, n.body
    from unnest($1::int8[], $2::text[], $3::int8[], $4::text[], $5::text[])
      with ordinality n (at, chain, n, hash, body, i) order by n.i
    on conflict (chain, n, hash) do nothing";

pub(super) async fn put(session: &mut Session, lines: &[&Copied]) -> Answer<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let at: Vec<i64> = lines.iter().map(|l| millis(l.at)).collect();
    let chains: Vec<Cow<'_, str>> = lines.iter().map(|l| text(&l.chain)).collect();
    let numbers: Vec<i64> = lines.iter().map(|l| signed(l.n)).collect();
    let hashes: Vec<Cow<'_, str>> = lines.iter().map(|l| text(&l.hash)).collect();
    let bodies: Vec<Cow<'_, str>> = lines.iter().map(|l| text(&l.body)).collect();
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&at, &chains, &numbers, &hashes, &bodies];
    session.execute(PUT, &params).await?;
    Ok(())
}

/// The whole question, for a cursor.
pub(super) fn lines(ask: &CopiedAsk) -> String {
    let (order, beyond) = match ask.newest_first {
        true => ("desc", "<"),
        false => ("asc", ">"),
    };
    let after = ask
        .after
        .map(|(at, seq)| format!(" and (at, seq) {beyond} ({}, {seq})", millis(at)));
    format!(
        "select chain, n, hash, at, body, seq from audit where at >= {} and at < {}{}
         order by at {order}, seq {order} limit {}",
        millis(ask.from),
        millis(ask.to),
        after.unwrap_or_default(),
        i64::try_from(ask.most).unwrap_or(i64::MAX),
    )
}

pub(super) fn of(chain: &str) -> String {
    format!(
        "select chain, n, hash, at, body from audit where chain = {} order by seq",
        quoted(chain)
    )
}

pub(super) async fn end(session: &mut Session, chain: &str) -> Answer<Option<(u64, String)>> {
    let ask = "select n, hash from audit where chain = $1 order by seq desc limit 1";
    let rows = session.query(ask, &[&text(chain)]).await?;
    let end = |row: &Row| -> Answer<(u64, String)> { Ok((unsigned(get(row, 0)?), get(row, 1)?)) };
    rows.first().map(end).transpose()
}

pub(super) async fn chains(session: &mut Session) -> Answer<Vec<String>> {
    let ask = "select distinct chain from audit order by chain";
    let rows = session.query(ask, &[]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

pub(super) fn seq(row: &Row) -> Answer<i64> {
    get(row, 5)
}

pub(super) fn line(row: &Row) -> Answer<Copied> {
    Ok(Copied {
        chain: get(row, 0)?,
        n: unsigned(get(row, 1)?),
        hash: get(row, 2)?,
        at: time(get(row, 3)?),
        body: get(row, 4)?,
    })
}
