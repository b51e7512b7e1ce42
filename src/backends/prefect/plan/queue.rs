//! Plans for work pools, their queues, and concurrency limits.

use serde_json::{Value, json};

use super::{Deed, Draft, Expect, Maker, Refusal, draft, hit, nothing, unsupported};
use crate::backends::poll::Urgency;
use crate::backends::prefect::api::{self, QueueRef};
use crate::model::QueueKey;

impl Maker<'_> {
    /// What stands behind a queue, and what is said of it now.
    async fn queue(&self, key: &QueueKey) -> Result<(QueueRef, Value), Refusal> {
        let known = self.shared.memory().queues.get(key.queue.raw()).cloned();
        let Some(at) = known else {
            return unsupported("there is no such work pool, queue or limit");
        };
        let now = self.shared.ask(Urgency::Now, &api::queue(&at)).await?;
        Ok((at, now))
    }

    pub(super) async fn pause_queue(&self, key: &QueueKey, paused: bool) -> Result<Draft, Refusal> {
        let (at, now) = self.queue(key).await?;
        if matches!(at, QueueRef::Limit(_)) {
            return unsupported("a concurrency limit can't be paused: limit it to 0");
        }
        let name = key.queue.safe();
        let word = |paused: bool| if paused { "paused" } else { "active" };
        if now["is_paused"] == paused {
            return nothing(format!("{name} is already {}", word(paused)));
        }
        let summary = match paused {
            true => format!("Pauses {name}: its workers take no new runs."),
            false => format!("Resumes {name}: its workers take runs again."),
        };
        let mut draft = draft(summary, vec![deed(key, at, "is_paused", json!(paused))]);
        draft.hits.push(hit(&name, word(!paused), word(paused)));
        if paused {
            let left = "runs that go are left alone; those that wait will be late";
            draft.warnings.push(left.to_owned());
        }
        Ok(draft)
    }

    pub(super) async fn limit(&self, key: &QueueKey, to: Option<u64>) -> Result<Draft, Refusal> {
        let Some(to) = to else {
            return nothing("no number was given");
        };
        let (at, now) = self.queue(key).await?;
        let field = match at {
            QueueRef::Limit(_) => "limit",
            QueueRef::Pool(_) | QueueRef::Queue { .. } => "concurrency_limit",
        };
        let name = key.queue.safe();
        if now[field] == to {
            return nothing(format!("{name} is already limited to {to}"));
        }
        let was = now[field].as_u64();
        let was = was.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
        let summary = format!("Lets {name} run {to} at once.");
        let mut draft = draft(summary, vec![deed(key, at, field, json!(to))]);
        draft.hits.push(hit(&name, was, to.to_string()));
        if now["active_slots"]
            .as_u64()
            .is_some_and(|active| active > to)
        {
            let left = "more than that go now: they are left alone";
            draft.warnings.push(left.to_owned());
        }
        Ok(draft)
    }
}

fn deed(key: &QueueKey, at: QueueRef, field: &'static str, want: Value) -> Deed {
    Deed {
        call: api::set_queue(&at, field, want.clone()),
        name: key.queue.safe(),
        conflict_is_done: false,
        expect: Expect::Queue { at, field, want },
    }
}
