//! Going places with the keyboard.

use chrono::Duration;
use dagtop::engine;
use dagtop::model::*;
use dagtop::tui::app::{Effect, Msg, Screen, Settings};
use dagtop::tui::command::TABLE;
use dagtop::tui::term::Input;

use crate::places::at;
use crate::session::Session;
use crate::world::{self, key, now, orders_run};

const WIDE: (u16, u16) = (120, 40);

#[test]
fn the_first_frame_shows_the_error_line_of_the_worst_failure() {
    for size in [(80, 24), WIDE, (200, 60)] {
        let session = at("", size);
        session
            .sees("SparkError: java.lang.OutOfMemoryError")
            .sees("why ")
            .sees("out of memory");
        assert_eq!(session.selected(), "orders_daily");
    }
}

#[test]
fn enter_opens_the_run_at_the_failing_node_with_its_traceback() {
    let session = at("enter", WIDE);
    let run = session.app.run_screen().unwrap();
    assert_eq!(run.run, orders_run());
    assert_eq!(run.selected, Some(NodeId::new("load")));
    session
        .sees("failing at load")
        .sees("9 of 14 done")
        .sees("Traceback (most recent call last)")
        .sees("File \"/opt/airflow/plugins/spark.py\", line 41, in submit")
        .sees("try 2/3");
    assert_eq!(session.focus().runs, [orders_run()]);
    assert_eq!(
        session.focus().logs,
        [orders_run().node(&NodeId::new("load")).log(2)]
    );
}

#[test]
fn the_cursor_stays_with_its_pipeline_when_the_list_is_sorted_anew() {
    let mut session = at("j j j", WIDE);
    assert_eq!(session.selected(), "inventory");
    // something gets worse and goes to the top
    let flaky = key("prod-airflow", "flaky_import").run("r1");
    let mut node = world::node("fetch", NodeState::Failed, 3, 2);
    node.attempt = 5;
    session.event(
        "prod-airflow",
        Event::Nodes {
            run: flaky,
            list: vec![node],
            complete: true,
        },
    );
    assert_eq!(session.selected(), "inventory");
    let order: Vec<&str> = session
        .app
        .fleet
        .list
        .order
        .iter()
        .map(|k| k.pipeline.raw())
        .collect();
    assert!(
        order.iter().position(|p| *p == "flaky_import")
            < order.iter().position(|p| *p == "inventory")
    );
}

#[test]
fn until_a_person_moves_the_worst_is_selected() {
    let mut session = Session::new(world::empty(Some(Reach::Up)), WIDE);
    let fine = key("local", "fine");
    session.event(
        "local",
        Event::Pipelines {
            list: vec![Pipeline::new(fine)],
            complete: false,
        },
    );
    assert_eq!(session.selected(), "fine");
    let bad = key("prod-airflow", "bad");
    let mut run = world::running(&bad, "1", 5);
    run.state = RunState::Failed;
    session.event("prod-airflow", Event::Runs { list: vec![run] });
    assert_eq!(session.selected(), "bad");
}

#[test]
fn a_key_speaks_of_what_was_on_screen_when_it_was_pressed() {
    let mut session = at("", WIDE);
    session.draw();
    // a worse one arrives, and the key is pressed before it was drawn
    let bad = key("adf", "aaa_newly_bad");
    let mut run = world::running(&bad, "1", 0);
    run.ordered_at = now() + Duration::minutes(1);
    session.event("adf", Event::Runs { list: vec![run] });
    session.event(
        "adf",
        Event::Nodes {
            run: bad.run("1"),
            list: vec![world::node("x", NodeState::Failed, 0, 0)],
            complete: true,
        },
    );
    assert_eq!(session.app.fleet.list.order[0], bad);
    session.quick("r");
    assert_eq!(
        session.plans()[0].target.pipeline().unwrap(),
        &orders_run().pipeline
    );
}

#[test]
fn a_key_for_something_that_has_just_gone_does_nothing() {
    let mut session = at("j j j", WIDE);
    assert_eq!(session.selected(), "inventory");
    session.draw();
    let all: Vec<Pipeline> = session
        .watch
        .world
        .pipelines()
        .filter(|p| {
            p.pipeline.key.backend.raw() == "prod-airflow"
                && p.pipeline.key.pipeline.raw() != "inventory"
        })
        .map(|p| p.pipeline.clone())
        .collect();
    session.event(
        "prod-airflow",
        Event::Pipelines {
            list: all,
            complete: true,
        },
    );
    session.quick("p");
    assert!(session.plans().is_empty(), "{:?}", session.plans());
    session.sees("has just gone");
}

