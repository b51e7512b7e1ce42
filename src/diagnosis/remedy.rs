//! Owns what can be done about a failure here: of all actions those that help with its class and that the backend offers.

use crate::model::{Action, Capabilities, NodeKey, SafeText, Support, Target, TargetKind};

use super::Class;

/// One action, aimed, with why it helps. What it hits exactly says the plan that the backend makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    pub action: Action,
    pub target: Target,
    pub why: SafeText,
}

/// What to do about a failed node, the first thing first. Only what its backend offers on the node, or else on its run
/// or pipeline; with a caution where there is one. `attempts`: how often it was tried.
pub fn remedies(class: Class, node: &NodeKey, attempts: u32, offers: &Capabilities) -> Vec<Remedy> {
    let again = attempts > 1;
    let wanted: &[(Action, &str)] = match class {
        Class::Timeout | Class::Dependency | Class::LostWorker if again => &[
            (
                Action::Pause,
                "a retry alone has not helped: no more runs until it answers",
            ),
            (Action::Retry, "when it answers"),
        ],
        Class::Timeout | Class::Dependency | Class::LostWorker => {
            &[(Action::Retry, "passes by itself now and then")]
        }
        Class::MissingInput => &[(Action::Retry, "when its input is there")],
        Class::Stopped => &[
            (Action::Resume, "when it is settled why it was stopped"),
            (Action::Retry, "when it is settled why it was stopped"),
        ],
        Class::Resources => &[
            (Action::Retry, "with more room, or when the host has some"),
            (Action::Trigger, "with parameters that take less at once"),
        ],
        Class::Write => &[
            (
                Action::Retry,
                "when the lock is free or the target is mended",
            ),
            (Action::Pause, "no more runs that write the same"),
        ],
        Class::Credentials => &[
            (Action::Retry, "when the right or the secret is renewed"),
            (Action::Pause, "no more logins that are refused"),
        ],
        Class::Data | Class::Quality => &[
            (Action::Pause, "no more runs on the same data"),
            (Action::Retry, "when the data is mended"),
        ],
        Class::Prep | Class::Definition | Class::Code => &[
            (Action::Retry, "when the mended code is there"),
            (Action::Pause, "no more runs that fail the same way"),
        ],
        Class::Unknown => &[(Action::Retry, "when the log tells why")],
    };
    wanted
        .iter()
        .filter_map(|(action, why)| offered(*action, why, node, offers))
        .collect()
}

fn offered(action: Action, why: &str, node: &NodeKey, offers: &Capabilities) -> Option<Remedy> {
    // a paused node holds its own run up; the runs to come are the pipeline's
    let kinds: &[TargetKind] = match action {
        Action::Pause | Action::Resume | Action::Trigger => &[TargetKind::Pipeline],
        _ => &[TargetKind::Node, TargetKind::Run],
    };
    kinds.iter().find_map(|kind| {
        let why = match offers.support(action, *kind) {
            Support::Yes => why.to_owned(),
            Support::But(caution) => format!("{why}; {caution}"),
            Support::No { .. } => return None,
        };
        let target = match kind {
            TargetKind::Node => Target::Node(node.clone()),
            TargetKind::Run => Target::Run(node.run.clone()),
            _ => Target::Pipeline(node.run.pipeline.clone()),
        };
        Some(Remedy {
            action,
            target,
            why: why.into(),
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::model::{BackendId, NodeId, PipelineKey};

    fn node() -> NodeKey {
        let pipeline = PipelineKey::new(&BackendId::new("b"), "p");
        pipeline.run("r").node(&NodeId::new("load"))
    }

    #[test]
    fn only_what_the_backend_offers_is_proposed() {
        for class in Class::ALL {
            assert_eq!(remedies(class, &node(), 1, &Capabilities::default()), []);
        }
        let offers = Capabilities::default().with(Action::Retry, TargetKind::Run, Support::Yes);
        let found = remedies(Class::Data, &node(), 1, &offers);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].target, Target::Run(node().run));
        let offers = offers.with(
            Action::Retry,
            TargetKind::Node,
            Support::But("clears what is below".into()),
        );
        let found = remedies(Class::Dependency, &node(), 1, &offers);
        assert_eq!(found[0].target, Target::Node(node()));
        assert!(found[0].why.ends_with("; clears what is below"));
    }

    #[test]
    fn a_retry_that_has_not_helped_comes_last() {
        let offers = Capabilities::default()
            .with(Action::Retry, TargetKind::Node, Support::Yes)
            .with(Action::Pause, TargetKind::Pipeline, Support::Yes);
        let first = |attempts| remedies(Class::Dependency, &node(), attempts, &offers)[0].action;
        assert_eq!((first(1), first(3)), (Action::Retry, Action::Pause));
    }
}
