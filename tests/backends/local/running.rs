//! Runs: order, results, retries, time limits, instances, slots, output.

use dagtop::model::{Health, NodeState, RunState};

use super::driver::{Driver, key, write};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_run_in_order_and_tell_what_they_did() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[params]
who = "world"
[env]
GREETING = "hello"
[[node]]
id = "z"
needs = ["a"]
run = 'cat "$DAGTOP_RUN_DIR/said"; echo "$DAGTOP_PIPELINE $DAGTOP_RUN $DAGTOP_NODE $DAGTOP_ATTEMPT"'
[[node]]
id = "a"
run = '''
echo "$GREETING $PARAM_WHO" > "$DAGTOP_RUN_DIR/said"
echo "::progress 30/40"
echo "::metric rows=12 bytes=3.5"
echo out; echo err >&2; echo "::group::g"
'''
"#,
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    driver.until_state(&run, "z", NodeState::Succeeded).await;
    let (a, z) = (
        driver.node(&run, "a").unwrap(),
        driver.node(&run, "z").unwrap(),
    );
    assert!(z.started_at.unwrap() >= a.ended_at.unwrap());
    assert_eq!(
        (a.exit_code, a.attempt, a.native.as_str()),
        (Some(0), 1, "exit 0")
    );
    assert_eq!(a.progress.map(|p| p.percent()), Some(75));
    let metrics: Vec<_> = a.metrics.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    assert_eq!(metrics, [("rows", 12.0), ("bytes", 3.5)]);
    assert_eq!(driver.log(&run, "a", 1).await, b"out\nerr\n::group::g\n");
    assert_eq!(driver.log(&run, "z", 1).await, b"hello world\np r1 z 1\n");
    // the file on disk is the log: what the command said to dagtop alone is not in it
    let raw = std::fs::read(driver.run_dir(&run).join("a.1.log")).unwrap();
    assert_eq!(raw, b"out\nerr\n::group::g\n");
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_blocks_what_is_below_and_an_allowed_one_does_not() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "bad"
run = "echo broken >&2; exit 3"
[[node]]
id = "below"
run = "true"
needs = ["bad"]
[[node]]
id = "far"
run = "true"
needs = ["below"]
[[node]]
id = "soft"
run = "kill -9 $$"
allow_failure = true
[[node]]
id = "after"
run = "true"
needs = ["soft"]
"#,
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    assert_eq!(driver.over(&run).await, RunState::Failed);
    driver.until_state(&run, "far", NodeState::Blocked).await;
    assert_eq!(
        driver
            .states(&run)
            .iter()
            .map(|(n, s)| (n.as_str(), *s))
            .collect::<Vec<_>>(),
        [
            ("bad", NodeState::Failed),
            ("below", NodeState::Blocked),
            ("far", NodeState::Blocked),
            ("soft", NodeState::Failed),
            ("after", NodeState::Succeeded),
        ]
    );
    assert_eq!(driver.node(&run, "bad").unwrap().exit_code, Some(3));
    assert_eq!(
        driver.log(&run, "far", 0).await,
        b"has not run: blocked by bad (failed)\n"
    );
    let soft = driver.node(&run, "soft").unwrap();
    assert_eq!((soft.signal, soft.failure_allowed), (Some(9), true));
    let view = driver.world.run(&run).unwrap();
    assert_eq!(view.health, Health::Failed);
    assert_eq!(view.worst_node().unwrap().id.raw(), "bad");
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_an_attempt_of_its_own_and_keeps_the_log_of_the_first() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "flaky"
retries = 2
retry_delay = "100ms"
run = '''
echo "try $DAGTOP_ATTEMPT"
test -f "$DAGTOP_RUN_DIR/seen" || { : > "$DAGTOP_RUN_DIR/seen"; exit 1; }
'''
[[node]]
id = "slow"
timeout = "200ms"
retries = 1
retry_delay = "10ms"
run = "trap '' TERM; sleep 600"
"#,
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    driver.focus(|f| f.detail = Some(key(&run, "flaky")));
    driver.until_state(&run, "flaky", NodeState::Retrying).await;
    assert_eq!(driver.over(&run).await, RunState::Failed);
    let flaky = driver.node(&run, "flaky").unwrap();
    assert_eq!(
        (flaky.state, flaky.attempt, flaky.max_attempts),
        (NodeState::Succeeded, 2, Some(3))
    );
    let detail = &driver.world.run(&run).unwrap().details[&flaky.id];
    let ends: Vec<_> = detail
        .attempts
        .iter()
        .map(|a| (a.number, a.state, a.exit_code))
        .collect();
    assert_eq!(
        ends,
        [
            (1, NodeState::Failed, Some(1)),
            (2, NodeState::Succeeded, Some(0))
        ]
    );
    let slow = driver.node(&run, "slow").unwrap();
    assert_eq!(
        (slow.state, slow.attempt, slow.signal, slow.native.as_str()),
        (NodeState::Failed, 2, Some(9), "timed out after 200ms")
    );
    assert_eq!(driver.log(&run, "flaky", 1).await, b"try 1\n");
    assert_eq!(driver.log(&run, "flaky", 2).await, b"try 2\n");
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapped_node_runs_once_per_item_within_the_slots() {
    let temp = tempfile::tempdir().unwrap();
    // every instance notes how many are alive while it is
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "map"
each = ["x y", 7, "$(reboot)", "d", "e", "f"]
run = '''
cd "$DAGTOP_RUN_DIR"
mkdir "alive.$DAGTOP_INDEX" "seen.$DAGTOP_INDEX"
# the first two meet, however slow the machine is
if [ "$DAGTOP_INDEX" -lt 2 ]; then
  tries=0
  until [ -d seen.0 ] && [ -d seen.1 ] || [ $tries = 200 ]; do sleep 0.05; tries=$((tries + 1)); done
fi
set -- alive.*
echo $# >> counts
sleep 0.3
rmdir "alive.$DAGTOP_INDEX"
echo "$DAGTOP_INDEX=$DAGTOP_ITEM"
'''
[[node]]
id = "z"
needs = ["map"]
run = "true"
"#,
    );
    let mut settings = super::driver::settings(temp.path());
    settings.parallelism = 2;
    let mut driver = Driver::with(settings);
    let run = driver.trigger("p", "r1").await;
    driver.until_state(&run, "map[2]", NodeState::Queued).await;
    let queues = &driver
        .world
        .backend(&super::driver::backend())
        .unwrap()
        .queues;
    assert_eq!(queues[0].slots, Some(2));
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    let counts = std::fs::read_to_string(driver.work(&run).join("counts")).unwrap();
    let counts: Vec<u32> = counts.lines().map(|l| l.trim().parse().unwrap()).collect();
    assert_eq!(counts.len(), 6);
    assert_eq!(counts.iter().max(), Some(&2), "{counts:?}");
    assert_eq!(
        driver.node(&run, "map[0]").unwrap().name.as_str(),
        "map[x y]"
    );
    assert_eq!(driver.log(&run, "map[2]", 1).await, b"2=$(reboot)\n");
    let view = driver.world.run(&run).unwrap();
    let topology = view.topology.as_ref().unwrap();
    assert_eq!(topology.groups.len(), 1);
    assert!(topology.groups[0].mapped);
    assert_eq!(driver.node(&run, "z").unwrap().state, NodeState::Succeeded);
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_output_stays_unchanged_in_its_file() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        r#"
[[node]]
id = "bytes"
run = '''
printf '\033]0;title\007\377\000\r::progress 1\n::progress \033[2J\n'
i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); done
'''
[[node]]
id = "wide"
run = "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo end"
"#,
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    // in view while it is written
    let wide = key(&run, "wide").log(1);
    let bytes = key(&run, "bytes").log(1);
    driver.focus(|f| f.logs = vec![bytes.clone(), wide.clone()]);
    assert_eq!(driver.over(&run).await, RunState::Succeeded);
    driver
        .until("both logs", |d| {
            [&bytes, &wide]
                .iter()
                .all(|k| d.logs.get(k).is_some_and(|l| l.ended))
        })
        .await;
    let log = &driver.logs[&bytes];
    let mut want = b"\x1b]0;title\x07\xff\0\r::progress 1\n::progress \x1b[2J\n".to_vec();
    for i in 0..2000 {
        want.extend(format!("line {i}\n").bytes());
    }
    assert_eq!(log.bytes, want);
    let log = &driver.logs[&wide];
    assert!(log.bytes.ends_with(b"x\nend\n"));
    assert_eq!(log.bytes.len(), 10_000_005);
    // where it is was said once, and no more than that it grows
    assert!(log.chunks < 200, "{}", log.chunks);
    // looked at again afterwards: all of it
    driver.quit().await;
    let mut driver = Driver::new(temp.path());
    driver
        .until("the run", |d| d.world.run(&run).is_some())
        .await;
    let again = driver.log(&run, "wide", 1).await;
    assert_eq!(again.len(), 10_000_005);
    assert_eq!(driver.logs[&wide].chunks, 2);
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_leaves_behind_is_ended_with_it() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        "[[node]]\nid = \"a\"\nrun = \"sleep 612 & echo started\"\n[[node]]\nid = \"nowhere\"\nrun = \"true\"\ncwd = \"not/there\"\n",
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    assert_eq!(driver.over(&run).await, RunState::Failed);
    let a = driver.node(&run, "a").unwrap();
    assert_eq!(a.state, NodeState::Succeeded);
    assert!(a.note.unwrap().contains("left behind"));
    let work = driver.work(&run);
    assert_eq!(super::driver::processes_with(work.to_str().unwrap()), []);
    let nowhere = driver.node(&run, "nowhere").unwrap();
    assert_eq!(nowhere.native.as_str(), "could not be started");
    let log = driver.log(&run, "nowhere", 1).await;
    assert!(String::from_utf8_lossy(&log).contains("not/there is not there"));
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_measured() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        "[[node]]\nid = \"busy\"\nrun = \"while :; do :; done\"\n",
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    driver
        .until("its use of the processor", |d| {
            d.node(&run, "busy")
                .and_then(|n| n.usage)
                .is_some_and(|u| u.cpu_seconds > 0.2 && u.cpu_now > 0.05 && u.memory > 0)
        })
        .await;
    driver.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_never_rests_can_be_watched_and_cancelled() {
    let temp = tempfile::tempdir().unwrap();
    write(
        temp.path(),
        "p",
        "[[node]]\nid = \"yes\"\nrun = \"yes ::group::\"\n",
    );
    let mut driver = Driver::new(temp.path());
    let run = driver.trigger("p", "r1").await;
    let log = key(&run, "yes").log(1);
    driver.focus(|f| f.logs = vec![log.clone()]);
    driver
        .until("much of it", |d| {
            d.logs.get(&log).is_some_and(|l| l.bytes.len() > 1 << 20)
        })
        .await;
    let done = driver
        .act(
            dagtop::model::Action::Cancel,
            dagtop::model::Target::Run(run.clone()),
        )
        .await;
    assert_eq!(done.unwrap(), "1 run over, no process left");
    driver.quit().await;
}