#[test]
fn filter_then_enter_opens_what_was_found() {
    let mut session = at("/,=custo", WIDE);
    assert_eq!(session.app.fleet.list.order.len(), 1);
    session.keys("enter").sees("1 of them match");
    session.keys("enter").sees("customers_sync / 7");
    // esc, esc: back to the fleet, then all rows again
    session.keys("esc esc");
    assert_eq!(session.app.fleet.list.order.len(), 12);
    assert_eq!(session.selected(), "customers_sync");
}

#[test]
fn the_filter_looks_at_names_backends_tags_owners_and_states() {
    for (typed, found) in [
        ("ord", vec!["orders_daily"]),
        ("gold", vec!["orders_daily"]),
        ("data-eng", vec!["orders_daily"]),
        ("staging", vec!["fails_here", "try_out"]),
        ("staging failed", vec!["fails_here"]),
        ("late", vec!["inventory"]),
        ("vault paused", vec!["billing_export"]),
        ("mktweu", vec!["marketing_attribution_weekly_eu"]),
    ] {
        let mut session = at("/", WIDE);
        session.text(typed);
        let rows: Vec<&str> = session
            .app
            .fleet
            .list
            .order
            .iter()
            .map(|k| k.pipeline.raw())
            .collect();
        assert_eq!(rows, found, "{typed}");
    }
}

#[test]
fn typed_letters_are_no_commands_while_filtering() {
    let session = at("/,=rxp!q", WIDE);
    assert!(session.plans().is_empty());
    assert!(session.app.dialog.is_none());
    assert_eq!(session.app.fleet.filter.value(), "rxp!q");
}

#[test]
fn help_lists_every_command() {
    let mut session = at("?", (120, 200));
    let screen = session.screen();
    for row in TABLE {
        assert!(screen.contains(row.doc), "{} is not in help", row.name);
        let labels = session.app.settings.keymap.labels(row.command);
        assert!(screen.contains(&labels), "{labels}");
    }
    session.keys("q").sees("pipelines 12");
}

#[test]
fn the_palette_finds_commands_and_pipelines_and_says_why_not() {
    let mut session = at(":,=resume", WIDE);
    session.sees("resume").sees("nothing is paused here");
    session.keys("enter").sees("resume: nothing is paused here");
    let mut session = at(":,=ledger", WIDE);
    session.keys("enter").sees("ledger_close / manual__1");
    let mut session = at(":,=show-system", WIDE);
    session.keys("enter").sees("default_pool");
}

#[test]
fn problems_are_walked_in_a_ring() {
    let mut session = at("", WIDE);
    let mut seen = Vec::new();
    for _ in 0..4 {
        session.keys("n");
        seen.push(session.selected().to_owned());
    }
    assert_eq!(
        seen,
        ["fails_here", "broken_dag", "inventory", "orders_daily"]
    );
    session.keys("N");
    assert_eq!(session.selected(), "inventory");
}

#[test]
fn problems_of_a_run_are_found_in_folded_groups() {
    let mut session = at("enter,n", WIDE);
    assert_eq!(
        session.app.run_screen().unwrap().selected,
        Some(NodeId::new("map[4]"))
    );
    session.keys("n");
    assert_eq!(
        session.app.run_screen().unwrap().selected,
        Some(NodeId::new("load"))
    );
}

#[test]
fn groups_fold_and_unfold() {
    let mut session = at("enter,v,G k k k k", WIDE);
    assert_eq!(
        session.app.run_screen().unwrap().selected,
        Some(NodeId::new("map"))
    );
    let rows = session.app.run_screen().unwrap().rows.len();
    session.keys("enter");
    assert_eq!(session.app.run_screen().unwrap().rows.len(), rows + 6);
    session.keys("space");
    assert_eq!(session.app.run_screen().unwrap().rows.len(), rows);
}

#[test]
fn the_graph_is_walked_along_its_lines() {
    let selected = |s: &Session| {
        let selected = s.app.run_screen().unwrap().selected.clone();
        selected.unwrap().raw().to_owned()
    };
    let session = at("enter,h", WIDE);
    let left = selected(&session);
    assert!(
        ["transform.dedupe", "map"].contains(&left.as_str()),
        "{left}"
    );
    let mut session = at("enter,l", WIDE);
    let right = selected(&session);
    assert!(["report", "notify"].contains(&right.as_str()), "{right}");
    session.keys("h");
    assert_eq!(selected(&session), "load");
    session.keys("/").text("ext").keys("enter");
    assert_eq!(selected(&session), "extract");
}

