//! Telling the engine: what changed, and what it asks for by its focus.

use std::collections::BTreeSet;

use tokio::time::{Duration, Instant};

use crate::backends::EngineGone;
use crate::model::{
    BackendStatus, Event, LogChunk, LogKey, LogUpdate, NodeState, Notice, NoticeLevel, Pipeline,
    Queue, Reach, RunKey, SafeText, Target,
};

use super::actor::Actor;
use super::{tail, view};

/// Changes are told at most this often.
const FLUSH: Duration = Duration::from_millis(40);

impl Actor {
    pub(super) async fn tell_status(&mut self) -> Result<(), EngineGone> {
        self.told_trouble.clone_from(&self.trouble);
        let n = self.settings.parallelism;
        let status = BackendStatus {
            reach: Reach::Up,
            version: SafeText::new(format!("processes of this machine, {n} at once")),
            degraded: self.trouble.as_ref().map(SafeText::new),
            ..BackendStatus::default()
        };
        self.link.emit(Event::Status(status)).await
    }

    /// Takes in what is on screen now.
    pub(super) async fn look(&mut self) -> Result<(), EngineGone> {
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
            self.tell_detail(&key.run, &[key.node.raw().to_owned()])
                .await?;
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
        let id = key.node.node.raw();
        let slot = self.slots.get_mut(&key.node.run);
        let Some((slot, node)) = slot.and_then(|s| {
            let node = s.record.shape.task(id)?;
            Some((s, node))
        }) else {
            let what = SafeText::new("this run is no longer kept");
            return self.tell_log(&key, LogUpdate::Failed(what)).await;
        };
        if key.attempt == 0 {
            let text = format!("has not run: {}\n", slot.record.nodes[node].native);
            self.tell_log(&key, LogUpdate::Replace(text.into_bytes()))
                .await?;
            return self.tell_log(&key, LogUpdate::End).await;
        }
        let path = slot.dir.log(id, key.attempt);
        let ended = slot.follow(node, key.attempt);
        let emitter = self.link.emitter.clone();
        let task = tokio::spawn(tail::follow(path, key.clone(), ended, emitter));
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
        slot.dirty.all = false;
        slot.dirty.nodes.clear();
        let topology = view::topology(&slot.record);
        let list = view::nodes(&slot.record);
        let run = key.clone();
        self.link.emit(Event::Topology { run, topology }).await?;
        self.link
            .emit(Event::Nodes {
                run: key.clone(),
                list,
                complete: true,
            })
            .await
    }

    async fn tell_detail(&self, run: &RunKey, changed: &[String]) -> Result<(), EngineGone> {
        let Some(key) = self.focus.detail.clone().filter(|d| &d.run == run) else {
            return Ok(());
        };
        let id = key.node.raw();
        if !changed.iter().any(|c| c == id) {
            return Ok(());
        }
        let detail = self.slots.get(run).and_then(|slot| {
            let task = slot.record.shape.task(id)?;
            view::detail(&slot.record, task)
        });
        match detail {
            Some(detail) => self.link.emit(Event::Detail { node: key, detail }).await,
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
        if self.trouble != self.told_trouble {
            self.tell_status().await?;
        }
        let keys: Vec<RunKey> = self
            .slots
            .iter()
            .filter(|(_, s)| s.dirty.run || s.dirty.all || !s.dirty.nodes.is_empty())
            .map(|(k, _)| k.clone())
            .collect();
        for key in keys {
            self.tell_run(&key).await?;
        }
        self.tell_queue().await?;
        self.tell_notices().await?;
        // last: whoever waits for the list is not to take a failing pipeline for one that never ran
        self.tell_pipelines().await
    }

    /// Tells what changed before something is said about it.
    pub(super) async fn flush_now(&mut self) -> Result<(), EngineGone> {
        self.dirty = true;
        self.next_flush = Instant::now();
        self.flush().await
    }

    pub(super) async fn tell_run(&mut self, key: &RunKey) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get_mut(key) else {
            return Ok(());
        };
        let dirty = std::mem::take(&mut slot.dirty);
        let mut run = (dirty.run || dirty.all).then(|| Event::Runs {
            list: vec![view::run(&slot.record, key.clone())],
        });
        // nobody is to see an end before what led to it
        let ended = slot.record.state.ended() && !dirty.all;
        if !ended && let Some(run) = run.take() {
            self.link.emit(run).await?;
        }
        if dirty.all {
            self.tell_whole(key).await?;
        } else {
            self.tell_nodes(key, &dirty.nodes).await?;
        }
        match run {
            Some(run) => self.link.emit(run).await,
            None => Ok(()),
        }
    }

