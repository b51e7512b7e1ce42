#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::path::Path;

use chrono::{DateTime, Duration, FixedOffset, NaiveTime, Utc};

use super::*;
use crate::alerts::Expect;
use crate::history::audit::What;
use crate::history::{Audit, Log, Sqlite, Store, Write};
use crate::model::{
    Alert, AlertDeed, AlertId, AlertOrder, BackendId, By, Health, Message, NodeId, NodeState,
    Occasion, PastNode, PastRun, PipelineKey, Priority, Run, RunState, SafeText,
};

const HOSTILE: &str = "x|y<script>alert(1)</script>&\"'`*_[a](http://b)=1+1\\";

fn t(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 / 86_400 * 86_400 + hours * 3600, 0).unwrap()
}

fn past(key: &PipelineKey, hour: i64, minutes: i64, good: bool) -> PastRun {
    let mut run = Run::new(key.run(format!("r{hour}").as_str()), t(hour));
    run.queued_at = Some(t(hour));
    run.started_at = Some(t(hour) + Duration::minutes(1));
    run.ended_at = Some(t(hour) + Duration::minutes(1 + minutes));
    run.state = if good {
        RunState::Succeeded
    } else {
        RunState::Failed
    };
    PastRun {
        run,
        health: if good {
            Health::Succeeded
        } else {
            Health::Failed
        },
        seen: t(hour + 1),
    }
}

fn node(run: &PastRun, attempt: u32, state: NodeState) -> PastNode {
    let start = run.run.started_at.unwrap() + Duration::minutes(i64::from(attempt));
    PastNode {
        run: run.run.key.clone(),
        node: NodeId::new(HOSTILE),
        attempt,
        state,
        queued_at: None,
        started_at: Some(start),
        ended_at: Some(start + Duration::seconds(30)),
        exit_code: None,
        rows: None,
        memory: None,
        cpu_seconds: None,
    }
}

fn telling(hour: i64, occasion: Occasion, acked: Option<i64>) -> Write {
    let mut alert = Alert::new(
        AlertId::new("run-failing", "prod/orders"),
        Priority::P1,
        t(hour),
    );
    alert.fired = Some(t(hour));
    alert.acked = acked.map(|minutes| By {
        who: SafeText::new("=eve"),
        at: t(hour) + Duration::minutes(minutes),
    });
    let message = Message::new(occasion, alert, t(hour));
    let body = serde_json::json!({"message": message, "channels": ["pager", "chat|<b>"]});
    Write::Append {
        log: Log::Tellings,
        at: t(hour),
        body: body.to_string(),
    }
}

fn seeded(dir: &Path) -> Figures {
    let mut store = Sqlite::open(dir).unwrap();
    let good = PipelineKey::new(&BackendId::new("prod"), "orders");
    let wild = PipelineKey::new(&BackendId::new("prod"), HOSTILE);
    let mut batch = Vec::new();
    for day in 0..10 {
        batch.push(Write::Run(Box::new(past(
            &good,
            day * 24 + 2,
            10 + day,
            true,
        ))));
        let run = past(&wild, day * 24 + 3, 5, day % 3 != 0);
        batch.push(Write::Node(Box::new(node(&run, 1, NodeState::Failed))));
        let end = if day % 3 == 0 {
            NodeState::Failed
        } else {
            NodeState::Succeeded
        };
        batch.push(Write::Node(Box::new(node(&run, 2, end))));
        batch.push(Write::Run(Box::new(run)));
    }
    batch.push(telling(50, Occasion::Fired, None));
    batch.push(telling(51, Occasion::Escalated, None));
    batch.push(telling(52, Occasion::Acknowledged, Some(15)));
    store.write(&batch).unwrap();
    let mut audit = Audit::open(dir).unwrap();
    let order = AlertOrder {
        id: AlertId::new("run-failing", HOSTILE),
        by: By {
            who: SafeText::new("ann"),
            at: t(52),
        },
        deed: AlertDeed::Ack,
    };
    audit.write(t(52), What::alert(&order)).unwrap();
    let mut expect = Expect::new(crate::alerts::Glob("orders".to_owned()));
    expect.done_by = NaiveTime::from_hms_opt(2, 16, 0);
    let zone = FixedOffset::east_opt(3600).unwrap();
    Figures::gather((&mut store, false), dir, &[expect], (t(0), t(240)), zone).unwrap()
}

