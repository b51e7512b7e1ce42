//! A large run as a graph: near and far, moved about, in part.

use dagtop::model::*;
use dagtop::tui::app::Effect;
use dagtop::tui::term::ColorDepth;
use dagtop::tui::widgets::graph::{Form, Zoom};

use crate::session::{Session, theme};
use crate::world::{Builder, ago, info, key, node, running};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];
const LAYERS: usize = 8;
const PER: usize = 12;

fn name(layer: usize, n: usize) -> String {
    const STEPS: [&str; LAYERS] = [
        "extract", "clean", "join", "dedupe", "enrich", "sum", "load", "report",
    ];
    format!("{}_{n:02}", STEPS[layer])
}

fn run_key() -> RunKey {
    key("airflow", "mesh").run("r1")
}

/// 96 nodes in layers, one of which failed, and what hangs below it; four nodes in a group.
pub fn big(size: (u16, u16)) -> Session {
    let mut b = Builder::new(vec![info("airflow", "airflow")]);
    b.up("airflow", "3.1", 9000);
    let pipeline = key("airflow", "mesh");
    b.pipeline(Pipeline::new(pipeline.clone()));
    b.run(running(&pipeline, "r1", 12));
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    for layer in 0..LAYERS {
        for n in 0..PER {
            let to = name(layer, n);
            if layer > 0 {
                edges.push((name(layer - 1, n), to.clone()));
                edges.push((name(layer - 1, (n * 5 + 3) % PER), to.clone()));
            }
            let state = match (layer, n) {
                (3, 5) => NodeState::Failed,
                (0..=3, _) => NodeState::Succeeded,
                (4, 0..=3) => NodeState::Running,
                _ => NodeState::Pending,
            };
            let mut one = node(&to, state, if layer < 5 { 9 } else { 0 }, 1);
            if layer == 2 && n < 4 {
                one.group = Some(NodeId::new("joins"));
            }
            nodes.push(one);
        }
    }
    let ids = nodes.iter().map(|n| n.id.clone()).collect();
    b.event(
        "airflow",
        Event::Topology {
            run: run_key(),
            topology: Topology {
                nodes: ids,
                groups: vec![Group {
                    id: NodeId::new("joins"),
                    name: SafeText::new("joins"),
                    parent: None,
                    mapped: false,
                }],
                edges: edges
                    .iter()
                    .map(|(a, b)| (NodeId::new(a), NodeId::new(b)))
                    .collect(),
            },
        },
    );
    b.nodes(&run_key(), nodes, true);
    for back in 2..6 {
        let old = pipeline.run(format!("old{back}"));
        b.run(running(&pipeline, old.run.raw(), back * 60));
        let mut was = node(&name(4, 0), NodeState::Succeeded, back * 60, 0);
        was.ended_at = was.started_at.map(|at| at + chrono::Duration::minutes(7));
        b.nodes(&old, vec![was], false);
    }
    b.at = ago(0);
    let mut session = Session::new(b.done(), size);
    session.keys("enter");
    session
}

fn layouts(session: &Session) -> usize {
    let is_layout = |e: &&Effect| matches!(e, Effect::ComputeLayout(_));
    session.effects.iter().filter(is_layout).count()
}

fn selected(session: &Session) -> String {
    let selected = session.app.run_screen().unwrap().selected.clone();
    selected.unwrap().raw().to_owned()
}

fn boxes(session: &Session) -> Vec<String> {
    let laid = session.app.run_screen().unwrap().laid.clone().unwrap();
    let ids = laid.scene.ids().iter();
    ids.map(|id| id.raw().to_owned()).collect()
}

fn zoom(session: &Session) -> Zoom {
    session.app.run_screen().unwrap().zoom()
}

#[test]
fn a_large_run_at_three_sizes() {
    for (word, keys) in [
        ("boxes", "+ + +"),
        ("rows", "- + + -"),
        ("overview", "- -"),
        ("focus", "+ F [ [ ] ]"),
    ] {
        for (width, height) in SIZES {
            let mut session = big((width, height));
            session.keys(keys).wait(20_000);
            insta::assert_snapshot!(format!("large_{word}_{width}x{height}"), session.screen());
        }
        let mut session = big((100, 40));
        session.theme = theme(ColorDepth::None, false);
        session.keys(keys).wait(20_000);
        let screen = session.screen();
        assert!(screen.is_ascii(), "{word}:\n{screen}");
        insta::assert_snapshot!(format!("large_{word}_ascii"), screen);
    }
}

