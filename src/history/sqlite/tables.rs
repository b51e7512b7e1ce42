//! The tables. Migrations go forward only: each takes a file from one version to the next.

/// Times are milliseconds since the epoch, states and healths their words.
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
    id integer primary key,
    pipeline integer not null,
    run text not null,
    ordered integer not null,
    seen integer not null,
    health text not null,
    state text not null,
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
    state text not null,
    queued integer,
    started integer,
    ended integer,
    exit_code integer,
    rows real,
    memory integer,
    cpu real,
    primary key (run, node, attempt)
) without rowid;
create index nodes_of_name on nodes (node, run);
create table tails (
    run integer not null,
    node integer not null,
    attempt integer not null,
    at integer not null,
    text text not null,
    primary key (run, node, attempt)
) without rowid;
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
];
