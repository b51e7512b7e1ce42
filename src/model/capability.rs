//! What a backend can do, as data: it decides which keys work and what the others say.

use std::borrow::Cow;

use serde::Serialize;

use super::{Action, TargetKind};

/// Whether an action works on a kind of target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Support {
    Yes,
    /// Works, and does something a person should know first.
    But(Cow<'static, str>),
    No {
        why: Cow<'static, str>,
        /// The nearest thing that can be done instead.
        nearest: Option<(Action, TargetKind)>,
    },
}

/// All actions of one backend. What is not listed is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    entries: Vec<(Action, TargetKind, Support)>,
}

impl Capabilities {
    #[must_use]
    pub fn with(mut self, action: Action, target: TargetKind, support: Support) -> Self {
        self.entries
            .retain(|(a, t, _)| (*a, *t) != (action, target));
        self.entries.push((action, target, support));
        self
    }

    pub fn support(&self, action: Action, target: TargetKind) -> Support {
        self.entries
            .iter()
            .find(|(a, t, _)| (*a, *t) == (action, target))
            .map_or_else(
                || Support::No {
                    why: Cow::Borrowed("this backend has no such operation"),
                    nearest: None,
                },
                |(_, _, s)| s.clone(),
            )
    }

    pub fn allows(&self, action: Action, target: TargetKind) -> bool {
        !matches!(self.support(action, target), Support::No { .. })
    }
}
