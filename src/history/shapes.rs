//! The shapes of runs: each is kept once, under a hash of what it says, and whoever has it refers to that.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::model::{BackendId, NodeId, PipelineKey, RunKey, Stamped, Target, Topology};

use super::store::{Shelf, Store, StoreError, Write};

/// A shape in use is marked as such so often; one that was not for longer than what refers to it is kept can go.
const MARK: Duration = Duration::days(1);
/// Shapes that are remembered as written.
const MOST: usize = 50_000;

/// A line that says which shape a run has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapeOf {
    pub run: RunKey,
    /// Under which its shape lies in [`Shelf::Shapes`].
    pub hash: String,
}

/// The line as it is written.
#[derive(Serialize)]
struct ShapeLine<'a> {
    at: DateTime<Utc>,
    backend: &'a BackendId,
    shape: ShapeOf,
}

/// What lies in the shelf.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    /// When something last referred to it.
    used: DateTime<Utc>,
    topology: T,
}

/// The nodes of a run, each with the group it lies in.
pub type Members = Vec<(NodeId, Option<NodeId>)>;

/// What lies in [`Shelf::ShapesOf`].
#[derive(Serialize, Deserialize)]
struct Of {
    hash: String,
    members: Members,
}

/// What is known to be written.
#[derive(Debug, Default)]
pub struct Shapes {
    marked: HashMap<String, DateTime<Utc>>,
}

impl Shapes {
    /// The line for a shape that was told, and what has to be written before it.
    pub fn line(
        &mut self,
        told: &Stamped,
        run: &RunKey,
        topology: &Topology,
        now: DateTime<Utc>,
    ) -> Option<(String, Option<Write>)> {
        let body = serde_json::to_vec(topology).ok()?;
        let hash = hash(&body);
        let known = self.marked.get(&hash).is_some_and(|at| now - *at < MARK);
        let put = if known {
            None
        } else {
            if self.marked.len() >= MOST {
                self.marked.clear();
            }
            self.marked.insert(hash.clone(), now);
            Some(put(&hash, topology, now)?)
        };
        let line = ShapeLine {
            at: told.at,
            backend: &told.backend,
            shape: ShapeOf {
                run: run.clone(),
                hash,
            },
        };
        Some((serde_json::to_string(&line).ok()?, put))
    }
}

/// Takes away what nothing refers to that is kept from a time on, and no pipeline has; says how many. What is in use is
/// marked every day.
pub(super) fn prune(store: &mut dyn Store, before: DateTime<Utc>) -> Result<usize, StoreError> {
    #[derive(Deserialize)]
    struct Used {
        used: DateTime<Utc>,
    }
    let before = before - MARK * 2;
    let newest = store.shelf(Shelf::ShapesOf)?;
    let newest: HashSet<String> = (newest.iter())
        .filter_map(|(_, body)| Some(serde_json::from_str::<Of>(body).ok()?.hash))
        .collect();
    let old = |body: &str| serde_json::from_str::<Used>(body).is_ok_and(|kept| kept.used < before);
    let shapes = store.shelf(Shelf::Shapes)?;
    let gone: Vec<Write> = shapes
        .into_iter()
        .filter(|(key, body)| old(body) && !newest.contains(key))
        .map(|(key, _)| Write::Remove {
            shelf: Shelf::Shapes,
            key,
        })
        .collect();
    if !gone.is_empty() {
        store.write(&gone)?;
    }
    Ok(gone.len())
}

/// What is written for a shape.
pub fn put(hash: &str, topology: &Topology, used: DateTime<Utc>) -> Option<Write> {
    Some(Write::Put {
        shelf: Shelf::Shapes,
        key: hash.to_owned(),
        body: serde_json::to_string(&Kept { used, topology }).ok()?,
    })
}

/// What is written for the shape that the runs of a pipeline have now.
pub fn put_of(
    pipeline: &PipelineKey,
    topology: &Topology,
    members: Members,
    used: DateTime<Utc>,
) -> Option<[Write; 2]> {
    let hash = hash(&serde_json::to_vec(topology).ok()?);
    let shape = put(&hash, topology, used)?;
    let body = serde_json::to_string(&Of { hash, members }).ok()?;
    let of = Write::Put {
        shelf: Shelf::ShapesOf,
        key: Target::Pipeline(pipeline.clone()).address(),
        body,
    };
    Some([shape, of])
}

/// The shape that the runs of a pipeline had last, and its nodes; `None`: nobody has told it.
pub fn read_of(
    store: &mut dyn Store,
    pipeline: &PipelineKey,
) -> Result<Option<(Topology, Members)>, StoreError> {
    let key = Target::Pipeline(pipeline.clone()).address();
    let of = store.document(Shelf::ShapesOf, &key)?;
    let Some(of) = of.and_then(|body| serde_json::from_str::<Of>(&body).ok()) else {
        return Ok(None);
    };
    let shape = store.document(Shelf::Shapes, &of.hash)?;
    let topology = shape.and_then(|body| read(&body));
    Ok(topology.map(|topology| (topology, of.members)))
}

/// A shape as it lies in the shelf.
pub fn read(body: &str) -> Option<Topology> {
    let kept: Kept<Topology> = serde_json::from_str(body).ok()?;
    Some(kept.topology)
}

fn hash(body: &[u8]) -> String {
    let all = digest(&SHA256, body);
    let half = all.as_ref().iter().take(16);
    half.map(|byte| format!("{byte:02x}")).collect()
}
