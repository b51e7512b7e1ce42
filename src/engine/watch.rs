//! Everything that is known, in one place: what screens read.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Duration, Utc};

use crate::alerts::courier::Status as Channels;
use crate::alerts::{Alerts, Scene};
use crate::analytics::Baselines;
use crate::diagnosis::{Diagnosis, Evidence, Ready, diagnose};
use crate::logs::{LogStore, Tags};
use crate::metrics::{Limits, Recorder, Store as Metrics};
use crate::model::{Event, Health, LogChunk, LogKey, LogUpdate, Node, RunKey, SafeText, Stamped};
use crate::world::{Changes, Fleet, FleetRow, RunView, World};

/// Bytes read of a log's file when it is heard of, in about a millisecond.
const STEP: u64 = 1 << 20;
/// How many first errors are fetched unasked.
const TAILS: usize = 6;
/// Last lines of a log in which a cause is looked for.
const TAIL: usize = 20;

/// The world, the logs and the alerts, and the fleet's rows as computed from them.
#[derive(Debug)]
pub struct Watch {
    pub world: World,
    pub logs: LogStore<LogKey>,
    pub alerts: Alerts,
    /// How it stands with the channels, where this program tells people.
    pub channels: Channels,
    /// Whether another program on the same state directory tells people.
    pub others_tell: bool,
    /// A message waits for the error line that it is about.
    pub awaiting: bool,
    /// What is shown was: alerts are as they were kept, no rule is evaluated.
    pub replayed: bool,
    /// Numbers of what happened, for rules and trends.
    pub metrics: Metrics,
    recorder: Recorder,
    /// What failures say.
    pub patterns: Ready,
    /// What is usual.
    pub baselines: Baselines,
    fleet: Fleet,
    /// World revision and time of the rows.
    computed: Option<(u64, DateTime<Utc>)>,
    /// A log that a row or an alert may quote has changed.
    quoted: bool,
    /// Logs in files of which there is more to be read; true: and then nothing more will come.
    unread: BTreeMap<LogKey, bool>,
    /// Logs in files that could be made ready for searches.
    unready: BTreeSet<LogKey>,
    late_after: Duration,
}

impl Watch {
    pub fn new(world: World, logs: LogStore<LogKey>, alerts: Alerts, late_after: Duration) -> Self {
        Self {
            world,
            logs,
            alerts,
            channels: Channels::default(),
            others_tell: false,
            awaiting: false,
            replayed: false,
            metrics: Metrics::new(Limits::default()),
            recorder: Recorder::new(),
            patterns: Ready::default(),
            baselines: Baselines::default(),
            fleet: Fleet::default(),
            computed: None,
            quoted: false,
            unread: BTreeMap::new(),
            unready: BTreeSet::new(),
            late_after,
        }
    }

    /// Takes in one observation. Pure but for the memory of logs.
    pub fn apply(&mut self, stamped: &Stamped) -> Changes {
        if let Event::Log(chunk) = &stamped.event {
            if chunk.key.backend() != &stamped.backend {
                return Changes::default();
            }
            self.log(chunk, stamped.at);
        }
        let changes = self.world.apply(stamped);
        self.learn(&stamped.event);
        let (recorder, metrics) = (&mut self.recorder, &mut self.metrics);
        recorder.observe(metrics, &self.world, stamped);
        changes
    }

    /// What is usual follows from runs that have ended.
    fn learn(&mut self, event: &Event) {
        let ended = match event {
            Event::Runs { list } | Event::RunsComplete { list, .. } => list,
            _ => return,
        };
        for run in ended.iter().filter(|r| r.ended_at.is_some()) {
            if let Some(view) = self.world.run(&run.key) {
                self.baselines.observe(view);
            }
        }
    }

