//! A moment of the past: the world, what was usual in it, and its alerts, made of lines.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::alerts::Life;
use crate::analytics::Baselines;
use crate::engine::Watch;
use crate::history::{self, Shelf, Store, StoreError};
use crate::model::{
    AlertId, BackendInfo, Event, LogChunk, LogKey, LogUpdate, SafeText, Stamped, Topology,
};
use crate::world::{Changes, World};

use super::line::{Acted, Line};

/// Made away from the loop and handed to it whole.
#[derive(Debug, Default)]
pub struct Scene {
    pub world: World,
    pub baselines: Baselines,
    pub lives: BTreeMap<AlertId, Life>,
}

impl Scene {
    pub fn new(backends: impl IntoIterator<Item = BackendInfo>) -> Self {
        Self {
            world: World::new(backends).keeping_all(),
            ..Self::default()
        }
    }

    /// A line whose shape has been looked up.
    pub fn apply(&mut self, line: Line) {
        if let Some(lives) = line.alerts {
            for id in &lives.gone {
                self.lives.remove(id);
            }
            let changed = lives.changed.into_iter();
            self.lives
                .extend(changed.map(|life| (life.alert.id.clone(), life)));
            return;
        }
        if let Some(acted) = line.action {
            act(&mut self.world, &acted, line.at);
            return;
        }
        if let (Some(backend), Some(event)) = (line.backend, line.event) {
            self.world.apply(&Stamped {
                backend,
                at: line.at,
                event,
            });
        }
    }

    /// What was usual, from the runs that are known.
    pub fn settle(&mut self) {
        let keys: Vec<_> = self.world.pipelines().map(|p| &p.pipeline.key).collect();
        for key in keys {
            let ended = self.world.runs_of(key);
            for run in ended.filter(|view| view.run.ended_at.is_some()) {
                self.baselines.observe(run);
            }
        }
    }
}

impl Watch {
    /// Shows another moment. The world that was shown before comes back ([`Watch::becomes`]).
    pub fn shows(&mut self, scene: Scene) -> World {
        self.replayed = true;
        let before = self.becomes(scene.world, scene.baselines);
        self.alerts.forget_all();
        self.alerts.replay(scene.lives.into_values(), &[]);
        before
    }

    /// Whether an attempt was over at the moment that is shown.
    pub fn had_ended(&self, key: &LogKey) -> bool {
        let node = self.world.node(&key.node);
        node.is_some_and(|node| {
            node.attempt > key.attempt || node.state.ended() || node.state.problem()
        })
    }

    /// Shows what is kept of a log.
    pub fn shows_log(&mut self, key: &LogKey, tail: Option<String>, at: DateTime<Utc>) {
        let none = "no log of this attempt is kept: of those that failed the end is";
        let update = match tail {
            Some(tail) => LogUpdate::Replace(tail.into_bytes()),
            None => LogUpdate::Lost(SafeText::new(none)),
        };
        for update in [update, LogUpdate::End] {
            let key = key.clone();
            self.apply(&Stamped {
                backend: key.backend().clone(),
                at,
                event: Event::Log(LogChunk { key, update }),
            });
        }
    }

    /// Goes on by a line whose shape has been looked up.
    pub fn goes_on(&mut self, line: Line) -> Changes {
        if let Some(lives) = line.alerts {
            self.alerts.replay(lives.changed, &lives.gone);
            self.touch();
            return Changes {
                fleet: true,
                ..Changes::default()
            };
        }
        if let Some(acted) = line.action {
            return act(&mut self.world, &acted, line.at);
        }
        match line.stamped() {
            Some(stamped) => self.apply(&stamped),
            None => Changes::default(),
        }
    }
}

fn act(world: &mut World, acted: &Acted, at: DateTime<Utc>) -> Changes {
    world.asked(acted.request.clone(), acted.asked_at);
    world.apply(&Stamped {
        backend: acted.request.target.backend().clone(),
        at,
        event: Event::Action {
            id: acted.request.id,
            status: acted.status.clone(),
        },
    })
}

/// The shapes that lines refer to.
#[derive(Debug, Default)]
pub struct Shapes {
    known: HashMap<String, Topology>,
    missing: HashSet<String>,
}

impl Shapes {
    /// The line with what it refers to; `None`: that is not kept.
    pub fn look_up(
        &mut self,
        store: &mut dyn Store,
        mut line: Line,
    ) -> Result<Option<Line>, StoreError> {
        let Some(shape) = line.shape.take() else {
            return Ok(Some(line));
        };
        if !self.known.contains_key(&shape.hash) && self.missing.insert(shape.hash.clone()) {
            for (hash, body) in store.shelf(Shelf::Shapes)? {
                let topology = history::read_shape(&body);
                self.known.extend(topology.map(|topology| (hash, topology)));
            }
        }
        let Some(topology) = self.known.get(&shape.hash) else {
            return Ok(None);
        };
        line.event = Some(Event::Topology {
            run: shape.run,
            topology: topology.clone(),
        });
        Ok(Some(line))
    }
}
