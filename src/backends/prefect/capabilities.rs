//! What Prefect can do, and what is nearest to what it can't.

use crate::model::{Action, Capabilities, Support, TargetKind};

pub const PAUSE_RUN: &str = "takes effect before the next task: a task that runs goes on to its end, and code outside of tasks is not stopped at all. Its process ends then; a resume runs the flow from its beginning, and takes what results are kept";
const CANCEL_RUN: &str = "what runs the flow (worker or runner) ends its process; without one, and while one just starts, the run stays `Cancelling`, and a second cancel only marks it";
const RETRY_RUN: &str = "the same run starts again from its beginning: tasks whose results are kept are `Cached`, all others run again";
const RESTART: &str = "Prefect starts a new run with the same parameters";
const MARK_RUN: &str = "changes what is written down; a process that runs is not stopped";
const MARK_NODE: &str =
    "changes what is written down, and nothing runs because of it: the run stays what it is";
const LATE: &str =
    "deletes the runs that are late: they have not started. Those that go are left alone";
const PAUSE_PIPELINE: &str = "its planned runs are deleted and made again at the resume; runs that go are left alone, and a runner that is started again resumes what it serves";

pub fn capabilities() -> Capabilities {
    use Action::{Cancel, Limit, Mark, Note, Pause, Restart, Resume, Retry, Stop, Trigger};
    use TargetKind::{Backend, Node, Pipeline, Queue, Run};
    let no = |why: &'static str, nearest: (Action, TargetKind)| Support::No {
        why: why.into(),
        nearest: Some(nearest),
    };
    let but = |what: &'static str| Support::But(what.into());
    let none = "Prefect can't do this to all deployments at once";
    let notes = || Support::No {
        why: "Prefect keeps no notes".into(),
        nearest: None,
    };
    Capabilities::default()
        .with(Pause, Queue, Support::Yes)
        .with(Resume, Queue, Support::Yes)
        .with(Limit, Queue, Support::Yes)
        .with(Pause, Pipeline, but(PAUSE_PIPELINE))
        .with(Resume, Pipeline, Support::Yes)
        .with(Pause, Run, but(PAUSE_RUN))
        .with(Resume, Run, Support::Yes)
        .with(Pause, Node, no("Prefect can't pause a task", (Pause, Run)))
        .with(
            Resume,
            Node,
            no("Prefect can't pause or resume a task", (Resume, Run)),
        )
        .with(Pause, Backend, no(none, (Pause, Pipeline)))
        .with(Resume, Backend, no(none, (Resume, Pipeline)))
        .with(Cancel, Run, but(CANCEL_RUN))
        .with(
            Cancel,
            Node,
            no("Prefect can't cancel a task", (Cancel, Run)),
        )
        .with(Cancel, Pipeline, but(LATE))
        .with(Cancel, Backend, but(LATE))
        .with(Stop, Pipeline, Support::Yes)
        .with(Stop, Backend, Support::Yes)
        .with(
            Stop,
            Run,
            no("this is for all runs of a deployment", (Cancel, Run)),
        )
        .with(
            Stop,
            Node,
            no("this is for all runs of a deployment", (Cancel, Run)),
        )
        .with(Retry, Run, but(RETRY_RUN))
        .with(
            Retry,
            Node,
            no("Prefect can't run one task of a run again", (Retry, Run)),
        )
        .with(
            Retry,
            Pipeline,
            no("only a run can be retried", (Retry, Run)),
        )
        .with(Restart, Run, but(RESTART))
        .with(
            Restart,
            Node,
            no("Prefect can't run one task of a run again", (Retry, Run)),
        )
        .with(
            Restart,
            Pipeline,
            no("only a run can be started again", (Trigger, Pipeline)),
        )
        .with(Trigger, Pipeline, Support::Yes)
        .with(
            Trigger,
            Run,
            no(
                "a new run is triggered on the deployment",
                (Trigger, Pipeline),
            ),
        )
        .with(
            Trigger,
            Node,
            no(
                "a new run is triggered on the deployment",
                (Trigger, Pipeline),
            ),
        )
        .with(Mark, Run, but(MARK_RUN))
        .with(Mark, Node, but(MARK_NODE))
        .with(
            Mark,
            Pipeline,
            no("only runs and tasks have a state", (Mark, Run)),
        )
        .with(Note, Run, notes())
        .with(Note, Node, notes())
        .with(Note, Pipeline, notes())
}
