//! Four views of one run: one selection, one scroll.

use dagtop::model::{NodeId, NodeState, RunKey};
use dagtop::tui::app::{Effect, Look, Settings, Sort, View};
use dagtop::tui::widgets::graph::Zoom;

use crate::places::at;
use crate::session::Session;
use crate::world::{key, node, orders_run};

fn selected(s: &Session) -> String {
    let run = s.app.run_screen().unwrap();
    run.selected.as_ref().unwrap().raw().to_owned()
}

fn view(s: &Session) -> View {
    s.app.run_screen().unwrap().view
}

fn open(s: &Session) -> RunKey {
    s.app.run_screen().unwrap().run.clone()
}

fn past(day: usize) -> RunKey {
    let session = at("", (80, 24));
    let mut runs = session.watch.world.runs_of(&orders_run().pipeline);
    runs.nth(day).unwrap().run.key.clone()
}

#[test]
fn every_view_shows_what_was_selected_in_the_last() {
    for size in [(80, 24), (120, 40)] {
        let mut s = at("enter,v,g,j", size);
        assert_eq!(selected(&s), "clean");
        let mut seen = Vec::new();
        for _ in 0..4 {
            s.keys("v").draw();
            assert_eq!(selected(&s), "clean");
            seen.push(view(&s));
        }
        let order = [View::Timeline, View::Grid, View::Graph, View::List];
        assert_eq!(seen, order);
        // rows are the same, so a step is the same
        s.keys("v j");
        assert_eq!(selected(&s), "transform");
        s.keys("v v").draw();
        // an open group is no box of the graph
        assert!(selected(&s).starts_with("transform"), "{}", selected(&s));
    }
}

#[test]
fn groups_fold_in_every_view_alike() {
    for keys in ["alt-2", "alt-3", "alt-4"] {
        let mut s = at("enter", (120, 40));
        s.keys(keys).sees("transform.join");
        s.keys("C");
        s.sees_not("transform.join").sees("▸ transform");
        s.keys("O").sees("map[3]");
    }
}

#[test]
fn each_pipeline_remembers_its_view() {
    let mut s = at("enter,alt-3", (120, 40));
    s.sees("critical path");
    s.keys("esc");
    s.keys("j enter");
    assert_eq!(view(&s), View::Graph);
    s.keys("esc g enter");
    assert_eq!((open(&s), view(&s)), (orders_run(), View::Timeline));
    // an older run of the same pipeline too
    s.keys("(");
    assert_eq!((open(&s), view(&s)), (past(1), View::Timeline));
}

/// What was asked to be remembered, the last of each pipeline.
fn kept(s: &Session) -> Vec<(String, Look)> {
    let mut all: Vec<(String, Look)> = Vec::new();
    for effect in &s.effects {
        if let Effect::KeepLook(pipeline, look) = effect {
            let name = pipeline.pipeline.raw().to_owned();
            all.retain(|(known, _)| *known != name);
            all.push((name, *look));
        }
    }
    all
}

#[test]
fn what_a_person_chose_is_remembered_and_nothing_else() {
    let mut s = at("enter,j,n,d,esc", (120, 40));
    assert_eq!(kept(&s), []);
    s.keys("alt-2 o");
    let list = Look {
        view: View::List,
        sort: Sort::State,
        zoom: None,
    };
    assert_eq!(kept(&s), [("orders_daily".to_owned(), list)]);
    let known = s.effects.len();
    s.keys("alt-2");
    assert!(
        !s.effects[known..]
            .iter()
            .any(|e| matches!(e, Effect::KeepLook(..))),
        "nothing changed"
    );
    s.keys("alt-1 -");
    assert_eq!(kept(&s)[0].1.zoom, Some(Zoom::Compact));
}

#[test]
fn what_was_remembered_holds_after_a_restart_and_the_config_for_the_rest() {
    let word = |view: &str, sort: &str, zoom: Option<&str>| dagtop::history::Look {
        view: view.to_owned(),
        sort: sort.to_owned(),
        zoom: zoom.map(str::to_owned),
    };
    let orders = orders_run().pipeline;
    let settings = Settings {
        view: View::Timeline,
        ..Settings::default()
    };
    let mut s = Session::with(crate::world::world(), (120, 40), settings);
    s.app.recall(&[
        (orders.clone(), word("list", "time", Some("rows"))),
        // of a later version, or written by hand
        (
            key("prod-airflow", "flaky_import"),
            word("hologram", "order", None),
        ),
        (key("nowhere", "gone"), word("grid", "name", None)),
    ]);
    s.keys("enter");
    let run = s.app.run_screen().unwrap();
    let look = Look {
        view: View::List,
        sort: Sort::Time,
        zoom: Some(Zoom::Compact),
    };
    assert_eq!((run.run.clone(), run.look()), (orders_run(), look));
    s.keys("esc /").text("flaky").keys("enter enter");
    assert_eq!(view(&s), View::Timeline);
}

