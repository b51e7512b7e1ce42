//! Runs, attempts, points and tails in rows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::history::store::{Ask, Grain, Of, Point};
use crate::model::{
    BackendId, LogKey, NodeId, PastNode, PastRun, PipelineKey, Run, RunKey, SafeText,
};

type Result<T> = rusqlite::Result<T>;

/// Numbers of what is named again and again, as far as they have been asked for.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pipelines: HashMap<PipelineKey, i64>,
    nodes: HashMap<(i64, NodeId), i64>,
    series: HashMap<String, i64>,
}

/// So many are remembered; then they are asked for again.
const REMEMBERED: usize = 100_000;

impl Ids {
    /// After a write that failed some may not be there.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn pipeline(&mut self, db: &Connection, key: &PipelineKey) -> Result<i64> {
        if let Some(id) = self.pipelines.get(key) {
            return Ok(*id);
        }
        let names = params![key.backend.raw(), key.pipeline.raw()];
        db.prepare_cached("insert or ignore into pipelines (backend, pipeline) values (?, ?)")?
            .execute(names)?;
        let id = find_pipeline(db, key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        self.pipelines.insert(key.clone(), id);
        Ok(id)
    }

    fn node(&mut self, db: &Connection, pipeline: i64, node: &NodeId) -> Result<i64> {
        let key = (pipeline, node.clone());
        if let Some(id) = self.nodes.get(&key) {
            return Ok(*id);
        }
        if self.nodes.len() >= REMEMBERED {
            self.nodes.clear();
        }
        db.prepare_cached("insert or ignore into node_names (pipeline, node) values (?, ?)")?
            .execute(params![pipeline, node.raw()])?;
        let id = db
            .prepare_cached("select id from node_names where pipeline = ? and node = ?")?
            .query_row(params![pipeline, node.raw()], |row| row.get(0))?;
        self.nodes.insert(key, id);
        Ok(id)
    }

    fn series(&mut self, db: &Connection, series: &str) -> Result<i64> {
        if let Some(id) = self.series.get(series) {
            return Ok(*id);
        }
        if self.series.len() >= REMEMBERED {
            self.series.clear();
        }
        db.prepare_cached("insert or ignore into series (series) values (?)")?
            .execute([series])?;
        let id = db
            .prepare_cached("select id from series where series = ?")?
            .query_row([series], |row| row.get(0))?;
        self.series.insert(series.to_owned(), id);
        Ok(id)
    }

