//! A run in view is read again a part at a time: a round over all its task instances finds what the look at changes
//! did not tell, and no look costs more than one small answer.

use std::collections::HashSet;

use crate::backends::poll::Urgency;
use crate::model::{NodeId, RunKey};

use super::api::Api;
use super::shared::Shared;
use super::{run, states, tell, wire};
use crate::backends::client::Trouble;

/// Rows of a part: compressed, an answer of less than 2 kB.
const PART: usize = 40;
/// A part is read with every so many looks at changes.
pub const LOOKS: u32 = 4;
/// After so many rounds a shape without a version (v1) is read again.
const ROUNDS: u32 = 7;

/// Where a round is.
#[derive(Debug, Default)]
pub struct Round {
    offset: usize,
    /// Nodes that were known when it began and did not come up since.
    missing: HashSet<NodeId>,
    /// Every record so far could be read.
    readable: bool,
    rounds: u32,
}

/// What a part of a round found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// What was known; what changed in it was told.
    Known,
    /// Nodes are gone or the shape is another: only reading everything tells what there is.
    Reshaped,
}

impl Round {
    /// Reads the next part, and tells of it.
    pub async fn part(&mut self, shared: &Shared, key: &RunKey) -> Result<Found, Trouble> {
        if self.offset == 0 && self.begin(shared, key).await? == Found::Reshaped {
            return Ok(Found::Reshaped);
        }
        let (dag, id) = (key.pipeline.pipeline.raw(), key.run.raw());
        let page = shared
            .records::<wire::TaskInstance>(
                Urgency::WhenDue,
                &shared.api.run_tis(dag, id, self.offset, PART),
                "task_instances",
            )
            .await?;
        tell::emit_tis(shared, &page.rows).await?;
        for ti in &page.rows {
            self.missing
                .remove(&states::node_id(&ti.task_id, ti.map_index));
        }
        self.readable &= page.bad.is_empty();
        self.offset += page.held;
        let total = page.total.unwrap_or(match page.held < PART {
            true => self.offset,
            false => usize::MAX,
        });
        if page.held > 0 && self.offset < total && self.offset < run::MOST {
            return Ok(Found::Known);
        }
        let all = self.offset >= total;
        self.end(shared, key, all).await
    }

    async fn begin(&mut self, shared: &Shared, key: &RunKey) -> Result<Found, Trouble> {
        let row = run::row(shared, key, Urgency::WhenDue).await?;
        let mut memory = shared.memory();
        let Some(open) = memory.open.get_mut(key) else {
            return Ok(Found::Known);
        };
        self.missing = open.nodes.keys().cloned().collect();
        self.readable = true;
        Ok(match open.version == row.version() {
            true => Found::Known,
            false => Found::Reshaped,
        })
    }

    async fn end(&mut self, shared: &Shared, key: &RunKey, all: bool) -> Result<Found, Trouble> {
        let gone = all && self.readable && !self.missing.is_empty();
        *self = Self {
            rounds: self.rounds + 1,
            ..Self::default()
        };
        let stale = shared.api == Api::V1 && self.rounds.is_multiple_of(ROUNDS);
        if gone || stale {
            return Ok(Found::Reshaped);
        }
        run::attempts(shared, key).await?;
        Ok(Found::Known)
    }

    /// The next part is the first of a round: everything was just read.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}
