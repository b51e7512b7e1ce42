//! Owns what the detail pages say: a node, a run or a pipeline as headings, names and values.

use chrono::{DateTime, Utc};

use crate::model::{Attempt, Detail, Node, Pipeline, SafeText};
use crate::tui::theme::Token;
use crate::world::RunView;

use super::details::Entry;
use super::format::{self, Zone};

/// When and in which zone a page is read.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub now: DateTime<Utc>,
    pub zone: Zone,
}

impl Clock {
    /// "2026-11-20 03:11:02 (3m ago)".
    fn at(self, at: DateTime<Utc>) -> String {
        format!(
            "{} ({})",
            format::date_time(at, self.zone),
            format::age(at, self.now)
        )
    }
}

fn text(out: &mut Vec<Entry>, name: &str, value: &str) {
    if !value.is_empty() {
        out.push(Entry::pair(name, value));
    }
}

fn maybe(out: &mut Vec<Entry>, name: &str, value: Option<impl Into<String>>) {
    if let Some(value) = value {
        out.push(Entry::pair(name, value.into()));
    }
}

fn section(out: &mut Vec<Entry>, heading: impl Into<String>) {
    if !out.is_empty() {
        out.push(Entry::Gap);
    }
    out.push(Entry::Heading(heading.into()));
}

/// A node with its attempts and whatever else its backend tells.
pub fn of_node(node: &Node, detail: Option<&Detail>, clock: Clock) -> Vec<Entry> {
    let mut out = vec![Entry::Heading(node.name.to_string())];
    out.push(Entry::Pair(
        "state".into(),
        node.state.word().into(),
        Token::State(node.state),
    ));
    text(&mut out, "backend says", &node.native);
    text(&mut out, "kind", &node.kind);
    if node.attempt > 0 {
        let of = node.max_attempts.map(|n| format!(" of {n}"));
        let attempt = format!("{}{}", node.attempt, of.unwrap_or_default());
        out.push(Entry::pair("attempt", attempt));
    }
    if let Some(progress) = node.progress {
        let figures = format!(
            "{} % ({} of {})",
            progress.percent(),
            format::count(progress.done),
            format::count(progress.total)
        );
        out.push(Entry::pair("progress", figures));
    }
    for (name, at) in [
        ("scheduled", node.scheduled_at),
        ("queued", node.queued_at),
        ("started", node.started_at),
        ("ended", node.ended_at),
    ] {
        maybe(&mut out, name, at.map(|at| clock.at(at)));
    }
    if let (Some(queued), Some(started)) = (node.queued_at, node.started_at) {
        out.push(Entry::pair(
            "waited",
            format::duration_fine(started - queued),
        ));
    }
    maybe(
        &mut out,
        "took",
        node.elapsed(clock.now).map(format::duration_fine),
    );
    maybe(&mut out, "exit code", node.exit_code.map(|n| n.to_string()));
    maybe(&mut out, "signal", node.signal.map(|n| n.to_string()));
    if node.failure_allowed {
        out.push(Entry::pair("failure", "allowed: does not fail the run"));
    }
    maybe(&mut out, "waits for", node.waits_for.as_deref());
    maybe(&mut out, "pool", node.pool.as_deref());
    maybe(&mut out, "host", node.host.as_deref());
    maybe(&mut out, "note", node.note.as_deref());
    usage(&mut out, node);
    if !node.metrics.is_empty() {
        section(&mut out, "metrics");
        for (name, value) in &node.metrics {
            out.push(Entry::pair(name.as_str(), format::metric(*value)));
        }
    }
    if let Some(detail) = detail {
        if !detail.attempts.is_empty() {
            section(&mut out, "attempts");
            out.extend(detail.attempts.iter().map(|a| attempt(a, clock)));
        }
        for (heading, rows) in &detail.sections {
            section(&mut out, heading.as_str());
            if rows.is_empty() {
                out.push(Entry::Text("nothing".into()));
            }
            pairs(&mut out, rows);
        }
    }
    out
}

