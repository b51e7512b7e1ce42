#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod large;

use std::collections::HashMap;

use chrono::{DateTime, Duration, TimeZone, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::graph::{Reach, layout};
use crate::model::{Group, Node, NodeCounts, NodeId, NodeState, Progress, SafeText, Topology};
use crate::tui::widgets::testing::{self, theme};

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap()
}

struct Run {
    topology: Topology,
    nodes: HashMap<NodeId, Node>,
    open: bool,
}

impl Members for Run {
    fn name(&self, node: &NodeId) -> String {
        self.nodes[node].name.to_string()
    }
    fn group_of(&self, node: &NodeId) -> Option<NodeId> {
        self.nodes[node].group.clone()
    }
    fn is_open(&self, _: &NodeId) -> bool {
        self.open
    }
    fn late(&self) -> Vec<NodeId> {
        let mut late: Vec<NodeId> = self
            .nodes
            .keys()
            .filter(|id| !self.topology.nodes.contains(id))
            .cloned()
            .collect();
        late.sort();
        late
    }
}

fn run(instances: usize, open: bool) -> Run {
    let id = |s: &str| NodeId::new(s);
    let mut nodes = HashMap::new();
    let mut add = |name: &str, state: NodeState, seconds: i64| {
        let node = Node {
            state,
            attempt: 1,
            started_at: (seconds > 0).then(|| now() - Duration::seconds(seconds)),
            ended_at: state.ended().then(now),
            ..Node::new(id(name))
        };
        nodes.insert(node.id.clone(), node);
    };
    add("extract", NodeState::Succeeded, 41);
    add("clean", NodeState::Succeeded, 62);
    add("load", NodeState::Failed, 727);
    add(
        "a_very_long_name_of_a_node_that_is_shortened",
        NodeState::Running,
        240,
    );
    add("audit", NodeState::Running, 12);
    add("report", NodeState::Blocked, 0);
    let order: Vec<NodeId> = [
        "extract",
        "clean",
        "load",
        "a_very_long_name_of_a_node_that_is_shortened",
        "audit",
        "report",
    ]
    .map(id)
    .into();
    nodes.get_mut(&id("load")).unwrap().attempt = 2;
    nodes.get_mut(&id("extract")).unwrap().metrics = vec![(SafeText::new("rows"), 41_230_118.0)];
    nodes.get_mut(&id("audit")).unwrap().metrics = vec![(SafeText::new("rows"), 1234.0)];
    nodes.get_mut(&id("audit")).unwrap().progress = Progress::new(48, 100);
    for i in 0..instances {
        let state = match i {
            0 => NodeState::Failed,
            1..5 => NodeState::Running,
            _ => NodeState::Succeeded,
        };
        let node = Node {
            state,
            group: Some(id("map")),
            name: SafeText::new(format!("map [{i}]")),
            ..Node::new(id(&format!("map/{i}")))
        };
        nodes.insert(node.id.clone(), node);
    }
    let edge = |a: &str, b: &str| (id(a), id(b));
    Run {
        topology: Topology {
            nodes: order,
            groups: vec![Group {
                id: id("map"),
                name: SafeText::new("map"),
                parent: None,
                mapped: true,
            }],
            edges: vec![
                edge("extract", "clean"),
                edge("extract", "map"),
                edge("extract", "a_very_long_name_of_a_node_that_is_shortened"),
                edge("clean", "load"),
                edge("map", "load"),
                edge("load", "report"),
                edge("load", "audit"),
            ],
        },
        nodes,
        open,
    }
}

fn laid(run: &Run, form: Form) -> Scene {
    Scene::new(layout(
        &build(&run.topology, run, form),
        &form.options(None),
    ))
}

