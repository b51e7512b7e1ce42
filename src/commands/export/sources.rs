//! Where rows come from: the store, handed over one by one, and the files of the audit.

use std::io;

use chrono::{DateTime, Duration, Utc};

use crate::cli::ExportWhat;
use crate::history::audit::Found;
use crate::history::{Ask, Grain, Of, Point, Store};
use crate::model::{BackendId, PastNode, PastRun, PipelineKey, RunKey, glob};

use super::super::audit::lines::Lines;
use super::table::Cell;

/// What is wanted.
pub(super) struct Chosen {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Patterns.
    pub pipeline: Option<String>,
    pub backend: Option<String>,
    /// The beginning of a metric's name.
    pub series: String,
    pub grain: Grain,
}

impl Chosen {
    fn wants(&self, key: &PipelineKey) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| glob(pattern, text))
        };
        fits(&self.backend, key.backend.raw()) && fits(&self.pipeline, key.pipeline.raw())
    }

    fn ask(&self) -> Ask {
        // a name without a pattern is looked up by the store
        let plain = |text: &&String| !text.contains(['*', '?']);
        let backend = self.backend.as_ref().filter(plain).map(BackendId::new);
        let pipeline = self.pipeline.as_ref().filter(plain);
        Ask {
            of: match (backend, pipeline) {
                (Some(backend), Some(name)) => Of::Pipeline(PipelineKey::new(&backend, name)),
                (Some(backend), None) => Of::Backend(backend),
                (None, _) => Of::All,
            },
            from: self.from,
            to: self.to,
            newest_first: false,
            most: usize::MAX,
        }
    }
}

/// The row could not be written.
#[derive(Debug)]
pub(super) struct Failed(pub io::Error);

impl From<Failed> for anyhow::Error {
    fn from(failed: Failed) -> Self {
        anyhow::Error::new(failed.0).context("can't write the export")
    }
}

type Row<'a> = &'a mut dyn FnMut(Vec<Cell>) -> Result<(), Failed>;

pub(super) fn of(
    what: ExportWhat,
    store: &mut dyn Store,
    chosen: &Chosen,
    row: Row<'_>,
) -> anyhow::Result<()> {
    let mut failed = None;
    let mut hand = |cells: Vec<Cell>| match row(cells) {
        Ok(()) => true,
        Err(error) => {
            failed = Some(error);
            false
        }
    };
    match what {
        ExportWhat::Runs => store.runs(&chosen.ask(), &mut |run| {
            !chosen.wants(run.pipeline()) || hand(of_run(run))
        })?,
        ExportWhat::Nodes => store.nodes(&chosen.ask(), None, &mut |node| {
            !chosen.wants(&node.run.pipeline) || hand(of_node(&node))
        })?,
        ExportWhat::Metrics => {
            // so much at once has room in memory
            let step = Duration::seconds(chosen.grain.seconds().saturating_mul(60));
            let mut from = chosen.from;
            'all: while from < chosen.to {
                let to = from
                    .checked_add_signed(step)
                    .unwrap_or(chosen.to)
                    .min(chosen.to);
                for point in store.points(&chosen.series, chosen.grain, from, to)? {
                    if !hand(of_point(point)) {
                        break 'all;
                    }
                }
                from = to;
            }
        }
        ExportWhat::Audit => {}
    }
    failed.map_or(Ok(()), |failed| Err(failed.into()))
}

fn names(key: &RunKey) -> [Cell; 3] {
    let text = |text: crate::model::SafeText| Cell::text(text.as_str());
    [
        text(key.backend().safe()),
        text(key.pipeline.pipeline.safe()),
        text(key.run.safe()),
    ]
}

