//! `dagtop snapshot`

use crate::support::home::Home;
use crate::{BAD, GOOD};

const SCREENS: [&str; 5] = ["fleet", "run", "log", "system", "alerts"];

fn ran() -> Home {
    let home = Home::new();
    home.here("");
    home.pipeline("good", GOOD);
    home.pipeline("bad", BAD);
    for address in ["here/good", "here/bad"] {
        home.dagtop(&["act", "trigger", address, "--yes"]).code(0);
    }
    home
}

#[test]
fn every_screen_comes_out_in_every_format_and_at_odd_sizes() {
    let home = ran();
    for screen in SCREENS {
        for (size, format) in [
            ("1x1", "svg"),
            ("20x5", "ansi"),
            ("80x24", "text"),
            ("1000x1000", "text"),
        ] {
            let done = home
                .dagtop(&[
                    "snapshot", "--screen", screen, "--size", size, "--format", format,
                ])
                .code(0)
                .quietly();
            match format {
                "svg" => assert!(
                    done.out.starts_with("<svg ") && done.out.trim_end().ends_with("</svg>")
                ),
                _ => {
                    let rows: usize = size.split_once('x').unwrap().1.parse().unwrap();
                    assert_eq!(done.out.lines().count(), rows, "{screen} {size}");
                    assert_eq!(
                        done.out.contains('\u{1b}'),
                        format == "ansi",
                        "{screen} {size}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_first_screen_tells_the_worst_failure_with_no_key_pressed() {
    let home = ran();
    let done = home.dagtop(&["snapshot", "--size", "100x24"]).code(0);
    done.says(&[
        "✗ 1 failing",
        "✗ bad",
        "ValueError: no such region",
        "✓ good",
    ]);
    let done = home
        .dagtop(&["snapshot", "--size", "100x24", "--ascii"])
        .code(0);
    assert!(done.out.is_ascii(), "{}", done.out);
    for screen in ["run", "log"] {
        home.dagtop(&["snapshot", "--size", "100x30", "--screen", screen])
            .code(0)
            .says(&["load", "ValueError: no such region"]);
    }
}

#[test]
fn an_address_says_whose_run() {
    let home = ran();
    for address in ["here/good", "here/good/latest", "here/good/latest/greet"] {
        let done = home
            .dagtop(&["snapshot", address, "--size", "100x30"])
            .code(0);
        done.says(&["greet", "2 of 2 done"]);
    }
    let log = [
        "snapshot",
        "here/good/latest/greet",
        "--screen",
        "log",
        "--size",
        "100x30",
    ];
    home.dagtop(&log).code(0).says(&["hello you 1"]);
    let wrong = |args: &[&str], wanted: &str| {
        home.dagtop(&[&["snapshot"], args].concat())
            .code(2)
            .complains(&[wanted]);
    };
    wrong(&["here/god"], "did you mean \"good\"?");
    wrong(&["here"], "a run belongs to a pipeline");
    wrong(
        &["here/good", "--screen", "fleet"],
        "an address means nothing to this screen",
    );
    wrong(&["--size", "0x9"], "WIDTHxHEIGHT");
    wrong(&["--size", "80"], "WIDTHxHEIGHT");
    wrong(&["--size", "1001x20"], "from 1 to 1000");
}

#[test]
fn where_nothing_has_run_there_is_no_run_to_show() {
    let home = Home::new();
    home.here("");
    home.pipeline("good", GOOD);
    home.dagtop(&["snapshot", "--size", "80x24"])
        .code(0)
        .says(&["good", "never ran"]);
    home.dagtop(&["snapshot", "--screen", "run"])
        .code(1)
        .complains(&["nothing has run yet"]);
    home.dagtop(&["snapshot", "here/good", "--size", "80x24"])
        .code(0)
        .says(&["no run is known", "integer, default 1"]);
    home.dagtop(&["snapshot", "here/good/latest"])
        .code(1)
        .complains(&["good has not run yet"]);
    home.config("");
    home.dagtop(&["snapshot", "--size", "80x24"])
        .code(0)
        .says(&["No backend is configured"]);
    Home::new()
        .dagtop(&["snapshot"])
        .code(2)
        .complains(&["there is no configuration at", "dagtop demo"]);
}

#[test]
fn the_demo_can_be_pictured_and_leaves_nothing_behind() {
    let home = Home::new();
    let done = home
        .dagtop(&["snapshot", "--demo", "--after", "3", "--size", "120x34"])
        .code(0)
        .quietly();
    done.says(&[
        "✗ billing_close",
        "● ledger_replay",
        "● orders_daily",
        "ExchangeRateError",
        "alerts 1",
    ]);
    let left: Vec<_> = std::fs::read_dir(home.state())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .filter(|name| name != "audit.jsonl")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
