//! Questions before anything is done: what is shown, what is a yes, and what is not.

use dagtop::engine::Command;
use dagtop::model::*;
use dagtop::tui::app::{Effect, Settings};
use dagtop::tui::command::KeyMap;
use dagtop::tui::dialogs::Dialog;

use crate::places::at;
use crate::session::Session;
use crate::world::{self, key, orders_run};

const WIDE: (u16, u16) = (120, 40);

#[test]
fn a_plan_is_made_shown_and_carried_out() {
    let mut session = at("r", WIDE);
    session.sees("asking the backend what this would hit");
    let plan = session.plans()[0].clone();
    assert_eq!(
        (plan.action, &plan.target),
        (Action::Retry, &Target::Run(orders_run()))
    );
    assert!(plan.options.scope.only_failed);
    session.planned(&["load", "report", "notify"]);
    session
        .sees("on prod-airflow")
        .sees("load  failed ► queued")
        .sees("3 hits, listed by the backend itself")
        .sees("y yes, retry");
    session.keys("y");
    assert_eq!(session.executed(), [plan.id]);
    assert!(session.app.dialog.is_none());
    session.sees("requested").sees("retrying");
    session.action(
        plan.id,
        ActionStatus::Confirmed {
            what: SafeText::new("3 nodes are queued again"),
        },
    );
    session
        .sees("retry orders_daily: 3 nodes are queued again")
        .sees_not("retrying…");
}

#[test]
fn anything_but_yes_is_no() {
    for no in ["enter", "esc", "n", "q", "backspace"] {
        let mut session = at("r,PLAN", WIDE);
        let id = session.plans()[0].id;
        session.keys(no);
        assert!(session.executed().is_empty(), "{no}");
        assert!(session.app.dialog.is_none(), "{no}");
        assert!(session.commands().contains(&&Command::Withdraw(id)), "{no}");
        session.sees("retry: nothing was done");
    }
}

#[test]
fn the_key_that_asks_is_not_the_key_that_answers() {
    let mut session = at("r,PLAN", WIDE);
    session.keys("r r x p ! R j Y ctrl-y space");
    assert!(session.executed().is_empty());
    assert!(session.app.dialog.is_some());
    // also when a config gives the action the key of the answer
    let (keymap, problems) = KeyMap::with(&[
        ("cancel".into(), vec!["y".into()]),
        ("copy".into(), vec!["alt-y".into()]),
    ]);
    assert_eq!(problems, []);
    let mut session = Session::with(
        world::world(),
        WIDE,
        Settings {
            keymap,
            ..Settings::default()
        },
    );
    session.keys("y").planned(&["load"]).keys("y y");
    assert!(session.executed().is_empty());
    session.sees("o yes, cancel");
    session.keys("o");
    assert_eq!(session.executed().len(), 1);
}

#[test]
fn what_was_typed_before_the_question_appeared_is_no_answer() {
    let mut session = at("", WIDE);
    session.wait(1000).quick("r").quick("y");
    session.planned(&["load"]);
    // the plan has only just appeared
    session.wait(100).quick("y");
    session.wait(100).quick("enter");
    assert!(session.executed().is_empty());
    assert!(session.app.dialog.is_some(), "neither yes nor no so soon");
    session.wait(400).quick("y");
    assert_eq!(session.executed().len(), 1);
}

#[test]
fn a_held_key_answers_nothing() {
    let mut session = at("r,PLAN", WIDE);
    session.wait(1000);
    for _ in 0..10 {
        session.held("y").held("enter");
    }
    assert!(session.executed().is_empty());
    assert!(session.app.dialog.is_some());
}

#[test]
fn yes_before_the_plan_is_there_does_nothing() {
    let mut session = at("r", WIDE);
    session.keys("y y y");
    assert!(session.executed().is_empty());
    assert!(session.app.dialog.is_some());
}

#[test]
fn a_pasted_yes_is_no_yes() {
    let mut session = at("r,PLAN", WIDE);
    session.wait(1000).paste("y");
    assert!(session.executed().is_empty());
    assert!(session.app.dialog.is_some());
}

#[test]
fn nothing_moves_while_a_question_is_open() {
    let mut session = at("j,x", WIDE);
    let mut session2 = at("j j j j,R", WIDE);
    for session in [&mut session, &mut session2] {
        let order = session.app.fleet.list.order.clone();
        let flaky = key("prod-airflow", "flaky_import").run("r1");
        session.event(
            "prod-airflow",
            Event::Nodes {
                run: flaky,
                list: vec![world::node("fetch", NodeState::Failed, 3, 2)],
                complete: true,
            },
        );
        if session.app.dialog.is_some() {
            assert_eq!(session.app.fleet.list.order, order);
            session.sees("list held while you answer");
            session.keys("esc");
        }
        assert_ne!(session.app.fleet.list.order, order);
    }
    assert!(session2.plans().len() == 1, "the second one did ask");
}