#[test]
fn zoom_goes_step_by_step_and_says_where_it_ends() {
    let mut session = big((200, 60));
    assert_eq!(zoom(&session), Zoom::Boxes);
    session.keys("+").sees("this is as near as it gets");
    session.keys("-");
    assert_eq!(zoom(&session), Zoom::Compact);
    let known = layouts(&session);
    session.keys("-").sees("93 boxes");
    assert_eq!(zoom(&session), Zoom::Overview);
    assert_eq!(layouts(&session), known, "dots need no layout of their own");
    session.keys("-").sees("this is all of it");
    session.keys("+ +");
    assert_eq!(zoom(&session), Zoom::Boxes);
    assert_eq!(session.app.run_screen().unwrap().form, Form::Boxes);
    session.keys("v -").sees("works in the graph");
}

#[test]
fn fit_is_as_near_as_all_of_it_fits() {
    let mut session = big((120, 40));
    session.keys("0");
    assert_eq!(zoom(&session), Zoom::Overview);
    let mut session = big((300, 100));
    session.keys("+ 0");
    let run = session.app.run_screen().unwrap();
    assert!(run.laid.as_ref().unwrap().scene.fits((300, 100)));
    assert_ne!(zoom(&session), Zoom::Overview);
}

#[test]
fn a_change_of_a_state_asks_for_no_layout() {
    for keys in ["+", "0", "F"] {
        let mut session = big((200, 60));
        session.keys(keys);
        let known = layouts(&session);
        let before = boxes(&session);
        let mut bad = node(&name(4, 2), NodeState::Retrying, 9, 1);
        bad.attempt = 3;
        bad.metrics = vec![(SafeText::new("rows"), 12.0)];
        bad.progress = Progress::new(1, 7);
        let list = vec![bad];
        session.event(
            "airflow",
            Event::Nodes {
                run: run_key(),
                list,
                complete: false,
            },
        );
        assert_eq!(layouts(&session), known, "{keys}");
        assert_eq!(boxes(&session), before);
    }
}

#[test]
fn an_overview_follows_the_states() {
    let mut session = big((120, 40));
    session.keys("0");
    let signs = |s: &Session| s.screen().matches('↻').count();
    assert_eq!(signs(&session), 0);
    session.event(
        "airflow",
        Event::Nodes {
            run: run_key(),
            list: vec![node(&name(1, 7), NodeState::Retrying, 9, 1)],
            complete: false,
        },
    );
    assert!(signs(&session) > 0);
}

#[test]
fn the_window_is_moved_and_comes_back_with_the_selection() {
    let mut session = big((120, 40));
    let here = selected(&session);
    assert_eq!(here, name(3, 5));
    session.sees("dedupe_05   ");
    session.keys("} }");
    assert_eq!(selected(&session), here);
    let corner = |s: &Session| s.app.run_screen().unwrap().corner.get().unwrap();
    let far = corner(&session);
    session.keys("{");
    assert!(corner(&session).0 < far.0);
    let at = corner(&session);
    session.keys("pgup");
    assert!(corner(&session).1 < at.1);
    assert_eq!(selected(&session), here);
    session.keys(".");
    let center = corner(&session);
    session.keys("} l").wait(100).draw();
    // a step shows what it leads to
    let run = session.app.run_screen().unwrap();
    let scene = &run.laid.as_ref().unwrap().scene;
    let b = scene.find(run.selected.as_ref().unwrap()).unwrap();
    assert!(!run.look.panned && b.x >= corner(&session).0, "{center:?}");
}

