//! What goes away is written down first: JSON lines, gzip, one file for each kind and month. Each piece is a gzip
//! member of its own, on disk before anything is deleted.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::config::paths::append_private_file;
use crate::model::{LogKey, PastNode, PastRun};

use super::store::{Ask, Grain, Kind, Line, Of, Store, StoreError, Tail};
use super::tend::TendError;

/// Records of one piece.
const PIECE: usize = 500;
/// Pieces of points that are looked for at first.
const PIECES: i64 = 35;

#[derive(Debug)]
pub(super) struct Archive {
    dir: PathBuf,
    /// Up to where points were written down.
    points: HashMap<Grain, DateTime<Utc>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Record<'a> {
    Run(&'a PastRun),
    Node(&'a PastNode),
    Tail {
        log: &'a LogKey,
        at: DateTime<Utc>,
        text: &'a str,
    },
    Line {
        at: DateTime<Utc>,
        body: Body<'a>,
    },
    Point {
        series: &'a str,
        seconds: i64,
        at: DateTime<Utc>,
        count: u64,
        sum: f64,
        min: f64,
        max: f64,
        last: f64,
    },
}

/// JSON stays JSON; whatever else stands there is a text.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

impl Archive {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            points: HashMap::new(),
        }
    }

    /// Writes the oldest of what is older than `before` down. What is older than the time that comes back may go;
    /// `None`: there is nothing.
    pub(super) fn export(
        &mut self,
        store: &mut dyn Store,
        kind: Kind,
        before: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, TendError> {
        match kind {
            Kind::Runs => self.runs(store, before),
            Kind::Tails => {
                let tails = until(
                    before,
                    |most| store.tails(before, most),
                    |tail: &Tail| tail.at,
                )?;
                let Some((tails, upto)) = tails else {
                    return Ok(None);
                };
                let records = tails.iter().map(|tail| Record::Tail {
                    log: &tail.log,
                    at: tail.at,
                    text: &tail.text,
                });
                self.append("tails", upto, records)?;
                Ok(Some(upto))
            }
            Kind::Log(log) => {
                let mut lines: Vec<Line> = Vec::new();
                let mut upto = before;
                store.since(log, DateTime::UNIX_EPOCH, &mut |line| {
                    if lines.len() == PIECE {
                        // with all others of the last time
                        let last = lines.last().map_or(before, |line| line.at);
                        upto = before.min(last + Duration::milliseconds(1));
                    }
                    let older = line.at < upto;
                    if older {
                        lines.push(line);
                    }
                    older
                })?;
                if lines.is_empty() {
                    return Ok(None);
                }
                let records = lines.iter().map(|line| Record::Line {
                    at: line.at,
                    body: match serde_json::from_str(&line.body) {
                        Ok(json) => Body::Json(json),
                        Err(_) => Body::Text(&line.body),
                    },
                });
                self.append(log.word(), upto, records)?;
                Ok(Some(upto))
            }
            Kind::Points(grain) => self.points(store, grain, before),
            // they are what is left of runs; there is nothing in them that was not in those
            Kind::Days => Ok(None),
        }
    }

    fn runs(
        &mut self,
        store: &mut dyn Store,
        before: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, TendError> {
        let read = |most: usize| -> Result<Vec<PastRun>, StoreError> {
            let ask = Ask {
                of: Of::All,
                from: DateTime::<Utc>::MIN_UTC,
                to: before,
                newest_first: false,
                most,
            };
            let mut runs = Vec::new();
            store.runs(&ask, &mut |past| {
                runs.push(past);
                true
            })?;
            Ok(runs)
        };
        let Some((runs, upto)) = until(before, read, |past: &PastRun| past.run.ordered_at)? else {
            return Ok(None);
        };
        let mut nodes: Vec<Vec<PastNode>> = Vec::new();
        let mut tails: Vec<Tail> = Vec::new();
        for past in &runs {
            let of_run = store.nodes_of(&past.run.key)?;
            for node in &of_run {
                let log = past.run.key.node(&node.node).log(node.attempt);
                if let Some(text) = store.tail(&log)? {
                    let at = node.ended_at.unwrap_or(past.seen);
                    tails.push(Tail { log, at, text });
                }
            }
            nodes.push(of_run);
        }
        let records = runs.iter().zip(&nodes).flat_map(|(past, nodes)| {
            std::iter::once(Record::Run(past)).chain(nodes.iter().map(Record::Node))
        });
        let tails = tails.iter().map(|tail| Record::Tail {
            log: &tail.log,
            at: tail.at,
            text: &tail.text,
        });
        self.append("runs", upto, records.chain(tails))?;
        Ok(Some(upto))
    }

    fn points(
        &mut self,
        store: &mut dyn Store,
        grain: Grain,
        before: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, TendError> {
        let piece = Duration::seconds(grain.seconds() * 1440);
        let (mut from, mut to) = match self.points.get(&grain) {
            Some(done) => (*done, *done + piece),
            None => (
                DateTime::UNIX_EPOCH,
                before - piece * i32::try_from(PIECES).unwrap_or(1),
            ),
        };
        loop {
            to = to.min(before);
            let points = store.points("", grain, from, to)?;
            self.points.insert(grain, to);
            if !points.is_empty() {
                let records = points.iter().map(|point| Record::Point {
                    series: &point.series,
                    seconds: grain.seconds(),
                    at: point.at,
                    count: point.count,
                    sum: point.sum,
                    min: point.min,
                    max: point.max,
                    last: point.last,
                });
                self.append("points", to, records)?;
                return Ok(Some(to));
            }
            if to >= before {
                return Ok(None);
            }
            (from, to) = (to, to + piece);
        }
    }

    fn append<'a>(
        &self,
        kind: &str,
        upto: DateTime<Utc>,
        records: impl Iterator<Item = Record<'a>>,
    ) -> Result<(), TendError> {
        let name = format!("{kind}-{}.jsonl.gz", upto.format("%Y-%m"));
        let path = self.dir.join(name);
        let fail = |source| TendError::Archive {
            path: path.clone(),
            source,
        };
        // whose folder it is and who may look into it is theirs who named it
        std::fs::create_dir_all(&self.dir).map_err(fail)?;
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        for record in records {
            serde_json::to_writer(&mut member, &record).map_err(|e| fail(e.into()))?;
            member.write_all(b"\n").map_err(fail)?;
        }
        let member = member.finish().map_err(fail)?;
        let mut file = append_private_file(&path).map_err(fail)?;
        // one write: a piece is there or not
        file.write_all(&member).map_err(fail)?;
        file.sync_all().map_err(fail)
    }
}

type Piece<T> = (Vec<T>, DateTime<Utc>);

/// A piece of what is older than `before`, and a time so that all that is older than it is in the piece. `read` gives
/// the oldest, at most so many.
fn until<T>(
    before: DateTime<Utc>,
    mut read: impl FnMut(usize) -> Result<Vec<T>, StoreError>,
    at: impl Fn(&T) -> DateTime<Utc>,
) -> Result<Option<Piece<T>>, StoreError> {
    let mut most = PIECE;
    loop {
        let mut all = read(most)?;
        let (Some(first), Some(last)) = (all.first().map(&at), all.last().map(&at)) else {
            return Ok(None);
        };
        if all.len() < most {
            return Ok(Some((all, before)));
        }
        // others of the last time may not be in it
        if first < last {
            all.retain(|one| at(one) < last);
            return Ok(Some((all, last)));
        }
        most *= 4;
    }
}