    fn log(&mut self, chunk: &LogChunk, at: DateTime<Utc>) {
        let key = &chunk.key;
        if self.logs.get(key).is_none() {
            self.logs.set_tags(key, tags(&self.world, key));
            self.logs.set_written(key, at);
        }
        match &chunk.update {
            LogUpdate::Append(bytes) => self.logs.append(key, bytes),
            LogUpdate::Replace(bytes) => {
                self.logs.reset(key);
                self.logs.append(key, bytes);
            }
            LogUpdate::File(path) => match self.logs.follow_file(key, path) {
                Ok(()) => self.more_of(key),
                Err(error) => {
                    let what = format!("{}: {error}", path.display());
                    self.logs.note_lost(key, SafeText::new(what));
                }
            },
            LogUpdate::Grown => self.more_of(key),
            LogUpdate::End => {
                self.unread.insert(key.clone(), true);
                self.read_on(STEP);
            }
            LogUpdate::Lost(what) | LogUpdate::Failed(what) => {
                self.logs.note_lost(key, what.clone());
            }
        }
        self.quoted = true;
    }

    fn more_of(&mut self, key: &LogKey) {
        self.unread.entry(key.clone()).or_default();
        // a little at once: most logs are no longer
        self.read_on(STEP);
    }

    /// Reads logs in files on, about so many bytes of each. True while there is more of any.
    pub fn read_on(&mut self, budget: u64) -> bool {
        let keys: Vec<LogKey> = self.unread.keys().cloned().collect();
        for key in keys {
            let caught_up = match self.logs.advance(&key, budget) {
                Ok(advance) => advance.caught_up,
                Err(error) => {
                    let what = format!("the rest can't be read: {error}");
                    self.logs.note_lost(&key, SafeText::new(what));
                    true
                }
            };
            if caught_up {
                if self.unread.remove(&key) == Some(true) && self.logs.get(&key).is_some() {
                    self.logs.finish(&key);
                }
                if self.logs.prepare(&key, 0) {
                    self.unready.insert(key);
                }
            }
            self.quoted = true;
        }
        self.is_reading()
    }

    /// Makes logs ready for searches, for when there is nothing else to do: reads about so many bytes. True while
    /// there is more to be made.
    pub fn get_ready(&mut self, budget: u64) -> bool {
        if let Some(key) = self.unready.first().cloned()
            && !self.logs.prepare(&key, budget)
        {
            self.unready.remove(&key);
        }
        self.could_get_ready()
    }

    /// There is something for [`Watch::read_on`] to do.
    pub fn is_reading(&self) -> bool {
        !self.unread.is_empty()
    }

    /// There is something for [`Watch::get_ready`] to do.
    pub fn could_get_ready(&self) -> bool {
        !self.unready.is_empty()
    }

    /// Computes what follows from the world and the time: the fleet's rows and the alerts.
    /// Does nothing when neither has moved. Says whether anything changed.
    pub fn refresh(&mut self, now: DateTime<Utc>) -> bool {
        let revision = self.world.revision();
        let fresh = self.computed.is_some_and(|(seen, at)| {
            seen == revision && !self.quoted && now - at < Duration::seconds(1)
        });
        if fresh {
            return false;
        }
        self.quoted = false;
        self.computed = Some((revision, now));
        let mut changed = self.fleet.refresh(&self.world, now, self.late_after);
        self.logs
            .retain(|key| self.world.run(&key.node.run).is_some());
        if self.replayed {
            return changed;
        }
        self.logs.expire(now.into());
        let (world, logs) = (&self.world, &self.logs);
        changed |= self.alerts.evaluate(&Scene {
            world,
            fleet: self.fleet.rows(),
            baselines: &self.baselines,
            metrics: &self.metrics,
            troubles: &self.channels.troubles,
            now,
            error_of: &|row| {
                let key = first_error(world, row)?;
                Some(logs.get(&key)?.error_summary()?.text)
            },
        });
        changed
    }

    /// Shows another moment: everything that is derived is made anew. What was before comes back: letting go of a large
    /// world takes as long as making one.
    pub fn becomes(&mut self, mut world: World, baselines: Baselines) -> World {
        world.follows(&self.world);
        let before = std::mem::replace(&mut self.world, world);
        self.baselines = baselines;
        self.logs.retain(|_| false);
        self.unread.clear();
        self.unready.clear();
        self.touch();
        before
    }

