//! What an earlier program left is on the screen before any backend answers: read beside the loop, taken in when it
//! is there.

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::analytics::Baselines;
use crate::history::{Ask, Of, Place, Shelf, Store, StoreError};
use crate::model::{BackendId, PastRun, Pipeline, PipelineKey, SafeText};
use crate::world::Recalled;

use super::super::duty::News;
use super::heard_key;

/// Runs of each pipeline.
const RUNS: usize = 25;
/// Of runs that say what is usual so many, over all pipelines and of one.
const USUAL: usize = 60_000;
const USUAL_OF_ONE: usize = 400;

/// What was known.
#[derive(Debug, Default)]
pub struct Past {
    pub recalled: Recalled,
    /// Every pipeline on the shelf, of watched backends.
    pub shelved: Vec<PipelineKey>,
    /// Entries that could not be read.
    pub bad: usize,
}

/// Reads it on a thread of its own, first what is shown, then what is usual.
pub(in crate::engine) fn begin(place: &Place, backends: Vec<BackendId>, news: mpsc::Sender<News>) {
    let place = place.clone();
    let read = move || -> Result<(), StoreError> {
        let mut store = place.open()?;
        let past = fleet(store.as_mut(), &backends)?;
        let pipelines = past.shelved.clone();
        if news.blocking_send(News::Past(Box::new(past))).is_err() {
            return Ok(());
        }
        let usual = usual(store.as_mut(), &pipelines)?;
        // nobody hears it after the end
        let _ = news.blocking_send(News::Usual(Box::new(usual)));
        Ok(())
    };
    // without a thread the screen begins empty
    let _ = std::thread::Builder::new()
        .name("history recall".to_owned())
        .spawn(move || {
            // why it can't be opened is told by who writes it
            let _ = read();
        });
}

/// The last known pipelines and runs of these backends.
pub(super) fn fleet(store: &mut dyn Store, backends: &[BackendId]) -> Result<Past, StoreError> {
    let mut past = Past::default();
    for (_, body) in store.shelf(Shelf::Pipelines)? {
        match serde_json::from_str::<Pipeline>(&body) {
            Ok(pipeline) if backends.contains(&pipeline.key.backend) => {
                past.shelved.push(pipeline.key.clone());
                past.recalled.pipelines.push(pipeline);
            }
            Ok(_) => {}
            Err(_) => past.bad += 1,
        }
    }
    if past.shelved.is_empty() {
        return Ok(past);
    }
    let runs = store.recent(RUNS)?.into_iter();
    let watched = |run: &PastRun| backends.contains(run.run.key.backend());
    past.recalled.runs = runs.filter(watched).collect();
    let marks = store.shelf(Shelf::Marks)?;
    for backend in backends {
        let key = heard_key(backend);
        let mark = marks.iter().find(|(known, _)| *known == key);
        let at = mark.and_then(|(_, body)| body.parse::<DateTime<Utc>>().ok());
        past.recalled
            .heard
            .extend(at.map(|at| (backend.clone(), at)));
    }
    Ok(past)
}

/// The newest runs that ended well.
fn usual(store: &mut dyn Store, pipelines: &[PipelineKey]) -> Result<Baselines, StoreError> {
    let mut usual = Baselines::default();
    let each = (USUAL / pipelines.len().max(1)).clamp(1, USUAL_OF_ONE);
    for pipeline in pipelines {
        let ask = Ask {
            of: Of::Pipeline(pipeline.clone()),
            from: DateTime::UNIX_EPOCH,
            to: DateTime::<Utc>::MAX_UTC,
            newest_first: true,
            most: each,
        };
        store.runs(&ask, &mut |past| {
            usual.recall(&past);
            true
        })?;
    }
    Ok(usual)
}

impl Past {
    /// What a person must know of it.
    pub(in crate::engine) fn trouble(&self) -> Option<SafeText> {
        let text = match self.bad {
            0 => return None,
            1 => "one pipeline in the history can't be read; it is shown when its backend lists it"
                .to_owned(),
            n => format!(
                "{n} pipelines in the history can't be read; they are shown when their backends list them"
            ),
        };
        Some(SafeText::new(text))
    }
}