fn draw(
    run: &Run,
    scene: &Scene,
    form: Form,
    buf: &mut Buffer,
    area: Rect,
    ascii: bool,
    corner: (i32, i32),
) -> Drawn {
    let item = |id: &NodeId| {
        if id.raw() == "map" {
            let mut counts = NodeCounts::default();
            for node in run.nodes.values().filter(|n| n.group.is_some()) {
                counts.add(node.state, 1);
            }
            counts.add(NodeState::Pending, 185);
            return Some(Item::Group {
                name: "map",
                counts,
                fraction: 0.9,
            });
        }
        let node = run.nodes.get(id)?;
        let usual = (id.raw() != "clean").then(|| Duration::minutes(9));
        Some(Item::Node { node, usual })
    };
    let load = NodeId::new("load");
    let lineage = scene.index_of(&load).map(|i| Lineage::of(scene, i));
    GraphView {
        scene,
        form,
        selected: Some(&load),
        lineage: lineage.as_ref(),
        reach: Reach::default(),
        focused: true,
        now: now(),
        item: &item,
        map: None,
        clear: None,
    }
    .draw(buf, area, theme(ascii), corner)
}

fn id(raw: &str) -> NodeId {
    NodeId::new(raw)
}

#[test]
fn looks() {
    let run = run(1815, false);
    for (width, height, form, ascii) in [
        (130, 16, Form::Boxes, false),
        (130, 16, Form::Boxes, true),
        (70, 12, Form::Boxes, false),
        (110, 6, Form::Compact, false),
        (60, 5, Form::Compact, true),
    ] {
        let layout = laid(&run, form);
        let text = testing::text(width, height, |buf, area| {
            let corner = ensure_visible((0, 0), &layout, Some(&id("load")), area);
            draw(&run, &layout, form, buf, area, ascii, corner);
        });
        let name = format!("graph_{width}x{height}_{form:?}{}", testing::suffix(ascii));
        insta::assert_snapshot!(name.to_lowercase(), text);
    }
}

#[test]
fn an_open_group_shows_its_members() {
    let run = run(3, true);
    let layout = laid(&run, Form::Boxes);
    let text = testing::text(130, 20, |buf, area| {
        let corner = clamp((0, 0), &layout, area);
        draw(&run, &layout, Form::Boxes, buf, area, false, corner);
    });
    insta::assert_snapshot!("graph_open_group", text);
}

#[test]
fn a_box_says_all_that_is_known_where_there_is_room() {
    let mut run = run(0, false);
    // room comes from the name
    let long = id("a_very_long_name_of_a_node_that_is_shortened");
    let node = run.nodes.get_mut(&long).unwrap();
    node.attempt = 2;
    node.max_attempts = Some(3);
    node.metrics = vec![(SafeText::new("rows"), 1234.0)];
    let scene = laid(&run, Form::Boxes);
    let picture = |run: &Run| {
        testing::text(130, 16, |buf, area| {
            let corner = clamp((0, 0), &scene, area);
            draw(run, &scene, Form::Boxes, buf, area, false, corner);
        })
    };
    let sees = |picture: &str, texts: &[&str]| {
        for text in texts {
            assert!(picture.contains(text), "{text:?} in\n{picture}");
        }
    };
    let before = picture(&run);
    sees(
        &before,
        &[
            "● a_very_long_…s_shortened",
            "try 2/3",
            "4m00 of 9m",
            "1,234 rows",
        ],
    );
    // a bar takes the place of the words; nothing else moves
    run.nodes.get_mut(&long).unwrap().progress = Progress::new(1, 4);
    let after = picture(&run);
    sees(&after, &["██░░░░░░", "25 %", "try 2/3", "4m00 of 9m"]);
    let place = |picture: &str, what: &str| {
        let line = picture.lines().position(|l| l.contains(what)).unwrap();
        (line, picture.lines().nth(line).and_then(|l| l.find(what)))
    };
    for what in ["a_very_long", "✗ load", "✓ clean"] {
        assert_eq!(place(&before, what), place(&after, what));
    }
}