    /// Makes the next `refresh` compute everything: something that it reads was changed by hand.
    pub fn touch(&mut self) {
        self.computed = None;
    }

    /// Every pipeline, worst first, as of the last `refresh`.
    pub fn fleet(&self) -> &[FleetRow] {
        self.fleet.rows()
    }

    /// The log in which a row's failure is explained.
    pub fn first_error(&self, row: &FleetRow) -> Option<LogKey> {
        first_error(&self.world, row)
    }

    /// Logs of the worst failures that have not been read yet.
    pub fn wanted_tails(&self) -> Vec<LogKey> {
        self.fleet
            .rows()
            .iter()
            .filter(|row| matches!(row.health, Health::Failing | Health::Failed | Health::Lost))
            .take(TAILS)
            .filter_map(|row| self.first_error(row))
            .filter(|key| self.logs.get(key).is_none_or(|log| !log.complete()))
            .collect()
    }

    /// Why a node failed, as far as its last attempt and its log say.
    pub fn diagnosis(&self, run: &RunView, node: &Node) -> Option<Diagnosis> {
        let log = self.logs.get(&run.run.key.node(&node.id).log(node.attempt));
        let error = log
            .and_then(crate::logs::Log::error_summary)
            .map(|e| e.text);
        let tail: Vec<SafeText> = log
            .into_iter()
            .flat_map(|log| log.lines(log.len().saturating_sub(TAIL)..log.len()))
            .map(|line| line.text.text)
            .collect();
        let tail: Vec<&str> = tail.iter().map(SafeText::as_str).collect();
        let evidence = Evidence {
            error: error.as_ref().map(SafeText::as_str),
            tail: &tail,
            exit_code: node.exit_code,
            signal: node.signal,
            native_state: node.native.as_str(),
            attempts: node.attempt,
        };
        diagnose(&evidence, self.patterns.get()?)
    }

    /// Runs that have failed, and nothing is known yet of why.
    pub fn unexplained(&self) -> HashSet<&RunKey> {
        let failed = |row: &&FleetRow| matches!(row.health, Health::Failing | Health::Failed);
        let known = |row: &FleetRow| {
            let log = self.first_error(row);
            log.is_some_and(|log| self.error_line(&log).is_some())
        };
        let rows = self.fleet().iter().filter(failed);
        rows.filter(|row| !known(row))
            .filter_map(|row| row.run.as_ref())
            .collect()
    }

    /// The cause line of a log, if it has one.
    pub fn error_line(&self, key: &LogKey) -> Option<SafeText> {
        Some(self.logs.get(key)?.error_summary()?.text)
    }
}

/// What holds for every record of a log.
fn tags(world: &World, key: &LogKey) -> Tags {
    let pipeline = &key.node.run.pipeline;
    let backend = world.backend(&pipeline.backend);
    let mut tags: Tags = Vec::new();
    if let Some(backend) = backend {
        tags.push(("service", SafeText::new(backend.info.kind)));
        tags.push(("backend", backend.info.name.clone()));
    }
    if let Some(view) = world.pipeline(pipeline) {
        tags.push(("pipeline", view.pipeline.name.clone()));
    }
    let node = world.node(&key.node).map(|node| node.name.clone());
    tags.push(("pipeline_id", pipeline.pipeline.safe()));
    tags.push(("run", key.node.run.run.safe()));
    tags.push(("node", node.unwrap_or_else(|| key.node.node.safe())));
    tags.push(("attempt", SafeText::new(key.attempt.to_string())));
    tags
}

fn first_error(world: &World, row: &FleetRow) -> Option<LogKey> {
    let view = world.run(row.run.as_ref()?)?;
    let node = view.nodes.get(row.node.as_ref()?)?;
    (node.state.problem() && node.attempt > 0)
        .then(|| view.run.key.node(&node.id).log(node.attempt))
}
