//! What Airflow can do, and what is nearest to what it can't.

use crate::model::{Action, Capabilities, Support, TargetKind};

use super::api::Api;

const ONE_RUN: &str = "Airflow can't pause one run: this pauses its whole DAG. Tasks that run or are queued still finish; all others wait, in all runs of the DAG";
const RESUME_RUN: &str = "Airflow can't resume one run: this resumes its whole DAG";
const CANCEL_RUN: &str = "Airflow marks the run failed and stops its tasks; instances of a mapped task that had already succeeded may be marked failed with it";
const CANCEL_NODE: &str = "Airflow has no cancel for a task: it is marked failed, which stops its process within seconds; what hangs below it is blocked";
const ALL_INSTANCES: &str = "Airflow 2 clears all instances of a mapped task together";

/// Before the first answer the API is not known; both can do nearly the same.
pub fn capabilities(api: Option<Api>) -> Capabilities {
    use Action::{Cancel, Mark, Note, Pause, Restart, Resume, Retry, Stop, Trigger};
    use TargetKind::{Backend, Node, Pipeline, Run};
    let no = |why: &'static str, nearest: (Action, TargetKind)| Support::No {
        why: why.into(),
        nearest: Some(nearest),
    };
    let but = |what: &'static str| Support::But(what.into());
    let retry_node = match api {
        Some(Api::V1) => but(ALL_INSTANCES),
        _ => Support::Yes,
    };
    let none = "Airflow can't do this to all DAGs at once";
    Capabilities::default()
        .with(Pause, Pipeline, Support::Yes)
        .with(Resume, Pipeline, Support::Yes)
        .with(Pause, Run, but(ONE_RUN))
        .with(Resume, Run, but(RESUME_RUN))
        .with(
            Pause,
            Node,
            no("Airflow can't pause a task", (Pause, Pipeline)),
        )
        .with(
            Resume,
            Node,
            no("Airflow can't pause or resume a task", (Resume, Pipeline)),
        )
        .with(Pause, Backend, no(none, (Pause, Pipeline)))
        .with(Resume, Backend, no(none, (Resume, Pipeline)))
        .with(Cancel, Run, but(CANCEL_RUN))
        .with(Cancel, Node, but(CANCEL_NODE))
        .with(
            Cancel,
            Pipeline,
            no("a DAG itself does not run", (Stop, Pipeline)),
        )
        .with(
            Cancel,
            Backend,
            no("a backend itself does not run", (Stop, Backend)),
        )
        .with(Stop, Pipeline, Support::Yes)
        .with(Stop, Backend, Support::Yes)
        .with(
            Stop,
            Run,
            no("this is for all runs of a DAG", (Cancel, Run)),
        )
        .with(
            Stop,
            Node,
            no("this is for all runs of a DAG", (Cancel, Node)),
        )
        .with(Retry, Run, Support::Yes)
        .with(Retry, Node, retry_node)
        .with(
            Retry,
            Pipeline,
            no("only a run can be retried", (Retry, Run)),
        )
        .with(Restart, Run, Support::Yes)
        .with(
            Restart,
            Node,
            no("a task is started again by a retry", (Retry, Node)),
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
            no("a new run is triggered on the DAG", (Trigger, Pipeline)),
        )
        .with(
            Trigger,
            Node,
            no("a new run is triggered on the DAG", (Trigger, Pipeline)),
        )
        .with(Mark, Run, Support::Yes)
        .with(Mark, Node, Support::Yes)
        .with(
            Mark,
            Pipeline,
            no("only runs and tasks have a state", (Mark, Run)),
        )
        .with(Note, Run, Support::Yes)
        .with(Note, Node, Support::Yes)
        .with(
            Note,
            Pipeline,
            no("Airflow keeps notes on runs and tasks", (Note, Run)),
        )
}
