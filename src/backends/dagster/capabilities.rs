//! What Dagster can do, and what is nearest to what it can't. What the instance's permissions refuse is refused here,
//! with their reason.

use crate::model::{Action, Capabilities, Support, TargetKind};

use super::wire::Permission;

const RE_EXECUTE: &str =
    "Dagster starts a new run for this; it is shown as one story with the run it comes from";
const PAUSE: &str =
    "this stops the schedules and sensors that start the job; runs that go are not touched";
const RESUME: &str = "this starts all schedules and sensors of the job";
const CANCEL: &str = "its process is told to stop; cancel a run that is being cancelled once more to have it marked at once, which may leave processes behind";
const ALL: &str = "Dagster can't stop or start all schedules and sensors at once";
const STOP_ONE: &str =
    "only schedules and sensors of a code location can be stopped, no step of a run";
const START_ONE: &str =
    "only schedules and sensors of a code location can be started, no step of a run";
const RELOAD: &str = "this reloads the code location of the job; runs that go are not touched";

/// Why something may not be done here, if so.
pub fn denied(permissions: &[Permission], name: &str) -> Option<String> {
    let permission = permissions
        .iter()
        .find(|p| p.permission == name && !p.value)?;
    let why = permission
        .disabled_reason
        .as_deref()
        .filter(|why| !why.is_empty());
    Some(format!(
        "this Dagster does not permit {}: {}",
        name.replace('_', " "),
        why.unwrap_or("disabled for whoever reads it as we do")
    ))
}

/// `permissions`: none are known before the first answer; then everything may be tried.
pub fn capabilities(permissions: &[Permission]) -> Capabilities {
    use Action::{Cancel, Limit, Mark, Note, Pause, Restart, Resume, Retry, Stop, Trigger};
    use TargetKind::{Backend, Node, Pipeline, Queue, Run};
    let no = |why: &'static str, nearest: (Action, TargetKind)| Support::No {
        why: why.into(),
        nearest: Some(nearest),
    };
    let may = |names: &[&str], support: Support| {
        let refused: Option<Vec<String>> =
            names.iter().map(|name| denied(permissions, name)).collect();
        match refused.map(|mut all| all.swap_remove(0)) {
            Some(why) => Support::No {
                why: why.into(),
                nearest: None,
            },
            None => support,
        }
    };
    let but = |what: &'static str| Support::But(what.into());
    let pause = ["stop_running_schedule", "edit_sensor"];
    let resume = ["start_schedule", "edit_sensor"];
    let again = ["launch_pipeline_reexecution"];
    let end = ["terminate_pipeline_execution"];
    let one_run = "Dagster can't pause a run; cancel it, and retry it from where it was";
    Capabilities::default()
        .with(Pause, Pipeline, may(&pause, but(PAUSE)))
        .with(Resume, Pipeline, may(&resume, but(RESUME)))
        .with(Pause, Run, no(one_run, (Pause, Pipeline)))
        .with(
            Resume,
            Run,
            may(
                &["launch_partition_backfill"],
                but("only a backfill can be resumed"),
            ),
        )
        .with(Pause, Node, may(&pause, but(STOP_ONE)))
        .with(Resume, Node, may(&resume, but(START_ONE)))
        .with(Pause, Backend, no(ALL, (Pause, Pipeline)))
        .with(Resume, Backend, no(ALL, (Resume, Pipeline)))
        .with(Cancel, Run, may(&end, but(CANCEL)))
        .with(Cancel, Node, no("a step ends with its run", (Cancel, Run)))
        .with(
            Cancel,
            Queue,
            may(
                &["edit_concurrency_limit"],
                but("this frees the slots of a pool that runs hold which are over"),
            ),
        )
        .with(Limit, Queue, may(&["edit_concurrency_limit"], Support::Yes))
        .with(
            Pause,
            Queue,
            no(
                "Dagster can't pause a pool; limit it to 0 slots",
                (Limit, Queue),
            ),
        )
        .with(
            Cancel,
            Pipeline,
            no("a job itself does not run", (Stop, Pipeline)),
        )
        .with(
            Cancel,
            Backend,
            no("a backend itself does not run", (Stop, Backend)),
        )
        .with(Stop, Pipeline, may(&end, but(CANCEL)))
        .with(Stop, Backend, may(&end, but(CANCEL)))
        .with(
            Stop,
            Run,
            no("this is for all runs of a job", (Cancel, Run)),
        )
        .with(
            Stop,
            Node,
            no("this is for all runs of a job", (Cancel, Run)),
        )
        .with(Retry, Run, may(&again, but(RE_EXECUTE)))
        .with(Retry, Node, may(&again, but(RE_EXECUTE)))
        .with(
            Retry,
            Pipeline,
            no("only a run can be retried", (Retry, Run)),
        )
        .with(Restart, Run, may(&again, but(RE_EXECUTE)))
        .with(
            Restart,
            Node,
            no("a step is started again by a retry", (Retry, Node)),
        )
        .with(
            Restart,
            Pipeline,
            may(&["reload_repository_location"], but(RELOAD)),
        )
        .with(
            Trigger,
            Pipeline,
            may(&["launch_pipeline_execution"], Support::Yes),
        )
        .with(
            Trigger,
            Run,
            no("a new run is launched on the job", (Trigger, Pipeline)),
        )
        .with(
            Trigger,
            Node,
            no("a new run is launched on the job", (Trigger, Pipeline)),
        )
        .with(
            Mark,
            Run,
            no(
                "Dagster takes the state of a run from what it did",
                (Retry, Run),
            ),
        )
        .with(
            Mark,
            Node,
            no(
                "Dagster takes the state of a step from what it did",
                (Retry, Node),
            ),
        )
        .with(Mark, Pipeline, no("a job has no state", (Retry, Run)))
        .with(
            Note,
            Run,
            no("Dagster keeps no notes on runs", (Retry, Run)),
        )
        .with(
            Note,
            Node,
            no("Dagster keeps no notes on steps", (Retry, Node)),
        )
        .with(
            Note,
            Pipeline,
            no("Dagster keeps no notes on jobs", (Trigger, Pipeline)),
        )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_the_instance_refuses_is_refused_with_its_reason() {
        let deny = |name: &str| Permission {
            permission: name.to_owned(),
            value: false,
            disabled_reason: Some("Disabled by your administrator".to_owned()),
        };
        let able = capabilities(&[deny("terminate_pipeline_execution"), deny("edit_sensor")]);
        let Support::No { why, .. } = able.support(Action::Cancel, TargetKind::Run) else {
            panic!("not refused")
        };
        assert!(why.contains("Disabled by your administrator"), "{why}");
        // schedules may still be stopped
        assert!(able.allows(Action::Pause, TargetKind::Pipeline));
        assert!(able.allows(Action::Retry, TargetKind::Run));
        assert!(!capabilities(&[]).allows(Action::Mark, TargetKind::Run));
    }
}
