#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::HashMap;

use chrono::{DateTime, Duration, TimeZone, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::graph::{Layout, layout};
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

fn laid(run: &Run, form: Form) -> Layout {
    layout(&build(&run.topology, run, form), &form.options(None))
}

fn draw(
    run: &Run,
    layout: &Layout,
    form: Form,
    buf: &mut Buffer,
    area: Rect,
    ascii: bool,
    corner: (i32, i32),
) -> Drawn {
    let item = |raw: &str| {
        if raw == "map" {
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
        run.nodes.get(&NodeId::new(raw)).map(Item::Node)
    };
    GraphView {
        layout,
        form,
        selected: Some("load"),
        focused: true,
        now: now(),
        item: &item,
    }
    .draw(buf, area, theme(ascii), corner)
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
            let corner = ensure_visible((0, 0), &layout, Some("load"), area);
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
fn no_state_moves_a_box() {
    let mut run = run(9, false);
    let before = laid(&run, Form::Boxes);
    for node in run.nodes.values_mut() {
        node.state = NodeState::Retrying;
        node.attempt = 7;
        node.progress = Progress::new(1, 3);
    }
    assert_eq!(before, laid(&run, Form::Boxes));
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
        let corner = center_on(&layout, "map/20", area).unwrap();
        (
            draw(run, &layout, Form::Compact, &mut buf, area, false, corner),
            layout.boxes.len(),
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
    let start = ensure_visible((0, 0), &layout, Some("extract"), area);
    assert_eq!(ensure_visible(start, &layout, Some("extract"), area), start);
    for id in ["load", "report", "audit", "extract", "map"] {
        let corner = ensure_visible(start, &layout, Some(id), area);
        let b = layout.boxes.iter().find(|b| b.id == id).unwrap();
        assert!(b.x >= corner.0 && b.x + b.w <= corner.0 + 50, "{id}");
        assert!(b.y >= corner.1 && b.y + b.h <= corner.1 + 8, "{id}");
        let centred = center_on(&layout, id, area).unwrap();
        assert_eq!(ensure_visible(centred, &layout, Some(id), area), centred);
    }
    // what fits whole stands in the middle
    let wide = Rect::new(0, 0, 300, 100);
    let (x, y) = clamp((77, 77), &layout, wide);
    assert!(x < 0 && y < 0);
    assert_eq!(center_on(&layout, "nope", area), None);
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
            let corner = ensure_visible((9, 9), &layout, Some("load"), area);
            draw(&run, &layout, form, buf, area, false, corner);
        });
    }
}
