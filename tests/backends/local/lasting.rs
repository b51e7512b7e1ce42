//! What outlives a dagtop: results, logs, and what it left behind when it was killed.

use std::process::{Child, Command, Stdio};

use dagtop::model::{Action, Health, NodeState, RunState, Target};

use super::driver::{Driver, backend, key, processes_with, settings, write};

const DIR: &str = "DAGTOP_TEST_DRIVES";

/// `done` ends at once, `hang` does not, in its first attempt.
const HANGS: &str = r#"
[[node]]
id = "done"
run = "echo finished"
[[node]]
id = "hang"
needs = ["done"]
run = '''
test "$DAGTOP_ATTEMPT" -gt 1 && exit 0
sleep 600 &
: > "$DAGTOP_RUN_DIR/hanging"
wait
'''
[[node]]
id = "last"
needs = ["hang"]
run = "true"
"#;

/// A run's folder is there before the run is whole: whoever looked between is to look again.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_run_changes_the_time_of_its_pipelines_folder_when_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "p", "[[node]]\nid = \"a\"\nrun = \"true\"\n");
    let mut driver = Driver::new(dir.path());
    let run = driver.trigger("p", "r1").await;
    driver.over(&run).await;
    let run = driver.run_dir(&run);
    let time = |path: &std::path::Path| path.metadata().unwrap().modified().unwrap();
    assert!(time(run.parent().unwrap()) > time(&run.join("run.json")));
    driver.quit().await;
}

/// The process that other tests kill: drives one run until then.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "other tests run it as a process of its own"]
async fn drives_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let mut driver = Driver::new(dir.as_ref());
    driver.trigger("p", "r1").await;
    driver.poll("being killed", || false).await;
}

