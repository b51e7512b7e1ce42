//! The built-in rules: pure functions of what is known. Each file looks at one side of it.

mod builtin;
mod data;
mod health;
mod limits;
mod pace;
mod schedule;

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};

use crate::analytics::Baselines;
use crate::metrics::Store;
use crate::model::{Alert, AlertId, BackendId, PipelineKey, Priority, SafeText, Target};
use crate::world::{FleetRow, RunView, World};

use super::life::Finding;
use super::outbox::Trouble;

pub use builtin::Builtin;
pub use schedule::{Cron, CronError, Expect, Expects, Glob};

/// Which rules are on, and their limits. What is `None` or `false` is off.
#[derive(Clone, Debug)]
pub struct Rules {
    pub off: Vec<Builtin>,
    /// Where a rule is more or less urgent than it is by itself.
    pub priorities: HashMap<Builtin, Priority>,
    /// Nothing runs and something has been waiting this long.
    pub blocked_after: Duration,
    pub duration_limit: Option<Duration>,
    /// Over the 95th percentile.
    pub duration_high: bool,
    /// Times the usual.
    pub duration_unusual: Option<f64>,
    pub stuck: Option<Duration>,
    pub queue_wait: Option<Duration>,
    /// What waits at most.
    pub queue_depth: Option<u64>,
    /// Bytes a node's processes may have in memory.
    pub memory: Option<u64>,
    /// Processors a node may keep busy.
    pub cpu: Option<f64>,
    pub rows_zero: bool,
    /// So many times more, or fewer, than usual.
    pub rows_unusual: Option<f64>,
    pub expects: Expects,
}

impl Default for Rules {
    /// What broke or is in the way; what needs a limit is off, and so is what is only news.
    fn default() -> Self {
        Self {
            off: vec![Builtin::NodeFailed, Builtin::RetriesExhausted],
            priorities: HashMap::new(),
            blocked_after: Duration::minutes(5),
            duration_limit: None,
            duration_high: false,
            duration_unusual: None,
            stuck: None,
            queue_wait: None,
            queue_depth: None,
            memory: None,
            cpu: None,
            rows_zero: false,
            rows_unusual: None,
            expects: Expects::default(),
        }
    }
}

impl Rules {
    /// What is expected of a pipeline.
    pub fn expect(&self, key: &PipelineKey) -> Option<&Expect> {
        self.expects.of(key)
    }

    /// Whether a rule can find anything: it is on, and has the limit that it needs.
    pub fn has_limit(&self, rule: Builtin) -> bool {
        use Builtin::*;
        let expected = |what: fn(&Expect) -> bool| self.expects.iter().any(what);
        let limited = match rule {
            RunMissing | NeverStarted => expected(|e| e.cron.is_some()),
            Finished => expected(|e| e.finished),
            DurationLimit => {
                self.duration_limit.is_some() || expected(|e| e.duration_limit.is_some())
            }
            DurationHigh => self.duration_high,
            DurationUnusual => self.duration_unusual.is_some(),
            Stuck => self.stuck.is_some(),
            QueueWait => self.queue_wait.is_some(),
            QueueDepth => self.queue_depth.is_some(),
            Resources => self.memory.is_some() || self.cpu.is_some(),
            RowsZero => self.rows_zero,
            RowsUnusual => self.rows_unusual.is_some(),
            Stale => expected(|e| e.fresh.is_some()),
            SlaRisk | SlaMissed => expected(|e| e.done_by.is_some()),
            _ => true,
        };
        limited && self.on(rule)
    }

    pub fn on(&self, rule: Builtin) -> bool {
        !self.off.contains(&rule)
    }
}

/// What the rules may look at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub world: &'a World,
    pub fleet: &'a [FleetRow],
    pub baselines: &'a Baselines,
    pub metrics: &'a Store,
    /// Channels that do not do what they are for.
    pub troubles: &'a [Trouble],
    pub now: DateTime<Utc>,
    /// The cause line of a failed run's log, where it has been read.
    pub error_of: &'a dyn Fn(&FleetRow) -> Option<SafeText>,
}

/// Gathers what is found, and gives each finding what all have in common.
struct Found<'a> {
    scene: Scene<'a>,
    rules: &'a Rules,
    list: Vec<Finding>,
}