#[test]
fn attempts_are_picked() {
    let mut session = at("enter", WIDE);
    session.sees("attempt 2");
    session
        .keys("<")
        .sees("attempt 1 of 2")
        .sees("no route to host");
    assert_eq!(session.focus().logs[0].attempt, 1);
    session.keys(">").sees("java.lang.OutOfMemoryError");
}

#[test]
fn runs_are_walked_in_time() {
    let mut session = at("enter,(", WIDE);
    session.sees("succeeded");
    assert_ne!(session.app.run_screen().unwrap().run, orders_run());
    session.keys(")");
    assert_eq!(session.app.run_screen().unwrap().run, orders_run());
    session.keys(")").sees("this is the newest run");
    session.keys("esc").sees("pipelines 12");
}

#[test]
fn a_log_is_searched_and_walked() {
    let mut session = at("enter,enter,/,=rows,enter", WIDE);
    let cursor = |s: &Session| {
        let view = s.app.log_view().unwrap();
        view.with(&s.watch, |lens| view.cursor(lens).unwrap().row)
    };
    assert_eq!(cursor(&session), 2);
    session.keys("e");
    assert_eq!(cursor(&session), 10);
    session.keys("g");
    assert_eq!(cursor(&session), 0);
    session.keys("G");
    assert_eq!(cursor(&session), 11);
    // esc lets go of the search first, then of the log
    session.keys("esc");
    assert!(matches!(session.app.stack.last(), Some(Screen::Log(_))));
    session.keys("esc");
    assert!(matches!(session.app.stack.last(), Some(Screen::Run(_))));
}

#[test]
fn following_a_log_stops_when_a_person_moves() {
    let mut session = at("/,=customers,enter,enter,enter", WIDE);
    session.sees("following");
    session.keys("k").sees("line 2 of 3");
    let log = key("local", "customers_sync")
        .run("7")
        .node(&NodeId::new("transform"))
        .log(1);
    let chunk = LogChunk {
        key: log,
        update: LogUpdate::Append(b"900 of 1000 rows\n".to_vec()),
    };
    session.event("local", Event::Log(chunk));
    session.sees("line 2 of 4");
    session.keys("f").sees("following").sees("900 of 1000 rows");
}

#[test]
fn copying_takes_the_name_and_the_error() {
    let mut session = at("y", WIDE);
    let Some(Effect::Copy(text)) = session.effects.last() else {
        panic!("{:?}", session.effects.last())
    };
    assert!(
        text.as_str()
            .starts_with("orders_daily: plugins.spark.SparkError"),
        "{text}"
    );
    session.keys("enter enter y");
    let Some(Effect::Copy(text)) = session.effects.last() else {
        panic!("{:?}", session.effects.last())
    };
    assert_eq!(
        text.as_str(),
        "plugins.spark.SparkError: java.lang.OutOfMemoryError: Java heap space"
    );
}

#[test]
fn a_log_is_saved_under_a_harmless_name() {
    let settings = dagtop::tui::app::Settings {
        save_dir: Some("/tmp/x".into()),
        ..Default::default()
    };
    let mut session = Session::with(world::world(), WIDE, settings);
    session.keys("enter enter s");
    let Some(Effect::SaveLog { what, path }) = session.effects.last() else {
        panic!("{:?}", session.effects.last())
    };
    assert_eq!(what.keys[0].attempt, 2);
    assert_eq!(
        path.to_str().unwrap(),
        "/tmp/x/orders_daily_scheduled__2026-11-20T02_00_load_2.log"
    );
    at("enter,enter,s", WIDE).sees("there is no folder to save to");
}

#[test]
fn an_alert_is_acknowledged_and_taken_back() {
    let mut session = at("a", WIDE);
    assert_eq!(session.watch.alerts.open(), 5);
    session.sees("acknowledged: orders_daily");
    session.keys("2 enter");
    // the acknowledged one has sunk
    assert_ne!(
        session.app.run_screen().map(|r| r.run.clone()),
        Some(orders_run())
    );
}

