//! What can be done to local pipelines.

use std::borrow::Cow;

use crate::model::{Action, Capabilities, Support, TargetKind};

pub fn all() -> Capabilities {
    use Action::{Cancel, Mark, Note, Pause, Restart, Resume, Retry, Stop, Trigger};
    use TargetKind::{Backend, Node, Pipeline, Run};
    let no = |why: &'static str, action, target| Support::No {
        why: Cow::Borrowed(why),
        nearest: Some((action, target)),
    };
    let but = |text: &'static str| Support::But(Cow::Borrowed(text));
    let mut all = Capabilities::default();
    for (action, target) in [
        (Stop, Backend),
        (Resume, Pipeline),
        (Trigger, Pipeline),
        (Stop, Pipeline),
        (Pause, Run),
        (Resume, Run),
        (Cancel, Run),
        (Retry, Run),
        (Note, Run),
        (Pause, Node),
        (Resume, Node),
        (Cancel, Node),
        (Retry, Node),
        (Mark, Node),
        (Note, Node),
    ] {
        all = all.with(action, target, Support::Yes);
    }
    all.with(
        Pause,
        Pipeline,
        but("starts no scheduled runs; runs that are going go on: pause the run to stop its processes"),
    )
    .with(
        Restart,
        Run,
        but("cancels this run if it is going, then starts a new one with the same parameters"),
    )
    .with(
        Pause,
        Backend,
        no("pause the run or the pipeline", Stop, Backend),
    )
    .with(
        Resume,
        Backend,
        no("resume the run or the pipeline", Stop, Backend),
    )
    .with(
        Cancel,
        Pipeline,
        no("a pipeline has many runs: stop ends all that are going", Stop, Pipeline),
    )
    .with(
        Retry,
        Pipeline,
        no("a retry is of one run: open it", Retry, Run),
    )
    .with(
        Restart,
        Pipeline,
        no("a restart is of one run; trigger starts a new one", Trigger, Pipeline),
    )
    .with(
        Trigger,
        Run,
        no("a trigger is of the pipeline; restart does this run again", Restart, Run),
    )
    .with(
        Stop,
        Run,
        no("cancel ends one run", Cancel, Run),
    )
    .with(
        Restart,
        Node,
        no("a node is retried", Retry, Node),
    )
    .with(
        Mark,
        Run,
        no("mark the nodes one by one", Mark, Node),
    )
}
