//! Looking at files: the project, its manifest, its results.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::backends::EngineGone;
use crate::model::{Event, NodeState, RunKey, SafeText};

use super::actor::Actor;
use super::follow::Follower;
use super::manifest::Manifest;
use super::project::Project;
use super::record::Record;
use super::results::{Args, Results};
use super::slot::{Hold, Slot};

/// An artifact that can't be read may be in the middle of being written.
const SETTLE: Duration = Duration::from_secs(3);
/// A larger artifact is none, in bytes.
const MAX_ARTIFACT: u64 = 4 << 30;
/// A file's clock may differ from ours by this much without being told, in milliseconds.
const SKEW_MS: i64 = 2_000;

/// When a file was last written and how long it is.
pub(super) type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

impl Actor {
    /// Looks at everything that others may have changed.
    pub(super) async fn look(&mut self) -> Result<(), EngineGone> {
        self.look_for_project();
        if let Some(project) = self.project.clone() {
            self.look_at_manifest(&project).await?;
            self.look_at_log();
            self.look_at_results("run_results.json", project.run_results())
                .await?;
            self.look_at_results("sources.json", project.sources())
                .await?;
        }
        self.look_at_others();
        self.look_for_lost().await;
        self.keep();
        self.plan_look();
        Ok(())
    }

    pub(super) fn look_for_project(&mut self) {
        match Project::read(&self.settings.project) {
            Ok(project) => {
                if self.project.as_ref() != Some(&project) {
                    if self.follower.as_ref().map(Follower::path) != Some(&project.log) {
                        self.follower = Some(Follower::new(project.log.clone()));
                    }
                    self.dirty = true;
                    // the first name stays: runs are listed under it
                    if self.project.is_none() && self.missing.is_none() && self.slots.is_empty() {
                        self.name.clone_from(&project.name);
                    }
                    self.project = Some(project);
                }
                self.dirty |= self.missing.take().is_some();
            }
            Err(why) => {
                let why = Some(why.to_string());
                self.dirty |= self.missing != why;
                self.missing = why;
                // it may come back as another
                self.project = None;
                self.follower = None;
                self.stamps.clear();
            }
        }
    }

    /// Whether a file has changed since it was last read well, or seen to be bad.
    fn news(&self, name: &'static str, path: &Path) -> Option<Stamp> {
        let now = stamp(path);
        (self.stamps.get(name) != Some(&now)).then_some(now)
    }

    async fn look_at_manifest(&mut self, project: &Project) -> Result<(), EngineGone> {
        const NAME: &str = "manifest.json";
        let path = project.manifest();
        let Some(stamp) = self.news(NAME, &path) else {
            return Ok(());
        };
        if stamp.is_none() {
            self.stamps.insert(NAME, stamp);
            let what = "there is no manifest.json yet: run dbt once (dbt parse is enough)";
            self.trouble(NAME, Some(what.to_owned()));
            return Ok(());
        }
        let read = read(path, |file| Manifest::read(file).map_err(|e| e.to_string()));
        match read.await {
            Ok(manifest) => {
                self.stamps.insert(NAME, stamp);
                if manifest.bad > 0 {
                    let what = format!("manifest.json: {} entries made no sense", manifest.bad);
                    let what = SafeText::new(what);
                    self.link.emit(Event::BadRecord { what }).await?;
                }
                let unknown = manifest.unknown_version.as_ref().map(|v| {
                    format!("manifest.json is of version {v}, which is not known (v10 to v12 are): shown as far as it is understood")
                });
                self.trouble(NAME, unknown);
                let there = |id: &str| manifest.items.contains_key(id);
                self.ledger_changed |= self.ledger.retain(there);
                self.manifest = Arc::new(manifest);
                for slot in self.slots.values_mut().filter(|s| s.loaded) {
                    slot.dirty.all = true;
                }
                self.dirty = true;
            }
            Err(why) => self.unreadable(NAME, stamp, why),
        }
        Ok(())
    }

    /// A file that is being written is looked at again; one that stays bad is told.
    fn unreadable(&mut self, name: &'static str, stamp: Stamp, why: String) {
        let young = stamp.is_some_and(|(at, _)| at.elapsed().is_ok_and(|age| age < SETTLE));
        if !young {
            self.stamps.insert(name, stamp);
            self.trouble(name, Some(format!("{name} {why}")));
        }
    }

