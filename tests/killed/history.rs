//! kill -9 at random moments: what was acknowledged is there, and nothing needs repair.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dagtop::history::{Log, Place, Shelf, Store, Write};
use dagtop::model::{
    BackendId, Health, NodeId, NodeState, PastNode, PastRun, PipelineKey, Run, RunKey, RunState,
};

const KILLS: usize = 200;
/// A new folder after so many.
const OF_ONE: usize = 20;
/// So many folders at a time.
const LANES: usize = 4;
const DIR: &str = "DAGTOP_TEST_KILL";

fn open(dir: &Path) -> Box<dyn Store> {
    Place::Folder(dir.to_owned()).open().unwrap()
}

fn key(n: i64) -> RunKey {
    let pipeline = format!("p{}", n % 7);
    PipelineKey::new(&BackendId::new("prod"), pipeline).run(n.to_string())
}

fn node(n: i64) -> PastNode {
    PastNode {
        run: key(n),
        node: NodeId::new("load"),
        attempt: 1,
        state: NodeState::Succeeded,
        queued_at: None,
        started_at: DateTime::from_timestamp(n, 0),
        ended_at: DateTime::from_timestamp(n + 5, 0),
        exit_code: Some(0),
        rows: None,
        memory: None,
        cpu_seconds: None,
    }
}

fn batch(n: i64) -> Vec<Write> {
    let at = DateTime::from_timestamp(n, 0).unwrap();
    let mut run = Run::new(key(n), at);
    run.state = RunState::Succeeded;
    run.ended_at = Some(at);
    vec![
        Write::Append {
            log: Log::Orders,
            at,
            body: n.to_string(),
        },
        Write::Put {
            shelf: Shelf::Alerts,
            key: format!("alert {}", n % 50),
            body: n.to_string(),
        },
        Write::Run(Box::new(PastRun {
            run,
            health: Health::Succeeded,
            seen: at,
        })),
        Write::Node(Box::new(node(n))),
    ]
}

/// Not a test of its own: what is killed.
#[test]
#[ignore = "started and killed by the other test"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let mut store = open(Path::new(&dir));
    let mut n = store.last(Log::Orders).unwrap();
    loop {
        n += 1;
        store.write(&batch(n)).unwrap();
        // said only when it is on disk
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nack {n}").unwrap();
        out.flush().unwrap();
    }
}

/// Kills `OF_ONE` writers, one after the other, that have one folder; how many batches they wrote.
fn kills_of(folder: u64) -> i64 {
    let me = std::env::current_exe().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut all = 0;
    // any numbers will do, the same ones every time
    let mut dice: u64 = 88_172_645_463_325_252 ^ folder;
    for _ in 0..OF_ONE {
        let before = open(dir.path()).last(Log::Orders).unwrap();
        let mut child = Command::new(&me)
            .args([
                "history::writes_until_it_is_killed",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        std::thread::sleep(Duration::from_micros(5_000 + dice % 80_000));
        child.kill().unwrap();
        let mut said = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        child.wait().unwrap();
        let acked = said.lines().filter_map(|line| line.strip_prefix("ack "));
        let acked = acked.filter_map(|n| n.parse::<i64>().ok()).max();
        let acked = acked.unwrap_or(before);

        let mut store = open(dir.path());
        store.check().unwrap();
        let last = store.last(Log::Orders).unwrap();
        // one more may have reached the disk and not our ears
        assert!((acked..=acked + 1).contains(&last), "{last} of {acked}");
        let lines = store.after(Log::Orders, before, usize::MAX).unwrap();
        let told: Vec<i64> = lines.iter().map(|l| l.body.parse().unwrap()).collect();
        assert_eq!(told, (before + 1..=last).collect::<Vec<_>>());
        for n in before + 1..=last {
            assert!(store.run(&key(n)).unwrap().is_some(), "run {n}");
            assert_eq!(store.nodes_of(&key(n)).unwrap(), [node(n)]);
        }
        for (name, body) in store.shelf(Shelf::Alerts).unwrap() {
            let of: i64 = name.trim_start_matches("alert ").parse().unwrap();
            let newest = (last - (last - of).rem_euclid(50)).max(0);
            assert_eq!(body, newest.to_string(), "{name} of {last}");
        }
        all += last - before;
    }
    all
}

#[test]
fn kill_9_at_random_moments_loses_nothing_that_was_acknowledged() {
    // a few at a time: most of it is waiting for the moment
    let all: i64 = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES as u64)
            .map(|lane| {
                scope.spawn(move || {
                    let folders = (lane..(KILLS / OF_ONE) as u64).step_by(LANES);
                    folders.map(kills_of).sum::<i64>()
                })
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    assert!(all > 100, "it wrote while it was killed: {all}");
    println!(
        "{KILLS} kills, {all} acknowledged batches, at {}",
        Utc::now()
    );
}
