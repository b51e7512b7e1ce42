//! From the history to a recording: a span of time, with the world before it, all of it or one pipeline's part.

use std::io::Write;

use chrono::{DateTime, Utc};

use crate::history::{self, Log, Shelf, Store, worlds};
use crate::model::{Event, LogKey, Node, NodeState, PipelineKey, RunKey};

use super::line::{Line, Lives};
use super::recording::{Recorder, RecordingError};
use super::reel::{Mark, Span, marks};

/// Lines read at once.
const BATCH: usize = 1024;

/// Writes what a store keeps of a span; says how many events that were.
pub fn export<W: Write>(
    store: &mut dyn Store,
    span: Span,
    only: Option<&PipelineKey>,
    out: W,
) -> Result<(u64, W), RecordingError> {
    let worlds = marks(store, span)?;
    let shapes = store.shelf(Shelf::Shapes)?.into_iter().collect();
    let mut export = Export {
        to: span.to,
        recorder: Recorder::new(out, span)?,
        shapes,
        only,
    };
    let mut seq = match worlds.first() {
        Some(first) => first.upto,
        // without a world before it: from the beginning of what is kept
        None => 0,
    };
    let mut worlds = worlds.into_iter().peekable();
    loop {
        let lines = store.after(Log::Events, seq, BATCH)?;
        let last = lines.len() < BATCH;
        for line in lines {
            while let Some(mark) = worlds.next_if(|mark| mark.upto < line.seq) {
                export.world(store, mark)?;
            }
            if line.at > span.to {
                return export.finish(store, worlds);
            }
            seq = line.seq;
            export.event(store, &line)?;
        }
        if last {
            return export.finish(store, worlds);
        }
    }
}

struct Export<'a, W: Write> {
    recorder: Recorder<W>,
    shapes: std::collections::HashMap<String, String>,
    only: Option<&'a PipelineKey>,
    to: DateTime<Utc>,
}

impl<W: Write> Export<'_, W> {
    fn finish(
        mut self,
        store: &mut dyn Store,
        worlds: impl Iterator<Item = Mark>,
    ) -> Result<(u64, W), RecordingError> {
        for mark in worlds {
            self.world(store, mark)?;
        }
        let events = self.recorder.events();
        Ok((events, self.recorder.finish(self.to)?))
    }

    fn event(&mut self, store: &mut dyn Store, line: &history::Line) -> Result<(), RecordingError> {
        let Ok(read) = serde_json::from_str::<Line>(&line.body) else {
            return Ok(());
        };
        let read = match self.only {
            None => {
                self.beside(store, &read)?;
                return self.recorder.event(line.at, &line.body);
            }
            Some(key) => part(read, key),
        };
        let Some(read) = read else { return Ok(()) };
        self.beside(store, &read)?;
        match read.text() {
            Some(body) => self.recorder.event(line.at, &body),
            None => Ok(()),
        }
    }

    /// What a line refers to.
    fn beside(&mut self, store: &mut dyn Store, line: &Line) -> Result<(), RecordingError> {
        if let Some(shape) = line
            .shape
            .as_ref()
            .filter(|s| self.recorder.needs_shape(&s.hash))
            && let Some(topology) = self.shapes.get(&shape.hash)
            && let Some(topology) = history::read_shape(topology)
        {
            self.recorder.shape(&shape.hash, topology)?;
        }
        if let Some(Event::Nodes { run, list, .. }) = &line.event {
            for key in failed(run, list)
                .filter(|key| self.recorder.needs_tail(key))
                .collect::<Vec<_>>()
            {
                if let Some(text) = store.tail(&key)? {
                    self.recorder.tail(key, text)?;
                }
            }
        }
        Ok(())
    }

    fn world(&mut self, store: &mut dyn Store, mark: Mark) -> Result<(), RecordingError> {
        let found = store.after(Log::Worlds, mark.seq - 1, 1)?;
        let Some(text) = found
            .first()
            .and_then(|line| worlds::unpack(&line.body).ok())
        else {
            return Ok(());
        };
        let mut packing = worlds::Packing::new(0);
        for line in text.lines() {
            let Ok(read) = serde_json::from_str::<Line>(line) else {
                continue;
            };
            let read = match self.only {
                None => Some(read),
                Some(key) => part(read, key),
            };
            let Some(read) = read else { continue };
            self.beside(store, &read)?;
            packing.line(&read.text().unwrap_or_default());
        }
        match packing.finish() {
            Some(body) => self.recorder.world(mark.at, &body),
            None => Ok(()),
        }
    }
}

/// Attempts that failed.
pub fn failed<'a>(run: &'a RunKey, list: &'a [Node]) -> impl Iterator<Item = LogKey> + 'a {
    let failed = list
        .iter()
        .filter(|n| matches!(n.state, NodeState::Failed | NodeState::Retrying) && n.attempt > 0);
    failed.map(|node| {
        let attempt = match node.state {
            // it is the one before that failed, unless the backend counts the next one when that starts
            NodeState::Retrying if node.attempt > 1 && node.started_at.is_none() => {
                node.attempt - 1
            }
            _ => node.attempt,
        };
        run.node(&node.id).log(attempt)
    })
}

/// The part of a line that is about one pipeline or about no pipeline at all.
pub fn part(mut line: Line, key: &PipelineKey) -> Option<Line> {
    if let Some(lives) = &mut line.alerts {
        let changed = std::mem::take(&mut lives.changed).into_iter();
        let of = |life: &crate::alerts::Life| life.alert.pipeline().is_none_or(|p| p == key);
        *lives = Lives {
            changed: changed.filter(of).collect(),
            gone: std::mem::take(&mut lives.gone),
        };
        return (!lives.changed.is_empty() || !lives.gone.is_empty()).then_some(line);
    }
    if let Some(acted) = &line.action {
        let of = acted.request.target.pipeline().is_none_or(|p| p == key);
        return of.then_some(line);
    }
    if let Some(shape) = &line.shape {
        return (&shape.run.pipeline == key).then_some(line);
    }
    let whole = match &mut line.event {
        Some(Event::Pipelines { list, .. }) => {
            list.retain(|p| &p.key == key);
            true
        }
        Some(Event::Runs { list }) => {
            list.retain(|r| &r.key.pipeline == key);
            !list.is_empty()
        }
        Some(Event::RunsComplete { pipeline, .. }) => pipeline == key,
        Some(Event::Nodes { run, .. } | Event::Topology { run, .. }) => &run.pipeline == key,
        Some(Event::Detail { node, .. }) => &node.run.pipeline == key,
        _ => true,
    };
    whole.then_some(line)
}