fn drive(dir: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "local::lasting::drives_until_it_is_killed",
            "--exact",
            "--ignored",
        ])
        .env(DIR, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn being_killed_loses_no_finished_attempt_and_leaves_nothing_that_cannot_be_stopped() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", HANGS);
    let work = settings(temp.path()).state.join("p/r1/work");
    let mut child = drive(temp.path());
    let hanging = work.join("hanging");
    let journal = work.with_file_name("journal.jsonl");
    // a process is there before it is written down
    let noted = || {
        let journal = std::fs::read_to_string(&journal).unwrap_or_default();
        let mut lines = journal.lines();
        lines.any(|l| l.contains("\"hang\"") && l.contains("\"process\""))
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !(hanging.exists() && noted()) {
        assert!(std::time::Instant::now() < deadline, "the run never hung");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mark = work.to_str().unwrap();
    assert!(!processes_with(mark).is_empty(), "nothing was left behind");

    let mut driver = Driver::new(temp.path());
    let run = driver.pipeline("p").run("r1");
    assert_eq!(driver.over(&run).await, RunState::Lost);
    driver.until_state(&run, "hang", NodeState::Unknown).await;
    let done = driver.node(&run, "done").unwrap();
    assert_eq!(
        (done.state, done.exit_code),
        (NodeState::Succeeded, Some(0))
    );
    assert_eq!(driver.log(&run, "done", 1).await, b"finished\n");
    assert_eq!(driver.world.run(&run).unwrap().health, Health::Lost);
    driver
        .until("a notice of what is left", |d| {
            let notices = &d.world.backend(&backend()).unwrap().notices;
            notices
                .iter()
                .any(|n| n.text[0].contains("left processes behind"))
        })
        .await;

    let why = driver
        .act(Action::Retry, Target::Run(run.clone()))
        .await
        .unwrap_err();
    assert!(why.contains("cancel the run first"), "{why}");
    assert_eq!(
        driver
            .act(Action::Cancel, Target::Run(run.clone()))
            .await
            .unwrap(),
        "no process left"
    );
    assert_eq!(processes_with(mark), []);
    driver
        .until("an end to the notice", |d| {
            d.world.backend(&backend()).unwrap().notices.is_empty()
        })
        .await;
    assert_eq!(
        driver.world.run(&run).unwrap().run.state,
        RunState::Cancelled
    );

    // and it goes on from there
    driver
        .act(Action::Retry, Target::Run(run.clone()))
        .await
        .unwrap();
    driver.until_state(&run, "last", NodeState::Succeeded).await;
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    assert_eq!(driver.node(&run, "done").unwrap().attempt, 1);
    assert_eq!(driver.node(&run, "hang").unwrap().attempt, 2);
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_logs_are_there_after_a_restart_and_readable_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", "[[node]]\nid = \"a/b\"\nrun = \"true\"\n");
    write(
        temp.path(),
        "q",
        "name = \"../q q\"\n[[node]]\nid = \"ä .\"\nrun = \"echo hi; exit 4\"\n",
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("../q q", "../../r 1").await;
    assert_eq!(driver.over(&run).await, RunState::Failed);
    driver.quit().await;
    let state = settings(temp.path()).state;
    let mut todo = vec![state.clone()];
    let mut files = 0;
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().flatten() {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            if entry.file_type().unwrap().is_dir() {
                assert_eq!(mode, 0o700, "{:?}", entry.path());
                todo.push(entry.path());
            } else {
                assert_eq!(mode, 0o600, "{:?}", entry.path());
                files += 1;
            }
        }
    }
    assert_eq!(files, 4, "run.json, journal.jsonl, lock and one log");
    assert!(!temp.path().join("q q").exists());

    let mut driver = Driver::new(temp.path());
    driver.until_state(&run, "ä .", NodeState::Failed).await;
    let view = driver.world.run(&run).unwrap();
    assert_eq!(
        (view.run.state, view.health),
        (RunState::Failed, Health::Failed)
    );
    assert_eq!(driver.node(&run, "ä .").unwrap().exit_code, Some(4));
    assert_eq!(driver.log(&run, "ä .", 1).await, b"hi\n");
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quitting_ends_what_runs_and_writes_it_down() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", HANGS);
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    let work = driver.work(&run);
    driver
        .poll("the hang", || work.join("hanging").exists())
        .await;
    driver.quit().await;
    assert_eq!(processes_with(work.to_str().unwrap()), []);
    let mut driver = Driver::new(temp.path());
    assert_eq!(driver.over(&run).await, RunState::Cancelled);
    driver.until_state(&run, "hang", NodeState::Cancelled).await;
    let view = driver.world.run(&run).unwrap();
    assert_eq!(view.run.note.as_ref().unwrap().as_str(), "dagtop was quit");
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_dropped_leaves_no_process() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", HANGS);
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    let work = driver.work(&run);
    driver
        .poll("the hang", || work.join("hanging").exists())
        .await;
    driver.drop_backend();
    driver
        .poll("an end to its processes", || {
            processes_with(work.to_str().unwrap()).is_empty()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dagtop_sees_everything_and_touches_nothing() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "a"
run = 'echo begun; while ! test -f "$DAGTOP_RUN_DIR/go"; do sleep 0.05; done; echo gone'
"#,
    );
    let mut first = Driver::new(temp.path());
    let run = first.trigger("p", "r1").await;
    first.until_state(&run, "a", NodeState::Running).await;
    let mut second = Driver::new(temp.path());
    second.until_state(&run, "a", NodeState::Running).await;
    let why = second
        .act(Action::Cancel, Target::Run(run.clone()))
        .await
        .unwrap_err();
    let pid = std::process::id();
    assert_eq!(
        why,
        format!("refused: this run is driven by another dagtop (process {pid}): act there")
    );
    let why = second
        .act(Action::Stop, Target::Backend(backend()))
        .await
        .unwrap_err();
    assert!(why.contains("1 run driven by another dagtop"), "{why}");
    let log = key(&run, "a").log(1);
    second.focus(|f| f.logs = vec![log.clone()]);
    second
        .until("the log so far", |d| {
            d.logs.get(&log).is_some_and(|l| l.bytes == b"begun\n")
        })
        .await;
    std::fs::write(first.work(&run).join("go"), "").unwrap();
    assert_eq!(first.over(&run).await, RunState::Succeeded);
    assert_eq!(second.over(&run).await, RunState::Succeeded);
    second
        .until("the end of the log", |d| d.logs[&log].ended)
        .await;
    assert_eq!(second.logs[&log].bytes, b"begun\ngone\n");

    // what the first starts later shows in the second, too
    let later = first.trigger("p", "r2").await;
    second.until_state(&later, "a", NodeState::Running).await;
    first.quit().await;
    assert_eq!(second.over(&later).await, RunState::Cancelled);
    // and now nobody drives it: the second may
    second
        .act(Action::Retry, Target::Run(later.clone()))
        .await
        .unwrap();
    std::fs::write(second.work(&later).join("go"), "").unwrap();
    second.until_state(&later, "a", NodeState::Succeeded).await;
    second.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_starts_runs_once_however_many_watch() {
    let temp = tempfile::tempdir().unwrap();
    // with seconds, so that a test need not wait for a minute
    write(
        temp.path(),
        "p",
        "schedule = \"* * * * * *\"\n[[node]]\nid = \"a\"\nrun = \"true\"\n",
    );
    let mut first = Driver::new(temp.path());
    let mut second = Driver::new(temp.path());
    let pipeline = first.pipeline("p");
    for driver in [&mut first, &mut second] {
        driver
            .until("three runs", |d| {
                d.world
                    .runs_of(&pipeline)
                    .filter(|r| r.run.state.ended())
                    .count()
                    >= 3
            })
            .await;
    }
    let mut due: Vec<_> = first
        .world
        .runs_of(&pipeline)
        .map(|r| r.run.ordered_at)
        .collect();
    let all = due.len();
    due.dedup();
    assert_eq!(due.len(), all, "two runs of one due time");
    let next = |d: &Driver| d.world.pipeline(&pipeline).unwrap().pipeline.schedule.next;
    assert!(next(&first).is_some());
    assert!(
        first
            .world
            .runs_of(&pipeline)
            .all(|r| r.run.cause.as_str() == "scheduled")
    );

    first
        .act(Action::Pause, Target::Pipeline(pipeline.clone()))
        .await
        .unwrap();
    first
        .until("the pause", |d| {
            d.world.pipeline(&pipeline).unwrap().pipeline.paused
        })
        .await;
    assert_eq!(next(&first), None);
    second
        .until("the pause in the second", |d| {
            d.world.pipeline(&pipeline).unwrap().pipeline.paused
        })
        .await;
    first.quit().await;
    second
        .act(Action::Resume, Target::Pipeline(pipeline.clone()))
        .await
        .unwrap();
    let before = second.world.runs_of(&pipeline).count();
    // the second has taken over
    second
        .until("one more run", |d| {
            d.world.runs_of(&pipeline).count() > before
        })
        .await;
    second.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_runs_are_kept() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", "[[node]]\nid = \"a\"\nrun = \"true\"\n");
    let mut driver = Driver::new(temp.path());
    for i in 0..53 {
        let run = driver.trigger("p", &format!("r{i:02}")).await;
        driver.over(&run).await;
    }
    let runs = |d: &Driver| -> Vec<String> {
        let dir = d.settings.state.join("p");
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .flatten()
            .map(|e| e.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let kept = runs(&driver);
    assert_eq!((kept.len(), kept[0].as_str()), (50, "r03"));
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_journal_and_a_strange_folder_hide_nothing() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "p", "[[node]]\nid = \"a\"\nrun = \"true\"\n");
    let mut driver = Driver::new(temp.path());
    let (one, two) = (
        driver.trigger("p", "one").await,
        driver.trigger("p", "two").await,
    );
    driver.over(&one).await;
    driver.over(&two).await;
    let dir = driver.run_dir(&one);
    driver.quit().await;
    let journal = dir.join("journal.jsonl");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes.extend(b"{\"at\":\"20");
    std::fs::write(&journal, &bytes).unwrap();
    let strange = dir.with_file_name("strange");
    std::fs::create_dir(&strange).unwrap();
    std::fs::write(strange.join("run.json"), "{}").unwrap();

    let mut driver = Driver::new(temp.path());
    driver.focus(|f| f.runs = vec![one.clone(), two.clone()]);
    driver.until_state(&one, "a", NodeState::Succeeded).await;
    driver.until_state(&two, "a", NodeState::Succeeded).await;
    driver
        .until("word of the strange one", |d| !d.bad_records.is_empty())
        .await;
    assert!(driver.bad_records[0].contains("strange"));
    // written to after the torn line, it is still whole
    let again = Target::Node(key(&one, "a"));
    driver.act(Action::Retry, again).await.unwrap();
    driver
        .until("the second attempt", |d| {
            d.node(&one, "a").unwrap().attempt == 2
        })
        .await;
    driver.over(&one).await;
    driver.quit().await;
    let mut driver = Driver::new(temp.path());
    driver.focus(|f| f.runs = vec![one.clone()]);
    driver
        .until("both attempts", |d| {
            d.node(&one, "a").is_some_and(|n| n.attempt == 2)
        })
        .await;
    driver.quit().await;
}