    async fn tell_nodes(
        &mut self,
        key: &RunKey,
        tasks: &BTreeSet<usize>,
    ) -> Result<(), EngineGone> {
        let Some(slot) = self.slots.get(key) else {
            return Ok(());
        };
        let list: Vec<_> = tasks
            .iter()
            .filter_map(|at| view::node(&slot.record, *at))
            .collect();
        if list.is_empty() {
            return Ok(());
        }
        let changed: Vec<String> = list.iter().map(|n| n.id.raw().to_owned()).collect();
        let run = key.clone();
        let complete = false;
        self.link
            .emit(Event::Nodes {
                run,
                list,
                complete,
            })
            .await?;
        self.tell_detail(key, &changed).await
    }

    /// Pipelines as they are now: those of the files, and those whose file went away under a
    /// going run.
    fn pipelines(&self) -> Vec<Pipeline> {
        let mut list: Vec<Pipeline> = Vec::new();
        for (name, listed) in self.catalog.listed() {
            let key = self.pipeline_key(name);
            let mut pipeline = match &listed.definition {
                Some(definition) => view::pipeline(definition, key),
                None => Pipeline::new(key),
            };
            pipeline.stale = listed.broken.as_ref().map(SafeText::new);
            if let Some(timing) = self.timing.get(name) {
                pipeline.paused = timing.paused;
                pipeline.schedule.next = timing
                    .next
                    .filter(|_| !timing.paused && pipeline.stale.is_none());
            }
            list.push(pipeline);
        }
        for (key, slot) in self.slots.iter().filter(|(_, s)| s.driven()) {
            if !list.iter().any(|p| p.key == key.pipeline) {
                let mut pipeline = view::pipeline(&slot.record.definition, key.pipeline.clone());
                pipeline.stale = Some(SafeText::new("its file is gone"));
                list.push(pipeline);
            }
        }
        list
    }

    async fn tell_pipelines(&mut self) -> Result<(), EngineGone> {
        let list = self.pipelines();
        // "none" has to be told too
        if self.told.as_ref() != Some(&list) {
            self.told = Some(list.clone());
            let complete = true;
            self.link.emit(Event::Pipelines { list, complete }).await?;
        }
        Ok(())
    }

    pub(super) async fn tell_queue(&mut self) -> Result<(), EngineGone> {
        let driven = || self.slots.values().filter(|s| s.driven());
        let queue = Queue {
            name: SafeText::new("processes"),
            slots: Some(self.settings.parallelism as u64),
            running: driven().map(|s| s.busy() as u64).sum(),
            waiting: driven()
                .map(|s| s.in_state(NodeState::Queued).len() as u64)
                .sum(),
            held_by: None,
        };
        if self.told_queue.as_ref() != Some(&queue) {
            self.told_queue = Some(queue.clone());
            self.link.emit(Event::Queues(vec![queue])).await?;
        }
        Ok(())
    }

    pub(super) async fn tell_notices(&mut self) -> Result<(), EngineGone> {
        let mut notices = self.catalog.notices().to_vec();
        for (key, slot) in &self.slots {
            if !slot.left.is_empty() {
                let pids: Vec<String> = slot.left.iter().map(ToString::to_string).collect();
                notices.push(Notice {
                    subject: Target::Run(key.clone()).label(),
                    level: NoticeLevel::Warning,
                    text: vec![SafeText::new(format!(
                        "its dagtop died and left processes behind ({}): cancel the run to stop them",
                        pids.join(", ")
                    ))],
                    at: slot.record.ended_at,
                });
            }
        }
        if notices != self.told_notices {
            self.told_notices.clone_from(&notices);
            self.link.emit(Event::Notices(notices)).await?;
        }
        Ok(())
    }
}
