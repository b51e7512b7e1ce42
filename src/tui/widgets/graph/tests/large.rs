//! Graphs that are larger than what is in view.
use crate::graph::{Graph, GraphNode};

use super::*;

/// Layers of `per` boxes; each box hangs on two of the layer before.
fn mesh(layers: usize, per: usize) -> Scene {
    let node = |n: usize| GraphNode {
        id: format!("n{n}"),
        width: 18,
        height: 3,
        group: None,
    };
    let edges = (per..layers * per).flat_map(|n| {
        let above = (n / per - 1) * per;
        [(above + n % per, n), (above + (n * 3 + 1) % per, n)]
    });
    let graph = Graph {
        nodes: (0..layers * per).map(node).collect(),
        edges: edges.collect(),
        ..Graph::default()
    };
    Scene::new(layout(&graph, &Form::Boxes.options(None)))
}

#[test]
fn what_is_hidden_is_counted_without_looking_at_all_of_it() {
    let scene = mesh(9, 40);
    let boxes = &scene.layout.boxes;
    for corner in [(0, 0), (70, 33), (150, 90), (-40, -10), (9999, 9999)] {
        let window = crate::graph::Rect::new(corner.0, corner.1, 90, 30);
        let count =
            |f: &dyn Fn(crate::graph::Rect) -> bool| boxes.iter().filter(|b| f(b.rect())).count();
        let wanted = Hidden {
            left: count(&|b| b.right() <= window.x),
            right: count(&|b| b.x >= window.right()),
            above: count(&|b| b.bottom() <= window.y),
            below: count(&|b| b.y >= window.bottom()),
        };
        assert_eq!(scene.hidden(window), wanted, "{corner:?}");
    }
}

#[test]
fn an_overview_holds_every_box_and_its_worst_state() {
    let scene = mesh(9, 40);
    let bad = scene.index_of(&id("n200")).unwrap();
    let state = |i: usize| {
        Some(if i == bad {
            NodeState::Failed
        } else {
            NodeState::Succeeded
        })
    };
    for size in [(60, 12), (20, 5), (3, 2), (1, 1), (300, 100)] {
        let overview = Overview::of(&scene, size, &state);
        let (columns, rows) = overview.size();
        assert!(
            columns <= size.0 && rows <= size.1 && columns > 0,
            "{size:?}"
        );
        let text = testing::text(columns, rows, |buf, area| {
            overview.draw(buf, area, theme(false));
        });
        let signs = text.chars().filter(|c| *c == '✗').count();
        assert!((1..=12).contains(&signs), "{size:?}: {signs} in\n{text}");
    }
    let overview = Overview::of(&scene, (60, 12), &state);
    insta::assert_snapshot!(
        "overview_60x12",
        testing::text(60, 12, |buf, area| {
            overview.draw(buf, area, theme(false));
        })
    );
    insta::assert_snapshot!(
        "overview_60x12_ascii",
        testing::text(60, 12, |buf, area| {
            overview.draw(buf, area, theme(true));
        })
    );
    let nothing = Overview::of(&Scene::default(), (9, 9), &|_| None);
    testing::every_size(|buf, area| {
        nothing.draw(buf, area, theme(false));
        overview.draw(buf, area, theme(false));
    });
}

/// Draws a mesh without states around one of its boxes.
fn draw_mesh(scene: &Scene, raw: &str, map: bool, buf: &mut Buffer, area: Rect) -> Drawn {
    let selected = id(raw);
    let lineage = scene.index_of(&selected).map(|i| Lineage::of(scene, i));
    let overview = Overview::of(scene, (20, 5), &|_| Some(NodeState::Succeeded));
    let corner = center_on(scene, &selected, area).unwrap_or_default();
    GraphView {
        scene,
        form: Form::Boxes,
        selected: Some(&selected),
        lineage: lineage.as_ref(),
        reach: Reach::within(Some(2)),
        focused: true,
        now: now(),
        item: &|_| None,
        map: map.then_some(&overview),
        clear: Some(&selected),
    }
    .draw(buf, area, theme(false), corner)
}

#[test]
fn the_cost_of_a_frame_does_not_grow_with_the_graph() {
    let area = Rect::new(0, 0, 120, 40);
    let mut buf = Buffer::empty(area);
    let small = mesh(12, 30);
    let large = mesh(12, 400);
    assert_eq!(large.layout.boxes.len(), 4800);
    for (scene, middle) in [(&small, "n195"), (&large, "n2600")] {
        let drawn = draw_mesh(scene, middle, true, &mut buf, area);
        assert!(drawn.boxes > 10 && drawn.boxes <= 60, "{drawn:?}");
        assert!(drawn.line_cells <= 120 * 40, "{drawn:?}");
    }
}

#[test]
fn the_map_hides_no_selection() {
    let scene = mesh(12, 60);
    for raw in ["n0", "n59", "n330", "n660", "n719"] {
        let with = testing::text(120, 30, |buf, area| {
            draw_mesh(&scene, raw, true, buf, area);
        });
        assert!(with.contains(raw), "{raw} is hidden in\n{with}");
        assert!(with.contains('┌'), "no map in\n{with}");
    }
    testing::every_size(|buf, area| {
        draw_mesh(&scene, "n330", true, buf, area);
    });
}

#[test]
fn a_drawing_may_be_taller_than_a_screen_can_count() {
    let count = 20_000;
    let node = |n: usize| GraphNode {
        id: format!("n{n}"),
        width: 18,
        height: 3,
        group: None,
    };
    let graph = Graph {
        nodes: (0..count).map(node).collect(),
        edges: (1..count).map(|n| (0, n)).collect(),
        ..Graph::default()
    };
    let scene = Scene::new(layout(&graph, &Form::Boxes.options(None)));
    assert!(
        scene.layout.height > i32::from(u16::MAX),
        "{}",
        scene.layout.height
    );
    let lowest = (1..count).max_by_key(|n| scene.find(&id(&format!("n{n}"))).unwrap().y);
    let raw = format!("n{}", lowest.unwrap());
    let text = testing::text(80, 24, |buf, area| {
        let drawn = draw_mesh(&scene, &raw, true, buf, area);
        assert!(drawn.boxes > 1 && drawn.boxes < 20, "{drawn:?}");
    });
    assert!(text.contains(&raw), "{text}");
    assert!(text.contains("▲ n0"), "where its line comes from:\n{text}");
}

#[test]
fn edges_of_hubs_are_faded_unless_they_are_the_selection_s() {
    let node = |n: usize| GraphNode {
        id: format!("n{n}"),
        width: 10,
        height: 3,
        group: None,
    };
    let graph = Graph {
        nodes: (0..22).map(node).collect(),
        // 0 is a hub; 20 → 21 is not
        edges: (1..20).map(|n| (0, n)).chain([(20, 21)]).collect(),
        ..Graph::default()
    };
    let scene = Scene::new(layout(&graph, &Form::Boxes.options(None)));
    assert!(scene.is_hub(0) && !scene.is_hub(1) && !scene.is_hub(20));
    let of = |raw: &str| {
        testing::text(60, 100, |buf, area| {
            draw_mesh(&scene, raw, false, buf, area);
        })
    };
    assert!(of("n20").contains('╎') && of("n20").contains('━'));
    let at_hub = of("n0");
    assert!(at_hub.contains('┃') && !at_hub.contains('╎'), "{at_hub}");
}
