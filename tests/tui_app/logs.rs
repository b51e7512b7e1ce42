//! The log pane: following, finding, filtering, folding, marking, merging; by keys, as a person would.

use dagtop::model::*;
use dagtop::tui::app::{Effect, Screen, Viewer};

use crate::session::Session;
use crate::world::{self, Builder, key, node, running};

const SIZE: (u16, u16) = (120, 40);

fn run() -> RunKey {
    key("airflow", "orders").run("r1")
}

fn log_key(node: &str, attempt: u32) -> LogKey {
    run().node(&NodeId::new(node)).log(attempt)
}

/// A run with three nodes, one of which failed at its second attempt.
fn builder() -> Builder {
    let mut b = Builder::new(vec![world::info("airflow", "airflow")]);
    b.up("airflow", "3.1", 9000);
    let pipeline = key("airflow", "orders");
    b.pipeline(Pipeline::new(pipeline.clone()));
    b.run(running(&pipeline, "r1", 30));
    let mut load = node("load", NodeState::Failed, 10, 5);
    load.attempt = 2;
    let nodes = vec![
        node("extract", NodeState::Succeeded, 25, 10),
        load,
        node("audit", NodeState::Running, 8, 0),
    ];
    b.nodes(&run(), nodes, true);
    b
}

const LOAD: &str = "\
2026-11-20T03:04:07Z INFO loader - starting attempt 2
2026-11-20T03:04:08Z DEBUG loader - connected to db-1
{\"ts\":\"2026-11-20T03:05:00Z\",\"level\":\"info\",\"logger\":\"loader\",\"msg\":\"read part\",\"rows\":1200,\"part\":1}
{\"ts\":\"2026-11-20T03:05:30Z\",\"level\":\"info\",\"logger\":\"loader\",\"msg\":\"read part\",\"rows\":90,\"part\":2}
2026-11-20T03:06:00Z WARN loader - slow answer of db-1
2026-11-20T03:06:30Z ERROR loader - it broke
Traceback (most recent call last):
  File \"load.py\", line 3, in load
    rows = read()
TimeoutError: no answer of db-1
2026-11-20T03:06:31Z INFO loader - cleaning up
2026-11-20T03:06:32Z ERROR loader - could not clean up
2026-11-20T03:06:33Z INFO loader - gone
";

/// The failed node's log on the whole screen.
fn opened() -> Session {
    let mut b = builder();
    b.log(log_key("load", 2), LOAD, true);
    b.log(
        log_key("load", 1),
        "2026-11-20T03:02:00Z INFO loader - starting attempt 1\n2026-11-20T03:03:00Z ERROR loader - first try broke\n",
        true,
    );
    b.log(
        log_key("audit", 1),
        "2026-11-20T03:05:10Z INFO audit - waiting for load\n2026-11-20T03:06:31Z WARN audit - load is gone\n  and so is its table\n",
        false,
    );
    b.log(
        log_key("extract", 1),
        "2026-11-20T02:50:00Z INFO extract - done\n",
        true,
    );
    let mut s = Session::new(b.done(), SIZE);
    s.keys("enter").wait(400).keys("enter");
    assert!(matches!(s.app.stack.last(), Some(Screen::Log(_))));
    s
}

/// The line of the screen that holds a text.
fn line(s: &Session, text: &str) -> String {
    let screen = s.screen();
    let found = screen.lines().find(|l| l.contains(text));
    found
        .unwrap_or_else(|| panic!("{text:?} is not in\n{screen}"))
        .to_owned()
}

fn cursor(s: &Session) -> String {
    let view = s.app.log_view().unwrap();
    view.with(&s.watch, |lens| {
        let at = view.cursor(lens).unwrap();
        let log = lens.log(at.source).unwrap();
        log.line(at.row).unwrap().text.text.to_string()
    })
}

fn copied(s: &Session) -> Vec<String> {
    match s.effects.last() {
        Some(Effect::CopyLines(lines)) => lines.iter().map(|l| l.to_string()).collect(),
        Some(Effect::Copy(text)) => vec![text.to_string()],
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failed_node_is_opened_at_its_first_error() {
    let mut s = opened();
    s.sees("first error");
    assert_eq!(cursor(&s), "TimeoutError: no answer of db-1");
    s.keys("e");
    assert!(cursor(&s).ends_with("could not clean up"));
    s.keys("e").sees("no error below");
    s.keys("E");
    assert_eq!(cursor(&s), "TimeoutError: no answer of db-1");
    insta::assert_snapshot!("log_opened", opened().screen());
}

#[test]
fn following_stops_when_one_scrolls_up_and_says_what_came() {
    let mut s = opened();
    let more = |s: &mut Session, lines: usize| {
        let text: String = (0..lines)
            .map(|i| format!("2026-11-20T03:07:00Z INFO x - more {i}\n"))
            .collect();
        let update = LogUpdate::Append(text.into_bytes());
        let chunk = LogChunk {
            key: log_key("load", 2),
            update,
        };
        s.event("airflow", Event::Log(chunk));
    };
    s.keys("G").sees("end");
    more(&mut s, 100);
    s.sees("more 99").sees("following");
    s.keys("k k");
    more(&mut s, 1204);
    s.sees("1,204 new, G follows").sees_not("more 1203");
    s.keys("G").sees("more 1203").sees_not(" new, ");
    s.keys("f").sees_not("following");
    s.keys("f").sees("following");
    // walking off the end is following too
    s.keys("k j").sees("following");
}

#[test]
fn a_search_is_shown_as_it_is_typed_and_counted() {
    let mut s = opened();
    s.keys("g /").text("db-1");
    s.sees("match 1 of 3");
    assert!(cursor(&s).contains("connected"));
    s.keys("enter n").sees("match 2 of 3");
    s.keys("n").sees("match 3 of 3");
    assert_eq!(cursor(&s), "TimeoutError: no answer of db-1");
    s.keys("n").sees("match 1 of 3");
    s.keys("N").sees("match 3 of 3");
    // given up, the one before comes back
    s.keys("/").text("broke").sees("match 1 of 1");
    s.keys("esc").sees("match 3 of 3");
    s.keys("esc").sees_not("match");
    s.keys("n").sees("nothing was searched for");
    s.keys("/").text("@rows:>100").sees("match 1 of 1");
    assert!(cursor(&s).contains("1200"));
    s.keys("enter /")
        .text("zzz")
        .keys("enter")
        .sees("\"zzz\" is not in this log");
}

#[test]
fn a_mistake_is_told_with_its_place_and_the_last_good_result_stays() {
    let mut s = opened();
    s.keys("/").text("db-1");
    s.sees("of 3");
    s.text(" (");
    s.sees("column 7").sees("of 3");
    s.keys("enter").sees("column 7");
    assert!(s.app.log_view().unwrap().prompt.is_some());
    s.keys("backspace backspace enter").sees_not("column 7");
    assert!(s.app.log_view().unwrap().prompt.is_none());
}

#[test]
fn names_and_values_are_completed() {
    let mut s = opened();
    s.keys("/").text("lev").sees("tab level:");
    s.keys("tab").sees("search: level:").sees("error");
    s.keys("tab").sees("search: level:error");
    s.sees("of 2");
    s.keys("tab").sees("search: level:warn").sees("of 1");
    s.keys("esc /")
        .text("@ro")
        .keys("tab tab")
        .sees("search: @rows:1200");
    s.keys("esc /")
        .text("node:")
        .keys("tab")
        .sees("search: node:load");
}

#[test]
fn filters_are_a_stack_that_is_switched_singly() {
    let mut s = opened();
    s.keys("&").text("loader").keys("enter").sees("[loader]");
    s.keys("-")
        .text("level:debug")
        .keys("enter")
        .sees("[-level:debug]");
    s.sees_not("connected to db-1").sees("starting attempt 2");
    s.keys("-")
        .text("read part")
        .keys("enter")
        .sees("[-(read part)]")
        .sees_not("read part}");
    insta::assert_snapshot!("log_filtered", s.screen());
    // off, and on again
    s.keys("=");
    insta::assert_snapshot!("log_filters", s.screen());
    s.keys("j space").sees("[ ] -level:debug");
    s.keys("esc");
    s.sees("connected to db-1").sees("(-level:debug)");
    s.keys("= j enter").sees("filter: level:debug");
    s.text(" OR db-1").keys("enter");
    s.sees_not("slow answer").sees("starting attempt 2");
    s.keys("= c").sees("slow answer").sees_not("[loader]");
    s.keys("=").sees("nothing is filtered");
}

#[test]
fn a_threshold_and_a_span_of_time_are_filters() {
    let mut s = opened();
    for _ in 0..3 {
        s.keys(")");
    }
    s.sees("[warn+]")
        .sees_not("starting attempt")
        .sees("slow answer");
    // a record is shown whole
    s.sees("Traceback");
    s.keys(") ) )").sees("only the loudest level");
    s.keys("( ( ( ( (").sees("starting attempt");
    s.keys("(").sees("all levels are shown");
    s.keys("/")
        .text("slow")
        .keys("enter esc [")
        .sees("[from 03:06:00]")
        .sees_not("starting attempt");
    s.keys("e ]")
        .sees("[03:06:00 to 03:06:30]")
        .sees_not("cleaning up");
    s.keys("0")
        .sees("starting attempt")
        .sees("cleaning up")
        .sees_not("[03:06");
    s.keys("0").sees("all of the time is shown");
}

#[test]
fn tracebacks_fold_to_their_cause() {
    let mut s = opened();
    s.keys("z")
        .sees("(+3 lines)")
        .sees_not("rows = read()")
        .sees("TimeoutError");
    s.keys("z").sees("rows = read()");
    s.keys("Z").sees("folded").sees_not("rows = read()");
    s.keys("z").sees("rows = read()");
    s.keys("Z").sees_not("folded");
    s.keys("g z").sees("only one line");
}

#[test]
fn times_raw_and_wrap_change_the_look() {
    let mut s = opened();
    s.keys("D D").sees("+0.000").sees("+1.000").sees("+2m23s");
    s.keys("D").sees("+30.000");
    s.keys("D").sees("03:06:31");
    s.keys("#").sees("raw").sees("\"part\":2}");
    s.keys("#").sees_not(" raw");
    s.keys("w").sees("wrapped");
}

#[test]
fn a_record_opens_with_its_fields_and_they_become_columns() {
    let mut s = opened();
    s.keys("/")
        .text("1200")
        .keys("enter enter")
        .sees("@rows")
        .sees("record");
    insta::assert_snapshot!("log_record", s.screen());
    for _ in 0..10 {
        if line(&s, "> ").contains("@rows") {
            break;
        }
        s.keys("j");
    }
    s.keys("space").sees("[x] @rows");
    s.keys("y");
    assert_eq!(copied(&s), ["1200"]);
    s.keys("esc");
    let shown = line(&s, "1200");
    assert!(shown.contains("1200           read part"), "{shown}");
}

#[test]
fn bookmarks_are_kept_and_gone_to() {
    let mut s = opened();
    s.keys("g b").sees("bookmarked");
    s.keys("G k b .");
    assert!(cursor(&s).ends_with("starting attempt 2"));
    s.keys(",");
    assert!(cursor(&s).ends_with("could not clean up"));
    s.sees("◆");
    s.keys("b").sees("bookmark removed");
    s.keys("g b .").sees("there is no bookmark");
}

#[test]
fn a_line_a_record_and_a_selection_are_copied() {
    let mut s = opened();
    s.keys("y");
    assert_eq!(copied(&s), ["TimeoutError: no answer of db-1"]);
    s.keys("Y");
    assert_eq!(copied(&s).len(), 5);
    assert!(copied(&s)[1].starts_with("Traceback"));
    s.keys("v j j y");
    let lines = copied(&s);
    assert_eq!(lines.len(), 3);
    assert!(lines[2].ends_with("could not clean up"));
    // upwards too; and esc lets go of it first
    s.keys("v k k");
    s.keys("esc y");
    assert_eq!(copied(&s).len(), 1);
    assert!(matches!(s.app.stack.last(), Some(Screen::Log(_))));
}

#[test]
fn what_is_filtered_or_all_goes_to_files_and_programs() {
    let mut s = opened();
    s.app.settings.save_dir = Some("/tmp/x".into());
    s.keys("&").text("db-1").keys("enter s");
    let Some(Effect::SaveLog { what, path }) = s.effects.last().cloned() else {
        panic!("{:?}", s.effects.last());
    };
    assert!(what.filter.is_some());
    assert_eq!(path.to_str(), Some("/tmp/x/orders_r1_load_2_filtered.log"));
    s.keys("S");
    let Some(Effect::SaveLog { what, path }) = s.effects.last().cloned() else {
        panic!("{:?}", s.effects.last());
    };
    assert!(what.filter.is_none() && path.ends_with("orders_r1_load_2.log"));
    s.keys("ctrl-o");
    assert!(matches!(
        s.effects.last(),
        Some(Effect::OpenLog {
            with: Viewer::Pager,
            ..
        })
    ));
    s.keys("ctrl-e");
    assert!(matches!(
        s.effects.last(),
        Some(Effect::OpenLog {
            with: Viewer::Editor,
            ..
        })
    ));
}

#[test]
fn several_logs_stand_side_by_side_by_time() {
    let mut s = opened();
    s.keys("*").sees("all attempts").sees("failing nodes");
    insta::assert_snapshot!("log_merge", s.screen());
    s.keys("enter")
        .sees("try 1")
        .sees("try 2")
        .sees("first try broke");
    s.keys("* enter").sees("orders / load / attempt 2");
    s.keys("* enter")
        .sees("all nodes, 3 logs")
        .sees("load is gone");
    let order: Vec<String> = s
        .screen()
        .lines()
        .filter(|l| l.contains("audit") || l.contains("it broke"))
        .map(str::to_owned)
        .collect();
    assert!(
        order.iter().any(|l| l.contains("waiting for load")),
        "{order:?}"
    );
    insta::assert_snapshot!("log_merged", s.screen());
    // the logs of all of them are asked for
    assert_eq!(s.focus().logs.len(), 3);
    // to the node of a line, and back
    s.keys("/").text("load is gone").keys("enter ctrl-g");
    let node = |s: &Session| s.app.run_screen().unwrap().selected.clone().unwrap();
    assert_eq!(node(&s).raw(), "audit");
    s.keys("esc").sees("all nodes, 3 logs");
    assert!(cursor(&s).ends_with("load is gone"));
    // alone is the log that the cursor is in
    s.keys("* k k k enter").sees("orders / audit / attempt 1");
}

#[test]
fn many_logs_are_bounded_and_it_is_said() {
    let mut b = builder();
    let nodes: Vec<Node> = (0..40)
        .map(|i| node(&format!("n{i:02}"), NodeState::Succeeded, 20, 5))
        .collect();
    b.nodes(&run(), nodes, false);
    b.log(log_key("load", 2), LOAD, true);
    let mut s = Session::new(b.done(), SIZE);
    s.keys("enter").wait(400).keys("*").sees("16 of 43");
    s.keys("G k j j j j enter").sees("16 of 43 logs");
    assert_eq!(s.focus().logs.len(), 16);
}

#[test]
fn what_is_missing_is_a_row_whatever_is_filtered() {
    let mut s = opened();
    let chunk = LogChunk {
        key: log_key("load", 2),
        update: LogUpdate::Lost(SafeText::new("12 MB cut by the server")),
    };
    s.event("airflow", Event::Log(chunk));
    s.keys("G").sees("12 MB cut by the server");
    s.keys("&")
        .text("starting")
        .keys("enter")
        .sees("12 MB cut by the server")
        .sees("starting attempt 2");
    s.sees_not("slow answer");
}

#[test]
fn a_large_log_is_searched_in_slices_between_keys() {
    let mut b = builder();
    let lines = 60_000;
    let text: String = (0..lines)
        .map(|i| format!("2026-11-20T03:00:00Z INFO x - line {i} of many\n"))
        .collect();
    b.watch.logs = dagtop::logs::LogStore::new(64 << 20);
    b.log(log_key("load", 2), &text, true);
    let mut s = Session::new(b.done(), SIZE);
    s.keys("enter").wait(400).keys("enter g /").text("59999");
    assert!(s.app.searching());
    s.sees("% read");
    // the next key cancels it
    s.keys("backspace").sees("match 1 of");
    let mut slices = 0;
    while s.app.searching() {
        s.send(dagtop::tui::app::Msg::Slice);
        slices += 1;
        assert!(slices < 1000);
    }
    // about half a MB each
    assert!(slices >= text.len() / (600 << 10), "{slices}");
    s.sees("match 1 of 16").sees_not("% read");
    // a filter goes on the same way, and its count is right
    s.keys("esc &").text("9999").keys("enter");
    while s.app.searching() {
        s.send(dagtop::tui::app::Msg::Slice);
    }
    s.sees("of 6");
}

#[test]
fn any_size_and_look_is_survived() {
    for size in [(80, 24), (120, 40), (160, 48), (40, 12), (20, 6), (3, 3)] {
        for unicode in [true, false] {
            let mut s = opened();
            s.theme = crate::session::theme(dagtop::tui::term::ColorDepth::None, unicode);
            s.resize(size.0, size.1);
            for keys in [
                "& x enter",
                "= esc",
                "*",
                "enter",
                "/ b enter",
                "v j",
                "b",
                "Z",
                "w",
                "#",
                "D D",
                "o",
                "esc",
            ] {
                s.keys(keys).draw();
            }
        }
    }
    let mut s = opened();
    s.theme = crate::session::theme(dagtop::tui::term::ColorDepth::None, false);
    s.resize(80, 24);
    s.keys("/").text("db-1").keys("enter b");
    insta::assert_snapshot!("log_ascii_80x24", s.screen());
}

#[test]
fn the_fleet_is_asked_in_the_same_language() {
    let mut s = Session::new(world::world(), SIZE);
    s.keys("/").text("status:failing").wait(400);
    s.sees("orders_daily").sees_not("customers_sync");
    s.text(" (")
        .sees("column")
        .sees("orders_daily")
        .sees_not("customers_sync");
    s.keys("enter").sees("column");
    s.keys("esc").sees("customers_sync");
    s.keys("/").text("back").sees("tab backend:");
    s.keys("tab").text("loc");
    s.keys("tab")
        .sees("filter: backend:local")
        .sees("customers_sync")
        .sees("2 of them match");
    s.keys("esc /")
        .text("-backend:local cust")
        .sees_not("customers_sync");
    s.keys("esc /").text("cstmrs").sees("customers_sync");
}

#[test]
fn hostile_names_stay_text() {
    let mut b = Builder::new(vec![world::info("airflow", "airflow")]);
    b.up("airflow", "3.1", 9000);
    let pipeline = key("airflow", "evil\u{1b}]0;x\u{7}/../../\u{202e}pipe");
    b.pipeline(Pipeline::new(pipeline.clone()));
    let mut bad = node("no\u{1b}[2Jde/../..", NodeState::Failed, 10, 5);
    bad.name = SafeText::new("no\u{1b}[2Jde\u{9b}31m");
    let run = running(&pipeline, "r\n1;rm", 30);
    let log = run.key.node(&bad.id).log(1);
    let nodes = run.key.clone();
    b.run(run);
    b.nodes(&nodes, vec![bad], true);
    b.log(
        log,
        "2026-11-20T03:00:00Z ERROR a - \u{1b}]52;c;ZXZpbA==\u{7}it broke\n",
        true,
    );
    let mut s = Session::new(b.done(), SIZE);
    s.app.settings.save_dir = Some("/tmp/x".into());
    s.keys("enter").wait(400).keys("enter * enter s");
    let Some(Effect::SaveLog { path, .. }) = s.effects.last().cloned() else {
        panic!("{:?}", s.effects.last());
    };
    let name = path.strip_prefix("/tmp/x").unwrap().to_str().unwrap();
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    assert!(name.bytes().all(harmless), "{name}");
    s.keys("Y");
    assert_eq!(copied(&s), ["2026-11-20T03:00:00Z ERROR a - it broke"]);
    for keys in ["o", "esc", "/ tab n tab", "esc", "d", "esc", "ctrl-g"] {
        s.keys(keys);
        let screen = s.screen();
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!screen.contains(bad), "{screen:?}");
    }
}

#[test]
fn a_burst_that_is_followed_sends_little() {
    use dagtop::tui::term::{Caps, ColorDepth, Screen as Terminal};
    for (size, ssh) in [((80, 24), true), ((120, 40), false), ((200, 60), false)] {
        let mut s = opened();
        s.resize(size.0, size.1).keys("G");
        let caps = Caps {
            color: ColorDepth::Ansi16,
            unicode: true,
            sync_output: true,
            ssh,
            tmux: false,
            dumb: false,
        };
        let cells = ratatui::layout::Size::new(size.0, size.1);
        let mut terminal = Terminal::new(Vec::new(), &caps, Box::new(move || cells)).unwrap();
        let mut pace = dagtop::tui::term::pace::Pace::new(ssh);
        let draw = |s: &Session, terminal: &mut Terminal<Vec<u8>>| {
            let frame = |frame: &mut ratatui::Frame| {
                dagtop::tui::screens::draw(&s.app, &s.watch, &s.theme, frame);
            };
            terminal.draw(frame).unwrap().bytes
        };
        draw(&s, &mut terminal);
        // two seconds of it, in chunks as they come; a frame whenever one is due
        let begin = std::time::Instant::now();
        let step = std::time::Duration::from_millis(20);
        let (mut bytes, mut frames, mut lines) = (0, 0, 0);
        for tick in 0..100 {
            let now = begin + step * tick;
            let chunk: String = (0..100)
                .map(|i| format!("2026-11-20T03:07:{:02}Z INFO loader - copied part {} of the table into memory\n", tick / 2, lines + i))
                .collect();
            lines += 100;
            let update = LogUpdate::Append(chunk.into_bytes());
            let chunk = LogChunk {
                key: log_key("load", 2),
                update,
            };
            let stamped = Stamped {
                backend: BackendId::new("airflow"),
                at: s.now,
                event: Event::Log(chunk),
            };
            let changes = s.watch.apply(&stamped);
            s.send(dagtop::tui::app::Msg::World(changes));
            pace.data(now);
            if pace.is_due(now) {
                let sent = draw(&s, &mut terminal);
                pace.drawn(now);
                pace.weigh(sent, false);
                bytes += sent;
                frames += 1;
            }
        }
        println!("{size:?}: {frames} frames, {} bytes a second", bytes / 2);
        assert!((2..=20).contains(&frames), "{frames}");
        assert!(bytes / 2 <= 20_000 + 4_000, "{bytes} in two seconds");
        // nothing was lost without a word
        let log = s.watch.logs.get(&log_key("load", 2)).unwrap();
        let (dropped, gap) = (log.dropped().lines as usize, usize::from(log.is_cut()));
        assert_eq!(log.len() - gap + dropped, 13 + lines);
    }
}

#[test]
fn a_frame_of_a_large_log_reads_no_more_than_one_of_a_small_log() {
    use dagtop::logs::{Folds, Lens, LogStore, Source};
    // places in a log of a million lines, filtered and folded, are found without walking to them
    let mut store = LogStore::new(1 << 30);
    let line = "2026-11-20T03:00:00Z INFO x - nothing\n";
    for _ in 0..100 {
        store.append(&0, line.repeat(10_000).as_bytes());
    }
    let log = store.get(&0).unwrap();
    let sources = [Source {
        log,
        wanted: None,
        since: None,
        until: None,
    }];
    let folds = Folds::default();
    let lens = Lens::new(&sources, &folds);
    let last = lens.last().unwrap();
    assert_eq!(last.row, 999_999);
    let middle = lens.shift(last, -500_000);
    assert_eq!(lens.place(middle), (499_999, 1_000_000));
    assert_eq!(lens.after(middle).take(40).count(), 40);
}

/// `LOG=/path/to/a/large.log cargo test --release --test tui_app -- --ignored --nocapture time_of_a_large_log`
#[test]
#[ignore = "prints times, asserts nothing"]
fn time_of_a_large_log() {
    use std::time::Instant;
    let Ok(path) = std::env::var("LOG") else {
        return;
    };
    // what of the time this thread was on a processor: others run as well
    let used = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
        std::time::Duration::from_nanos(nanos.unwrap_or_default())
    };
    // peak resident memory in MB
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
        kb.map_or(f64::NAN, |kb| kb / 1e3)
    };
    let mut b = builder();
    b.watch.logs = dagtop::logs::LogStore::new(64 << 20);
    let key = log_key("load", 2);
    let mut s = Session::new(b.done(), SIZE);
    s.keys("enter").wait(400).keys("enter");
    let (before, idle) = (peak(), used());
    let opened = Stamped {
        backend: BackendId::new("airflow"),
        at: s.now,
        event: Event::Log(LogChunk {
            key: key.clone(),
            update: LogUpdate::File(path.into()),
        }),
    };
    // what another program does in between makes a slice long: the least of the longest is not known, only the longest
    let longest = std::cell::Cell::new(std::time::Duration::ZERO);
    let timed = |s: &mut Session, what: &mut dyn FnMut(&mut Session)| {
        let begin = Instant::now();
        what(s);
        longest.set(longest.get().max(begin.elapsed()));
    };
    let begin = Instant::now();
    let changes = s.watch.apply(&opened);
    s.send(dagtop::tui::app::Msg::World(changes));
    s.draw();
    println!("first screen after {:?}", begin.elapsed());
    let (mut drawn, mut drawing) = (Instant::now(), std::time::Duration::ZERO);
    while s.watch.is_reading() {
        timed(&mut s, &mut |s| {
            let slice = Instant::now();
            while slice.elapsed().as_millis() < 8 && s.watch.read_on(1 << 20) {}
        });
        timed(&mut s, &mut |s| {
            let begin = used();
            s.send(dagtop::tui::app::Msg::World(changes));
            if drawn.elapsed().as_millis() >= 100 {
                s.draw();
                drawn = Instant::now();
            }
            drawing += used() - begin;
        });
    }
    println!(
        "indexed after {:?} (processor {:?}, of it {drawing:?} for ten frames a second), longest slice or frame {:?}",
        begin.elapsed(),
        used() - idle,
        longest.take()
    );
    println!("peak memory over the start: {:.1} MB", peak() - before);
    let frames = |s: &mut Session, what: &str| {
        let begin = Instant::now();
        let mut longest = std::time::Duration::ZERO;
        for _ in 0..100 {
            let frame = Instant::now();
            s.draw();
            longest = longest.max(frame.elapsed());
        }
        println!(
            "{what}: {:?} a frame, the longest {longest:?}",
            begin.elapsed() / 100
        );
    };
    let until_done = |s: &mut Session, what: &str| {
        let (begin, mut slices, mut longest) = (Instant::now(), 0, std::time::Duration::ZERO);
        while s.app.searching() {
            let slice = Instant::now();
            s.send(dagtop::tui::app::Msg::Slice);
            longest = longest.max(slice.elapsed());
            slices += 1;
        }
        println!(
            "{what}: {:?} in {slices} slices, the longest {longest:?}",
            begin.elapsed()
        );
    };
    frames(&mut s, "at the first error");
    s.keys("G");
    frames(&mut s, "at the end");
    let begin = Instant::now();
    s.quick("g");
    println!("to the beginning: {:?}", begin.elapsed());
    for ready in ["not ready", "ready"] {
        for from in ["g", "G"] {
            s.keys(from).keys("/").text("needle-7f3a9");
            while s.app.searching() {
                s.send(dagtop::tui::app::Msg::Slice);
            }
            let begin = Instant::now();
            s.quick("c");
            s.draw();
            while !s.screen().contains("here is the needle") && s.app.searching() {
                s.send(dagtop::tui::app::Msg::Slice);
                s.draw();
            }
            println!(
                "{ready}, from {from}: the hit is on screen {:?} after the last key: {}",
                begin.elapsed(),
                s.screen().contains("here is the needle")
            );
            until_done(&mut s, "a rare word");
            println!("{}", line(&s, "log ·"));
            s.keys("esc");
        }
        let begin = Instant::now();
        let mut slices = 0;
        while s.watch.get_ready(1 << 20) {
            slices += 1;
        }
        println!("made ready in {:?}, {slices} slices", begin.elapsed());
    }
    s.keys("/").text("needle-7f3a9c");
    until_done(&mut s, "a rare word");
    println!("{}", line(&s, "log ·"));
    s.keys("enter");
    frames(&mut s, "with a search");
    s.keys("esc ) ) )");
    let begin = Instant::now();
    s.wait(400).quick(")").draw();
    println!("errors only: a page of them after {:?}", begin.elapsed());
    until_done(&mut s, "errors only");
    println!("{}", line(&s, "log ·"));
    frames(&mut s, "filtered");
    s.keys("Z");
    frames(&mut s, "folded");
    s.keys("( ( ( (").keys("&").text("@rows:>5").keys("enter");
    until_done(&mut s, "every record read");
    println!("{}", line(&s, "log ·"));
    println!("peak memory over the start: {:.1} MB", peak() - before);
}
