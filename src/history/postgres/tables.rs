//! The tables, in a schema of their own. Migrations go forward only: each takes the schema from one version to the next.

use crate::history::store::StoreError;

use super::wire::{Answer, Session, get};

/// Held while the schema is changed, so that two programs that start at once do it once.
const MIGRATING: i64 = 0x0064_6167_746f_7001;

/// Brings the schema to this program's version.
pub(super) async fn prepare(session: &mut Session) -> Answer<()> {
    let done = version(session).await?;
    let Some(done) = known(session, done)? else {
        return migrate(session).await;
    };
    match done == MIGRATIONS.len() {
        true => Ok(()),
        false => migrate(session).await,
    }
}

/// `None`: there is no schema yet.
async fn version(session: &mut Session) -> Answer<Option<i32>> {
    let there = "select count(*) from pg_catalog.pg_tables where schemaname = 'dagtop' and tablename = 'version'";
    if session.number(there, &[]).await? == 0 {
        return Ok(None);
    }
    let rows = session
        .ask("select version from dagtop.version", &[])
        .await?;
    rows.first().map(|row| get(row, 0)).transpose()
}

fn known(session: &Session, version: Option<i32>) -> Answer<Option<usize>> {
    let Some(version) = version else {
        return Ok(None);
    };
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Newer(session.shown.as_str().into()));
    }
    Ok(Some(done))
}

async fn migrate(session: &mut Session) -> Answer<()> {
    session
        .batch("begin; set local lock_timeout = '30s'")
        .await?;
    let changed = async {
        let lock = format!("select pg_advisory_xact_lock({MIGRATING})");
        session.batch(&lock).await?;
        // another program may have done it meanwhile
        let done = version(session).await?;
        let done = known(session, done)?;
        let schema = "select count(*) from pg_catalog.pg_namespace where nspname = 'dagtop'";
        if session.number(schema, &[]).await? == 0 {
            session.batch("create schema dagtop").await?;
        }
        if done.is_none() {
            let table = "create table dagtop.version (version int not null); insert into dagtop.version values (0)";
            session.batch(table).await?;
        }
        for migration in MIGRATIONS.iter().skip(done.unwrap_or(0)) {
            session.batch(migration).await?;
        }
        let now = format!("update dagtop.version set version = {}", MIGRATIONS.len());
        session.batch(&now).await
    };
    let changed: Answer<()> = changed.await;
    match changed {
        Ok(()) => session.batch("commit").await,
        Err(error) => {
            // the connection is given up when this fails too
            let _ = session.batch("rollback").await;
            Err(error)
        }
    }
}

/// Times are milliseconds since the epoch, states and healths the numbers of `codes.rs`. Text is ordered by its bytes.
const MIGRATIONS: &[&str] = &[
    "
create table writers (
    writer bigint primary key,
    batch bigint not null,
    shared bigint not null,
    at bigint not null
);
create table documents (
    shelf text collate \"C\" not null,
    key text collate \"C\" not null,
    body text not null,
    primary key (shelf, key)
);
create table orders (seq bigint generated always as identity primary key, at bigint not null, body text not null);
create table events (seq bigint generated always as identity primary key, at bigint not null, body text not null);
create index events_at on events (at);
create table tellings (seq bigint generated always as identity primary key, at bigint not null, body text not null);
create index tellings_at on tellings (at);
create table worlds (seq bigint generated always as identity primary key, at bigint not null, body text not null);
create index worlds_at on worlds (at);
create table pipelines (
    id bigint generated always as identity primary key,
    backend text collate \"C\" not null,
    pipeline text collate \"C\" not null,
    unique (backend, pipeline)
);
create table runs (
    id bigint generated always as identity primary key,
    pipeline bigint not null,
    run text collate \"C\" not null,
    ordered bigint not null,
    seen bigint not null,
    health bigint not null,
    state bigint not null,
    native text not null,
    queued bigint,
    started bigint,
    ended bigint,
    cause text not null,
    note text,
    version text,
    params text,
    counts text,
    unique (pipeline, run)
);
create index runs_of_pipeline on runs (pipeline, ordered);
create index runs_ordered on runs (ordered);
create table node_names (
    id bigint generated always as identity primary key,
    pipeline bigint not null,
    node text collate \"C\" not null,
    unique (pipeline, node)
);
create table nodes (
    run bigint not null,
    node bigint not null,
    attempt bigint not null,
    state bigint not null,
    queued bigint,
    started bigint,
    ended bigint,
    exit_code int,
    rows float8,
    memory bigint,
    cpu float8,
    primary key (run, node, attempt)
);
create table tails (
    run bigint not null,
    node bigint not null,
    attempt bigint not null,
    at bigint not null,
    text text not null,
    primary key (run, node, attempt)
);
create index tails_at on tails (at);
create table days (
    pipeline bigint not null,
    day bigint not null,
    good bigint not null default 0,
    bad bigint not null default 0,
    other bigint not null default 0,
    timed bigint not null default 0,
    took bigint not null default 0,
    queued bigint not null default 0,
    waited bigint not null default 0,
    primary key (pipeline, day)
);
create function dagtop.count_run(r dagtop.runs, sign bigint) returns void language sql as $$
    insert into dagtop.days as d
    select r.pipeline, r.ordered / 86400000, sign * good, sign * bad, sign * (1 - good - bad),
        sign * timed, sign * timed * took, sign * waits, sign * waits * waited
    from (select (r.health in (1, 2))::int good, (r.health in (3, 4))::int bad,
        coalesce(r.ended - r.started, -1) took, coalesce(r.started - r.queued, -1) waited) a,
      lateral (select (good = 1 and took >= 0)::int timed, (waited >= 0)::int waits) b
    on conflict (pipeline, day) do update set good = d.good + excluded.good, bad = d.bad + excluded.bad,
        other = d.other + excluded.other, timed = d.timed + excluded.timed, took = d.took + excluded.took,
        queued = d.queued + excluded.queued, waited = d.waited + excluded.waited
$$;
create function dagtop.run_told() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if old.ended is not null then perform dagtop.count_run(old, -1); end if;
    end if;
    if new.ended is not null then perform dagtop.count_run(new, 1); end if;
    return null;
end $$;
create trigger runs_day after insert on runs for each row when (new.ended is not null)
    execute function dagtop.run_told();
create trigger runs_day_again after update on runs for each row
    when ((old.ended is not null or new.ended is not null) and (old.ended is distinct from new.ended
        or old.health is distinct from new.health or old.started is distinct from new.started
        or old.queued is distinct from new.queued or old.ordered is distinct from new.ordered))
    execute function dagtop.run_told();
create table series (
    id bigint generated always as identity primary key,
    series text collate \"C\" not null unique
);
create table points (
    grain bigint not null,
    series bigint not null,
    at bigint not null,
    count bigint not null,
    sum float8 not null,
    min float8 not null,
    max float8 not null,
    last float8 not null,
    primary key (grain, series, at)
);
create index points_at on points (grain, at);
",
    "
create table audit (
    seq bigint generated always as identity primary key,
    at bigint not null,
    chain text collate \"C\" not null,
    n bigint not null,
    hash text collate \"C\" not null,
    body text not null,
    unique (chain, n, hash)
);
create index audit_at on audit (at, seq);
create index audit_chain on audit (chain, seq);
create function dagtop.audit_stays() returns trigger language plpgsql as $$
begin raise exception 'the audit is only appended to'; end $$;
create trigger audit_stays before update or delete or truncate on audit for each statement
    execute function dagtop.audit_stays();
",
];