#[test]
fn what_has_nothing_to_do_with_the_selection_is_faded() {
    use crate::tui::term::ColorDepth;
    use crate::tui::theme::{Theme, Token};
    let mut run = run(9, false);
    // a way of its own: nothing leads from or to load
    for (name, state) in [
        ("apart", NodeState::Succeeded),
        ("apart_bad", NodeState::Failed),
        ("apart_busy", NodeState::Running),
    ] {
        let node = Node {
            state,
            ..Node::new(id(name))
        };
        run.topology.nodes.push(node.id.clone());
        run.topology.edges.push((id("extract"), node.id.clone()));
        run.nodes.insert(node.id.clone(), node);
    }
    for form in [Form::Boxes, Form::Compact] {
        for depth in [ColorDepth::Ansi16, ColorDepth::None] {
            let theme = Theme::terminal(depth, true);
            let scene = laid(&run, form);
            let area = Rect::new(0, 0, 200, 60);
            let mut buf = Buffer::empty(area);
            let load = id("load");
            let lineage = Lineage::of(&scene, scene.index_of(&load).unwrap());
            let item = |id: &NodeId| {
                let node = run.nodes.get(id)?;
                Some(Item::Node { node, usual: None })
            };
            GraphView {
                scene: &scene,
                form,
                selected: Some(&load),
                lineage: Some(&lineage),
                reach: Reach::default(),
                focused: true,
                now: now(),
                item: &item,
                map: None,
                clear: None,
            }
            .draw(&mut buf, area, &theme, (0, 0));
            // glyph and first letter of a name
            let looks = |raw: &str| {
                let b = scene.find(&id(raw)).unwrap();
                let (x, y) = match form {
                    Form::Boxes => (b.x + 2, b.y + 1),
                    Form::Compact => (b.x, b.y),
                };
                let at = |x: i32| buf[(x as u16, y as u16)].style();
                (at(x), at(x + 2))
            };
            let same = |a: ratatui::style::Style, b: ratatui::style::Style| {
                (a.fg, a.add_modifier)
                    == (b.fg.or(Some(ratatui::style::Color::Reset)), b.add_modifier)
            };
            assert!(same(looks("clean").1, theme[Token::Text]), "an ancestor");
            assert!(same(looks("apart").0, theme[Token::Muted]));
            assert!(same(looks("apart").1, theme[Token::Muted]));
            for (raw, state) in [
                ("apart_bad", NodeState::Failed),
                ("apart_busy", NodeState::Running),
            ] {
                assert!(
                    same(looks(raw).0, theme.state(state)),
                    "{raw} keeps its colour"
                );
                assert!(same(looks(raw).1, theme[Token::Muted]));
            }
        }
    }
}

#[test]
fn no_state_moves_a_box() {
    let mut run = run(9, false);
    let before = laid(&run, Form::Boxes);
    for node in run.nodes.values_mut() {
        node.state = NodeState::Retrying;
        node.attempt = 7;
        node.progress = Progress::new(1, 3);
    }
    assert_eq!(before.layout, laid(&run, Form::Boxes).layout);
}

#[test]
fn folded_instances_cost_nothing() {
    let folded = run(2000, false);
    let few = build(&folded.topology, &folded, Form::Boxes);
    assert_eq!(few.nodes.len(), 6);
    let open = run(2000, true);
    assert_eq!(build(&open.topology, &open, Form::Boxes).nodes.len(), 2006);
}

#[test]
fn only_what_is_in_view_is_drawn() {
    let long = run(2000, true);
    let short = run(60, true);
    let area = Rect::new(0, 0, 100, 30);
    let mut buf = Buffer::empty(area);
    let mut cost = |run: &Run| {
        let layout = laid(run, Form::Compact);
        let corner = center_on(&layout, &id("map/20"), area).unwrap();
        (
            draw(run, &layout, Form::Compact, &mut buf, area, false, corner),
            layout.layout.boxes.len(),
        )
    };
    let (many, boxes) = cost(&long);
    let (few, _) = cost(&short);
    assert!(boxes > 2000);
    assert!(many.boxes <= 40 && few.boxes <= 40, "{many:?} {few:?}");
    assert!(many.line_cells <= 3000, "{many:?}");
}