    async fn look_at_results(
        &mut self,
        name: &'static str,
        path: PathBuf,
    ) -> Result<(), EngineGone> {
        let Some(stamp) = self.news(name, &path) else {
            return Ok(());
        };
        if stamp.is_none() {
            self.stamps.insert(name, stamp);
            self.trouble(name, None);
            return Ok(());
        }
        let first = !self.stamps.contains_key(name);
        let read = read(path, |file| {
            Results::read(file).map_err(|e| format!("can't be read: {e}"))
        });
        match read.await {
            Ok(results) => {
                self.stamps.insert(name, stamp);
                self.trouble(name, None);
                if results.bad > 0 {
                    let what = format!("{name}: {} results made no sense", results.bad);
                    let what = SafeText::new(what);
                    self.link.emit(Event::BadRecord { what }).await?;
                }
                if !first {
                    self.tell_skew(results.generated_at);
                }
                self.take_results(&results);
            }
            Err(why) => self.unreadable(name, stamp, why),
        }
        Ok(())
    }

    /// What was just written says when, by the clock of its writer.
    fn tell_skew(&mut self, at: Option<DateTime<Utc>>) {
        if let Some(at) = at {
            let ahead = (at - Utc::now()).num_milliseconds();
            // behind may as well mean that it lay there for a while
            self.skew_ms = Some(if ahead > SKEW_MS { ahead } else { 0 });
        }
    }

    fn take_results(&mut self, results: &Results) {
        if results.invocation.is_empty() || !results.args.runs_nodes() {
            return;
        }
        if results.args.which != "freshness" {
            self.last_results = Some(results.invocation.clone());
        }
        if let Some(key) = self.find(&results.invocation) {
            self.add_results(&key, results);
            return;
        }
        if let Some(key) = self.show(&results.invocation) {
            return self.add_results(&key, results);
        }
        let at = results
            .started_at
            .or(results.generated_at)
            .unwrap_or_else(Utc::now);
        let mut record = Record::new(
            String::new(),
            "started elsewhere".to_owned(),
            Args::default(),
            at,
        );
        record.take_results(results);
        compiled(&mut record, &self.manifest);
        if let Some(made) = self.make(record) {
            self.insert(Slot::new(made.dir, made.record, Hold::Nobody));
        }
    }

    fn add_results(&mut self, key: &RunKey, results: &Results) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        // whose run it is writes it down
        if matches!(slot.hold, Hold::Other) {
            return;
        }
        let loaded = slot.load();
        let slot_results = slot.record.results;
        self.kept(loaded);
        if slot_results {
            return;
        }
        let manifest = self.manifest.clone();
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let driven = slot.driven();
        let before = (slot.record.state, slot.record.native.clone());
        slot.record.take_results(results);
        let ends = slot.record.state != before.0;
        let followed = match &mut slot.hold {
            // its log says in a moment how it ended: an interrupt is no failure
            Hold::Followed(followed) if ends => {
                followed.results_at = Some(Instant::now());
                true
            }
            _ => false,
        };
        if (driven || followed) && ends {
            // its process, or its log, says when it is over
            (slot.record.state, slot.record.native) = before;
            slot.record.ended_at = None;
        } else if slot.record.state.ended() {
            slot.hold = Hold::Nobody;
        }
        compiled(&mut slot.record, &manifest);
        slot.changed();
        self.dirty = true;
        self.judge(key);
    }
}

fn compiled(record: &mut Record, manifest: &Manifest) {
    for (id, node) in &mut record.nodes {
        if node.state == NodeState::Failed && node.compiled.is_none() {
            node.compiled = manifest.get(id).and_then(|i| i.compiled_path.clone());
        }
    }
}

/// Reads a file away from the threads that draw.
async fn read<T: Send + 'static>(
    path: PathBuf,
    parse: impl FnOnce(BufReader<File>) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let task = tokio::task::spawn_blocking(move || {
        let file = File::open(&path).map_err(|e| format!("can't be read: {e}"))?;
        let len = file.metadata().map_or(0, |m| m.len());
        if len > MAX_ARTIFACT {
            return Err("is larger than 4 GiB".to_owned());
        }
        parse(BufReader::with_capacity(256 << 10, file))
    });
    task.await.unwrap_or_else(|e| Err(e.to_string()))
}