#[test]
fn an_alert_is_silenced_with_a_reason() {
    let mut session = at("a", WIDE);
    session.quick("z").quick("enter");
    session.sees("nobody is told of backend=prod-airflow pipeline=orders_daily");
    session.sees("> 2 hours");
    session.keys("down up up").text("we know");
    session.sees("> 30 minutes");
    session.keys("enter");
    let commands = session.commands();
    let Some(engine::Command::Silence(silence)) = commands.last() else {
        panic!("{commands:?}")
    };
    assert_eq!(silence.reason.as_str(), "we know");
    assert_eq!(
        silence.matchers,
        ["backend=prod-airflow", "pipeline=orders_daily"]
    );
    let When::Once { from, until } = silence.when else {
        panic!("{silence:?}")
    };
    assert_eq!((until - from).num_minutes(), 30);
    session.sees("silenced for 30 minutes");
    let before = session.commands().len();
    session.keys("z esc");
    assert_eq!(session.commands().len(), before, "esc asks for nothing");
}

#[test]
fn a_note_is_written_beside_an_alert_and_one_is_put_away() {
    let mut session = at("A", WIDE);
    session.sees("what should the next person know?");
    session.wait(400).text("the vendor is on it").keys("enter");
    let commands = session.commands();
    let Some(engine::Command::Alert(id, AlertDeed::Note(text))) = commands.last() else {
        panic!("{commands:?}")
    };
    let alert = id.clone();
    assert_eq!(text.as_str(), "the vendor is on it");
    session.keys("2");
    session.sees("ann: the vendor is on it");
    let open = session.watch.alerts.open();
    session.keys("ctrl-x");
    let commands = session.commands();
    assert!(matches!(
        commands.last(),
        Some(engine::Command::Alert(id, AlertDeed::Resolve)) if *id == alert
    ));
    assert_eq!(session.watch.alerts.open(), open - 1);
    session.sees_not("the vendor is on it");
}

#[test]
fn what_could_not_be_told_is_on_the_system_screen_and_told_again() {
    use dagtop::alerts::outbox::{Delivery, DeliveryState, LaneCounts};
    let mut session = at("3", WIDE);
    session.sees_not("channels");
    session.keys("T").sees("everything has been told");
    let alert = session.watch.alerts.firing()[0].clone();
    let delivery = Delivery {
        id: 7,
        channel: "pager".to_owned(),
        message: Message::new(Occasion::Fired, alert, session.now),
        attempts: 100,
        created: session.now,
        next_at: session.now,
        state: DeliveryState::Dead,
        last_error: Some(SafeText::new("401")),
        thread: None,
        over: false,
    };
    session.watch.channels.dead = vec![delivery].into();
    session.watch.channels.channels = vec![LaneCounts {
        channel: "pager".to_owned(),
        waiting: 2,
        sending: 0,
        sent: 3,
        dead: 1,
        held: None,
    }];
    session.sees("told 3  waiting 2  lost 1");
    session.sees("not told on pager: fired run-failing:prod-airflow/orders_daily: 401");
    session.keys("T");
    assert_eq!(
        session.commands().last(),
        Some(&&engine::Command::RetryLetters)
    );
}

#[test]
fn the_command_line_can_say_where_to_begin() {
    let open = |target: Target| {
        let settings = Settings {
            open: Some(target),
            ..Settings::default()
        };
        let mut session = Session::with(world::world(), WIDE, settings);
        let pipelines = session.watch.world.pipelines();
        let own = pipelines.filter(|v| v.pipeline.key.backend.raw() == "prod-airflow");
        let list = own.map(|v| v.pipeline.clone()).collect();
        // its backend has told all there is
        let complete = true;
        session.event("prod-airflow", Event::Pipelines { list, complete });
        session.send(Msg::Refreshed);
        session
    };
    let session = open(Target::Run(orders_run()));
    assert_eq!(session.app.run_screen().unwrap().run, orders_run());
    let node = orders_run().node(&NodeId::new("load"));
    let session = open(Target::Node(node));
    let run = session.app.run_screen().unwrap();
    assert_eq!(run.selected.as_ref().unwrap().raw(), "load");
    // a run that is long over: the pipeline's newest
    let pipeline = orders_run().pipeline;
    let session = open(Target::Run(pipeline.run("years ago")));
    let run = session.app.run_screen().unwrap();
    assert_eq!(run.run.pipeline, pipeline);
    let session = open(Target::Pipeline(world::key("prod-airflow", "nowhere")));
    session.sees("there is no prod-airflow/nowhere to open");
}

