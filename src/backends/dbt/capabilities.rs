//! What can be done to dbt projects and their runs.

use std::borrow::Cow;

use crate::model::{Action, Capabilities, Support, TargetKind};

const NO_DBT: &str = "dbt is not installed here, or not where the configuration says: this project can only be watched";

/// `installed`: dbt was found, so that something can be started.
pub fn all(installed: bool) -> Capabilities {
    use Action::{Cancel, Mark, Note, Pause, Restart, Resume, Retry, Stop, Trigger};
    use TargetKind::{Backend, Node, Pipeline, Run};
    let no = |why: &'static str, nearest| Support::No {
        why: Cow::Borrowed(why),
        nearest,
    };
    let but = |text: &'static str| Support::But(Cow::Borrowed(text));
    let starts = |support: Support| if installed { support } else { no(NO_DBT, None) };
    let mut all = Capabilities::default();
    for (action, target, support) in [
        (Trigger, Pipeline, starts(Support::Yes)),
        (
            Retry,
            Run,
            starts(but(
                "dbt retry: a new run of what failed or was skipped in the last command, with the same options",
            )),
        ),
        (
            Restart,
            Run,
            starts(but(
                "cancels this run if dagtop started it and it is going, then starts a new one with the same selection",
            )),
        ),
        (
            Retry,
            Node,
            starts(but(
                "a new run of this node alone, with what it is told to take along",
            )),
        ),
        (
            Cancel,
            Run,
            but(
                "SIGINT, so that dbt can cancel its queries, and once more; TERM and KILL after the grace time",
            ),
        ),
        (Stop, Pipeline, Support::Yes),
        (Stop, Backend, Support::Yes),
        (
            Pause,
            Run,
            no(
                "dbt can't be paused: a stopped dbt would hold its locks in the warehouse",
                Some((Cancel, Run)),
            ),
        ),
        (
            Resume,
            Run,
            no(
                "dbt can't be paused; a retry goes on where a run failed",
                Some((Retry, Run)),
            ),
        ),
        (
            Pause,
            Pipeline,
            no(
                "dbt has no schedule: pause whatever starts it",
                Some((Stop, Pipeline)),
            ),
        ),
        (
            Resume,
            Pipeline,
            no(
                "dbt has no schedule: nothing is held back",
                Some((Trigger, Pipeline)),
            ),
        ),
        (
            Cancel,
            Node,
            no(
                "dbt can't cancel one node: cancel the run",
                Some((Cancel, Run)),
            ),
        ),
        (
            Cancel,
            Pipeline,
            no(
                "stop ends every run that dagtop started here",
                Some((Stop, Pipeline)),
            ),
        ),
        (Stop, Run, no("cancel ends one run", Some((Cancel, Run)))),
        (
            Retry,
            Pipeline,
            no("a retry is of one run: open it", Some((Retry, Run))),
        ),
        (
            Restart,
            Pipeline,
            no(
                "a restart is of one run; trigger starts a new one",
                Some((Trigger, Pipeline)),
            ),
        ),
        (
            Trigger,
            Run,
            no(
                "a trigger is of the project; restart does this run again",
                Some((Restart, Run)),
            ),
        ),
        (Restart, Node, no("a node is retried", Some((Retry, Node)))),
        (
            Mark,
            Node,
            no(
                "dbt has no state to set: what is done is what lies in the warehouse",
                Some((Retry, Node)),
            ),
        ),
        (Note, Run, no("dbt keeps no notes", None)),
        (Note, Node, no("dbt keeps no notes", None)),
    ] {
        all = all.with(action, target, support);
    }
    all
}