#[test]
fn the_window_moves_as_little_as_needed() {
    let run = run(9, false);
    let layout = laid(&run, Form::Boxes);
    let area = Rect::new(0, 0, 50, 8);
    let start = ensure_visible((0, 0), &layout, Some(&id("extract")), area);
    assert_eq!(
        ensure_visible(start, &layout, Some(&id("extract")), area),
        start
    );
    for raw in ["load", "report", "audit", "extract", "map"] {
        let id = &id(raw);
        let corner = ensure_visible(start, &layout, Some(id), area);
        let b = layout.find(id).unwrap();
        assert!(b.x >= corner.0 && b.x + b.w <= corner.0 + 50, "{raw}");
        assert!(b.y >= corner.1 && b.y + b.h <= corner.1 + 8, "{raw}");
        let centred = center_on(&layout, id, area).unwrap();
        assert_eq!(ensure_visible(centred, &layout, Some(id), area), centred);
    }
    // what fits whole stands in the middle
    let wide = Rect::new(0, 0, 300, 100);
    let (x, y) = clamp((77, 77), &layout, wide);
    assert!(x < 0 && y < 0);
    assert_eq!(center_on(&layout, &id("nope"), area), None);
}

#[test]
fn small_areas_get_lines_instead_of_boxes() {
    assert_eq!(Form::for_area(100, 30), Form::Boxes);
    assert_eq!(Form::for_area(100, 8), Form::Compact);
    assert_eq!(Form::for_area(40, 30), Form::Compact);
}

#[test]
fn any_size() {
    let run = run(20, false);
    for form in [Form::Boxes, Form::Compact] {
        let layout = laid(&run, form);
        testing::every_size(|buf, area| {
            for corner in [(0, 0), (-50, -9), (i32::MAX - 9, i32::MIN + 9), (30, 3)] {
                draw(&run, &layout, form, buf, area, false, corner);
            }
            let corner = ensure_visible((9, 9), &layout, Some(&id("load")), area);
            draw(&run, &layout, form, buf, area, false, corner);
        });
    }
}

#[test]
fn ways_are_followed_to_a_depth() {
    let scene = Scene::new(layout(
        &build(&run(0, false).topology, &run(0, false), Form::Boxes),
        &Form::Boxes.options(None),
    ));
    let at = |raw: &str| scene.index_of(&id(raw)).unwrap();
    let lineage = Lineage::of(&scene, at("load"));
    // extract, clean, map before; report, audit after
    assert_eq!(lineage.counts(Reach::within(None)), (3, 2));
    assert_eq!(lineage.counts(Reach::within(Some(1))), (2, 2));
    assert_eq!(lineage.farthest, (2, 1));
    assert!(lineage.holds(at("extract"), at("clean"), Reach::within(None)));
    assert!(!lineage.holds(at("extract"), at("clean"), Reach::within(Some(1))));
    assert!(lineage.holds(at("load"), at("audit"), Reach::within(Some(1))));
    let long = "a_very_long_name_of_a_node_that_is_shortened";
    assert!(!lineage.holds(at("extract"), at(long), Reach::within(None)));
}

#[test]
fn lines_that_leave_the_pane_say_where_to() {
    let run = run(0, false);
    let scene = laid(&run, Form::Boxes);
    let text = testing::text(40, 14, |buf, area| {
        let corner = center_on(&scene, &id("load"), area).unwrap();
        draw(&run, &scene, Form::Boxes, buf, area, false, corner);
    });
    assert!(text.contains("◄ clean") || text.contains("◄ map"), "{text}");
    assert!(text.contains("►"), "{text}");
    insta::assert_snapshot!("graph_exits_40x14", text);
}