#[test]
fn the_palette_knows_every_view() {
    for (typed, wanted) in [
        ("view-graph", View::Graph),
        ("view-list", View::List),
        ("view-timeline", View::Timeline),
        ("view-grid", View::Grid),
    ] {
        let mut s = at("enter,v,:", (120, 40));
        s.text(typed).keys("enter");
        assert_eq!(view(&s), wanted, "{typed}");
    }
}

#[test]
fn rows_are_sorted_within_their_groups() {
    let mut s = at("enter,alt-2", (200, 60));
    let names = |s: &Session| -> Vec<String> {
        let rows = &s.app.run_screen().unwrap().rows;
        rows.iter().map(|r| r.id.raw().to_owned()).collect()
    };
    let before = names(&s);
    s.keys("o").sees("list · by state");
    assert_eq!(names(&s)[..2], ["load", "map"]);
    s.keys("o");
    assert_eq!(names(&s)[0], "map", "the longest");
    s.keys("o");
    assert_eq!(names(&s)[..2], ["audit", "clean"]);
    let at = |name: &str| names(&s).iter().position(|n| n == name).unwrap();
    assert!(at("transform") < at("transform.dedupe"));
    assert!(at("transform.dedupe") < at("transform.join"));
    s.keys("o");
    assert_eq!(names(&s), before);
}

/// Characters of the list at the left of the states of its rows.
fn lanes(s: &Session) -> Vec<String> {
    let screen = s.screen();
    let at = screen.lines().find_map(|l| l.find("NODE")).unwrap();
    let rows = screen
        .lines()
        .skip(3)
        .take(s.app.run_screen().unwrap().rows.len());
    rows.map(|l| {
        l.chars()
            .skip(3)
            .take(at.saturating_sub(7))
            .collect::<String>()
            .trim_end()
            .to_owned()
    })
    .collect()
}

#[test]
fn the_list_has_its_edges_beside_it() {
    let mut s = at("enter,alt-2", (80, 24));
    let rows: Vec<String> = {
        let rows = &s.app.run_screen().unwrap().rows;
        rows.iter().map(|r| r.id.raw().to_owned()).collect()
    };
    // what a node needs stands above it
    let edges = s
        .watch
        .world
        .run(&orders_run())
        .unwrap()
        .topology
        .clone()
        .unwrap();
    for (from, to) in &edges.edges {
        let place = |id: &NodeId| rows.iter().position(|r| r == id.raw()).unwrap();
        assert!(place(from) < place(to), "{from:?} {to:?}");
    }
    let drawn = lanes(&s);
    assert_eq!(drawn[0], "◇", "extract: {drawn:?}");
    assert_eq!(drawn[1], "├►◇", "clean hangs on extract");
    assert_eq!(drawn[2], "│ │", "an open group has no edges of its own");
    assert_eq!(drawn[5], "◆─┤", "map needs extract and leads to load");
    // folded, the group stands for its members
    s.keys("C");
    assert_eq!(lanes(&s)[2], "│ ◆");
    // in another order lines would say nothing
    s.keys("o").sees("by order it shows edges too");
    s.wait(20_000).sees("STATE ▼").sees_not("├►").sees_not("◆");
    s.keys("o o o").sees("├►◇");
}

#[test]
fn edges_that_find_no_lane_are_counted() {
    let mut s = crate::drawing::big((80, 24));
    s.keys("alt-2").sees("…");
    // above the lanes; a wider pane has room for more of them
    let hidden = |s: &Session| -> usize {
        let screen = s.screen();
        let line = screen.lines().find(|l| l.contains("NODE")).unwrap();
        let word = line.split_whitespace().find_map(|w| w.strip_prefix('+'));
        word.unwrap().replace(',', "").parse().unwrap()
    };
    s.sees(&format!("+{} edges", hidden(&s)));
    let narrow = hidden(&s);
    s.resize(240, 60);
    assert!(hidden(&s) < narrow);
}

#[test]
fn time_is_zoomed_around_the_selection_and_panned() {
    let mut s = at("enter,alt-3", (120, 40));
    assert_eq!(selected(&s), "load");
    s.sees("03:05");
    s.keys("-").sees("the whole run is in view");
    s.keys("+ +")
        .sees("4 times nearer")
        .sees("03:10")
        .sees_not("03:05");
    let near = s.screen();
    s.keys("}");
    assert_ne!(s.screen(), near);
    for _ in 0..40 {
        s.keys("{");
    }
    s.sees("03:03");
    // however far one goes, it ends somewhere
    for _ in 0..30 {
        s.keys("+").draw();
    }
    s.sees("the shortest time is in view");
    for _ in 0..30 {
        s.keys("-");
    }
    s.sees("03:05").sees_not("times nearer");
}

