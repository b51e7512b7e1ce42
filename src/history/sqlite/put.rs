//! Rows from what is written.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use crate::history::store::Point;
use crate::model::{Health, LogKey, NodeId, PastNode, PastRun, PipelineKey, Run, RunKey, SafeText};

use super::codes;
use super::records::{Result, find_pipeline, millis};
use super::room;

/// Numbers of what is named again and again, as far as they have been asked for.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pipelines: HashMap<PipelineKey, i64>,
    nodes: HashMap<(i64, NodeId), i64>,
    series: HashMap<String, i64>,
    runs: HashMap<RunKey, Known>,
    /// Runs that are older than this were forgotten; `None`: it was not asked for.
    gone: Option<i64>,
    /// Runs of this batch that were forgotten.
    refused: HashSet<RunKey>,
    /// SQLite's count of the changes of others when these were read.
    version: i64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: i64,
    pipeline: i64,
    ordered: i64,
}

/// So many of each are remembered; then they are asked for again.
const REMEMBERED: usize = 20_000;

fn remember<K: std::hash::Hash + Eq, V>(known: &mut HashMap<K, V>, key: K, value: V) {
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(key, value);
}

impl Ids {
    /// After a write that failed, or a deletion, some may not be there.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Asked inside a transaction: what others deleted before it is not known any more.
    pub(super) fn begin(&mut self, db: &Connection) -> Result<()> {
        let version = db.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version != version {
            self.forget();
            self.version = version;
        }
        self.refused.clear();
        Ok(())
    }

    /// Whether a run of that time, which is not there, was forgotten: then it has been counted in its day.
    fn forgotten(&mut self, db: &Connection, ordered: i64) -> Result<bool> {
        let gone = match self.gone {
            Some(gone) => gone,
            None => room::gone(db)?,
        };
        self.gone = Some(gone);
        Ok(ordered < gone)
    }

