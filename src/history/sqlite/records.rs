//! Runs, attempts, points and tails from rows.

use std::cell::Cell;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};

use crate::history::store::{Ask, Day, Grain, Of, Point, Tail};
use crate::model::{
    BackendId, LogKey, NodeId, PastNode, PastRun, PipelineKey, Run, RunKey, SafeText,
};

use super::codes;

pub(super) type Result<T> = rusqlite::Result<T>;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

pub(super) fn find_pipeline(db: &Connection, key: &PipelineKey) -> Result<Option<i64>> {
    db.prepare_cached("select id from pipelines where backend = ? and pipeline = ?")?
        .query_row(params![key.backend.raw(), key.pipeline.raw()], |row| {
            row.get(0)
        })
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
    left_out: &Cell<u64>,
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
        if let Some(run) = readable(run(row), left_out)?
            && !each(run)
        {
            break;
        }
    }
    Ok(())
}

/// A row that makes no sense hides no other, and is counted.
fn readable<T>(row: Result<T>, left_out: &Cell<u64>) -> Result<Option<T>> {
    use rusqlite::Error;
    match row {
        Ok(row) => Ok(Some(row)),
        Err(
            Error::InvalidColumnType(..)
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..),
        ) => {
            left_out.set(left_out.get().saturating_add(1));
            Ok(None)
        }
        Err(error) => Err(error),
    }
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

pub(super) fn recent(db: &Connection, each: usize, left_out: &Cell<u64>) -> Result<Vec<PastRun>> {
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
    let mut all: Vec<PastRun> = Vec::new();
    for pipeline in pipelines {
        let first = all.len();
        let mut rows = one.query(params![pipeline, each])?;
        while let Some(row) = rows.next()? {
            all.extend(readable(run(row), left_out)?);
        }
        if let Some(own) = all.get_mut(first..) {
            own.reverse();
        }
    }
    Ok(all)
}

pub(super) fn days(db: &Connection, ask: &Ask) -> Result<Vec<Day>> {
    let Some(of) = of(db, ask)? else {
        return Ok(Vec::new());
    };
    let of_whom = match &ask.of {
        Of::All => "",
        Of::Backend(_) => " and p.backend = ?4",
        Of::Pipeline(_) => " and d.pipeline = ?4",
    };
    let text = format!(
        "select p.backend, p.pipeline, d.day, d.good, d.bad, d.other, d.timed, d.took, d.queued, d.waited
         from days d join pipelines p on p.id = d.pipeline
         where d.day >= ?1 / {DAY} and d.day < (?2 + {DAY} - 1) / {DAY} and d.good + d.bad + d.other > 0{of_whom}
         order by d.day {order}, d.pipeline limit ?3",
        order = order(ask),
    );
    let mut rows = db.prepare_cached(&text)?;
    bind(&mut rows, ask, &of)?;
    let mut rows = rows.raw_query();
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let backend: String = row.get(0)?;
        let pipeline: String = row.get(1)?;
        let number = |at: usize| -> Result<u64> { Ok(unsigned(row.get(at)?)) };
        let seconds = |at: usize| -> Result<f64> { Ok(row.get::<_, i64>(at)? as f64 / 1000.0) };
        all.push(Day {
            pipeline: PipelineKey::new(&BackendId::new(backend), pipeline),
            at: time(row.get::<_, i64>(2)?.saturating_mul(DAY)),
            good: number(3)?,
            bad: number(4)?,
            other: number(5)?,
            timed: number(6)?,
            took: seconds(7)?,
            queued: number(8)?,
            waited: seconds(9)?,
        });
    }
    Ok(all)
}

pub(super) fn one_run(
    db: &Connection,
    key: &RunKey,
    left_out: &Cell<u64>,
) -> Result<Option<PastRun>> {
    let text = format!(
        "select {RUN} from runs r join pipelines p on p.id = r.pipeline
         where p.backend = ? and p.pipeline = ? and r.run = ?"
    );
    let names = params![
        key.backend().raw(),
        key.pipeline.pipeline.raw(),
        key.run.raw()
    ];
    let found = db.prepare_cached(&text)?.query_row(names, run).optional();
    Ok(readable(found, left_out)?.flatten())
}

pub(super) fn nodes_of(
    db: &Connection,
    key: &RunKey,
    left_out: &Cell<u64>,
) -> Result<Vec<PastNode>> {
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
    let mut rows = db.prepare_cached(&text)?;
    let mut rows = rows.query(names)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.extend(readable(node(row), left_out)?);
    }
    Ok(all)
}