fn of_run(past: PastRun) -> Vec<Cell> {
    let (took, waited) = (past.took(), past.waited());
    let run = past.run;
    let params: Vec<&str> = run.params.iter().map(|(name, _)| name.as_str()).collect();
    let params = params.join(" ");
    let mut cells = Vec::from(names(&run.key));
    cells.extend([
        Cell::text(run.state.word()),
        Cell::text(&run.native),
        Cell::text(past.health.word()),
        Cell::Time(run.ordered_at),
        Cell::time(run.queued_at),
        Cell::time(run.started_at),
        Cell::time(run.ended_at),
        Cell::seconds(took),
        Cell::seconds(waited),
        Cell::text(&run.cause),
        Cell::text(run.version.unwrap_or_default()),
        Cell::text(run.note.unwrap_or_default()),
        Cell::text(params),
        Cell::Time(past.seen),
    ]);
    cells
}

fn of_node(node: &PastNode) -> Vec<Cell> {
    let mut cells = Vec::from(names(&node.run));
    cells.extend([
        Cell::text(node.node.safe().as_str()),
        Cell::Int(node.attempt.into()),
        Cell::text(node.state.word()),
        Cell::time(node.queued_at),
        Cell::time(node.started_at),
        Cell::time(node.ended_at),
        Cell::seconds(node.took()),
        Cell::seconds(node.waited()),
        Cell::int(node.exit_code),
        Cell::float(node.rows),
        Cell::int(node.memory),
        Cell::float(node.cpu_seconds),
    ]);
    cells
}

fn of_point(point: Point) -> Vec<Cell> {
    let (name, tags) = match point.series.split_once('{') {
        Some((name, tags)) => (name, tags.strip_suffix('}').unwrap_or(tags)),
        None => (point.series.as_str(), ""),
    };
    // counts are far below what a float holds whole
    #[allow(clippy::cast_precision_loss)]
    let mean = (point.count > 0).then(|| point.sum / point.count as f64);
    vec![
        Cell::text(name),
        Cell::text(tags),
        Cell::Time(point.at),
        Cell::Int(point.grain.seconds()),
        Cell::int(Some(point.count)),
        Cell::float(Some(point.sum)),
        Cell::float(mean),
        Cell::float(Some(point.min)),
        Cell::float(Some(point.max)),
        Cell::float(Some(point.last)),
    ]
}

pub(super) fn audit(lines: Lines, chosen: &Chosen, row: Row<'_>) -> anyhow::Result<()> {
    let fits = |pattern: &Option<String>, text: &str| {
        pattern.as_ref().is_none_or(|pattern| glob(pattern, text))
    };
    lines.each((chosen.from, chosen.to), |found, _| {
        let what = &found.entry.what;
        let wanted = fits(&chosen.backend, &what.backend)
            && fits(
                &chosen.pipeline,
                what.target.split(" / ").next().unwrap_or_default(),
            );
        match wanted {
            true => row(of_line(found)).map_err(|Failed(error)| error),
            false => Ok(()),
        }
    })
}

fn of_line(found: Found) -> Vec<Cell> {
    let (who, what) = (found.entry.who, found.entry.what);
    let with = what
        .with
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let hits = what.hit.iter().chain(&what.keys).map(ToString::to_string);
    let details: Vec<String> = with.chain(hits).collect();
    let params: Vec<&str> = what.params.iter().map(|name| name.as_str()).collect();
    vec![
        Cell::int(found.n),
        Cell::Time(found.entry.at),
        Cell::text(&who.user),
        Cell::int(who.uid),
        Cell::text(who.sudo_user.unwrap_or_default()),
        Cell::text(who.from.unwrap_or_default()),
        Cell::text(who.host.unwrap_or_default()),
        Cell::text(who.tty.unwrap_or_default()),
        Cell::int(who.pid),
        Cell::text(what.kind.word()),
        Cell::text(&what.action),
        Cell::text(&what.target),
        Cell::text(&what.backend),
        Cell::text(&what.address),
        Cell::text(what.step.word()),
        Cell::int(what.request),
        Cell::text(&what.summary),
        Cell::text(&what.what),
        Cell::text(&what.why),
        Cell::int(what.hits),
        Cell::text(params.join(" ")),
        Cell::text(details.join("; ")),
        Cell::text(&*found.file),
        Cell::int(Some(found.line)),
    ]
}
