//! Rows from what is written: a batch is a few statements, each with all rows of one kind.

use std::borrow::Cow;
use std::collections::BTreeMap;

use indexmap::IndexMap;
use indexmap::map::Entry;
use serde::Serialize;

use crate::history::audit::Copied;
use crate::history::codes;
use crate::history::store::{Log, Point, Write};
use crate::model::{Health, LogKey, NodeId, PastNode, PastRun, Run, RunKey, SafeText};

use super::audit;
use super::wire::{Answer, Session};

/// Held by every transaction that writes: the numbers of lines come in the order in which they are seen, and no two
/// writers wait for each other.
pub(super) const WRITING: i64 = 0x0064_6167_746f_7002;

/// A batch by kinds; of what is written twice the last counts, as if one came after the other.
#[derive(Default)]
pub(super) struct Sorted<'a> {
    documents: BTreeMap<(&'static str, &'a str), Option<&'a str>>,
    logs: BTreeMap<&'static str, Vec<(i64, &'a str)>>,
    runs: IndexMap<&'a RunKey, &'a PastRun>,
    /// Runs that must be there for what belongs to them.
    bare: IndexMap<&'a RunKey, i64>,
    nodes: IndexMap<(&'a RunKey, &'a NodeId, u32), Cow<'a, PastNode>>,
    points: IndexMap<(&'a str, i64, i64), &'a Point>,
    tails: IndexMap<&'a LogKey, (i64, &'a str)>,
    audit: Vec<&'a Copied>,
    /// Something that other programs wait for.
    pub shared: bool,
}

impl<'a> Sorted<'a> {
    pub fn of(batch: &'a [Write]) -> Self {
        let mut all = Self::default();
        for write in batch {
            all.take(write);
        }
        all
    }

    fn take(&mut self, write: &'a Write) {
        match write {
            Write::Put { shelf, key, body } => {
                self.documents
                    .insert((shelf.word(), key.as_str()), Some(body));
                self.shared = true;
            }
            Write::Remove { shelf, key } => {
                self.documents.insert((shelf.word(), key.as_str()), None);
                self.shared = true;
            }
            Write::Append { log, at, body } => {
                let lines = self.logs.entry(log.word()).or_default();
                lines.push((at.timestamp_millis(), body));
                self.shared |= *log == Log::Orders;
            }
            Write::Run(run) => {
                self.runs.insert(&run.run.key, run);
            }
            Write::Node(node) => {
                let at = node.queued_at.or(node.started_at).or(node.ended_at);
                let at = at.unwrap_or_default().timestamp_millis();
                self.bare.entry(&node.run).or_insert(at);
                match self.nodes.entry((&node.run, &node.node, node.attempt)) {
                    Entry::Vacant(free) => {
                        free.insert(Cow::Borrowed(node.as_ref()));
                    }
                    Entry::Occupied(mut known) => {
                        let before = known.get();
                        let merged = PastNode {
                            exit_code: node.exit_code.or(before.exit_code),
                            rows: node.rows.or(before.rows),
                            memory: node.memory.or(before.memory),
                            cpu_seconds: node.cpu_seconds.or(before.cpu_seconds),
                            ..node.as_ref().clone()
                        };
                        known.insert(Cow::Owned(merged));
                    }
                }
            }
            Write::Point(point) => {
                let at = point.at.timestamp_millis();
                let key = (point.series.as_str(), point.grain.seconds(), at);
                let known = self.points.entry(key).or_insert(point);
                if point.count >= known.count {
                    *known = point;
                }
            }
            Write::Audit(line) => self.audit.push(line),
            Write::Tail { log, at, text } => {
                let at = at.timestamp_millis();
                self.bare.entry(&log.node.run).or_insert(at);
                self.tails.insert(log, (at, text));
            }
        }
    }

    /// Inside a transaction.
    pub async fn write(&self, session: &mut Session) -> Answer<()> {
        self.put_documents(session).await?;
        self.append(session).await?;
        self.put_runs(session).await?;
        self.put_nodes(session).await?;
        self.put_points(session).await?;
        self.put_tails(session).await?;
        audit::put(session, &self.audit).await
    }

