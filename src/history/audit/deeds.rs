//! What is said of each kind of deed.

use crate::model::{
    ActionRequest, ActionStatus, AlertDeed, AlertOrder, Hit, Plan, SafeText, Silence, Target, When,
};

use super::entry::{Kind, Step, What, cut};
use super::mask::Mask;

/// Hits that are listed; the number of all is told.
const HITS: usize = 50;
/// Names of parameters and keys that are listed.
const NAMES: usize = 100;

impl What {
    /// Something that is done and over.
    pub fn done(kind: Kind, action: &str, target: impl AsRef<str>) -> Self {
        Self {
            kind,
            action: SafeText::new(action),
            target: cut(target.as_ref()),
            step: Step::Done,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.with.insert(name.to_owned(), cut(value.as_ref()));
        self
    }

    fn action(request: &ActionRequest, step: Step) -> Self {
        let target = &request.target;
        Self {
            kind: Kind::Action,
            action: SafeText::new(request.action.word()),
            target: cut(&target.label()),
            backend: cut(&target.backend().safe()),
            address: cut(&target.address()),
            step,
            request: Some(request.id.0),
            ..Self::default()
        }
    }

    /// A person said yes.
    pub fn approved(request: &ActionRequest, plan: &Plan) -> Self {
        let mask = Mask::of(request);
        let hit = |hit: &Hit| match hit.name.strip_prefix("param ") {
            // a value, by the backends' own word for it
            Some(name) => cut(&format!("param {name}")),
            None => {
                let (now, then) = (mask.text(&hit.now), mask.text(&hit.then));
                cut(&format!("{}: {now} -> {then}", hit.name))
            }
        };
        let options = &request.options;
        let names = options.params.iter().map(|(name, _)| cut(name));
        let mut what = Self {
            summary: mask.text(&plan.summary),
            hits: Some(u64::try_from(plan.hits.len()).unwrap_or(u64::MAX)),
            hit: plan.hits.iter().take(HITS).map(hit).collect(),
            params: names.take(NAMES).collect(),
            ..Self::action(request, Step::Approved)
        };
        let scope = options.scope;
        let words = [
            ("upstream", scope.upstream),
            ("downstream", scope.downstream),
            ("only_failed", scope.only_failed),
        ];
        let words: Vec<&str> = words.iter().filter(|w| w.1).map(|w| w.0).collect();
        let chosen = [
            ("scope", (!words.is_empty()).then(|| words.join(" "))),
            ("run_id", options.run_id.clone()),
            ("as", options.mark.map(|state| state.word().to_owned())),
            ("note", options.note.clone()),
            ("limit", options.limit.map(|limit| limit.to_string())),
        ];
        for (name, value) in chosen {
            if let Some(value) = value {
                what = what.with(name, value);
            }
        }
        what
    }

    /// What the backend said afterwards; planning leaves no line.
    pub fn status(request: &ActionRequest, status: &ActionStatus) -> Option<Self> {
        let mask = Mask::of(request);
        let step = |step| Self::action(request, step);
        Some(match status {
            ActionStatus::Planning | ActionStatus::Planned { .. } => return None,
            ActionStatus::Requested { .. } => step(Step::Requested),
            ActionStatus::Confirmed { what } => Self {
                what: mask.text(what),
                ..step(Step::Confirmed)
            },
            ActionStatus::Refused { why } => Self {
                why: mask.text(&why.to_string()),
                ..step(Step::Refused)
            },
            ActionStatus::Unconfirmed { why } => Self {
                why: mask.text(why),
                ..step(Step::Unconfirmed)
            },
        })
    }

    /// It could not even be asked for.
    pub fn impossible(action: &str, target: &Target, why: &str) -> Self {
        Self {
            kind: Kind::Action,
            backend: cut(&target.backend().safe()),
            address: cut(&target.address()),
            step: Step::Refused,
            why: cut(why),
            ..Self::done(Kind::Action, action, target.label())
        }
    }

    pub fn alert(order: &AlertOrder) -> Self {
        let what = Self::done(Kind::Alert, order.deed.word(), order.id.label());
        match &order.deed {
            AlertDeed::Note(text) => what.with("note", text),
            _ => what,
        }
    }

    pub fn silence(silence: &Silence) -> Self {
        let when = match &silence.when {
            When::Once { from, until } => {
                format!("{} to {}", from.to_rfc3339(), until.to_rfc3339())
            }
            When::Weekly {
                start,
                zone,
                minutes,
                ..
            } => {
                format!("weekly at {start} {zone} for {minutes} minutes")
            }
        };
        Self::done(Kind::Silence, "silence", &silence.id)
            .with("match", silence.matchers.join(" "))
            .with("when", when)
            .with("reason", &silence.reason)
    }

    pub fn unsilence(id: &str) -> Self {
        Self::done(Kind::Silence, "unsilence", id)
    }
}