    /// The row of a run; made when only its nodes are known yet.
    fn run(&mut self, db: &Connection, key: &RunKey, at: DateTime<Utc>) -> Result<i64> {
        let pipeline = self.pipeline(db, &key.pipeline)?;
        if let Some(id) = find_run(db, pipeline, key)? {
            return Ok(id);
        }
        let run = PastRun {
            run: Run::new(key.clone(), at),
            health: crate::model::Health::Unknown,
            seen: at,
        };
        self.put_run(db, &run)?;
        find_run(db, pipeline, key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    pub(super) fn put_run(&mut self, db: &Connection, past: &PastRun) -> Result<usize> {
        let run = &past.run;
        let pipeline = self.pipeline(db, &run.key.pipeline)?;
        db.prepare_cached(
            "insert into runs (pipeline, run, ordered, seen, health, state, native, queued, started, ended, cause,
               note, version, params, counts)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             on conflict (pipeline, run) do update set ordered = excluded.ordered, seen = excluded.seen,
               health = excluded.health, state = excluded.state, native = excluded.native, queued = excluded.queued,
               started = excluded.started, ended = excluded.ended, cause = excluded.cause, note = excluded.note,
               version = excluded.version, params = excluded.params, counts = excluded.counts",
        )?
        .execute(params![
            pipeline,
            run.key.run.raw(),
            millis(run.ordered_at),
            millis(past.seen),
            word(&past.health),
            word(&run.state),
            run.native.as_str(),
            run.queued_at.map(millis),
            run.started_at.map(millis),
            run.ended_at.map(millis),
            run.cause.as_str(),
            run.note.as_ref().map(SafeText::as_str),
            run.version.as_ref().map(SafeText::as_str),
            (!run.params.is_empty()).then(|| json(&run.params)),
            run.counts.as_ref().map(json),
        ])
    }

    pub(super) fn put_node(&mut self, db: &Connection, past: &PastNode) -> Result<usize> {
        let at = past.queued_at.or(past.started_at).or(past.ended_at);
        let run = self.run(db, &past.run, at.unwrap_or_default())?;
        let pipeline = self.pipeline(db, &past.run.pipeline)?;
        let node = self.node(db, pipeline, &past.node)?;
        db.prepare_cached(
            "insert or replace into nodes (run, node, attempt, state, queued, started, ended, exit_code, rows, memory, cpu)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            run,
            node,
            past.attempt,
            word(&past.state),
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
            "insert or replace into points (grain, series, at, count, sum, min, max, last)
             values (?, ?, ?, ?, ?, ?, ?, ?)",
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
        let run = self.run(db, &log.node.run, at)?;
        let pipeline = self.pipeline(db, &log.node.run.pipeline)?;
        let node = self.node(db, pipeline, &log.node.node)?;
        db.prepare_cached(
            "insert or replace into tails (run, node, attempt, at, text) values (?, ?, ?, ?, ?)",
        )?
        .execute(params![run, node, log.attempt, millis(at), text])
    }
}

fn find_pipeline(db: &Connection, key: &PipelineKey) -> Result<Option<i64>> {
    db.prepare_cached("select id from pipelines where backend = ? and pipeline = ?")?
        .query_row(params![key.backend.raw(), key.pipeline.raw()], |row| {
            row.get(0)
        })
        .optional()
}

fn find_run(db: &Connection, pipeline: i64, key: &RunKey) -> Result<Option<i64>> {
    db.prepare_cached("select id from runs where pipeline = ? and run = ?")?
        .query_row(params![pipeline, key.run.raw()], |row| row.get(0))
        .optional()
}

const RUN: &str = "p.backend, p.pipeline, r.run, r.ordered, r.seen, r.health, r.state, r.native, r.queued, r.started,
    r.ended, r.cause, r.note, r.version, r.params, r.counts";
const NODE: &str =
    "p.backend, p.pipeline, r.run, m.node, n.attempt, n.state, n.queued, n.started, n.ended,
    n.exit_code, n.rows, n.memory, n.cpu";

/// The rest of a question after its columns and tables, with its limit as `?3`; the names it needs are `?4` and `?5`.
fn ask_where(ask: &Ask) -> String {
    let of = match &ask.of {
        Of::All => "",
        Of::Backend(_) => " and p.backend = ?4",
        Of::Pipeline(_) => " and r.pipeline = ?4",
    };
    format!("r.ordered >= ?1 and r.ordered < ?2{of}")
}

fn order(ask: &Ask) -> &'static str {
    match ask.newest_first {
        true => "desc",
        false => "asc",
    }
}

/// What `?4` is; `None`: there is nothing of it.
fn of(db: &Connection, ask: &Ask) -> Result<Option<rusqlite::types::Value>> {
    use rusqlite::types::Value;
    Ok(match &ask.of {
        Of::All => Some(Value::Null),
        Of::Backend(backend) => Some(Value::Text(backend.raw().to_owned())),
        Of::Pipeline(key) => find_pipeline(db, key)?.map(Value::Integer),
    })
}

pub(super) fn runs(
    db: &Connection,
    ask: &Ask,
    each: &mut dyn FnMut(PastRun) -> bool,
) -> Result<()> {
    let Some(of) = of(db, ask)? else {
        return Ok(());
    };
    let text = format!(
        "select {RUN} from runs r join pipelines p on p.id = r.pipeline where {} order by r.ordered {order}, r.id {order} limit ?3",
        ask_where(ask),
        order = order(ask),
    );
    let mut rows = db.prepare_cached(&text)?;
    bind(&mut rows, ask, &of)?;
    let mut rows = rows.raw_query();
    while let Some(row) = rows.next()? {
        if !each(run(row)?) {
            break;
        }
    }
    Ok(())
}

fn bind(rows: &mut Statement<'_>, ask: &Ask, of: &rusqlite::types::Value) -> Result<()> {
    rows.raw_bind_parameter(1, millis(ask.from))?;
    rows.raw_bind_parameter(2, millis(ask.to))?;
    rows.raw_bind_parameter(3, i64::try_from(ask.most).unwrap_or(i64::MAX))?;
    if ask.of != Of::All {
        rows.raw_bind_parameter(4, of)?;
    }
    Ok(())
}

pub(super) fn recent(db: &Connection, each: usize) -> Result<Vec<PastRun>> {
    let each = i64::try_from(each).unwrap_or(i64::MAX);
    let text = format!(
        "select {RUN} from pipelines p join runs r on r.pipeline = p.id
         where p.id = ?1 order by r.ordered desc limit ?2"
    );
    let pipelines: Vec<i64> = db
        .prepare_cached("select id from pipelines")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut one = db.prepare_cached(&text)?;
    let mut all = Vec::new();
    for pipeline in pipelines {
        let mut runs: Vec<PastRun> = one
            .query_map(params![pipeline, each], run)?
            .collect::<Result<_>>()?;
        runs.reverse();
        all.append(&mut runs);
    }
    Ok(all)
}

pub(super) fn one_run(db: &Connection, key: &RunKey) -> Result<Option<PastRun>> {
    let text = format!(
        "select {RUN} from runs r join pipelines p on p.id = r.pipeline
         where p.backend = ? and p.pipeline = ? and r.run = ?"
    );
    let names = params![
        key.backend().raw(),
        key.pipeline.pipeline.raw(),
        key.run.raw()
    ];
    db.prepare_cached(&text)?.query_row(names, run).optional()
}

pub(super) fn nodes_of(db: &Connection, key: &RunKey) -> Result<Vec<PastNode>> {
    let text = format!(
        "select {NODE} from pipelines p join runs r on r.pipeline = p.id join nodes n on n.run = r.id
           join node_names m on m.id = n.node
         where p.backend = ? and p.pipeline = ? and r.run = ?
         order by n.started is null, n.started, m.node, n.attempt"
    );
    let names = params![
        key.backend().raw(),
        key.pipeline.pipeline.raw(),
        key.run.raw()
    ];
    db.prepare_cached(&text)?.query_map(names, node)?.collect()
}

pub(super) fn nodes(
    db: &Connection,
    ask: &Ask,
    of_node: Option<&NodeId>,
    each: &mut dyn FnMut(PastNode) -> bool,
) -> Result<()> {
    let Some(of) = of(db, ask)? else {
        return Ok(());
    };
    let named = match of_node {
        Some(_) => " and m.node = ?5",
        None => "",
    };
    let text = format!(
        "select {NODE} from runs r join pipelines p on p.id = r.pipeline join nodes n on n.run = r.id
           join node_names m on m.id = n.node
         where {}{named} order by r.ordered {order}, r.id {order}, n.node, n.attempt limit ?3",
        ask_where(ask),
        order = order(ask),
    );
    let mut rows = db.prepare_cached(&text)?;
    bind(&mut rows, ask, &of)?;
    if let Some(node) = of_node {
        rows.raw_bind_parameter(5, node.raw())?;
    }
    let mut rows = rows.raw_query();
    while let Some(row) = rows.next()? {
        if !each(node(row)?) {
            break;
        }
    }
    Ok(())
}

pub(super) fn points(
    db: &Connection,
    series: &str,
    grain: Grain,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Point>> {
    let mut rows = db.prepare_cached(
        "select s.series, o.at, o.count, o.sum, o.min, o.max, o.last from series s
           join points o on o.series = s.id and o.grain = ?2
         where substr(s.series, 1, length(?1)) = ?1 and o.at >= ?3 and o.at < ?4 order by s.series, o.at",
    )?;
    let rows = rows.query_map(
        params![series, grain.seconds(), millis(from), millis(to)],
        |row| {
            Ok(Point {
                series: row.get(0)?,
                grain,
                at: time(row.get(1)?),
                count: unsigned(row.get(2)?),
                sum: row.get(3)?,
                min: row.get(4)?,
                max: row.get(5)?,
                last: row.get(6)?,
            })
        },
    )?;
    rows.collect()
}

pub(super) fn tail(db: &Connection, log: &LogKey) -> Result<Option<String>> {
    let key = &log.node.run;
    db.prepare_cached(
        "select t.text from pipelines p join runs r on r.pipeline = p.id join node_names m on m.pipeline = p.id
           join tails t on t.run = r.id and t.node = m.id
         where p.backend = ? and p.pipeline = ? and r.run = ? and m.node = ? and t.attempt = ?",
    )?
    .query_row(
        params![
            key.backend().raw(),
            key.pipeline.pipeline.raw(),
            key.run.raw(),
            log.node.node.raw(),
            log.attempt
        ],
        |row| row.get(0),
    )
    .optional()
}

fn run_key(row: &Row<'_>) -> Result<RunKey> {
    let (backend, pipeline, run): (String, String, String) =
        (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(PipelineKey::new(&BackendId::new(backend), pipeline).run(run))
}

fn run(row: &Row<'_>) -> Result<PastRun> {
    let text = |at: usize| -> Result<SafeText> { Ok(SafeText::new(row.get::<_, String>(at)?)) };
    let perhaps = |at: usize| -> Result<Option<SafeText>> {
        Ok(row.get::<_, Option<String>>(at)?.map(SafeText::new))
    };
    let mut run = Run::new(run_key(row)?, time(row.get(3)?));
    run.state = of_word(row.get(6)?);
    run.native = text(7)?;
    run.queued_at = row.get::<_, Option<i64>>(8)?.map(time);
    run.started_at = row.get::<_, Option<i64>>(9)?.map(time);
    run.ended_at = row.get::<_, Option<i64>>(10)?.map(time);
    run.cause = text(11)?;
    run.note = perhaps(12)?;
    run.version = perhaps(13)?;
    let params: Option<String> = row.get(14)?;
    run.params = params
        .and_then(|p| serde_json::from_str(&p).ok())
        .unwrap_or_default();
    let counts: Option<String> = row.get(15)?;
    run.counts = counts.and_then(|c| serde_json::from_str(&c).ok());
    Ok(PastRun {
        run,
        health: of_word(row.get(5)?),
        seen: time(row.get(4)?),
    })
}

fn node(row: &Row<'_>) -> Result<PastNode> {
    let node: String = row.get(3)?;
    Ok(PastNode {
        run: run_key(row)?,
        node: NodeId::new(node),
        attempt: row.get(4)?,
        state: of_word(row.get(5)?),
        queued_at: row.get::<_, Option<i64>>(6)?.map(time),
        started_at: row.get::<_, Option<i64>>(7)?.map(time),
        ended_at: row.get::<_, Option<i64>>(8)?.map(time),
        exit_code: row.get(9)?,
        rows: row.get(10)?,
        memory: row.get::<_, Option<i64>>(11)?.map(unsigned),
        cpu_seconds: row.get(12)?,
    })
}

/// A state as its own word, so that the order of an enum means nothing to the disk.
fn word(state: &impl Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A word of a newer version is as good as none.
fn of_word<T: DeserializeOwned + Default>(word: String) -> T {
    serde_json::from_value(Value::String(word)).unwrap_or_default()
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