    async fn put_documents(&self, session: &mut Session) -> Answer<()> {
        let (mut shelves, mut keys, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        let (mut from, mut gone) = (Vec::new(), Vec::new());
        for ((shelf, key), body) in &self.documents {
            if let Some(body) = body {
                shelves.push(*shelf);
                keys.push(text(key));
                bodies.push(text(body));
            } else {
                from.push(*shelf);
                gone.push(text(key));
            }
        }
        if !keys.is_empty() {
            let put = "insert into documents (shelf, key, body)
                select * from unnest($1::text[], $2::text[], $3::text[])
                on conflict (shelf, key) do update set body = excluded.body";
            session.execute(put, &[&shelves, &keys, &bodies]).await?;
        }
        if !gone.is_empty() {
            let remove =
                "delete from documents d using unnest($1::text[], $2::text[]) g (shelf, key)
                where d.shelf = g.shelf and d.key = g.key";
            session.execute(remove, &[&from, &gone]).await?;
        }
        Ok(())
    }

    async fn append(&self, session: &mut Session) -> Answer<()> {
        for log in Log::ALL {
            let Some(lines) = self.logs.get(log.word()) else {
                continue;
            };
            let at: Vec<i64> = lines.iter().map(|(at, _)| *at).collect();
            let bodies: Vec<Cow<'_, str>> = lines.iter().map(|(_, body)| text(body)).collect();
            session.execute(append(log), &[&at, &bodies]).await?;
        }
        Ok(())
    }

    async fn put_runs(&self, session: &mut Session) -> Answer<()> {
        let bare: Vec<PastRun> = self
            .bare
            .iter()
            .filter(|(key, _)| !self.runs.contains_key(*key))
            .map(|(key, at)| {
                let at = chrono::DateTime::from_timestamp_millis(*at).unwrap_or_default();
                PastRun {
                    run: Run::new((*key).clone(), at),
                    health: Health::Unknown,
                    seen: at,
                }
            })
            .collect();
        let told: Vec<&PastRun> = self.runs.values().copied().collect();
        insert_runs(session, &told, RUNS).await?;
        let bare: Vec<&PastRun> = bare.iter().collect();
        insert_runs(session, &bare, BARE_RUNS).await
    }

    async fn put_nodes(&self, session: &mut Session) -> Answer<()> {
        if self.nodes.is_empty() {
            return Ok(());
        }
        let all: Vec<&PastNode> = self.nodes.values().map(AsRef::as_ref).collect();
        let keys: Vec<&RunKey> = all.iter().map(|n| &n.run).collect();
        let [backends, pipelines, runs] = columns(&keys);
        let nodes: Vec<Cow<'_, str>> = all.iter().map(|n| text(n.node.raw())).collect();
        session
            .execute(NODE_NAMES, &[&backends, &pipelines, &nodes])
            .await?;
        let attempts: Vec<i64> = all.iter().map(|n| i64::from(n.attempt)).collect();
        let states: Vec<i64> = all.iter().map(|n| codes::of_node(n.state)).collect();
        let queued: Vec<Option<i64>> = all.iter().map(|n| millis(n.queued_at)).collect();
        let started: Vec<Option<i64>> = all.iter().map(|n| millis(n.started_at)).collect();
        let ended: Vec<Option<i64>> = all.iter().map(|n| millis(n.ended_at)).collect();
        let exits: Vec<Option<i32>> = all.iter().map(|n| n.exit_code).collect();
        let rows: Vec<Option<f64>> = all.iter().map(|n| n.rows).collect();
        let memory: Vec<Option<i64>> = all.iter().map(|n| n.memory.map(signed)).collect();
        let cpu: Vec<Option<f64>> = all.iter().map(|n| n.cpu_seconds).collect();
        session
            .execute(
                NODES,
                &[
                    &backends, &pipelines, &runs, &nodes, &attempts, &states, &queued, &started,
                    &ended, &exits, &rows, &memory, &cpu,
                ],
            )
            .await?;
        Ok(())
    }

    async fn put_points(&self, session: &mut Session) -> Answer<()> {
        if self.points.is_empty() {
            return Ok(());
        }
        let all: Vec<&Point> = self.points.values().copied().collect();
        let series: Vec<Cow<'_, str>> = all.iter().map(|p| text(&p.series)).collect();
        session.execute(SERIES, &[&series]).await?;
        let grains: Vec<i64> = all.iter().map(|p| p.grain.seconds()).collect();
        let at: Vec<i64> = all.iter().map(|p| p.at.timestamp_millis()).collect();
        let counts: Vec<i64> = all.iter().map(|p| signed(p.count)).collect();
        let sums: Vec<f64> = all.iter().map(|p| p.sum).collect();
        let mins: Vec<f64> = all.iter().map(|p| p.min).collect();
        let maxs: Vec<f64> = all.iter().map(|p| p.max).collect();
        let lasts: Vec<f64> = all.iter().map(|p| p.last).collect();
        session
            .execute(
                POINTS,
                &[&series, &grains, &at, &counts, &sums, &mins, &maxs, &lasts],
            )
            .await?;
        Ok(())
    }

    async fn put_tails(&self, session: &mut Session) -> Answer<()> {
        if self.tails.is_empty() {
            return Ok(());
        }
        let keys: Vec<&RunKey> = self.tails.keys().map(|log| &log.node.run).collect();
        let [backends, pipelines, runs] = columns(&keys);
        let node = |log: &&'a LogKey| text(log.node.node.raw());
        let nodes: Vec<Cow<'_, str>> = self.tails.keys().map(node).collect();
        session
            .execute(NODE_NAMES, &[&backends, &pipelines, &nodes])
            .await?;
        let attempts: Vec<i64> = self
            .tails
            .keys()
            .map(|log| i64::from(log.attempt))
            .collect();
        let at: Vec<i64> = self.tails.values().map(|(at, _)| *at).collect();
        let texts: Vec<Cow<'_, str>> = self.tails.values().map(|(_, t)| text(t)).collect();
        session
            .execute(
                TAILS,
                &[&backends, &pipelines, &runs, &nodes, &attempts, &at, &texts],
            )
            .await?;
        Ok(())
    }
}

async fn insert_runs(session: &mut Session, all: &[&PastRun], insert: &'static str) -> Answer<()> {
    if all.is_empty() {
        return Ok(());
    }
    let keys: Vec<&RunKey> = all.iter().map(|r| &r.run.key).collect();
    let [backends, pipelines, runs] = columns(&keys);
    session.execute(PIPELINES, &[&backends, &pipelines]).await?;
    let safe = |text: &Option<SafeText>| text.as_ref().map(|t| t.as_str().to_owned());
    let ordered: Vec<i64> = all
        .iter()
        .map(|r| r.run.ordered_at.timestamp_millis())
        .collect();
    let seen: Vec<i64> = all.iter().map(|r| r.seen.timestamp_millis()).collect();
    let healths: Vec<i64> = all.iter().map(|r| codes::of_health(r.health)).collect();
    let states: Vec<i64> = all.iter().map(|r| codes::of_run(r.run.state)).collect();
    let natives: Vec<&str> = all.iter().map(|r| r.run.native.as_str()).collect();
    let queued: Vec<Option<i64>> = all.iter().map(|r| millis(r.run.queued_at)).collect();
    let started: Vec<Option<i64>> = all.iter().map(|r| millis(r.run.started_at)).collect();
    let ended: Vec<Option<i64>> = all.iter().map(|r| millis(r.run.ended_at)).collect();
    let causes: Vec<&str> = all.iter().map(|r| r.run.cause.as_str()).collect();
    let notes: Vec<Option<String>> = all.iter().map(|r| safe(&r.run.note)).collect();
    let versions: Vec<Option<String>> = all.iter().map(|r| safe(&r.run.version)).collect();
    let params: Vec<Option<String>> = all
        .iter()
        .map(|r| (!r.run.params.is_empty()).then(|| json(&r.run.params)))
        .collect();
    let counts: Vec<Option<String>> = all
        .iter()
        .map(|r| r.run.counts.as_ref().map(json))
        .collect();
    session
        .execute(
            insert,
            &[
                &backends, &pipelines, &runs, &ordered, &seen, &healths, &states, &natives,
                &queued, &started, &ended, &causes, &notes, &versions, &params, &counts,
            ],
        )
        .await?;
    Ok(())
}

const PIPELINES: &str = "insert into pipelines (backend, pipeline)
    select n.backend, n.pipeline from unnest($1::text[], $2::text[]) with ordinality n (backend, pipeline, i)
    where not exists (select from pipelines p where p.backend = n.backend and p.pipeline = n.pipeline)
    group by n.backend, n.pipeline order by min(n.i) on conflict do nothing";

// what is older than the mark of retention.rs was forgotten, unless ...
macro_rules! runs {
    ($unless:literal, $end:literal) => {
        concat!(
            "insert into runs (pipeline, run, ordered, seen, health, state, native, queued, started, ended, cause,
               note, version, params, counts)
             select p.id, n.run, n.ordered, n.seen, n.health, n.state, n.native, n.queued, n.started, n.ended, n.cause,
               n.note, n.version, n.params, n.counts
             from unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::text[],
               $9::int8[], $10::int8[], $11::int8[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
               n (backend, pipeline, run, ordered, seen, health, state, native, queued, started, ended, cause,
               note, version, params, counts)
             join pipelines p on p.backend = n.backend and p.pipeline = n.pipeline
             where n.ordered >= coalesce((select body::int8 from documents where shelf = 'marks' and key = 'runs gone'),
                 n.ordered) or exists (select from runs r where r.pipeline = p.id and r.run = n.run)",
            $unless,
            " on conflict (pipeline, run) do ",
            $end
        )
    };
}

const RUNS: &str = runs!(
    " or n.ended is null",
    "update set ordered = excluded.ordered, seen = excluded.seen, health = excluded.health, state = excluded.state,
       native = excluded.native, queued = excluded.queued, started = excluded.started, ended = excluded.ended,
       cause = excluded.cause, note = excluded.note, version = excluded.version, params = excluded.params,
       counts = excluded.counts"
);
const BARE_RUNS: &str = runs!("", "nothing");

const NODE_NAMES: &str = "insert into node_names (pipeline, node)
    select p.id, n.node from unnest($1::text[], $2::text[], $3::text[]) with ordinality n (backend, pipeline, node, i)
    join pipelines p on p.backend = n.backend and p.pipeline = n.pipeline
    where not exists (select from node_names m where m.pipeline = p.id and m.node = n.node)
    group by p.id, n.node order by min(n.i) on conflict do nothing";

const NODES: &str = "insert into nodes (run, node, attempt, state, queued, started, ended, exit_code, rows, memory, cpu)
    select r.id, m.id, n.attempt, n.state, n.queued, n.started, n.ended, n.exit_code, n.rows, n.memory, n.cpu
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $8::int8[],
      $9::int8[], $10::int4[], $11::float8[], $12::int8[], $13::float8[])
      n (backend, pipeline, run, node, attempt, state, queued, started, ended, exit_code, rows, memory, cpu)
    join pipelines p on p.backend = n.backend and p.pipeline = n.pipeline
    join runs r on r.pipeline = p.id and r.run = n.run
    join node_names m on m.pipeline = p.id and m.node = n.node
    on conflict (run, node, attempt) do update set state = excluded.state, queued = excluded.queued,
      started = excluded.started, ended = excluded.ended, exit_code = coalesce(excluded.exit_code, nodes.exit_code),
      rows = coalesce(excluded.rows, nodes.rows), memory = coalesce(excluded.memory, nodes.memory),
      cpu = coalesce(excluded.cpu, nodes.cpu)";