/// All that the built-in rules find now.
pub fn find(scene: &Scene<'_>, rules: &Rules) -> Vec<Finding> {
    let mut found = Found {
        scene: *scene,
        rules,
        list: Vec::new(),
    };
    for backend in scene.world.backends() {
        health::backend(&mut found, backend);
        limits::queues(&mut found, backend);
        data::checks(&mut found, backend);
    }
    for trouble in scene.troubles {
        health::channel(&mut found, trouble);
    }
    // nobody is woken for what was true before this program began
    for row in scene.fleet.iter().filter(|row| !row.recalled) {
        health::pipeline(&mut found, row);
        schedule::pipeline(&mut found, row);
        for view in watched_runs(scene.world, row) {
            pace::run(&mut found, row, view);
            limits::run(&mut found, view);
            data::run(&mut found, row, view);
        }
    }
    found.list
}

/// The runs of a pipeline that rules look at: the newest, and those that are going.
fn watched_runs<'a>(world: &'a World, row: &FleetRow) -> impl Iterator<Item = &'a RunView> {
    let mut runs = world.runs_of(&row.key);
    // most pipelines have nothing that is going: then nothing is searched for
    let newest = runs.next();
    let going = row.active - usize::from(newest.is_some_and(|v| v.health.active())).min(row.active);
    let others = runs.filter(|view| view.health.active()).take(going);
    newest.into_iter().chain(others)
}

impl Found<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.scene.now
    }

    fn on(&self, rule: Builtin) -> bool {
        self.rules.on(rule)
    }

    /// Of a backend, or of a part of it.
    fn of_backend(
        &mut self,
        rule: Builtin,
        backend: &BackendId,
        part: &str,
        title: SafeText,
        reason: SafeText,
        since: DateTime<Utc>,
    ) {
        if !self.on(rule) {
            return;
        }
        let subject = match part {
            "" => backend.raw().to_owned(),
            part => format!("{}/{part}", backend.raw()),
        };
        let priority = self.priority(rule, None);
        self.list.push(Finding::from(Alert {
            title,
            reason,
            target: Some(Target::Backend(backend.clone())),
            labels: vec![
                ("rule".to_owned(), rule.word().to_owned()),
                ("backend".to_owned(), backend.raw().to_owned()),
            ],
            ..Alert::new(AlertId::new(rule.word(), subject), priority, since)
        }));
    }

    /// Of a pipeline, or of a part of it, such as a node.
    fn of_pipeline(
        &mut self,
        rule: Builtin,
        key: &PipelineKey,
        part: Option<&str>,
        target: Target,
        reason: SafeText,
        since: DateTime<Utc>,
    ) {
        if !self.on(rule) {
            return;
        }
        let mut subject = format!("{}/{}", key.backend.raw(), key.pipeline.raw());
        if let Some(part) = part {
            subject.push('/');
            subject.push_str(part);
        }
        let expect = self.rules.expect(key);
        let priority = self.priority(rule, expect);
        let view = self.scene.world.pipeline(key);
        let mut labels = vec![
            ("rule".to_owned(), rule.word().to_owned()),
            ("backend".to_owned(), key.backend.raw().to_owned()),
            ("pipeline".to_owned(), key.pipeline.raw().to_owned()),
        ];
        if let Target::Node(node) = &target {
            labels.push(("node".to_owned(), node.node.raw().to_owned()));
        }
        let title = match view {
            Some(view) => {
                let tags = view.pipeline.tags.iter();
                labels.extend(tags.map(|t| ("tag".to_owned(), t.to_string())));
                let owner = view.pipeline.owner.iter();
                labels.extend(owner.map(|o| ("owner".to_owned(), o.to_string())));
                view.pipeline.name.clone()
            }
            None => key.pipeline.safe(),
        };
        self.list.push(Finding::from(Alert {
            title,
            reason,
            target: Some(target),
            labels,
            runbook: expect.and_then(|e| e.runbook.clone()),
            ..Alert::new(AlertId::new(rule.word(), subject), priority, since)
        }));
    }

    fn priority(&self, rule: Builtin, expect: Option<&Expect>) -> Priority {
        let own = self.rules.priorities.get(&rule).copied();
        let own = own.unwrap_or_else(|| rule.priority());
        match expect.and_then(|e| e.priority) {
            // what a pipeline is worth caps how urgent its troubles are; news stay news
            Some(worth) if own != Priority::P5 => own.max(worth),
            _ => own,
        }
    }
}