fn usage(out: &mut Vec<Entry>, node: &Node) {
    let Some(u) = node.usage else {
        return;
    };
    section(out, "resources");
    let cpu = if node.state.ended() {
        format!("{:.1} s", u.cpu_seconds)
    } else {
        format!(
            "{:.1} s, {:.0} % of a core now",
            u.cpu_seconds,
            u.cpu_now * 100.0
        )
    };
    out.push(Entry::pair("cpu", cpu));
    let memory = match node.state.ended() {
        true => format!("{} at its peak", format::bytes(u.memory_peak)),
        false => format!(
            "{}, peak {}",
            format::bytes(u.memory),
            format::bytes(u.memory_peak)
        ),
    };
    out.push(Entry::pair("memory", memory));
    maybe(out, "read", u.read.map(format::bytes));
    maybe(out, "written", u.written.map(format::bytes));
}

fn attempt(a: &Attempt, clock: Clock) -> Entry {
    let mut words = vec![a.state.word().to_owned()];
    if !a.native.is_empty() && a.native != a.state.word() {
        words.push(format!("({})", a.native));
    }
    if let Some(at) = a.started_at {
        words.push(format!("at {}", format::date_time(at, clock.zone)));
        let end = a.ended_at.unwrap_or(clock.now);
        words.push(format!("for {}", format::duration_fine(end - at)));
    }
    if let Some(code) = a.exit_code {
        words.push(format!("exit {code}"));
    }
    if let Some(signal) = a.signal {
        words.push(format!("signal {signal}"));
    }
    Entry::Pair(
        format::ordinal(a.number),
        words.join(" "),
        Token::State(a.state),
    )
}

fn pairs(out: &mut Vec<Entry>, rows: &[(SafeText, SafeText)]) {
    for (name, value) in rows {
        out.push(Entry::pair(name.as_str(), value.as_str()));
    }
}

/// A run without its nodes.
pub fn of_run(view: &RunView, clock: Clock) -> Vec<Entry> {
    let run = &view.run;
    let mut out = vec![Entry::Heading(run.key.run.safe().to_string())];
    out.push(Entry::pair("health", view.health.word()));
    let native = match run.native.is_empty() {
        true => run.state.word(),
        false => run.native.as_str(),
    };
    text(&mut out, "backend says", native);
    text(&mut out, "cause", &run.cause);
    for (name, at) in [
        ("for", Some(run.ordered_at)),
        ("queued", run.queued_at),
        ("started", run.started_at),
        ("ended", run.ended_at),
    ] {
        maybe(&mut out, name, at.map(|at| clock.at(at)));
    }
    maybe(
        &mut out,
        "took",
        run.elapsed(clock.now).map(format::duration_fine),
    );
    if let Some(counts) = view.counts() {
        let words: Vec<String> = counts
            .worst_first()
            .iter()
            .map(|(state, n)| format!("{} {}", format::count(u64::from(*n)), state.word()))
            .collect();
        text(&mut out, "nodes", &words.join(", "));
    }
    maybe(&mut out, "note", run.note.as_deref());
    if !run.params.is_empty() {
        section(&mut out, "parameters");
        pairs(&mut out, &run.params);
    }
    out
}

