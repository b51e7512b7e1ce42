//! The lines beside the list of a large run: no frame and no key makes them.

use dagtop::model::*;
use dagtop::tui::app::{Effect, LanesWanted, Msg};
use dagtop::tui::command::Key;
use dagtop::tui::term::Input;

use crate::session::Session;
use crate::world::{Builder, info, key, node, running};

const GROUPS: usize = 40;
const PER: usize = 15;

/// 600 nodes in 40 folded groups, each node needs the two before it: more than is lined at once.
fn large() -> Session {
    let mut b = Builder::new(vec![info("airflow", "airflow")]);
    b.up("airflow", "3.1", 9000);
    let pipeline = key("airflow", "wide");
    b.pipeline(Pipeline::new(pipeline.clone()));
    b.run(running(&pipeline, "r1", 12));
    let run = pipeline.run("r1");
    let id = |n: usize| NodeId::new(format!("step_{n:03}"));
    let group = |n: usize| NodeId::new(format!("stage_{n:02}"));
    let nodes = (0..GROUPS * PER).map(|n| Node {
        group: Some(group(n / PER)),
        ..node(id(n).raw(), NodeState::Pending, 0, 1)
    });
    let edges = (2..GROUPS * PER).flat_map(|n| [(id(n - 1), id(n)), (id(n - 2), id(n))]);
    let topology = Topology {
        nodes: (0..GROUPS * PER).map(id).collect(),
        groups: (0..GROUPS)
            .map(|n| Group {
                id: group(n),
                name: SafeText::new(format!("stage_{n:02}")),
                parent: None,
                mapped: false,
            })
            .collect(),
        edges: edges.collect(),
    };
    b.event(
        "airflow",
        Event::Topology {
            run: run.clone(),
            topology,
        },
    );
    b.nodes(&run, nodes.collect(), true);
    let mut session = Session::new(b.done(), (120, 40));
    session.keys("enter v");
    session
}

/// What a key asks for, nothing of which is done.
fn press(session: &mut Session, key: &str) -> Vec<LanesWanted> {
    let press = Key::parse(key).unwrap().press();
    asked(session, Msg::Input(Input::Key(press)))
}

fn asked(session: &mut Session, msg: Msg) -> Vec<LanesWanted> {
    let effects = session.app.update(&session.watch, msg);
    let lanes = effects.into_iter().filter_map(|effect| match effect {
        Effect::ComputeLanes(wanted) => Some(wanted),
        _ => None,
    });
    lanes.collect()
}

fn lined(session: &Session) -> bool {
    let screen = session.screen();
    assert!(screen.contains("stage_00"), "rows are always there");
    screen.contains(['◇', '◆'])
}

#[test]
fn a_frame_after_a_fold_makes_no_lines() {
    let mut session = large();
    assert!(lined(&session));
    let first = press(&mut session, "O");
    assert_eq!(first.len(), 1, "asked for once");
    for _ in 0..3 {
        assert!(
            !lined(&session),
            "a frame makes none, and shows none of other rows"
        );
        assert!(asked(&mut session, Msg::Refreshed).is_empty());
    }
    assert!(session.screen().contains("step_003"));
    let second = press(&mut session, "C");
    assert_eq!(second.len(), 1);
    session.send(Msg::LanesReady(first[0].compute()));
    assert!(!lined(&session), "those come too late");
    session.send(Msg::LanesReady(second[0].compute()));
    assert!(lined(&session));
    assert!(asked(&mut session, Msg::Refreshed).is_empty());
}
