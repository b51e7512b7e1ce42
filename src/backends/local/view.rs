//! Records in the words of the house.

use crate::model::{
    Attempt, Detail, Group, Node, NodeCounts, NodeId, NodeState, ParamSpec, Pipeline, PipelineKey,
    Run, RunKey, SafeText, Schedule, Topology,
};

use super::definition::Definition;
use super::record::{NodeRecord, RunRecord};

pub fn run(record: &RunRecord, key: RunKey) -> Run {
    let header = &record.header;
    let mut run = Run::new(key, header.due.unwrap_or(header.created_at));
    run.state = record.state;
    run.native = SafeText::new(record.state.word());
    run.queued_at = Some(header.created_at);
    run.started_at = record.started_at;
    run.ended_at = record.ended_at;
    run.cause = SafeText::new(&header.cause);
    run.note = record.note.as_ref().map(SafeText::new);
    run.params = header
        .params
        .iter()
        .map(|(k, v)| (SafeText::new(k), SafeText::new(v)))
        .collect();
    run.counts = Some(counts(record));
    run
}

fn counts(record: &RunRecord) -> NodeCounts {
    let mut counts = NodeCounts::default();
    for (at, node) in record.nodes.iter().enumerate() {
        let allowed = record.def_of(at).is_some_and(|d| d.allow_failure);
        // counts alone can't say that a failure was allowed
        let state = match node.state {
            NodeState::Failed if allowed => NodeState::Warned,
            state => state,
        };
        counts.add(state, 1);
    }
    counts
}

pub fn topology(record: &RunRecord) -> Topology {
    let shape = &record.shape;
    Topology {
        nodes: shape.tasks.iter().map(|t| NodeId::new(&t.id)).collect(),
        groups: shape
            .groups
            .iter()
            .map(|g| Group {
                id: NodeId::new(&g.id),
                name: SafeText::new(&g.name),
                parent: g.parent.as_ref().map(NodeId::new),
                mapped: g.mapped,
            })
            .collect(),
        edges: shape
            .edges
            .iter()
            .map(|(a, b)| (NodeId::new(a), NodeId::new(b)))
            .collect(),
    }
}

pub fn nodes(record: &RunRecord) -> Vec<Node> {
    (0..record.nodes.len())
        .filter_map(|at| node(record, at))
        .collect()
}

pub fn node(record: &RunRecord, at: usize) -> Option<Node> {
    let (task, def) = (record.shape.tasks.get(at)?, record.def_of(at)?);
    let known = record.nodes.get(at)?;
    let mut node = Node::new(NodeId::new(&task.id));
    node.name = SafeText::new(&task.name);
    node.group = task.group.as_ref().map(NodeId::new);
    node.kind = SafeText::new("shell");
    node.state = known.state;
    node.native = SafeText::new(&known.native);
    node.progress = known.progress;
    node.attempt = known.attempt();
    node.max_attempts = Some(known.max_attempts.max(known.attempt()));
    node.queued_at = known.queued_at;
    node.failure_allowed = def.allow_failure;
    node.usage = known.usage;
    node.metrics = known
        .metrics
        .iter()
        .map(|(k, v)| (SafeText::new(k), *v))
        .collect();
    node.note = known.note.as_ref().map(SafeText::new);
    if let Some(attempt) = known.attempts.last() {
        // a node that waits for a new attempt has not begun again
        if known.state != NodeState::Pending {
            node.started_at = Some(attempt.started_at);
            node.ended_at = attempt.end.as_ref().map(|(at, _)| *at);
        }
        if let Some((_, end)) = &attempt.end
            && known.state == end.state
        {
            node.exit_code = end.exit;
            node.signal = end.signal;
        }
    }
    if node.ended_at.is_none() && known.state.ended() {
        node.ended_at = known.changed_at;
    }
    Some(node)
}