const SERIES: &str = "insert into series (series)
    select distinct n.series from unnest($1::text[]) n (series)
    where not exists (select from series s where s.series = n.series) on conflict do nothing";

const POINTS: &str = "insert into points (grain, series, at, count, sum, min, max, last)
    select n.grain, s.id, n.at, n.count, n.sum, n.min, n.max, n.last
    from unnest($1::text[], $2::int8[], $3::int8[], $4::int8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[])
      n (series, grain, at, count, sum, min, max, last)
    join series s on s.series = n.series
    on conflict (grain, series, at) do update set count = excluded.count, sum = excluded.sum, min = excluded.min,
      max = excluded.max, last = excluded.last where excluded.count >= points.count";

const TAILS: &str = "insert into tails (run, node, attempt, at, text)
    select r.id, m.id, n.attempt, n.at, n.text
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::text[])
      n (backend, pipeline, run, node, attempt, at, text)
    join pipelines p on p.backend = n.backend and p.pipeline = n.pipeline
    join runs r on r.pipeline = p.id and r.run = n.run
    join node_names m on m.pipeline = p.id and m.node = n.node
    on conflict (run, node, attempt) do update set at = excluded.at, text = excluded.text";

macro_rules! lines {
    ($log:literal) => {
        concat!(
            "insert into ",
            $log,
            " (at, body) select n.at, n.body
             from unnest($1::int8[], $2::text[]) with ordinality n (at, body, i) order by n.i"
        )
    };
}
fn append(log: Log) -> &'static str {
    match log {
        Log::Orders => lines!("orders"),
        Log::Events => lines!("events"),
        Log::Tellings => lines!("tellings"),
        Log::Worlds => lines!("worlds"),
    }
}

fn columns<'a>(keys: &[&'a RunKey]) -> [Vec<Cow<'a, str>>; 3] {
    [
        keys.iter().map(|k| text(k.backend().raw())).collect(),
        keys.iter()
            .map(|k| text(k.pipeline.pipeline.raw()))
            .collect(),
        keys.iter().map(|k| text(k.run.raw())).collect(),
    ]
}

/// PostgreSQL has no text with a NUL in it.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

fn millis(at: Option<chrono::DateTime<chrono::Utc>>) -> Option<i64> {
    at.map(|at| at.timestamp_millis())
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