#[test]
fn figures_are_those_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let figures = seeded(dir.path());
    let counts = figures.summary.counts;
    assert_eq!((counts.runs, counts.good, counts.bad), (20, 16, 4));
    let load = &figures.on_call;
    // 50 and 51 hours are 3 and 4 o'clock one hour east
    assert_eq!((load.pages, load.night, load.days, load.most), (4, 4, 1, 4));
    assert_eq!(load.channels[&SafeText::new("pager")].escalated, 1);
    let acks = &load.people[&SafeText::new("=eve")];
    assert_eq!((acks.acks, acks.median), (1, Some(900.0)));
    let people = &figures.compliance.people;
    assert_eq!((people.len(), people[0].done), (1, 1));
    assert!(figures.compliance.chain_holds);
    let sla = figures.summary.sla.as_ref().unwrap();
    // the sixth is done on the minute
    assert!((4..=5).contains(&sla.missed) && sla.met >= 5, "{sla:?}");
    // it begins two hours after the period does
    assert!(
        figures.missing[0].starts_with("The history begins on "),
        "{:?}",
        figures.missing
    );
}

#[test]
fn no_name_breaks_out_of_any_form() {
    let dir = tempfile::tempdir().unwrap();
    let figures = seeded(dir.path());
    let html = told(&figures, PeriodFormat::Html).unwrap();
    assert!(
        html.contains("&lt;script&gt;") && !html.contains("<script"),
        "{html}"
    );
    assert!(!html.contains("<b>") && !html.contains("http-equiv=\"refresh"));
    let md = told(&figures, PeriodFormat::Md).unwrap();
    assert!(!md.contains("[a]("), "{md}");
    for (at, _) in md.match_indices('<') {
        assert!(md[..at].ends_with('\\'), "{md}");
    }
    let mut width = 0;
    for line in md.lines() {
        let cells = line
            .replace("\\\\", "")
            .replace("\\|", "")
            .matches('|')
            .count();
        if line.starts_with("| ") {
            assert!(width == 0 || cells == width, "{line}");
            width = cells;
        } else {
            width = 0;
        }
    }
    let csv = told(&figures, PeriodFormat::Csv).unwrap();
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(row.len(), 5);
        assert!(
            !row.iter().any(|field| field.starts_with(['=', '@', '+'])),
            "{row:?}"
        );
        rows += 1;
    }
    assert!(rows > 50, "{rows}");
    let json: serde_json::Value =
        serde_json::from_str(&told(&figures, PeriodFormat::Json).unwrap()).unwrap();
    assert_eq!(json["summary"]["counts"]["runs"], 20);
}

#[test]
fn a_report_as_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut figures = seeded(dir.path());
    // what is another every time
    figures.compliance.head = Some("(head)".to_owned());
    for deed in &mut figures.compliance.newest {
        deed.user = SafeText::new("ann");
        deed.from = None;
        deed.host = None;
    }
    for deeds in &mut figures.compliance.people {
        deeds.user = SafeText::new("ann");
    }
    insta::assert_snapshot!(told(&figures, PeriodFormat::Md).unwrap());
}

#[test]
fn an_empty_history_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(dir.path()).unwrap();
    let zone = FixedOffset::east_opt(0).unwrap();
    let figures =
        Figures::gather((&mut store, false), dir.path(), &[], (t(0), t(24)), zone).unwrap();
    assert_eq!(figures.missing.len(), 4, "{:?}", figures.missing);
    assert!(
        told(&figures, PeriodFormat::Md)
            .unwrap()
            .contains("The history holds no runs yet")
    );
}
