//! Telling the engine: what changed, and what it asks for by its focus.

use std::collections::BTreeSet;

use chrono::Utc;
use tokio::time::{Duration, Instant};

use crate::backends::{EngineGone, tail};
use crate::config::Dbt;
use crate::model::{
    BackendStatus, Event, LogChunk, LogKey, LogUpdate, NodeKey, ParamSpec, Pipeline, Reach, Run,
    RunKey, SafeText,
};

use super::actor::Actor;
use super::node_log::{self, NodeLines};
use super::view::{self, Around};
use super::{shape, text_line};

/// Changes are told at most this often.
const FLUSH: Duration = Duration::from_millis(40);
/// The shape of a run whose nodes are not known before is told at most this often, ...
const RESHAPE: Duration = Duration::from_millis(500);
/// ... unless it is small, in nodes.
const SMALL: usize = 200;

impl Actor {
    pub(super) fn around(&self) -> Around<'_> {
        Around {
            manifest: &self.manifest,
            ledger: &self.ledger,
            now: Utc::now(),
        }
    }

    /// Takes in what is on screen now.
    pub(super) async fn see(&mut self) -> Result<(), EngineGone> {
        let focus = self.link.focus_now();
        let new: Vec<RunKey> = focus
            .runs
            .iter()
            .filter(|k| !self.focus.runs.contains(k))
            .cloned()
            .collect();
        let detail = focus
            .detail
            .clone()
            .filter(|d| self.focus.detail.as_ref() != Some(d));
        self.focus = focus;
        for key in new {
            self.tell_whole(&key).await?;
        }
        if let Some(key) = detail {
            self.tell_detail(&key).await?;
        }
        let wanted: BTreeSet<LogKey> = self
            .focus
            .logs
            .iter()
            .chain(&self.focus.tails)
            .cloned()
            .collect();
        self.tails.retain(|key, task| {
            let keep = wanted.contains(key);
            if !keep {
                task.abort();
            }
            keep
        });
        for key in wanted {
            if !self.tails.contains_key(&key) {
                self.follow(key).await?;
            }
        }
        Ok(())
    }

    async fn follow(&mut self, key: LogKey) -> Result<(), EngineGone> {
        let id = key.node.node.raw().to_owned();
        let Some(slot) = self.slots.get_mut(&key.node.run) else {
            let what = SafeText::new("this run is no longer kept");
            return self.tell_log(&key, LogUpdate::Failed(what)).await;
        };
        let loaded = slot.load();
        let (path, over) = (slot.dir.log(), slot.over());
        let node = slot.record.nodes.get(&id).cloned();
        self.kept(loaded);
        let project = self.settings.project.clone();
        if !path.exists() {
            let text = match &node {
                Some(node) if key.attempt > 0 => {
                    node_log::from_results(text_line::name_of(&id), node, &project)
                }
                Some(node) => format!("has not run: {}\n", node.native).into_bytes(),
                None => Vec::new(),
            };
            self.tell_log(&key, LogUpdate::Replace(text)).await?;
            return self.tell_log(&key, LogUpdate::End).await;
        }
        let node = (id != view::COMMAND).then_some(id);
        let sift = NodeLines::new(node, project);
        let emitter = self.link.emitter.clone();
        let task = tokio::spawn(tail::follow(path, key.clone(), sift, over, emitter));
        self.tails.insert(key, task);
        Ok(())
    }

    async fn tell_log(&self, key: &LogKey, update: LogUpdate) -> Result<(), EngineGone> {
        let key = key.clone();
        self.link.emit(Event::Log(LogChunk { key, update })).await
    }

    /// Topology and all nodes of a run.
    pub(super) async fn tell_whole(&mut self, key: &RunKey) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get_mut(key) else {
            return Ok(());
        };
        let loaded = slot.load();
        slot.dirty.all = false;
        slot.dirty.nodes.clear();
        slot.shaped = (slot.record.nodes.len(), Some(Instant::now()));
        self.kept(loaded);
        let Some(slot) = self.slots.get(key) else {
            return Ok(());
        };
        let ids: Vec<&str> = slot.record.nodes.keys().map(String::as_str).collect();
        let members = shape::members(&self.manifest, &ids);
        let mut topology = shape::topology(&self.manifest, &members);
        let list = view::nodes(&slot.record, self.around());
        if view::command_node(&slot.record) {
            topology.nodes.extend(list.last().map(|n| n.id.clone()));
        }
        let complete = slot.record.complete();
        let run = key.clone();
        self.link.emit(Event::Topology { run, topology }).await?;
        self.link
            .emit(Event::Nodes {
                run: key.clone(),
                list,
                complete,
            })
            .await
    }

    async fn tell_detail(&self, key: &NodeKey) -> Result<(), EngineGone> {
        let id = key.node.raw();
        let detail = self.slots.get(&key.run).and_then(|slot| {
            let known = slot.record.nodes.get(id).cloned();
            // a source that this run only reads
            let known = known.or_else(|| Some(self.ledger.entries.get(id)?.node()))?;
            let project = &self.settings.project;
            Some(view::detail(id, &known, self.around(), project))
        });
        match detail {
            Some(detail) => {
                let node = key.clone();
                self.link.emit(Event::Detail { node, detail }).await
            }
            None => Ok(()),
        }
    }

    /// Tells what changed since it was last told, not too often.
    pub(super) async fn flush(&mut self) -> Result<(), EngineGone> {
        let now = Instant::now();
        if !self.dirty || now < self.next_flush {
            return Ok(());
        }
        self.dirty = false;
        self.next_flush = now + FLUSH;
        self.tell_status().await?;
        self.keep();
        self.dirty = false;
        let newest = self.newest();
        let keys: Vec<RunKey> = self
            .slots
            .iter()
            .filter(|(_, s)| s.dirty())
            .map(|(k, _)| k.clone())
            .collect();
        for key in keys {
            let whole = newest.as_ref() == Some(&key)
                || self.focus.runs.contains(&key)
                || self.slots.get(&key).is_some_and(|s| s.open());
            self.tell_run(&key, whole).await?;
        }
        for (key, slot) in &mut self.slots {
            if newest.as_ref() != Some(key) && !self.focus.runs.contains(key) {
                slot.unload();
            }
        }
        self.tell_checks().await?;
        // last: whoever waits for the list is not to take a failing pipeline for one that never ran
        self.tell_pipelines().await
    }

    /// Tells what changed before something is said about it.
    pub(super) async fn flush_now(&mut self) -> Result<(), EngineGone> {
        self.dirty = true;
        self.next_flush = Instant::now();
        self.flush().await
    }

    fn newest(&self) -> Option<RunKey> {
        let at = |s: &super::slot::Slot| s.record.started_at.unwrap_or(s.record.created_at);
        self.slots
            .iter()
            .max_by_key(|(_, s)| at(s))
            .map(|(k, _)| k.clone())
    }

    fn run_of(&self, key: &RunKey) -> Option<Run> {
        let slot = self.slots.get(key)?;
        let mut run = view::run(&slot.record, key.clone(), slot.counts());
        if !slot.left.is_empty() {
            let pids: Vec<String> = slot.left.iter().map(ToString::to_string).collect();
            run.note = Some(SafeText::new(format!(
                "its dagtop died and left processes behind ({}): cancel the run to stop them",
                pids.join(", ")
            )));
        }
        Some(run)
    }

    /// `whole`: its nodes are wanted too.
    async fn tell_run(&mut self, key: &RunKey, whole: bool) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get_mut(key) else {
            return Ok(());
        };
        let dirty = std::mem::take(&mut slot.dirty);
        let known = std::mem::replace(&mut slot.told, true);
        let ended = slot.record.state.ended();
        let Some(run) = self.run_of(key) else {
            return Ok(());
        };
        let list = vec![run];
        // the run must be known before its nodes, and its end is not to be seen before theirs
        let first = !known || !ended;
        if first {
            let list = list.clone();
            self.link.emit(Event::Runs { list }).await?;
        }
        if whole && (dirty.all || self.grew(key)) {
            self.tell_whole(key).await?;
        } else if whole {
            self.tell_nodes(key, &dirty.nodes).await?;
        }
        if !first {
            self.link.emit(Event::Runs { list }).await?;
        }
        if let Some(detail) = self.focus.detail.clone().filter(|d| &d.run == key) {
            self.tell_detail(&detail).await?;
        }
        Ok(())
    }

    /// Whether nodes came that were not in the shape as it was told. A large shape is not told
    /// again for every node.
    fn grew(&mut self, key: &RunKey) -> bool {
        let Some(slot) = self.slots.get_mut(key) else {
            return false;
        };
        let (count, now) = (slot.record.nodes.len(), Instant::now());
        if count == slot.shaped.0 {
            return false;
        }
        let due = slot.shaped.1.is_none_or(|at| now - at >= RESHAPE) || count < SMALL;
        if !due {
            slot.dirty.run = true;
            self.dirty = true;
        }
        due
    }

    async fn tell_nodes(
        &mut self,
        key: &RunKey,
        nodes: &BTreeSet<usize>,
    ) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get(key) else {
            return Ok(());
        };
        let packages = view::packages(&slot.record, &self.manifest);
        let list: Vec<_> = nodes
            .iter()
            .filter_map(|at| slot.record.nodes.get_index(*at))
            .map(|(id, known)| view::node(id, known, self.manifest.get(id), packages))
            .collect();
        if list.is_empty() {
            return Ok(());
        }
        let (run, complete) = (key.clone(), false);
        self.link
            .emit(Event::Nodes {
                run,
                list,
                complete,
            })
            .await
    }

    async fn tell_status(&mut self) -> Result<(), EngineGone> {
        let manifest = &self.manifest;
        let version = match (manifest.dbt_version.as_str(), manifest.adapter.as_str()) {
            ("", _) => "dbt".to_owned(),
            (version, adapter) => format!("dbt {version}, {adapter}"),
        };
        let mut troubles: Vec<String> = self.troubles.values().cloned().collect();
        if self.settings.program().is_none() {
            troubles.push(format!(
                "{} is not installed here: watching only",
                self.settings.dbt.display()
            ));
        }
        let status = BackendStatus {
            reach: match &self.missing {
                None => Reach::Up,
                Some(why) => Reach::Down {
                    reason: SafeText::new(why),
                    retry_at: None,
                },
            },
            version: SafeText::new(version),
            clock_skew_ms: self.skew_ms,
            degraded: (!troubles.is_empty()).then(|| SafeText::new(troubles.join("; "))),
            ..BackendStatus::default()
        };
        if self.told_status.as_ref() != Some(&status) {
            self.told_status = Some(status.clone());
            self.link.emit(Event::Status(status)).await?;
        }
        Ok(())
    }

    async fn tell_pipelines(&mut self) -> Result<(), EngineGone> {
        let mut pipeline = Pipeline::new(self.pipeline_key());
        pipeline.name = SafeText::new(&self.name);
        pipeline.stale = self.missing.as_ref().map(SafeText::new);
        pipeline.params = self.params();
        pipeline.doc = vec![SafeText::new(format!(
            "dbt project in {}",
            self.settings.project.display()
        ))];
        let list = vec![pipeline];
        if self.told_pipelines.as_ref() != Some(&list) {
            self.told_pipelines = Some(list.clone());
            let complete = true;
            self.link.emit(Event::Pipelines { list, complete }).await?;
        }
        Ok(())
    }

    fn params(&self) -> Vec<ParamSpec> {
        let text = |text: String| serde_json::Value::String(text);
        let spec = |name: &str, kind: &str, default, description: &str| ParamSpec {
            name: SafeText::new(name),
            kind: SafeText::new(kind),
            default,
            description: SafeText::new(description),
            choices: Vec::new(),
            required: false,
        };
        let settings = &self.settings;
        let mut command = spec(
            "command",
            "string",
            text(settings.command.clone()),
            "what dbt does",
        );
        command.choices = Dbt::COMMANDS.iter().map(SafeText::new).collect();
        vec![
            command,
            spec(
                "select",
                "string",
                text(settings.select.join(" ")),
                "which nodes, as after --select: names, folders, tag:x, model+; empty for all",
            ),
            spec(
                "exclude",
                "string",
                text(settings.exclude.join(" ")),
                "which of them not, as after --exclude",
            ),
            spec(
                "full_refresh",
                "boolean",
                serde_json::Value::Bool(false),
                "builds incremental models and seeds anew",
            ),
        ]
    }

    async fn tell_checks(&mut self) -> Result<(), EngineGone> {
        let list = view::checks(self.around(), &self.pipeline_key());
        if self.told_checks.as_ref() != Some(&list) {
            self.told_checks = Some(list.clone());
            self.link.emit(Event::Checks(list)).await?;
        }
        Ok(())
    }
}