pub(super) fn nodes(
    db: &Connection,
    ask: &Ask,
    of_node: Option<&NodeId>,
    left_out: &Cell<u64>,
    each: &mut dyn FnMut(PastNode) -> bool,
) -> Result<()> {
    let Some(of) = of(db, ask)? else {
        return Ok(());
    };
    // one node is looked up in each run; the planner would rather begin with the node
    let nodes = match of_node {
        Some(_) => {
            "cross join node_names m on m.pipeline = r.pipeline and m.node = ?5
           cross join nodes n on n.run = r.id and n.node = m.id"
        }
        None => "cross join nodes n on n.run = r.id cross join node_names m on m.id = n.node",
    };
    let text = format!(
        "select {NODE} from runs r join pipelines p on p.id = r.pipeline {nodes}
         where {} order by r.ordered {order}, r.id {order}, n.node, n.attempt limit ?3",
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
        if let Some(node) = readable(node(row), left_out)?
            && !each(node)
        {
            break;
        }
    }
    Ok(())
}

/// Rows of runs and attempts that make no sense.
pub(super) fn senseless(db: &Connection) -> Result<u64> {
    let count = Cell::new(0);
    let ask = Ask {
        of: Of::All,
        from: DateTime::<Utc>::MIN_UTC,
        to: DateTime::<Utc>::MAX_UTC,
        newest_first: false,
        most: usize::MAX,
    };
    runs(db, &ask, &count, &mut |_| true)?;
    nodes(db, &ask, None, &count, &mut |_| true)?;
    Ok(count.get())
}

/// The series first, by their index: each has its points of a grain side by side.
pub(super) const POINTS: &str =
    "select s.series, o.at, o.count, o.sum, o.min, o.max, o.last from series s cross join points o
       on o.series = s.id and o.grain = ?2
     where s.series >= ?1 and s.series < ?1 || char(0x10ffff) and o.at >= ?3 and o.at < ?4 order by s.series, o.at";

pub(super) fn points(
    db: &Connection,
    series: &str,
    grain: Grain,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    each: &mut dyn FnMut(Point) -> bool,
) -> Result<()> {
    let mut rows = db.prepare_cached(POINTS)?;
    let mut rows = rows.query(params![series, grain.seconds(), millis(from), millis(to)])?;
    while let Some(row) = rows.next()? {
        let point = Point {
            series: row.get(0)?,
            grain,
            at: time(row.get(1)?),
            count: unsigned(row.get(2)?),
            sum: row.get(3)?,
            min: row.get(4)?,
            max: row.get(5)?,
            last: row.get(6)?,
        };
        if !each(point) {
            break;
        }
    }
    Ok(())
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

pub(super) fn tails(db: &Connection, before: DateTime<Utc>, most: usize) -> Result<Vec<Tail>> {
    let mut rows = db.prepare_cached(
        "select p.backend, p.pipeline, r.run, m.node, t.attempt, t.at, t.text from tails t join runs r on r.id = t.run
           join pipelines p on p.id = r.pipeline join node_names m on m.id = t.node
         where t.at < ? order by t.at, t.run, t.node, t.attempt limit ?",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = rows.query_map(params![millis(before), most], |row| {
        let node: String = row.get(3)?;
        Ok(Tail {
            log: run_key(row)?.node(&NodeId::new(node)).log(row.get(4)?),
            at: time(row.get(5)?),
            text: row.get(6)?,
        })
    })?;
    rows.collect()
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
    run.state = codes::run(row.get(6)?);
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
        health: codes::health(row.get(5)?),
        seen: time(row.get(4)?),
    })
}

fn node(row: &Row<'_>) -> Result<PastNode> {
    let node: String = row.get(3)?;
    Ok(PastNode {
        run: run_key(row)?,
        node: NodeId::new(node),
        attempt: row.get(4)?,
        state: codes::node(row.get(5)?),
        queued_at: row.get::<_, Option<i64>>(6)?.map(time),
        started_at: row.get::<_, Option<i64>>(7)?.map(time),
        ended_at: row.get::<_, Option<i64>>(8)?.map(time),
        exit_code: row.get(9)?,
        rows: row.get(10)?,
        memory: row.get::<_, Option<i64>>(11)?.map(unsigned),
        cpu_seconds: row.get(12)?,
    })
}

pub(super) fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

pub(super) fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