fn attempts(node: &NodeRecord) -> Vec<Attempt> {
    node.attempts
        .iter()
        .map(|a| {
            let end = a.end.as_ref().map(|(_, end)| end);
            let (state, native) = match end {
                // the attempt failed; that another followed is the node's story
                Some(e) if e.state == NodeState::Retrying => (NodeState::Failed, e.native.as_str()),
                Some(e) => (e.state, e.native.as_str()),
                None if node.open_attempt() == Some(a) => (node.state, node.native.as_str()),
                None => (NodeState::Unknown, "lost"),
            };
            Attempt {
                number: a.number,
                state,
                native: SafeText::new(native),
                queued_at: a.queued_at,
                started_at: Some(a.started_at),
                ended_at: a.end.as_ref().map(|(at, _)| *at),
                exit_code: end.and_then(|e| e.exit),
                signal: end.and_then(|e| e.signal),
            }
        })
        .collect()
}

pub fn detail(record: &RunRecord, at: usize) -> Option<Detail> {
    let (task, def, node) = (
        record.shape.tasks.get(at)?,
        record.def_of(at)?,
        record.nodes.get(at)?,
    );
    let row = |k: &str, v: String| (SafeText::new(k), SafeText::new(v));
    let mut settings = vec![row(
        "folder",
        def.cwd
            .as_ref()
            .unwrap_or(&record.definition.cwd)
            .display()
            .to_string(),
    )];
    if let Some((index, item)) = &task.item {
        settings.push(row("item", format!("{index}: {item}")));
    }
    if !def.needs.is_empty() {
        settings.push(row("needs", def.needs.join(", ")));
    }
    if def.retries > 0 {
        let text = format!("{}, {:?} apart", def.retries, def.retry_delay);
        settings.push(row("retries", text));
    }
    if let Some(timeout) = def.timeout {
        settings.push(row("timeout", format!("{timeout:?}")));
    }
    if def.allow_failure {
        settings.push(row("may fail", "yes".to_owned()));
    }
    if let Some(process) = node.open_attempt().and_then(|a| a.process) {
        settings.push(row("process group", process.group.to_string()));
    }
    // values may be secrets: names only
    for (name, _) in record.definition.env.iter().chain(&def.env) {
        settings.push(row("variable", name.clone()));
    }
    let lines = |text: &str| -> Vec<(SafeText, SafeText)> {
        SafeText::lines(text)
            .into_iter()
            .enumerate()
            .map(|(i, line)| (SafeText::new((i + 1).to_string()), line))
            .collect()
    };
    let mut sections = vec![
        (SafeText::new("Command"), lines(&def.run)),
        (SafeText::new("Settings"), settings),
    ];
    if let Some(doc) = &def.doc {
        sections.push((SafeText::new("Notes"), lines(doc)));
    }
    Some(Detail {
        attempts: attempts(node),
        sections,
    })
}

/// What a pipeline's file says, beside what is known of it now.
pub fn pipeline(definition: &Definition, key: PipelineKey) -> Pipeline {
    let mut pipeline = Pipeline::new(key);
    pipeline.name = SafeText::new(&definition.name);
    pipeline.owner = definition.owner.as_ref().map(SafeText::new);
    pipeline.tags = definition.tags.iter().map(SafeText::new).collect();
    pipeline.schedule = Schedule {
        text: definition
            .schedule
            .as_ref()
            .map(SafeText::new)
            .unwrap_or_default(),
        next: None,
    };
    pipeline.params = definition
        .params
        .iter()
        .map(|p| ParamSpec {
            name: SafeText::new(&p.name),
            kind: SafeText::new(&p.kind),
            default: p.default.clone().unwrap_or(serde_json::Value::Null),
            description: SafeText::new(&p.description),
            choices: p.choices.iter().map(SafeText::new).collect(),
            required: p.default.is_none(),
        })
        .collect();
    pipeline.doc = definition
        .doc
        .as_deref()
        .map(SafeText::lines)
        .unwrap_or_default();
    pipeline
}
