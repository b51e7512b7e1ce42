//! Actions: what a plan lists, that it happens, that it was seen to happen.

use std::path::{Path, PathBuf};

use dagtop::model::{
    Action, ActionOptions, NodeState, RunKey, RunState, SafeText, Scope, Target, TargetKind,
};

use super::driver::{Driver, LinkDriver, backend, key, processes_with, write};

/// Two nodes that write a dot every tenth of a second, one of them in a grandchild.
const DOTS: &str = r#"
[[node]]
id = "own"
run = 'while :; do printf . >> "$DAGTOP_RUN_DIR/own"; sleep 0.1; done'
[[node]]
id = "grand"
run = '(while :; do printf . >> "$DAGTOP_RUN_DIR/grand"; sleep 0.1; done) & wait'
"#;

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

impl Driver {
    /// Waits until a file that something keeps writing to has grown by so much.
    async fn grown(&mut self, path: PathBuf, by: u64) {
        let before = size(&path);
        self.poll("growth", move || size(&path) >= before + by)
            .await;
    }

    fn hits(plan: &dagtop::model::Plan) -> Vec<(&str, &str, &str)> {
        plan.hits
            .iter()
            .map(|h| (h.name.as_str(), h.now.as_str(), h.then.as_str()))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_stands_still_until_it_is_resumed() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", DOTS);
    let mut driver = Driver::new(temp.path());
    let (run, other) = (
        driver.trigger("p", "r1").await,
        driver.trigger("p", "r2").await,
    );
    let (work, clock) = (driver.work(&run), driver.work(&other).join("own"));
    driver.grown(work.join("own"), 1).await;
    driver.grown(work.join("grand"), 1).await;

    let plan = driver
        .plan(
            Action::Pause,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        Driver::hits(&plan),
        [
            ("r1", "running", "paused"),
            ("own", "running", "paused"),
            ("grand", "running", "paused")
        ]
    );
    assert_eq!(driver.execute(plan).await.unwrap(), "2 nodes stopped");
    let found = processes_with(work.to_str().unwrap());
    // D: a shell whose stopped child has yet to exec
    assert!(
        found.len() >= 3 && found.iter().all(|(_, s)| matches!(s, 'T' | 'D')),
        "{found:?}"
    );
    assert_eq!(driver.world.run(&run).unwrap().run.state, RunState::Paused);
    assert_eq!(driver.node(&run, "own").unwrap().state, NodeState::Paused);

    // as long as the other run has written ten dots, this one has written none
    let before = (size(&work.join("own")), size(&work.join("grand")));
    driver.grown(clock.clone(), 10).await;
    assert_eq!((size(&work.join("own")), size(&work.join("grand"))), before);

    let why = driver.act(Action::Pause, Target::Run(run.clone())).await;
    assert_eq!(why.unwrap_err(), "nothing to do: the run is paused");
    driver
        .act(Action::Resume, Target::Run(run.clone()))
        .await
        .unwrap();
    driver.grown(work.join("own"), 2).await;
    driver.grown(work.join("grand"), 2).await;

    // one node alone
    let own = Target::Node(key(&run, "own"));
    assert_eq!(
        driver.act(Action::Pause, own.clone()).await.unwrap(),
        "1 node stopped"
    );
    let before = size(&work.join("own"));
    driver.grown(work.join("grand"), 5).await;
    assert_eq!(size(&work.join("own")), before);
    driver.act(Action::Resume, own).await.unwrap();
    driver.grown(work.join("own"), 1).await;

    let all = driver
        .act(Action::Stop, Target::Backend(backend()))
        .await
        .unwrap();
    assert_eq!(all, "2 runs over, no process left");
    assert_eq!(processes_with(temp.path().to_str().unwrap()), []);
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_starts_in_a_paused_run_and_paused_time_does_not_count() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "clock", DOTS);
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "limited"
timeout = "1500ms"
run = ': > "$DAGTOP_RUN_DIR/begun"; sleep 1'
[[node]]
id = "next"
needs = ["limited"]
run = "true"
"#,
    );
    let mut driver = Driver::new(temp.path());
    let clock = driver.trigger("clock", "c").await;
    let clock = driver.work(&clock).join("own");
    let run = driver.trigger("p", "r1").await;
    let begun = driver.work(&run).join("begun");
    driver.poll("the begin", || begun.exists()).await;
    driver
        .act(Action::Pause, Target::Run(run.clone()))
        .await
        .unwrap();
    driver.grown(clock, 18).await;
    assert_eq!(
        driver.node(&run, "limited").unwrap().state,
        NodeState::Paused
    );
    assert_eq!(driver.node(&run, "next").unwrap().state, NodeState::Pending);
    driver
        .act(Action::Resume, Target::Run(run.clone()))
        .await
        .unwrap();
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_leaves_no_process_however_stubborn() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "stubborn"
run = '''
trap '' TERM
sh -c 'trap "" TERM; while :; do sleep 1; done' &
(sh -c 'trap "" TERM; sleep 600' &) &
setsid sleep 600 &
: > "$DAGTOP_RUN_DIR/begun"
while :; do sleep 1; done
'''
[[node]]
id = "stopped"
run = 'kill -STOP $$; true'
[[node]]
id = "later"
needs = ["stubborn"]
run = "true"
"#,
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    let work = driver.work(&run);
    driver
        .poll("the begin", || work.join("begun").exists())
        .await;
    let mark = work.to_str().unwrap().to_owned();
    driver
        .poll("all of them", || processes_with(&mark).len() >= 6)
        .await;
    let plan = driver
        .plan(
            Action::Cancel,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    let names: Vec<_> = Driver::hits(&plan).into_iter().map(|h| h.0).collect();
    assert_eq!(names, ["stubborn", "stopped", "later"]);
    let done = driver.execute(plan).await.unwrap();
    assert_eq!(done, "1 run over, no process left");
    assert_eq!(processes_with(&mark), []);
    assert_eq!(
        driver.world.run(&run).unwrap().run.state,
        RunState::Cancelled
    );
    for node in ["stubborn", "stopped", "later"] {
        assert_eq!(
            driver.node(&run, node).unwrap().state,
            NodeState::Cancelled,
            "{node}"
        );
    }
    let again = driver.act(Action::Cancel, Target::Run(run)).await;
    assert_eq!(
        again.unwrap_err(),
        "nothing to do: the run is over (cancelled)"
    );
    driver.quit().await;
}

