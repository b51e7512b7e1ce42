//! A few telling graphs as they are drawn.

use dagtop::graph::{Direction, Options, Style, layout, read, to_json, to_text};

fn drawn(text: &str, style: Style, direction: Direction, ascii: bool) -> String {
    let named = read(text.as_bytes()).unwrap();
    let options = Options {
        direction,
        ..Options::default()
    };
    to_text(&layout(&named.graph(style), &options), &named, ascii)
}

fn boxes(text: &str) -> String {
    drawn(text, Style::Boxes, Direction::LeftRight, false)
}

const FAN: &str = "extract\tclean\nextract\tcheck\nextract\tcount\nclean\tload\ncheck\tload\ncount\tload\nload\treport\nextract\treport\n";
const SWAP: &str = "a\ty\na\tx\nb\tx\nb\ty\nc\tz\nb\tz\n";

#[test]
fn chain() {
    insta::assert_snapshot!(boxes("extract\ttransform\ntransform\tload\n"));
}

#[test]
fn fan_out_and_in_with_a_long_edge() {
    insta::assert_snapshot!(boxes(FAN));
}

#[test]
fn fan_from_top_to_bottom() {
    insta::assert_snapshot!(drawn(FAN, Style::Boxes, Direction::TopBottom, false));
}

#[test]
fn fan_in_one_row_each() {
    insta::assert_snapshot!(drawn(FAN, Style::Compact, Direction::LeftRight, false));
}

#[test]
fn fan_in_ascii() {
    insta::assert_snapshot!(drawn(FAN, Style::Boxes, Direction::LeftRight, true));
}

#[test]
fn crossings_go_over() {
    insta::assert_snapshot!(boxes(SWAP));
}

#[test]
fn two_that_both_lead_to_the_same_two() {
    insta::assert_snapshot!(boxes("a\tc\na\td\nb\tc\nb\td\n"));
}

#[test]
fn two_fans_that_meet_in_the_middle() {
    insta::assert_snapshot!(boxes(
        "in\tx\nin\ty\nin\tz\nx\tout\ny\tout\nz\tout\nx\tside\nz\tside\n"
    ));
}

#[test]
fn cycle_and_self_loop() {
    insta::assert_snapshot!(boxes("a\tb\nb\tc\nc\ta\nb\tb\nc\td\n"));
}

#[test]
fn components_and_lone_nodes() {
    insta::assert_snapshot!(boxes("a\tb\nc\td\nlone\nalso alone\ne\tf\ne\tg\n"));
}

#[test]
fn collapsed_group() {
    let json = r#"{"groups": [{"id": "stage", "label": "stage (12)", "collapsed": true}],
        "nodes": ["src", {"id": "s1", "group": "stage"}, {"id": "s2", "group": "stage"}, "mart"],
        "edges": [["src", "s1"], ["src", "s2"], ["s1", "mart"], ["s2", "mart"], ["stage", "audit"]]}"#;
    insta::assert_snapshot!(boxes(json));
}

#[test]
fn long_and_wide_names() {
    insta::assert_snapshot!(boxes(
        "a_name_that_is_far_too_long_to_be_shown_whole\t日本語の名前\n日本語の名前\tb\u{7}ell\n"
    ));
}

#[test]
fn json_has_what_other_programs_need() {
    let named = read(b"a\tb\na\tb\nb\ta\n").unwrap();
    let done = layout(&named.graph(Style::Boxes), &Options::default());
    insta::assert_snapshot!(to_json(&done, 0.5).unwrap());
}