    fn pipeline(&mut self, db: &Connection, key: &PipelineKey) -> Result<i64> {
        if let Some(id) = self.pipelines.get(key) {
            return Ok(*id);
        }
        let names = params![key.backend.raw(), key.pipeline.raw()];
        db.prepare_cached("insert or ignore into pipelines (backend, pipeline) values (?, ?)")?
            .execute(names)?;
        let id = find_pipeline(db, key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        remember(&mut self.pipelines, key.clone(), id);
        Ok(id)
    }

    fn node(&mut self, db: &Connection, pipeline: i64, node: &NodeId) -> Result<i64> {
        let key = (pipeline, node.clone());
        if let Some(id) = self.nodes.get(&key) {
            return Ok(*id);
        }
        db.prepare_cached("insert or ignore into node_names (pipeline, node) values (?, ?)")?
            .execute(params![pipeline, node.raw()])?;
        let id = db
            .prepare_cached("select id from node_names where pipeline = ? and node = ?")?
            .query_row(params![pipeline, node.raw()], |row| row.get(0))?;
        remember(&mut self.nodes, key, id);
        Ok(id)
    }

    fn series(&mut self, db: &Connection, series: &str) -> Result<i64> {
        if let Some(id) = self.series.get(series) {
            return Ok(*id);
        }
        db.prepare_cached("insert or ignore into series (series) values (?)")?
            .execute([series])?;
        let id = db
            .prepare_cached("select id from series where series = ?")?
            .query_row([series], |row| row.get(0))?;
        remember(&mut self.series, series.to_owned(), id);
        Ok(id)
    }

    fn find_run(&mut self, db: &Connection, key: &RunKey) -> Result<Option<Known>> {
        if let Some(known) = self.runs.get(key) {
            return Ok(Some(*known));
        }
        let pipeline = self.pipeline(db, &key.pipeline)?;
        let found = db
            .prepare_cached("select id, ordered from runs where pipeline = ? and run = ?")?
            .query_row(params![pipeline, key.run.raw()], |row| {
                Ok(Known {
                    id: row.get(0)?,
                    pipeline,
                    ordered: row.get(1)?,
                })
            })
            .optional()?;
        if let Some(known) = found {
            remember(&mut self.runs, key.clone(), known);
        }
        Ok(found)
    }

    /// The row of a run; made when only its nodes are known yet. `None`: it was forgotten.
    fn run(&mut self, db: &Connection, key: &RunKey, at: DateTime<Utc>) -> Result<Option<Known>> {
        if let Some(known) = self.find_run(db, key)? {
            return Ok(Some(known));
        }
        if self.refused.contains(key) || self.forgotten(db, millis(at))? {
            return Ok(None);
        }
        let run = PastRun {
            run: Run::new(key.clone(), at),
            health: Health::Unknown,
            seen: at,
        };
        self.put_run(db, &run)?;
        self.find_run(db, key)
    }

    pub(super) fn put_run(&mut self, db: &Connection, past: &PastRun) -> Result<usize> {
        let run = &past.run;
        let ordered = millis(run.ordered_at);
        let known = self.find_run(db, &run.key)?;
        let over = run.ended_at.is_some();
        if known.is_none() && over && self.forgotten(db, ordered)? {
            self.refused.insert(run.key.clone());
            return Ok(0);
        }
        let (seen, health, state) = (
            millis(past.seen),
            codes::of_health(past.health),
            codes::of_run(run.state),
        );
        let (queued, started, ended) = (
            run.queued_at.map(millis),
            run.started_at.map(millis),
            run.ended_at.map(millis),
        );
        let (native, cause) = (run.native.as_str(), run.cause.as_str());
        let (note, version) = (
            run.note.as_ref().map(SafeText::as_str),
            run.version.as_ref().map(SafeText::as_str),
        );
        let params_of_run = (!run.params.is_empty()).then(|| json(&run.params));
        let counts = run.counts.as_ref().map(json);
        let Some(known) = known else {
            let pipeline = self.pipeline(db, &run.key.pipeline)?;
            let done = db
                .prepare_cached(
                    "insert into runs (pipeline, run, ordered, seen, health, state, native, queued, started, ended,
                       cause, note, version, params, counts)
                     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    pipeline,
                    run.key.run.raw(),
                    ordered,
                    seen,
                    health,
                    state,
                    native,
                    queued,
                    started,
                    ended,
                    cause,
                    note,
                    version,
                    params_of_run,
                    counts
                ])?;
            let known = Known {
                id: db.last_insert_rowid(),
                pipeline,
                ordered,
            };
            remember(&mut self.runs, run.key.clone(), known);
            return Ok(done);
        };
        if known.ordered != ordered {
            // an index is about it: touched only when it moves
            db.prepare_cached("update runs set ordered = ? where id = ?")?
                .execute(params![ordered, known.id])?;
            remember(&mut self.runs, run.key.clone(), Known { ordered, ..known });
        }
        db.prepare_cached(
            "update runs set seen = ?, health = ?, state = ?, native = ?, queued = ?, started = ?, ended = ?,
               cause = ?, note = ?, version = ?, params = ?, counts = ? where id = ?",
        )?
        .execute(params![
            seen,
            health,
            state,
            native,
            queued,
            started,
            ended,
            cause,
            note,
            version,
            params_of_run,
            counts,
            known.id
        ])
    }

    pub(super) fn put_node(&mut self, db: &Connection, past: &PastNode) -> Result<usize> {
        let at = past.queued_at.or(past.started_at).or(past.ended_at);
        let Some(run) = self.run(db, &past.run, at.unwrap_or_default())? else {
            return Ok(0);
        };
        let node = self.node(db, run.pipeline, &past.node)?;
        db.prepare_cached(
            "insert into nodes (run, node, attempt, state, queued, started, ended, exit_code, rows, memory, cpu)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             on conflict do update set state = excluded.state, queued = excluded.queued, started = excluded.started,
               ended = excluded.ended, exit_code = ifnull(excluded.exit_code, exit_code),
               rows = ifnull(excluded.rows, rows), memory = ifnull(excluded.memory, memory),
               cpu = ifnull(excluded.cpu, cpu)",
        )?
        .execute(params![
            run.id,
            node,
            past.attempt,
            codes::of_node(past.state),
            past.queued_at.map(millis),
            past.started_at.map(millis),
            past.ended_at.map(millis),
            past.exit_code,
            past.rows,
            past.memory.map(signed),
            past.cpu_seconds,
        ])
    }

    pub(super) fn put_point(&mut self, db: &Connection, point: &Point) -> Result<usize> {
        let series = self.series(db, &point.series)?;
        db.prepare_cached(
            "insert into points (grain, series, at, count, sum, min, max, last) values (?, ?, ?, ?, ?, ?, ?, ?)
             on conflict do update set count = excluded.count, sum = excluded.sum, min = excluded.min,
               max = excluded.max, last = excluded.last where excluded.count >= count",
        )?
        .execute(params![
            point.grain.seconds(),
            series,
            millis(point.at),
            signed(point.count),
            point.sum,
            point.min,
            point.max,
            point.last,
        ])
    }

    pub(super) fn put_tail(
        &mut self,
        db: &Connection,
        log: &LogKey,
        at: DateTime<Utc>,
        text: &str,
    ) -> Result<usize> {
        let Some(run) = self.run(db, &log.node.run, at)? else {
            return Ok(0);
        };
        let node = self.node(db, run.pipeline, &log.node.node)?;
        db.prepare_cached(
            "insert or replace into tails (run, node, attempt, at, text) values (?, ?, ?, ?, ?)",
        )?
        .execute(params![run.id, node, log.attempt, millis(at), text])
    }
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