/// Fails at `mid` until somebody makes the file `fixed`.
const FIXABLE: &str = r#"
[[node]]
id = "first"
run = "true"
[[node]]
id = "mid"
needs = ["first"]
run = 'test -f "$DAGTOP_RUN_DIR/fixed"'
[[node]]
id = "last"
needs = ["mid"]
run = "true"
[[node]]
id = "aside"
run = "true"
"#;

fn attempts(driver: &LinkDriver, run: &RunKey) -> Vec<(String, u32)> {
    let nodes = ["first", "mid", "last", "aside"];
    nodes
        .iter()
        .map(|n| ((*n).to_owned(), driver.node(run, n).unwrap().attempt))
        .collect()
}

fn counts(list: [u32; 4]) -> Vec<(String, u32)> {
    let nodes = ["first", "mid", "last", "aside"];
    nodes
        .iter()
        .zip(list)
        .map(|(n, c)| ((*n).to_owned(), c))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_runs_what_failed_and_what_hangs_below() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", FIXABLE);
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    assert_eq!(driver.over(&run).await, RunState::Failed);
    std::fs::write(driver.work(&run).join("fixed"), "").unwrap();
    let plan = driver
        .plan(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        Driver::hits(&plan),
        [
            ("mid", "exit 1", "pending"),
            ("last", "blocked by mid (failed)", "pending")
        ]
    );
    let same = driver
        .plan(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    driver.execute(plan).await.unwrap();
    driver.until_state(&run, "last", NodeState::Succeeded).await;
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    assert_eq!(attempts(&driver, &run), counts([1, 2, 1, 1]));

    // what the other plan says is no longer so
    let why = driver.execute(same).await.unwrap_err();
    assert_eq!(why, "nothing to do: nothing in this run has failed");

    // a node with what hangs below
    let options = ActionOptions {
        scope: Scope {
            downstream: true,
            ..Scope::default()
        },
        ..ActionOptions::default()
    };
    let mid = Target::Node(key(&run, "mid"));
    let plan = driver
        .plan(Action::Retry, mid.clone(), options)
        .await
        .unwrap();
    driver.execute(plan).await.unwrap();
    driver
        .until("the third attempt", |d| {
            attempts(d, &run) == counts([1, 3, 2, 1])
        })
        .await;
    driver.over(&run).await;

    // a node alone
    driver.act(Action::Retry, mid).await.unwrap();
    driver
        .until("the fourth attempt", |d| {
            attempts(d, &run) == counts([1, 4, 2, 1])
        })
        .await;
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_takes_the_commands_as_they_are_now_when_the_nodes_are_the_same() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", FIXABLE);
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    driver.over(&run).await;
    let mended = FIXABLE.replace("test -f", "echo mended; : test -f");
    write(temp.path(), "p", &mended);
    driver.refresh().await;
    let plan = driver
        .plan(
            Action::Retry,
            Target::Run(run.clone()),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    assert!(plan.warnings[0].contains("commands are as they are now"));
    driver.execute(plan).await.unwrap();
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    assert_eq!(driver.log(&run, "mid", 2).await, b"mended\n");

    write(temp.path(), "p", "[[node]]\nid = \"new\"\nrun = \"true\"\n");
    driver.refresh().await;
    let plan = driver
        .plan(
            Action::Retry,
            Target::Node(key(&run, "mid")),
            ActionOptions::default(),
        )
        .await
        .unwrap();
    assert!(
        plan.warnings[0].contains("other nodes now"),
        "{:?}",
        plan.warnings
    );
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_notes_are_written_down_and_free_what_was_blocked() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", FIXABLE);
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    driver.over(&run).await;
    let mid = Target::Node(key(&run, "mid"));
    let mark = |state| ActionOptions {
        mark: state,
        ..ActionOptions::default()
    };
    let why = driver
        .plan(Action::Mark, mid.clone(), mark(Some(NodeState::Running)))
        .await;
    assert_eq!(
        why.unwrap_err(),
        "refused: a node is marked succeeded, failed or skipped"
    );
    let plan = driver
        .plan(Action::Mark, mid.clone(), mark(Some(NodeState::Skipped)))
        .await
        .unwrap();
    assert!(plan.warnings[0].contains("1 blocked node below may start"));
    driver.execute(plan).await.unwrap();
    driver.until_state(&run, "last", NodeState::Succeeded).await;
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    assert_eq!(
        driver.node(&run, "mid").unwrap().native.as_str(),
        "marked skipped by hand"
    );

    let note = |text: &str| ActionOptions {
        note: Some(text.to_owned()),
        ..ActionOptions::default()
    };
    for (target, text) in [(Target::Run(run.clone()), "seen\u{1b}[2J"), (mid, "by ann")] {
        let plan = driver.plan(Action::Note, target, note(text)).await.unwrap();
        driver.execute(plan).await.unwrap();
    }
    let empty = driver
        .plan(Action::Note, Target::Run(run.clone()), note(" "))
        .await;
    assert_eq!(empty.unwrap_err(), "refused: the note is empty");
    driver.quit().await;

    let mut driver = Driver::new(temp.path());
    driver
        .until("the notes after a restart", |d| {
            d.node(&run, "mid")
                .is_some_and(|n| n.note == Some(SafeText::new("by ann")))
        })
        .await;
    let note = driver.world.run(&run).unwrap().run.note.clone().unwrap();
    assert!(note.starts_with("seen") && !note.contains('\u{1b}'));
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_checks_its_parameters_and_starts_one_run_per_id() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[params]
rows = 10
must = { type = "string", description = "no default" }
region = { default = "eu", choices = ["eu", "us"] }
[[node]]
id = "say"
run = 'echo "$PARAM_ROWS $PARAM_MUST $PARAM_REGION"'
"#,
    );
    let mut driver = Driver::new(temp.path());
    let pipeline = driver.pipeline("p");
    driver
        .until("the pipeline", |d| d.world.pipeline(&pipeline).is_some())
        .await;
    let specs = driver
        .world
        .pipeline(&pipeline)
        .unwrap()
        .pipeline
        .params
        .clone();
    let kinds: Vec<_> = specs
        .iter()
        .map(|s| (s.name.as_str(), s.kind.as_str(), s.required))
        .collect();
    assert_eq!(
        kinds,
        [
            ("rows", "integer", false),
            ("must", "string", true),
            ("region", "string", false)
        ]
    );
    let target = Target::Pipeline(pipeline.clone());
    let with = |params: &[(&str, serde_json::Value)]| ActionOptions {
        params: params
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect(),
        run_id: Some("mine".to_owned()),
        ..ActionOptions::default()
    };
    for (params, why) in [
        (vec![], "parameter `must` must be given"),
        (
            vec![("mast", "x".into())],
            "there is no parameter `mast`; did you mean `must`?",
        ),
        (
            vec![("rows", "many".into())],
            "`rows` must be of type integer, not `many`",
        ),
        (
            vec![("region", "mars".into())],
            "`region` must be one of: eu, us",
        ),
    ] {
        let refused = driver
            .plan(Action::Trigger, target.clone(), with(&params))
            .await;
        assert_eq!(refused.unwrap_err(), format!("refused: {why}"));
    }
    let fine = with(&[("must", "a b;c".into()), ("rows", 7.into())]);
    for want in ["run mine started", "run mine was started before"] {
        let plan = driver
            .plan(Action::Trigger, target.clone(), fine.clone())
            .await
            .unwrap();
        assert_eq!(driver.execute(plan).await.unwrap(), want);
    }
    let run = pipeline.run("mine");
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    assert_eq!(driver.log(&run, "say", 1).await, b"7 a b;c eu\n");
    assert_eq!(driver.world.runs_of(&pipeline).count(), 1);

    // a restart is a new run with the same parameters
    let done = driver
        .act(Action::Restart, Target::Run(run.clone()))
        .await
        .unwrap();
    let id = done
        .strip_prefix("run ")
        .unwrap()
        .strip_suffix(" started")
        .unwrap();
    let again = pipeline.run(id);
    assert_eq!(driver.over(&again).await, RunState::Succeeded);
    assert_eq!(driver.log(&again, "say", 1).await, b"7 a b;c eu\n");
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_a_going_run_ends_it_first() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", DOTS);
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    let work = driver.work(&run);
    driver.grown(work.join("own"), 1).await;
    driver
        .act(Action::Restart, Target::Run(run.clone()))
        .await
        .unwrap();
    assert_eq!(
        driver.world.run(&run).unwrap().run.state,
        RunState::Cancelled
    );
    assert_eq!(processes_with(work.to_str().unwrap()), []);
    let new = driver
        .world
        .runs_of(&driver.pipeline("p"))
        .next()
        .unwrap()
        .run
        .clone();
    assert_eq!(new.cause.as_str(), "restart of r1");
    let own = driver.work(&new.key).join("own");
    driver.grown(own, 1).await;

    // one node of it: what hangs below is blocked, the run ends as cancelled
    let node = Target::Node(key(&new.key, "own"));
    assert_eq!(
        driver.act(Action::Cancel, node).await.unwrap(),
        "1 node ended"
    );
    assert_eq!(
        driver.node(&new.key, "own").unwrap().state,
        NodeState::Cancelled
    );
    assert_eq!(
        driver.node(&new.key, "grand").unwrap().state,
        NodeState::Running
    );
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_says_why_and_what_can() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", FIXABLE);
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    driver.over(&run).await;
    let capabilities = &driver.world.backend(&backend()).unwrap().capabilities;
    for action in Action::ALL {
        for kind in [TargetKind::Pipeline, TargetKind::Run, TargetKind::Node] {
            use dagtop::model::Support;
            if let Support::No {
                nearest: Some((a, t)),
                ..
            } = capabilities.support(action, kind)
            {
                assert!(
                    capabilities.allows(a, t),
                    "{action:?} {kind:?} points to {a:?} {t:?}"
                );
            }
        }
    }
    let gone = driver.pipeline("p").run("nope");
    for (action, target, why) in [
        (
            Action::Cancel,
            Target::Run(gone),
            "p / nope is no longer there",
        ),
        (
            Action::Retry,
            Target::Node(key(&run, "nope")),
            "nope is no longer there",
        ),
        (
            Action::Trigger,
            Target::Run(run.clone()),
            "not possible here: trigger of a run",
        ),
        (
            Action::Trigger,
            Target::Pipeline(driver.pipeline("q")),
            "q is no longer there",
        ),
    ] {
        assert_eq!(driver.act(action, target).await.unwrap_err(), why);
    }
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_against_commands_that_fork_without_rest() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "forks"
run = '''
cd "$DAGTOP_RUN_DIR"
(while :; do ls > /dev/null; printf . >> one; done) &
(while :; do (ls > /dev/null; printf . >> two); done) &
wait
'''
"#,
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    let (one, two) = (driver.work(&run).join("one"), driver.work(&run).join("two"));
    for _ in 0..12 {
        driver.grown(one.clone(), 3).await;
        driver.grown(two.clone(), 3).await;
        driver
            .act(Action::Pause, Target::Run(run.clone()))
            .await
            .unwrap();
        driver
            .act(Action::Resume, Target::Run(run.clone()))
            .await
            .unwrap();
    }
    driver
        .act(Action::Pause, Target::Run(run.clone()))
        .await
        .unwrap();
    let still = (size(&one), size(&two));
    let mut looks = 0;
    driver
        .poll("ten looks", || {
            looks += 1;
            assert_eq!((size(&one), size(&two)), still);
            looks > 10
        })
        .await;
    // cancelled while it is stopped
    driver
        .act(Action::Cancel, Target::Run(run.clone()))
        .await
        .unwrap();
    let work = driver.work(&run);
    assert_eq!(processes_with(work.to_str().unwrap()), []);
    driver.quit().await;
}