#[test]
fn a_watched_run_rings_when_it_ends() {
    let mut session = at("/,=customers,enter,W", WIDE);
    session.sees("watching customers_sync");
    assert!(
        session
            .focus()
            .runs
            .contains(&key("local", "customers_sync").run("7"))
    );
    let mut run = world::running(&key("local", "customers_sync"), "7", 4);
    run.state = RunState::Succeeded;
    run.ended_at = Some(now());
    session.event("local", Event::Runs { list: vec![run] });
    assert!(session.effects.contains(&Effect::Bell));
    session.sees("watched run ended: customers_sync / 7 succeeded");
    assert!(session.app.watched.is_empty());
}

#[test]
fn pasted_text_outside_of_a_text_field_is_no_command() {
    let mut session = at("", WIDE);
    session.paste("rrr!y");
    assert!(session.plans().is_empty());
    session.sees("5 pasted characters ignored");
    session.keys("/").paste("orders");
    assert_eq!(session.app.fleet.filter.value(), "orders");
}

#[test]
fn a_held_key_moves_and_nothing_else() {
    let mut session = at("", WIDE);
    session.held("j").held("j").held("r").held("q");
    assert_eq!(session.selected(), "broken_dag");
    assert!(session.plans().is_empty());
    assert!(!session.effects.iter().any(|e| matches!(e, Effect::Quit(_))));
}

#[test]
fn the_program_is_left_on_purpose_only() {
    let mut session = at("enter,q", WIDE);
    assert!(!session.effects.contains(&Effect::Quit(0)));
    session.keys("esc").sees("q leaves dagtop");
    session.keys("q");
    assert_eq!(session.effects.last(), Some(&Effect::Quit(0)));
    // ctrl-c leaves from anywhere
    for place in ["r,PLAN", "/,=abc", ":", "t", "enter,enter"] {
        let mut session = at(place, WIDE);
        session.quick("ctrl-c");
        assert_eq!(session.effects.last(), Some(&Effect::Quit(0)), "{place}");
    }
}

#[test]
fn what_rests_under_the_cursor_is_asked_for() {
    let mut session = at("", WIDE);
    session.wait(1000);
    for _ in 0..5 {
        session.quick("j");
    }
    assert_eq!(session.selected(), "customers_sync");
    assert!(
        session.focus().logs.is_empty(),
        "the cursor has only just come here"
    );
    session.wait(400);
    let log = key("local", "customers_sync")
        .run("7")
        .node(&NodeId::new("transform"))
        .log(1);
    assert_eq!(session.focus().logs, [log]);
}

#[test]
fn a_world_at_rest_is_drawn_once_a_minute() {
    let mut session = Session::new(world::empty(Some(Reach::Up)), WIDE);
    session.wait(1000);
    let step = |s: &Session| s.app.next_wake(&s.watch) - s.now;
    assert!(
        step(&session) <= Duration::seconds(1),
        "it has only just changed"
    );
    session.wait(70_000);
    assert!(step(&session) > Duration::seconds(1), "{}", step(&session));
    session.sees("03:15 UTC").sees_not("03:15:");
}

#[test]
fn nobody_looks_nobody_ticks() {
    let mut session = at("", WIDE);
    session.wait(400);
    let wake = session.app.next_wake(&session.watch) - session.now;
    assert!(
        wake <= Duration::seconds(1) && wake > Duration::zero(),
        "{wake}"
    );
    session.send(dagtop::tui::app::Msg::Input(Input::FocusLost));
    assert!(session.focus().hidden);
    let wake = session.app.next_wake(&session.watch) - session.now;
    assert!(wake > Duration::seconds(10), "{wake}");
}

#[test]
fn disabled_keys_say_why_and_what_else_there_is() {
    for (keys, says) in [
        ("u", "nothing is paused here"),
        ("/,=staging,enter,r", "staging is read_only in the config"),
        ("/,=adf,enter,x", "adf does not answer: answers 429"),
        ("/,=new_one,enter,enter", "it has no run yet; t starts one"),
        ("/,=marketing,enter,x", "there is nothing to cancel"),
        ("/,=marketing,enter,r", "R starts the whole run again"),
        ("/,=customers,enter,c", "local runs keep no notes"),
        ("Z", "Z does nothing here; ? lists the keys"),
    ] {
        at(keys, WIDE).sees(says);
    }
}

#[test]
fn panes_take_the_keyboard_in_turn() {
    let mut session = at("tab", WIDE);
    session.keys("e").sees("first error");
    session.keys("tab j enter");
    // the second alert is about a backend that does not answer
    session.sees("BACKEND").sees("answers 429");
    session.keys("esc esc");
    assert_eq!(session.selected(), "orders_daily");
}
