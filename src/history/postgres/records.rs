//! Runs, attempts, points and tails from rows.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use crate::history::codes;
use crate::history::store::{Ask, Day, Grain, Line, Log, Of, Point, Tail};
use crate::model::{
    BackendId, LogKey, NodeId, PastNode, PastRun, PipelineKey, Run, RunKey, SafeText,
};

use super::put::text;
use super::wire::{Answer, Session, get};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

const RUN: &str = "p.backend, p.pipeline, r.run, r.ordered, r.seen, r.health, r.state, r.native, r.queued, r.started,
    r.ended, r.cause, r.note, r.version, r.params, r.counts";
const NODE: &str =
    "p.backend, p.pipeline, r.run, m.node, n.attempt, n.state, n.queued, n.started, n.ended,
    n.exit_code, n.rows, n.memory, n.cpu";

/// What a question is about, as text of SQL; names are quoted.
fn of(ask: &Ask, column: &str) -> String {
    match &ask.of {
        Of::All => String::new(),
        Of::Backend(backend) => format!(" and p.backend = {}", quoted(backend.raw())),
        Of::Pipeline(key) => format!(
            " and {column} = (select id from pipelines where backend = {} and pipeline = {})",
            quoted(key.backend.raw()),
            quoted(key.pipeline.raw())
        ),
    }
}

/// As a literal, whatever stands in it.
pub(super) fn quoted(name: &str) -> String {
    let name = text(name).replace('\\', "\\\\").replace('\'', "''");
    format!("E'{name}'")
}

fn order(ask: &Ask) -> &'static str {
    match ask.newest_first {
        true => "desc",
        false => "asc",
    }
}

fn most(ask: &Ask) -> i64 {
    i64::try_from(ask.most).unwrap_or(i64::MAX)
}

/// The whole question, for a cursor.
pub(super) fn runs(ask: &Ask) -> String {
    format!(
        "select {RUN} from runs r join pipelines p on p.id = r.pipeline
         where r.ordered >= {} and r.ordered < {}{} order by r.ordered {order}, r.id {order} limit {}",
        millis(ask.from),
        millis(ask.to),
        of(ask, "r.pipeline"),
        most(ask),
        order = order(ask),
    )
}

pub(super) fn nodes(ask: &Ask, node: Option<&NodeId>) -> String {
    let named = node.map(|node| format!(" and m.node = {}", quoted(node.raw())));
    format!(
        "select {NODE} from runs r join pipelines p on p.id = r.pipeline join nodes n on n.run = r.id
           join node_names m on m.id = n.node
         where r.ordered >= {} and r.ordered < {}{}{}
         order by r.ordered {order}, r.id {order}, n.node, n.attempt limit {}",
        millis(ask.from),
        millis(ask.to),
        of(ask, "r.pipeline"),
        named.unwrap_or_default(),
        most(ask),
        order = order(ask),
    )
}

pub(super) fn since(log: Log, from: DateTime<Utc>) -> String {
    format!(
        "select seq, at, body from {} where at >= {} order by at, seq",
        log.word(),
        millis(from)
    )
}