#[test]
fn the_grid_reads_a_few_runs_and_says_so() {
    let mut s = at("enter,alt-4", (120, 40));
    s.sees("loading 6, 3 not read");
    assert_eq!(s.focus().runs.len(), 7, "the one that is open and six");
    assert_eq!(s.focus().runs[0], orders_run());
    assert_eq!(s.focus().runs[1], past(1));
    // what has come is not asked for again
    for day in [1, 2] {
        let list = vec![
            node("extract", NodeState::Succeeded, 12, 1),
            node("load", NodeState::Failed, 6, 3),
        ];
        s.event(
            "prod-airflow",
            dagtop::model::Event::Nodes {
                run: past(day),
                list,
                complete: true,
            },
        );
    }
    s.sees("loading 4, 3 not read").sees("broken");
    assert_eq!(s.focus().runs.len(), 5);
    // those far from the cursor are not; it walks with it
    s.keys("h h h h h h h h h h h h").sees("enter opens it");
    let wanted = s.focus().runs;
    assert!(wanted.len() <= 7 && wanted.contains(&past(9)), "{wanted:?}");
    s.keys("v");
    assert_eq!(s.focus().runs, [orders_run()]);
}

#[test]
fn enter_in_the_grid_opens_the_run_under_the_cursor() {
    let mut s = at("enter,v,g,alt-4,h,h", (120, 40));
    assert_eq!(selected(&s), "extract");
    s.sees("enter opens it");
    s.keys("enter");
    assert_eq!((open(&s), view(&s)), (past(2), View::List));
    // its nodes are not here yet, what was selected is not forgotten when they come
    s.keys("esc");
    assert_eq!((open(&s), view(&s)), (orders_run(), View::Grid));
    assert_eq!(selected(&s), "extract");
    // in its own column enter does what it does in the list
    s.keys("l l l enter").sees("log");
    assert!(s.app.run_screen().unwrap().selected == Some(NodeId::new("extract")));
    assert_eq!(open(&s), orders_run());
}

#[test]
fn a_run_in_which_nothing_began_has_no_time() {
    let mut s = at("", (80, 24));
    let pipeline = key("prod-airflow", "inventory");
    s.keys("/")
        .text("inventory")
        .keys("enter enter alt-3")
        .draw();
    assert_eq!(open(&s).pipeline, pipeline);
    s.sees("reading its nodes");
}

#[test]
fn the_rows_that_are_in_view_stay_in_view_from_view_to_view() {
    let mut s = crate::drawing::big((120, 40));
    s.keys("alt-2 g");
    for _ in 0..4 {
        s.keys("pgdn");
    }
    // not at the edge: the grid has a few rows less
    s.keys("k k k k k k k k");
    let top = |s: &Session| s.app.run_screen().unwrap().top.get();
    let (here, first) = (selected(&s), top(&s));
    assert!(first > 10, "scrolled: {first}");
    for keys in ["alt-3", "alt-4", "alt-2"] {
        s.keys(keys).draw();
        assert_eq!((selected(&s), top(&s)), (here.clone(), first), "{keys}");
        s.sees(&here);
    }
}

#[test]
fn the_grid_says_in_words_which_rows_are_flaky_and_which_broken() {
    let mut s = at("enter,alt-4", (120, 40));
    for day in 1..5 {
        let flaky = if day % 2 == 0 {
            NodeState::Failed
        } else {
            NodeState::Succeeded
        };
        let list = vec![
            node("extract", flaky, 12, 1),
            node("clean", NodeState::Succeeded, 11, 1),
            node("load", NodeState::Failed, 6, 3),
        ];
        s.event(
            "prod-airflow",
            dagtop::model::Event::Nodes {
                run: past(day),
                list,
                complete: true,
            },
        );
    }
    let screen = s.screen();
    let row = |name: &str| {
        let mut rows = screen.lines().filter_map(|l| l.split('│').nth(1));
        rows.find(|l| l.contains(&format!(" {name} "))).unwrap()
    };
    assert!(row("load").contains("broken"), "{screen}");
    assert!(row("extract").contains("flaky"), "{screen}");
    assert!(!row("clean").contains("flaky") && !row("clean").contains("broken"));
    // bars of how long each run took stand above them
    assert!(screen.lines().take(6).any(|l| l.contains('█')), "{screen}");
}