#[test]
fn a_target_that_vanishes_is_not_hit() {
    let mut session = at("r,PLAN", WIDE);
    let all: Vec<Pipeline> = session
        .watch
        .world
        .pipelines()
        .filter(|p| {
            p.pipeline.key.backend.raw() == "prod-airflow"
                && p.pipeline.key != orders_run().pipeline
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
    session.sees("no longer there").sees_not("yes, retry");
    session.keys("y");
    assert!(session.executed().is_empty());
    session.keys("esc");
    assert!(session.app.dialog.is_none());
}

#[test]
fn a_refusal_is_shown_and_can_not_be_said_yes_to() {
    let mut session = at("r", WIDE);
    let id = session.plans()[0].id;
    let why = ActionError::Forbidden(SafeText::new("user ops may not clear task instances"));
    session.action(id, ActionStatus::Refused { why });
    session
        .sees("not allowed: user ops may not clear")
        .sees_not("yes, retry");
    session.keys("y");
    assert!(session.executed().is_empty());
}

#[test]
fn a_read_only_backend_is_never_asked() {
    for keys in ["r", "R", "p", "x", "t", "!", "c"] {
        let mut session = at("/,=fails_here,enter", WIDE);
        session.keys(keys);
        assert!(session.plans().is_empty(), "{keys}");
        assert!(session.app.dialog.is_none(), "{keys}");
        session.sees("read_only");
    }
    // and its keys are not offered
    at("/,=fails_here,enter", WIDE)
        .wait(30_000)
        .sees_not("retry failed")
        .sees("? help");
}

#[test]
fn a_protected_backend_wants_the_name_typed() {
    let mut session = at("/,=ledger,enter,x,PLAN", WIDE);
    session.sees("vault (protected)");
    session.keys("y");
    assert!(session.executed().is_empty());
    session.sees("type exactly: ledger_close");
    session
        .text("ledger_clos")
        .keys("enter")
        .sees("that is not the name");
    session.wait(1000).paste("e");
    session.keys("enter");
    assert!(session.executed().is_empty(), "a paste is not typing");
    session.text("e").keys("enter");
    assert_eq!(session.executed().len(), 1);
    // an empty line is a no
    let mut session = at("/,=ledger,enter,x,PLAN,y", WIDE);
    session.keys("enter");
    assert!(session.executed().is_empty() && session.app.dialog.is_none());
}

#[test]
fn an_emergency_stop_wants_the_name_typed_anywhere() {
    let mut session = at("!,PLAN,y", WIDE);
    session.sees("type exactly: orders_daily");
    session.text("orders_daily").keys("enter");
    assert_eq!(session.executed().len(), 1);
    let mut session = at("!,PLAN,s,PLAN", WIDE);
    assert_eq!(
        session.plans()[1].target,
        Target::Backend(BackendId::new("prod-airflow"))
    );
    session.keys("y").sees("type exactly: prod-airflow");
}

#[test]
fn where_a_run_can_not_be_paused_its_pipeline_is_and_it_says_so() {
    let session = at("p,PLAN", WIDE);
    session.sees("Airflow can't pause a run: this takes the pipeline");
    assert_eq!(
        session.plans()[0].target,
        Target::Pipeline(orders_run().pipeline)
    );
    // a local run can
    let session = at("/,=customers,enter,p,PLAN", WIDE);
    assert_eq!(
        session.plans()[0].target,
        Target::Run(key("local", "customers_sync").run("7"))
    );
    // what the backend does differently is said too
    at("x,PLAN", WIDE).sees("mapped siblings that are running stop too");
}

#[test]
fn retry_has_choices_and_each_makes_a_new_plan() {
    let mut session = at("enter,r,PLAN", WIDE);
    let node = Target::Node(orders_run().node(&NodeId::new("load")));
    assert_eq!(session.plans()[0].target, node);
    session
        .sees("[ ] upstream too")
        .sees("[x] downstream too")
        .sees("[ ] only failed");
    session
        .keys("u")
        .sees("[x] upstream too")
        .sees("asking the backend");
    session
        .planned(&["extract", "load"])
        .keys("d")
        .planned(&["load"])
        .keys("f")
        .planned(&["load"]);
    let scope = session.plans().last().unwrap().options.scope;
    assert_eq!(
        scope,
        Scope {
            upstream: true,
            downstream: false,
            only_failed: true
        }
    );
    session.keys("s").planned(&["load", "report"]);
    assert_eq!(
        session.plans().last().unwrap().target,
        Target::Run(orders_run())
    );
    // every plan but the last was withdrawn
    let ids: Vec<ActionId> = session.plans().iter().map(|p| p.id).collect();
    session.keys("y");
    assert_eq!(session.executed(), [ids[4]]);
    let withdrawn = ids
        .iter()
        .filter(|id| session.commands().contains(&&Command::Withdraw(**id)))
        .count();
    assert_eq!(withdrawn, 4);
}

#[test]
fn marked_rows_take_an_action_together() {
    // orders_daily, fails_here (read-only), broken_dag (no run)
    let mut session = at("space space space r", WIDE);
    assert_eq!(session.plans().len(), 1);
    session.planned(&["load"]);
    session
        .sees("3 marked pipelines")
        .sees("fails_here")
        .sees("left out: staging is read_only")
        .sees("broken_dag")
        .sees("left out: it has no run yet");
    session.keys("y");
    assert_eq!(session.executed().len(), 1);
    // one list of results stays open until it is read
    session.sees("retry: results").sees("requested");
    let id = session.executed()[0];
    session.action(
        id,
        ActionStatus::Confirmed {
            what: SafeText::new("queued again"),
        },
    );
    session.sees("confirmed: queued again");
    assert!(session.app.fleet.marks.is_empty());
    session.keys("esc");
    assert!(session.app.dialog.is_none());
}

#[test]
fn one_yes_sends_each_of_the_marked() {
    let mut session = at("/,=prod,enter,*,p", WIDE);
    let plans: Vec<ActionId> = session.plans().iter().map(|p| p.id).collect();
    assert_eq!(plans.len(), 5);
    session.planned(&["it"]).keys("y");
    assert_eq!(session.executed(), plans);
    for (i, id) in plans.iter().enumerate() {
        let status = if i == 0 {
            ActionStatus::Refused {
                why: ActionError::Refused(SafeText::new("no")),
            }
        } else {
            ActionStatus::Confirmed {
                what: SafeText::new("paused"),
            }
        };
        session.action(*id, status);
    }
    session
        .keys("esc")
        .sees("pause 5 targets: 4 confirmed, 1 refused");
}

#[test]
fn marks_are_cleared_before_anything_else_is_left() {
    let mut session = at("/,=prod,enter,*", WIDE);
    assert_eq!(session.app.fleet.marks.len(), 5);
    session.keys("esc");
    assert!(session.app.fleet.marks.is_empty());
    assert!(session.app.fleet.filtered());
    session.keys("* *");
    assert!(session.app.fleet.marks.is_empty(), "again: none");
}

#[test]
fn a_new_run_is_started_with_typed_parameters() {
    let mut session = at("t", WIDE);
    session
        .sees("day")
        .sees("which day to load")
        .sees("left and right pick: full, delta");
    assert_eq!(session.focus().pipeline, Some(orders_run().pipeline));
    // day stays, limit is wrong at first
    session
        .keys("enter")
        .text("x")
        .sees("a whole number, as 42");
    session.keys("enter enter enter");
    assert!(session.plans().is_empty(), "a wrong value is not sent");
    session.keys("backspace enter right enter enter");
    let plan = session.plans()[0].clone();
    assert_eq!(plan.action, Action::Trigger);
    assert_eq!(
        plan.options.params,
        [
            ("day".to_owned(), serde_json::json!("2026-11-20")),
            ("mode".to_owned(), serde_json::json!("delta"))
        ]
    );
    assert!(
        plan.options
            .run_id
            .unwrap()
            .starts_with("dagtop__2026-11-20T03:14")
    );
    session.planned(&["orders_daily"]).keys("y");
    assert_eq!(session.executed().len(), 1);
}

#[test]
fn a_state_is_set_by_hand_after_two_answers() {
    let mut session = at("enter,m", WIDE);
    session.sees("set state");
    session.keys("s");
    assert_eq!(session.plans()[0].options.mark, Some(NodeState::Succeeded));
    session.planned(&["load"]).keys("y");
    assert_eq!(session.executed().len(), 1);
}

#[test]
fn a_note_is_written() {
    let mut session = at("enter,c", WIDE);
    session.text("asked data-eng").keys("enter");
    assert_eq!(
        session.plans()[0].options.note.as_deref(),
        Some("asked data-eng")
    );
    assert!(matches!(session.app.dialog, Some(Dialog::Confirm(_))));
}

#[test]
fn a_long_list_of_hits_scrolls_with_the_arrows() {
    let mut session = at("r", WIDE);
    let names: Vec<String> = (0..200).map(|i| format!("node_{i:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    session.planned(&names);
    session.sees("node_000").sees_not("node_199").sees("of 202");
    for _ in 0..20 {
        session.keys("pgdn");
    }
    session
        .sees("node_199")
        .sees("200 hits")
        .sees("y yes, retry");
}

#[test]
fn what_is_under_way_is_not_asked_for_again() {
    let mut session = at("r,PLAN,y", WIDE);
    session.keys("r");
    session.sees("retry is under way for orders_daily");
    assert_eq!(session.plans().len(), 1);
}

#[test]
fn an_unconfirmed_action_is_told_as_such() {
    let mut session = at("r,PLAN,y", WIDE);
    let id = session.executed()[0];
    session.action(
        id,
        ActionStatus::Unconfirmed {
            why: SafeText::new("not seen within 60 s"),
        },
    );
    session.sees("retry orders_daily: not confirmed: not seen within 60 s");
    session.keys("4").sees("unconfirmed");
}

#[test]
fn the_bell_and_effects_of_reading_are_harmless() {
    let session = at("enter,v,d,esc,enter,esc,esc,2,3,4,1,?,q,:,esc,/,esc", WIDE);
    let dangerous = session
        .effects
        .iter()
        .filter(|e| matches!(e, Effect::Engine(Command::Plan(_) | Command::Execute(_))))
        .count();
    assert_eq!(dangerous, 0);
}