#[test]
fn a_focus_shows_what_a_node_needs_and_what_needs_it() {
    let mut session = big((200, 60));
    let all = boxes(&session);
    session.keys("F").sees("only what dedupe_05 needs");
    let part = boxes(&session);
    assert!(part.len() < all.len() && part.contains(&name(3, 5)));
    assert!(!part.contains(&name(3, 4)), "same layer, no way between");
    session.keys("[ [ ] ]").sees("1 edge deep");
    let near = boxes(&session);
    // two before, two or more after, itself
    assert!((4..=6).contains(&near.len()), "{near:?}");
    session.keys("h");
    assert!(near.contains(&selected(&session)));
    session.keys("[ ]").sees("2 edges deep");
    assert!(boxes(&session).len() > near.len());
    // leaving it is one key, the same or the way back
    session.keys("esc");
    session.sees_not("only what");
    let again = boxes(&session);
    assert_eq!(again.len(), all.len());
    session.keys("F F").sees_not("only what");
    session.keys("esc").sees("pipelines 1");
}

#[test]
fn what_lies_outside_takes_the_focus_with_it() {
    let mut session = big((200, 60));
    session.keys("g F");
    assert!(selected(&session).starts_with("extract_"));
    session.keys("n");
    assert_eq!(selected(&session), name(3, 5));
    assert!(boxes(&session).contains(&name(3, 5)));
}

#[test]
fn ancestors_and_descendants_are_followed_apart() {
    let mut session = big((200, 60));
    let all = boxes(&session).len();
    session.keys("[").sees("ancestors: none, 0 of");
    session.keys("[").sees("ancestors: 1 edge deep, 2 of");
    session.keys("[").sees("ancestors: 2 edges deep,");
    session.keys("[").sees("ancestors: all,");
    session.keys("]").sees("descendants: none, 0 of");
    session.keys("]").sees("descendants: 1 edge deep,");
    // in focus only what is followed is there
    session
        .keys("F")
        .sees("only what dedupe_05 needs and what needs it, 1 edge deep");
    let near = boxes(&session);
    assert!(near.len() < all && near.iter().any(|b| b.starts_with("extract")));
    assert!(!near.iter().any(|b| b.starts_with("sum")), "{near:?}");
    // all again, then none
    for _ in 0..9 {
        session.keys("]");
    }
    session.sees("descendants: all");
    session.keys("]").sees("descendants: none");
    session.sees("only what dedupe_05 needs ·");
    assert!(boxes(&session).iter().all(|b| !b.starts_with("enrich")));
    session.keys("[");
    assert_eq!(boxes(&session), [name(3, 5)]);
    // one that nothing leads to
    let mut session = big((200, 60));
    session.keys("g [").sees("nothing leads to it");
    session.keys("G ]").sees("nothing hangs on it");
}

#[test]
fn a_group_opens_in_place() {
    let mut session = big((200, 60));
    let order = |s: &Session| -> Vec<String> {
        let run = s.app.run_screen().unwrap();
        let mut order = run.laid.as_ref().unwrap().scene.layout.order();
        order.retain(|id| id != "joins" && !id.starts_with("join_"));
        order
    };
    let scene = |s: &Session| s.app.run_screen().unwrap().laid.clone().unwrap().scene;
    session.keys("/").text("joi").keys("enter");
    assert!(boxes(&session).contains(&name(2, 0)));
    session.keys("space");
    assert_eq!(selected(&session), "joins");
    let folded = order(&session);
    let place = |s: &Session, id: &str| {
        let corner = s.app.run_screen().unwrap().corner.get().unwrap();
        let scene = scene(s);
        let b = scene.find(&NodeId::new(id)).unwrap();
        (b.x - corner.0, b.y - corner.1)
    };
    let before = place(&session, "joins");
    session.keys("enter");
    assert!(boxes(&session).contains(&name(2, 3)));
    let open = order(&session);
    // order within each rank is what counts: members may push others to another row, never past each other
    let moved = folded.iter().zip(&open).filter(|(a, b)| a != b).count();
    assert_eq!(moved, 0, "{folded:?}\n{open:?}");
    let after = place(&session, &selected(&session));
    // as far as the window may go: it shows nothing beyond the drawing
    let (_, top) = session.app.run_screen().unwrap().corner.get().unwrap();
    let stays = |a: i32, b: i32, least: i32| (a - b).abs() <= least;
    assert!(stays(after.0, before.0, 40), "{before:?} {after:?}");
    assert!(
        top <= 0 || stays(after.1, before.1, 2),
        "{before:?} {after:?}"
    );
}