/// A pipeline with its runbook.
pub fn of_pipeline(pipeline: &Pipeline, clock: Clock) -> Vec<Entry> {
    let mut out = vec![Entry::Heading(pipeline.name.to_string())];
    if pipeline.paused {
        let token = Token::State(crate::model::NodeState::Paused);
        out.push(Entry::Pair(
            "paused".into(),
            "yes: nothing new starts".into(),
            token,
        ));
    }
    if let Some(why) = &pipeline.stale {
        out.push(Entry::Pair(
            "broken".into(),
            why.to_string(),
            Token::Warning,
        ));
    }
    let schedule = match pipeline.schedule.text.is_empty() {
        true => "on demand",
        false => pipeline.schedule.text.as_str(),
    };
    out.push(Entry::pair("schedule", schedule));
    maybe(
        &mut out,
        "next",
        pipeline.schedule.next.map(|at| clock.at(at)),
    );
    maybe(&mut out, "owner", pipeline.owner.as_deref());
    let tags: Vec<&str> = pipeline.tags.iter().map(SafeText::as_str).collect();
    text(&mut out, "tags", &tags.join(", "));
    maybe(&mut out, "where", pipeline.url.as_deref());
    if !pipeline.params.is_empty() {
        section(&mut out, "asks for");
        for p in &pipeline.params {
            let mut words = Vec::new();
            if !p.kind.is_empty() {
                words.push(p.kind.to_string());
            }
            if p.required {
                words.push("required".into());
            }
            if !p.default.is_null() {
                words.push(format!("default {}", SafeText::new(p.default.to_string())));
            }
            if !p.choices.is_empty() {
                let all: Vec<&str> = p.choices.iter().map(SafeText::as_str).collect();
                words.push(format!("one of {}", all.join(", ")));
            }
            out.push(Entry::pair(p.name.as_str(), words.join(", ")));
            text(&mut out, " ", &p.description);
        }
    }
    if !pipeline.doc.is_empty() {
        section(&mut out, "runbook");
        out.extend(
            pipeline
                .doc
                .iter()
                .map(|line| Entry::Text(line.to_string())),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{self, theme};
    use super::*;
    use crate::model::{
        BackendId, NodeId, NodeState, ParamSpec, PipelineKey, Progress, Schedule, Usage,
    };
    use chrono::{Duration, TimeZone};

    fn clock() -> Clock {
        Clock {
            now: Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap(),
            zone: Zone::Utc,
        }
    }

    fn shown(entries: &[Entry]) -> String {
        testing::text(76, 40, |buf, area| {
            super::super::details::draw(buf, area, theme(false), entries, &mut 0);
        })
        .trim_end()
        .to_owned()
    }

    #[test]
    fn a_node() {
        let now = clock().now;
        let node = Node {
            state: NodeState::Running,
            native: SafeText::new("running"),
            kind: SafeText::new("PythonOperator"),
            attempt: 2,
            max_attempts: Some(3),
            progress: Progress::new(400, 1000),
            queued_at: Some(now - Duration::seconds(80)),
            started_at: Some(now - Duration::seconds(70)),
            host: Some(SafeText::new("worker-7")),
            usage: Some(Usage {
                cpu_seconds: 12.25,
                cpu_now: 0.97,
                memory: 1_400_000_000,
                memory_peak: 2_000_000_000,
                read: None,
                written: Some(4096),
            }),
            metrics: vec![(SafeText::new("rows"), 1234.0)],
            ..Node::new(NodeId::new("load"))
        };
        let detail = Detail {
            attempts: vec![Attempt {
                number: 1,
                state: NodeState::Failed,
                native: SafeText::new("failed"),
                queued_at: None,
                started_at: Some(now - Duration::seconds(700)),
                ended_at: Some(now - Duration::seconds(100)),
                exit_code: Some(137),
                signal: Some(9),
            }],
            sections: vec![(
                SafeText::new("XCom"),
                vec![(
                    SafeText::new("return_value"),
                    SafeText::new("{\"rows\": 3}"),
                )],
            )],
        };
        insta::assert_snapshot!("facts_node", shown(&of_node(&node, Some(&detail), clock())));
    }

    #[test]
    fn a_pipeline() {
        let pipeline = Pipeline {
            paused: true,
            schedule: Schedule {
                text: SafeText::new("0 4 * * *"),
                next: Some(clock().now + Duration::minutes(46)),
            },
            owner: Some(SafeText::new("data-platform")),
            tags: vec![SafeText::new("daily"), SafeText::new("finance")],
            params: vec![ParamSpec {
                name: SafeText::new("day"),
                kind: SafeText::new("string"),
                default: serde_json::json!("today"),
                description: SafeText::new("Which day to load."),
                choices: Vec::new(),
                required: true,
            }],
            doc: SafeText::lines("# Orders\n\nWhen load fails, give it more memory."),
            ..Pipeline::new(PipelineKey::new(&BackendId::new("prod"), "orders_daily"))
        };
        insta::assert_snapshot!("facts_pipeline", shown(&of_pipeline(&pipeline, clock())));
    }
}
