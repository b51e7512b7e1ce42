//! Recording what happens as it happens.

use std::io::Write;

use chrono::{DateTime, Duration, Utc};

use crate::engine::Watch;
use crate::history::{Shapes, Sift, worlds::Packing};
use crate::model::{Event, PipelineKey, Stamped};

use super::export::{failed, part};
use super::keeping::{RUNS, beside, head};
use super::line::{Line, Lives};
use super::recording::{Recorder, RecordingError};
use super::reel::Span;

/// After so many events there is a whole world again, or after so long.
const EVENTS: u64 = 4_000;
const AT_LATEST: Duration = Duration::minutes(10);
/// Lines of the end of a failed attempt's log.
const TAIL: usize = 500;

pub struct Live<W: Write> {
    recorder: Recorder<W>,
    sift: Sift,
    shapes: Shapes,
    only: Option<PipelineKey>,
    since: u64,
    last: DateTime<Utc>,
}

impl<W: Write> Live<W> {
    pub fn begin(
        out: W,
        watch: &Watch,
        only: Option<PipelineKey>,
        now: DateTime<Utc>,
    ) -> Result<Self, RecordingError> {
        let span = Span { from: now, to: now };
        let mut live = Self {
            recorder: Recorder::new(out, span)?,
            sift: Sift::default(),
            shapes: Shapes::default(),
            only,
            since: 0,
            last: now,
        };
        live.world(watch, now)?;
        Ok(live)
    }

    pub fn event(&mut self, stamped: &Stamped) -> Result<(), RecordingError> {
        if !Sift::wants(&stamped.event) {
            return Ok(());
        }
        let Some(new) = self.sift.new_of(stamped) else {
            return Ok(());
        };
        self.since += 1;
        match self.text(new)? {
            Some(body) => self.recorder.event(stamped.at, &body),
            None => Ok(()),
        }
    }

    /// How it is written down, if it is to be; a shape before what refers to it.
    fn text(&mut self, told: Stamped) -> Result<Option<String>, RecordingError> {
        if let Event::Topology { run, topology } = &told.event {
            if self.only.as_ref().is_some_and(|only| only != &run.pipeline) {
                return Ok(None);
            }
            let Some((body, _)) = self.shapes.line(&told, run, topology, told.at) else {
                return Ok(None);
            };
            let line: Option<Line> = serde_json::from_str(&body).ok();
            if let Some(shape) = line.and_then(|line| line.shape)
                && self.recorder.needs_shape(&shape.hash)
            {
                self.recorder.shape(&shape.hash, topology.clone())?;
            }
            return Ok(Some(body));
        }
        let line = Line::told(told);
        let line = match &self.only {
            Some(only) => part(line, only),
            None => Some(line),
        };
        Ok(line.as_ref().and_then(Line::text))
    }

    /// The world as it is.
    pub fn world(&mut self, watch: &Watch, now: DateTime<Utc>) -> Result<(), RecordingError> {
        let mut packing = Packing::new(0);
        if let Some(head) = head(&watch.world, now).text() {
            packing.line(&head);
        }
        for told in watch.world.retell(RUNS) {
            if let Some(body) = self.text(told)? {
                packing.line(&body);
            }
        }
        for line in beside(watch, now) {
            let line = match &self.only {
                Some(only) => part(line, only),
                None => Some(line),
            };
            if let Some(body) = line.as_ref().and_then(Line::text) {
                packing.line(&body);
            }
        }
        self.sift.begin_anew();
        self.since = 0;
        self.last = now;
        match packing.finish() {
            Some(body) => self.recorder.world(now, &body),
            None => Ok(()),
        }
    }

    /// What no backend tells: how it stands with alerts; and now and then the world.
    pub fn second(&mut self, watch: &mut Watch, now: DateTime<Utc>) -> Result<(), RecordingError> {
        let (changed, gone) = watch.alerts.take_changes();
        // nobody is told from here
        watch.alerts.take_tellings();
        if !changed.is_empty() || !gone.is_empty() {
            let line = Line::alerts(now, Lives { changed, gone });
            let line = match &self.only {
                Some(only) => part(line, only),
                None => Some(line),
            };
            if let Some(body) = line.as_ref().and_then(Line::text) {
                self.recorder.event(now, &body)?;
            }
        }
        let old = self.since > 0 && now - self.last >= AT_LATEST;
        if self.since >= EVENTS || old {
            self.world(watch, now)?;
        }
        Ok(())
    }

    /// The ends of the logs of what failed.
    pub fn tails(&mut self, watch: &Watch) -> Result<(), RecordingError> {
        let pipelines = watch.world.pipelines().map(|p| &p.pipeline.key);
        let only = self.only.clone();
        let pipelines = pipelines.filter(|key| only.as_ref().is_none_or(|only| only == *key));
        for key in pipelines.collect::<Vec<_>>() {
            for view in watch.world.runs_of(key) {
                let nodes: Vec<_> = view.nodes.values().cloned().collect();
                for key in failed(&view.run.key, &nodes) {
                    let Some(log) = watch.logs.get(&key) else {
                        continue;
                    };
                    let lines = log.lines(log.len().saturating_sub(TAIL)..log.len());
                    let text: String = lines.map(|line| format!("{}\n", line.text.text)).collect();
                    if !text.is_empty() && self.recorder.needs_tail(&key) {
                        self.recorder.tail(key, text)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub fn finish(self, now: DateTime<Utc>) -> Result<(u64, W), RecordingError> {
        let events = self.recorder.events();
        Ok((events, self.recorder.finish(now)?))
    }
}