pub(super) async fn after(
    session: &mut Session,
    log: Log,
    seq: i64,
    most: usize,
) -> Answer<Vec<Line>> {
    let text = format!(
        "select seq, at, body from {} where seq > $1 order by seq limit $2",
        log.word()
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = session.ask(&text, &[&seq, &most]).await?;
    rows.iter().map(line).collect()
}

pub(super) fn line(row: &Row) -> Answer<Line> {
    Ok(Line {
        seq: get(row, 0)?,
        at: time(get(row, 1)?),
        body: get(row, 2)?,
    })
}

pub(super) async fn recent(session: &mut Session, each: usize) -> Answer<Vec<PastRun>> {
    let text = format!(
        "select {RUN} from pipelines p cross join lateral
           (select * from runs r where r.pipeline = p.id order by r.ordered desc, r.id desc limit $1) r
         order by p.id, r.ordered, r.id"
    );
    let each = i64::try_from(each).unwrap_or(i64::MAX);
    let rows = session.ask(&text, &[&each]).await?;
    rows.iter().map(run).collect()
}

pub(super) async fn days(session: &mut Session, ask: &Ask) -> Answer<Vec<Day>> {
    let text = format!(
        "select p.backend, p.pipeline, d.day, d.good, d.bad, d.other, d.timed, d.took, d.queued, d.waited
         from days d join pipelines p on p.id = d.pipeline
         where d.day >= {} and d.day < {} and d.good + d.bad + d.other > 0{} order by d.day {}, d.pipeline limit {}",
        millis(ask.from).div_euclid(DAY),
        (millis(ask.to).saturating_add(DAY - 1)).div_euclid(DAY),
        of(ask, "d.pipeline"),
        order(ask),
        most(ask),
    );
    let rows = session.ask(&text, &[]).await?;
    let day = |row: &Row| -> Answer<Day> {
        let backend: &str = get(row, 0)?;
        let pipeline: &str = get(row, 1)?;
        let number = |at: usize| -> Answer<u64> { Ok(unsigned(get(row, at)?)) };
        let seconds = |at: usize| -> Answer<f64> { Ok(get::<i64>(row, at)? as f64 / 1000.0) };
        Ok(Day {
            pipeline: PipelineKey::new(&BackendId::new(backend), pipeline),
            at: time(get::<i64>(row, 2)?.saturating_mul(DAY)),
            good: number(3)?,
            bad: number(4)?,
            other: number(5)?,
            timed: number(6)?,
            took: seconds(7)?,
            queued: number(8)?,
            waited: seconds(9)?,
        })
    };
    rows.iter().map(day).collect()
}

const OF_RUN: &str = "p.backend = $1 and p.pipeline = $2 and r.run = $3";

pub(super) async fn one_run(session: &mut Session, key: &RunKey) -> Answer<Option<PastRun>> {
    let ask =
        format!("select {RUN} from runs r join pipelines p on p.id = r.pipeline where {OF_RUN}");
    let [backend, pipeline, name] = names(key);
    let rows = session.ask(&ask, &[&backend, &pipeline, &name]).await?;
    rows.first().map(run).transpose()
}

pub(super) async fn nodes_of(session: &mut Session, key: &RunKey) -> Answer<Vec<PastNode>> {
    let ask = format!(
        "select {NODE} from pipelines p join runs r on r.pipeline = p.id join nodes n on n.run = r.id
           join node_names m on m.id = n.node
         where {OF_RUN} order by n.started is null, n.started, m.node, n.attempt"
    );
    let [backend, pipeline, name] = names(key);
    let rows = session.ask(&ask, &[&backend, &pipeline, &name]).await?;
    rows.iter().map(node).collect()
}

/// The whole question, for a cursor.
pub(super) fn points(series: &str, grain: Grain, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    format!(
        "select s.series, o.at, o.count, o.sum, o.min, o.max, o.last from series s
           join points o on o.series = s.id and o.grain = {}
         where starts_with(s.series, {}) and o.at >= {} and o.at < {} order by s.series, o.at",
        grain.seconds(),
        quoted(series),
        millis(from),
        millis(to),
    )
}

pub(super) fn point(row: &Row, grain: Grain) -> Answer<Point> {
    Ok(Point {
        series: get(row, 0)?,
        grain,
        at: time(get(row, 1)?),
        count: unsigned(get(row, 2)?),
        sum: get(row, 3)?,
        min: get(row, 4)?,
        max: get(row, 5)?,
        last: get(row, 6)?,
    })
}

pub(super) async fn tail(session: &mut Session, log: &LogKey) -> Answer<Option<String>> {
    let ask = "select t.text from pipelines p join runs r on r.pipeline = p.id
           join node_names m on m.pipeline = p.id join tails t on t.run = r.id and t.node = m.id
         where p.backend = $1 and p.pipeline = $2 and r.run = $3 and m.node = $4 and t.attempt = $5";
    let [backend, pipeline, run] = names(&log.node.run);
    let (node, attempt) = (text(log.node.node.raw()), i64::from(log.attempt));
    let rows = session
        .query(ask, &[&backend, &pipeline, &run, &node, &attempt])
        .await?;
    rows.first().map(|row| get(row, 0)).transpose()
}

pub(super) async fn tails(
    session: &mut Session,
    before: DateTime<Utc>,
    most: usize,
) -> Answer<Vec<Tail>> {
    let ask = "select p.backend, p.pipeline, r.run, m.node, t.attempt, t.at, t.text from tails t
           join runs r on r.id = t.run join pipelines p on p.id = r.pipeline join node_names m on m.id = t.node
         where t.at < $1 order by t.at, t.run, t.node, t.attempt limit $2";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = session.query(ask, &[&millis(before), &most]).await?;
    let tail = |row: &Row| {
        let node: &str = get(row, 3)?;
        let attempt: i64 = get(row, 4)?;
        Ok(Tail {
            log: run_key(row)?
                .node(&NodeId::new(node))
                .log(u32::try_from(attempt).unwrap_or(0)),
            at: time(get(row, 5)?),
            text: get(row, 6)?,
        })
    };
    rows.iter().map(tail).collect()
}

fn names(key: &RunKey) -> [std::borrow::Cow<'_, str>; 3] {
    [
        text(key.backend().raw()),
        text(key.pipeline.pipeline.raw()),
        text(key.run.raw()),
    ]
}

pub(super) fn run_key(row: &Row) -> Answer<RunKey> {
    let backend: &str = get(row, 0)?;
    let pipeline: &str = get(row, 1)?;
    let run: &str = get(row, 2)?;
    Ok(PipelineKey::new(&BackendId::new(backend), pipeline).run(run))
}

pub(super) fn run(row: &Row) -> Answer<PastRun> {
    let text = |at: usize| -> Answer<SafeText> { Ok(SafeText::new(get::<&str>(row, at)?)) };
    let perhaps = |at: usize| -> Answer<Option<SafeText>> {
        Ok(get::<Option<&str>>(row, at)?.map(SafeText::new))
    };
    let mut run = Run::new(run_key(row)?, time(get(row, 3)?));
    run.state = codes::run(get(row, 6)?);
    run.native = text(7)?;
    run.queued_at = get::<Option<i64>>(row, 8)?.map(time);
    run.started_at = get::<Option<i64>>(row, 9)?.map(time);
    run.ended_at = get::<Option<i64>>(row, 10)?.map(time);
    run.cause = text(11)?;
    run.note = perhaps(12)?;
    run.version = perhaps(13)?;
    let params: Option<&str> = get(row, 14)?;
    run.params = params
        .and_then(|p| serde_json::from_str(p).ok())
        .unwrap_or_default();
    let counts: Option<&str> = get(row, 15)?;
    run.counts = counts.and_then(|c| serde_json::from_str(c).ok());
    Ok(PastRun {
        run,
        health: codes::health(get(row, 5)?),
        seen: time(get(row, 4)?),
    })
}

pub(super) fn node(row: &Row) -> Answer<PastNode> {
    let node: &str = get(row, 3)?;
    let attempt: i64 = get(row, 4)?;
    Ok(PastNode {
        run: run_key(row)?,
        node: NodeId::new(node),
        attempt: u32::try_from(attempt).unwrap_or(0),
        state: codes::node(get(row, 5)?),
        queued_at: get::<Option<i64>>(row, 6)?.map(time),
        started_at: get::<Option<i64>>(row, 7)?.map(time),
        ended_at: get::<Option<i64>>(row, 8)?.map(time),
        exit_code: get(row, 9)?,
        rows: get(row, 10)?,
        memory: get::<Option<i64>>(row, 11)?.map(unsigned),
        cpu_seconds: get(row, 12)?,
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
