//! The tables. Migrations go forward only: each takes a file from one version to the next.

/// Times are milliseconds since the epoch, states and healths the numbers of `codes.rs`.
pub(super) const MIGRATIONS: &[&str] = &[
    "
create table documents (
    shelf text not null,
    key text not null,
    body text not null,
    primary key (shelf, key)
) without rowid;
create table orders (seq integer primary key autoincrement, at integer not null, body text not null);
create table events (seq integer primary key autoincrement, at integer not null, body text not null);
create index events_at on events (at);
",
    "
create table tellings (seq integer primary key autoincrement, at integer not null, body text not null);
create index tellings_at on tellings (at);
create table worlds (seq integer primary key autoincrement, at integer not null, body text not null);
create index worlds_at on worlds (at);
create table pipelines (
    id integer primary key,
    backend text not null,
    pipeline text not null,
    unique (backend, pipeline)
);
create table runs (
    id integer primary key autoincrement,
    pipeline integer not null,
    run text not null,
    ordered integer not null,
    seen integer not null,
    health integer not null,
    state integer not null,
    native text not null,
    queued integer,
    started integer,
    ended integer,
    cause text not null,
    note text,
    version text,
    params text,
    counts text
);
create unique index runs_key on runs (pipeline, run);
create index runs_of_pipeline on runs (pipeline, ordered);
create index runs_ordered on runs (ordered);
create table node_names (
    id integer primary key,
    pipeline integer not null,
    node text not null,
    unique (pipeline, node)
);
create table nodes (
    run integer not null,
    node integer not null,
    attempt integer not null,
    state integer not null,
    queued integer,
    started integer,
    ended integer,
    exit_code integer,
    rows real,
    memory integer,
    cpu real,
    primary key (run, node, attempt)
) without rowid;
create table tails (
    run integer not null,
    node integer not null,
    attempt integer not null,
    at integer not null,
    text text not null,
    primary key (run, node, attempt)
) without rowid;
create index tails_at on tails (at);
create table days (
    pipeline integer not null,
    day integer not null,
    good integer not null default 0,
    bad integer not null default 0,
    other integer not null default 0,
    timed integer not null default 0,
    took integer not null default 0,
    queued integer not null default 0,
    waited integer not null default 0,
    primary key (pipeline, day)
) without rowid;
create trigger runs_day after insert on runs when new.ended is not null
begin
    insert into days
    select new.pipeline, new.ordered / 86400000, good, bad, 1 - good - bad, good and took >= 0, iif(good and took >= 0, took, 0),
        waited >= 0, iif(waited >= 0, waited, 0)
    from (select new.health in (1, 2) good, new.health in (3, 4) bad,
        ifnull(new.ended - new.started, -1) took, ifnull(new.started - new.queued, -1) waited)
    where true
    on conflict do update set good = good + excluded.good, bad = bad + excluded.bad, other = other + excluded.other,
        timed = timed + excluded.timed, took = took + excluded.took, queued = queued + excluded.queued,
        waited = waited + excluded.waited;
end;
create trigger runs_day_again after update on runs
when (old.ended is not null or new.ended is not null) and (old.ended is not new.ended or old.health is not new.health
    or old.started is not new.started or old.queued is not new.queued or old.ordered is not new.ordered)
begin
    update days set good = days.good - was.good, bad = days.bad - was.bad, other = days.other - (1 - was.good - was.bad),
        timed = timed - (was.good and was.took >= 0), took = days.took - iif(was.good and was.took >= 0, was.took, 0),
        queued = queued - (was.waited >= 0), waited = days.waited - iif(was.waited >= 0, was.waited, 0)
    from (select old.health in (1, 2) good, old.health in (3, 4) bad,
        ifnull(old.ended - old.started, -1) took, ifnull(old.started - old.queued, -1) waited) was
    where old.ended is not null and pipeline = old.pipeline and day = old.ordered / 86400000;
    insert into days
    select new.pipeline, new.ordered / 86400000, good, bad, 1 - good - bad, good and took >= 0, iif(good and took >= 0, took, 0),
        waited >= 0, iif(waited >= 0, waited, 0)
    from (select new.health in (1, 2) good, new.health in (3, 4) bad,
        ifnull(new.ended - new.started, -1) took, ifnull(new.started - new.queued, -1) waited)
    where new.ended is not null
    on conflict do update set good = good + excluded.good, bad = bad + excluded.bad, other = other + excluded.other,
        timed = timed + excluded.timed, took = took + excluded.took, queued = queued + excluded.queued,
        waited = waited + excluded.waited;
end;
create table series (id integer primary key, series text not null unique);
create table points (
    grain integer not null,
    series integer not null,
    at integer not null,
    count integer not null,
    sum real not null,
    min real not null,
    max real not null,
    last real not null,
    primary key (grain, series, at)
) without rowid;
",
    "
create table audit (
    seq integer primary key autoincrement,
    at integer not null,
    chain text not null,
    n integer not null,
    hash text not null,
    body text not null,
    unique (chain, n, hash)
);
create index audit_at on audit (at);
create index audit_chain on audit (chain, seq);
create trigger audit_stays before update on audit begin select raise(abort, 'the audit is only appended to'); end;
create trigger audit_goes_not before delete on audit begin select raise(abort, 'the audit is only appended to'); end;
",
];
