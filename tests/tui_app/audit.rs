//! What was done on any machine: read page by page, and never waited for.

use chrono::Duration;
use dagtop::engine::past::Question;
use dagtop::history::Write;
use dagtop::history::audit::{Copied, Entry, Kind, Step, What, Who};
use dagtop::model::*;
use dagtop::tui::term::ColorDepth;
use tempfile::TempDir;

use crate::past_world::session;
use crate::session::{Session, theme};
use crate::world;

/// The n-th line of another machine, a minute after the one before it.
fn line(n: i64, who: Who, request: u64) -> Write {
    let at = world::now() - Duration::minutes(1_000 - n);
    let what = What {
        step: Step::Approved,
        request: Some(request),
        backend: SafeText::new("prod-airflow"),
        summary: SafeText::new("Pauses it"),
        ..What::done(Kind::Action, "pause", format!("target-{n}."))
    };
    let body = serde_json::to_string(&Entry { at, who, what }).unwrap();
    Write::Audit(Box::new(Copied {
        chain: "web1:/state".to_owned(),
        n: n.unsigned_abs(),
        hash: n.to_string(),
        at,
        body,
    }))
}

fn bob() -> Who {
    Who {
        user: SafeText::new("bob"),
        host: Some(SafeText::new("web1")),
        pid: Some(7),
        ..Who::default()
    }
}

fn with_lines(many: i64) -> (TempDir, Session) {
    let (dir, mut s) = session((140, 40));
    let lines: Vec<Write> = (0..many).map(|n| line(n, bob(), 1)).collect();
    s.store.as_mut().unwrap().write(&lines).unwrap();
    (dir, s)
}

fn pages(s: &Session) -> usize {
    let asked = s.asked();
    let pages = asked.iter().filter(|q| matches!(q, Question::Audit { .. }));
    pages.count()
}

#[test]
fn it_is_read_back_as_somebody_goes_there() {
    let (_dir, mut s) = with_lines(450);
    s.keys("4")
        .sees("target-449.")
        .sees("bob@web1")
        .sees("Pauses it");
    assert_eq!(pages(&s), 1);
    s.keys("j j j").sees("target-446.");
    assert_eq!(pages(&s), 1, "what is there is not asked for again");
    s.keys("G").sees("target-250.");
    assert_eq!(pages(&s), 2);
    s.keys("j").sees("target-249.");
    s.keys("G").sees("target-50.");
    assert_eq!(pages(&s), 3);
    s.keys("G").sees("target-0.");
    s.keys("G g").sees("target-449.");
    assert_eq!(pages(&s), 3, "there is no more");
    // whoever wants to know what came meanwhile asks again
    s.store
        .as_mut()
        .unwrap()
        .write(&[line(450, bob(), 1)])
        .unwrap();
    s.keys("ctrl-r").sees("target-450.");
    s.keys("esc 4").sees("target-450.");
    assert_eq!(pages(&s), 5);
    for size in [(0, 0), (1, 1), (20, 5), (60, 15), (99, 16), (300, 100)] {
        s.resize(size.0, size.1).draw();
    }
    s.theme = theme(ColorDepth::None, false);
    let ascii = s.resize(100, 24).screen();
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn nothing_waits_for_it() {
    let (_dir, mut s) = with_lines(300);
    s.slow = true;
    s.keys("4").sees("newest first").sees_not("reading");
    s.wait(100)
        .sees("newest first, reading")
        .sees_not("target-");
    s.answer().sees("target-299.").sees_not("reading");
    s.keys("G").wait(100).sees("reading").sees("target-100.");
    s.keys("k k").sees("target-102.");
    s.answer().sees("target-102.").sees_not("reading");
    s.keys("G").sees("target-0.");
    let question = Question::Audit { after: None };
    let trouble = dagtop::engine::past::Unanswered(SafeText::new("the disk is on fire"));
    s.keys("ctrl-r");
    s.send(dagtop::tui::app::Msg::Answered(question, Err(trouble)));
    s.sees("the audit can't be read: the disk is on fire");
}

/// What this session knows better stands there once.
#[test]
fn what_was_asked_for_here_is_not_there_twice() {
    let (_dir, mut s) = with_lines(0);
    s.keys("p");
    let asked = s.watch.world.actions().next().unwrap().request.clone();
    let id = asked.id;
    s.keys("esc");
    s.watch.world.asked(asked, s.now);
    let lines = [
        line(1, Who::here(), id.0),
        line(2, Who::here(), 999),
        line(3, bob(), id.0),
    ];
    s.store.as_mut().unwrap().write(&lines).unwrap();
    s.keys("4")
        .sees("target-2.")
        .sees("target-3.")
        .sees_not("target-1.");
}
