//! Somebody leans on the keyboard while the world changes: nothing breaks, and nothing is done without a yes.

use dagtop::model::*;

use crate::session::Session;
use crate::world::{self, key, orders_run};

const KEYS: &[&str] = &[
    "j",
    "k",
    "h",
    "l",
    "g",
    "G",
    "pgup",
    "pgdn",
    "enter",
    "esc",
    "q",
    "tab",
    "shift-tab",
    "n",
    "N",
    "e",
    "E",
    "[",
    "]",
    "<",
    ">",
    "/",
    ":",
    "?",
    "v",
    "space",
    "+",
    "-",
    "0",
    "O",
    "C",
    "{",
    "}",
    ".",
    "M",
    "F",
    "(",
    ")",
    "L",
    "f",
    "w",
    "d",
    "i",
    "1",
    "2",
    "3",
    "4",
    "y",
    "s",
    "*",
    "a",
    "W",
    "p",
    "u",
    "r",
    "R",
    "x",
    "t",
    "m",
    "c",
    "!",
    "ctrl-r",
    "ctrl-l",
    "backspace",
    "o",
    "left",
    "right",
    "up",
    "down",
];

/// The same numbers every time: a failure can be looked at.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn happen(session: &mut Session, dice: &mut Dice) {
    let flaky = key("prod-airflow", "flaky_import");
    match dice.roll(9) {
        0 => {
            session.planned(&["load", "report"]);
        }
        1 => {
            let state = NodeState::ALL[dice.roll(NodeState::ALL.len())];
            let node = world::node("load", state, 6, 3);
            session.event(
                "prod-airflow",
                Event::Nodes {
                    run: orders_run(),
                    list: vec![node],
                    complete: false,
                },
            );
        }
        2 => {
            session.event(
                "prod-airflow",
                Event::Nodes {
                    run: orders_run(),
                    list: vec![],
                    complete: true,
                },
            );
        }
        3 => {
            session.event(
                "prod-airflow",
                Event::Pipelines {
                    list: vec![],
                    complete: true,
                },
            );
        }
        4 => {
            let run = world::running(&flaky, &format!("r{}", dice.roll(50)), dice.roll(90) as i64);
            session.event("prod-airflow", Event::Runs { list: vec![run] });
        }
        5 => {
            let size = [
                (0, 0),
                (1, 1),
                (20, 5),
                (59, 14),
                (80, 24),
                (120, 40),
                (300, 100),
            ][dice.roll(7)];
            session.resize(size.0, size.1);
        }
        6 => {
            let reach = if dice.roll(2) == 0 {
                Reach::Up
            } else {
                Reach::Refused {
                    reason: SafeText::new("403"),
                }
            };
            session.event(
                "prod-airflow",
                Event::Status(BackendStatus {
                    reach,
                    ..BackendStatus::default()
                }),
            );
        }
        7 => {
            let log = orders_run().node(&NodeId::new("load")).log(2);
            let update = [
                LogUpdate::Replace(b"a\nERROR b\n".to_vec()),
                LogUpdate::Append(b"c\n".to_vec()),
                LogUpdate::End,
            ];
            let update = update[dice.roll(3)].clone();
            session.event("prod-airflow", Event::Log(LogChunk { key: log, update }));
        }
        _ => {
            session.paste("pasted y");
        }
    }
}

#[test]
fn nothing_breaks_and_nothing_is_done_without_a_yes() {
    let mut executed = 0;
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let mut session = Session::new(world::world(), (120, 40));
        for _ in 0..250 {
            let key = KEYS[dice.roll(KEYS.len())];
            let before = session.executed().len();
            session.wait(if dice.roll(4) == 0 { 10 } else { 400 });
            session.quick(key);
            let now = session.executed().len();
            if now > before {
                assert!(
                    ["y", "o", "enter"].contains(&key),
                    "seed {seed}: {key} carried something out"
                );
            }
            if dice.roll(3) == 0 {
                happen(&mut session, &mut dice);
                assert_eq!(
                    session.executed().len(),
                    now,
                    "seed {seed}: an event carried something out"
                );
            }
        }
        let planned: Vec<ActionId> = session.plans().iter().map(|p| p.id).collect();
        for id in session.executed() {
            assert!(planned.contains(&id));
        }
        let mut once = session.executed();
        once.sort_unstable();
        once.dedup();
        assert_eq!(
            once.len(),
            session.executed().len(),
            "seed {seed}: sent twice"
        );
        executed += session.executed().len();
        for backend in session.plans().iter().map(|p| p.target.backend().raw()) {
            assert_ne!(backend, "staging", "read-only");
        }
    }
    assert!(
        executed > 0,
        "the monkey never said yes: the test proves nothing"
    );
}