#[test]
fn the_map_is_there_when_the_pane_is_too_small_for_the_graph() {
    let mut session = big((120, 40));
    let map = |s: &Session| s.screen().matches('┌').count();
    let with = map(&session);
    session.keys("M").sees("map off");
    session.wait(20_000);
    assert_eq!(map(&session), with - 1);
    session.keys("M").sees("map on");
    assert_eq!(map(&session), with);
    // no room for one
    let session = big((80, 24));
    let mut without = big((80, 24));
    without.keys("M").wait(20_000);
    assert_eq!(map(&session), map(&without));
}

#[test]
fn a_box_tells_what_is_usual() {
    let mut session = big((200, 60));
    session.keys("/").text("enrich_00").keys("enter");
    session.sees("of 7m");
}

#[test]
fn the_graph_is_walked_by_its_structure() {
    let mut session = big((200, 60));
    let place = |s: &Session| {
        let laid = s.app.run_screen().unwrap().laid.clone().unwrap();
        let b = laid.scene.find(&NodeId::new(selected(s))).unwrap();
        (b.rank, b.y)
    };
    let edges = {
        let run = session.watch.world.run(&run_key()).unwrap();
        run.topology.clone().unwrap().edges.clone()
    };
    let joined = |from: &str, to: &str| edges.iter().any(|(a, b)| (a.raw(), b.raw()) == (from, to));
    assert_eq!(selected(&session), name(3, 5));
    // along an edge and back
    for (key, forward) in [
        ("l", true),
        ("l", true),
        ("h", false),
        ("h", false),
        ("h", false),
    ] {
        let from = selected(&session);
        session.keys(key);
        let to = selected(&session);
        assert!(
            if forward {
                joined(&from, &to)
            } else {
                joined(&to, &from)
            },
            "{from} {key} {to}"
        );
    }
    // within the rank
    let (rank, y) = place(&session);
    session.keys("k");
    assert!(place(&session).0 == rank && place(&session).1 < y);
    session.keys("j");
    assert_eq!(place(&session), (rank, y));
    // the only problem, from wherever one is, also the other way round
    session.keys("G n");
    assert_eq!(selected(&session), name(3, 5));
    session.keys("g N");
    assert_eq!(selected(&session), name(3, 5));
}

#[test]
fn lines_out_of_sight_say_where_they_lead() {
    let mut session = big((80, 24));
    session.keys("+ +");
    assert_eq!(zoom(&session), Zoom::Boxes);
    let run = session.app.run_screen().unwrap();
    let scene = run.laid.clone().unwrap().scene;
    let (x, _) = run.corner.get().unwrap();
    let outside = |id: &str| {
        let b = scene.find(&NodeId::new(id)).unwrap();
        b.x >= x + 78 || b.x + b.w <= x
    };
    let edges = session
        .watch
        .world
        .run(&run_key())
        .unwrap()
        .topology
        .clone()
        .unwrap();
    let next: Vec<&str> = edges
        .edges
        .iter()
        .filter(|(from, _)| from.raw() == name(3, 5))
        .map(|(_, to)| to.raw())
        .filter(|to| outside(to))
        .collect();
    let screen = session.screen();
    let told = next
        .iter()
        .any(|to| screen.contains(&format!("{to} ►")) || screen.contains(&format!("{to} +1 ►")));
    assert!(next.is_empty() || told, "{next:?} in\n{screen}");
    // moved away: what is selected and where its lines come from is told at the border
    session.keys("}");
    let before: Vec<String> = edges
        .edges
        .iter()
        .filter(|(_, to)| to.raw() == name(3, 5))
        .map(|(from, _)| from.raw().to_owned())
        .collect();
    let screen = session.screen();
    let run = session.app.run_screen().unwrap();
    let in_view = {
        let (x, _) = run.corner.get().unwrap();
        let b = scene.find(&NodeId::new(name(3, 5))).unwrap();
        b.x + b.w > x
    };
    let told = before
        .iter()
        .any(|from| screen.contains(&format!("◄ {from}")));
    assert!(!in_view || told, "{before:?} in\n{screen}");
    assert!(in_view || screen.contains("◄ "), "{screen}");
}
