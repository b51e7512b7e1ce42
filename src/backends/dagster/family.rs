//! One story from a run and its re-executions. Dagster starts a new run for each; its plan holds only what it is to do.
//! The newest run that was to do a step tells the step's state, and the tries of all of them are the step's attempts.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use crate::model::{Attempt, Group, Node, NodeId, NodeState, SafeText, Topology};

use super::states;
use super::table::{Status, Step, Table};
use super::wire::{ExecutionPlan, RunStatus};

/// The node that stands for a run that failed without a step of it failing: its process did not come up, or died.
pub const RUN: &str = "(run)";

/// One run of a family.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    pub id: &'a str,
    pub status: RunStatus,
    pub ended_at: Option<DateTime<Utc>>,
    /// `None`: not read; then only steps that began are known.
    pub plan: Option<&'a ExecutionPlan>,
    /// The keys of the plan, which tell less and are cheaper.
    pub keys: &'a [String],
    pub table: &'a Table,
}

/// Where the log of an attempt is: the run, and which try of the step in it, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub run: String,
    pub attempt: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    pub topology: Topology,
    pub nodes: Vec<Node>,
    /// Of each node that was tried, oldest first.
    pub attempts: HashMap<NodeId, Vec<(Place, Attempt)>>,
}

/// What is known of one step while the members are gone through.
#[derive(Default)]
struct Acc {
    /// `None`: of an older member, and gone since.
    state: Option<(NodeState, SafeText)>,
    step: Option<Step>,
    ended_at: Option<DateTime<Utc>>,
    kind: &'static str,
    attempts: Vec<(Place, Attempt)>,
}

/// `clean[k1]` is an instance of `clean[?]`.
pub fn template(key: &str) -> Option<String> {
    let (name, inside) = key.strip_suffix(']')?.rsplit_once('[')?;
    (inside != "?").then(|| format!("{name}[?]"))
}

/// Members oldest first.
pub fn story(members: &[Member<'_>]) -> Story {
    let mut steps: IndexMap<String, Acc> = IndexMap::new();
    let mut edges: Vec<(String, String)> = Vec::new();
    for member in members {
        for step in member.plan.iter().flat_map(|plan| &plan.steps) {
            let acc = steps.entry(step.key.clone()).or_default();
            acc.kind = kind(&step.kind);
            let needs = step.inputs.iter().flat_map(|i| &i.depends_on);
            edges.extend(needs.map(|need| (need.key.clone(), step.key.clone())));
        }
        tell(&mut steps, member);
    }
    let expanded: HashSet<String> = steps
        .iter()
        .filter(|(_, acc)| acc.state.is_some())
        .filter_map(|(key, _)| template(key))
        .collect();
    let mut story = Story {
        topology: shape(&steps, &edges, &expanded),
        ..Story::default()
    };
    for (key, acc) in steps {
        if expanded.contains(&key) {
            continue;
        }
        let Some((state, native)) = acc.state else {
            continue;
        };
        let id = NodeId::new(&key);
        let mut node = Node::new(id.clone());
        node.name = SafeText::new(label(&key));
        node.group = parent(&key).map(NodeId::new);
        node.kind = SafeText::new(if acc.kind.is_empty() {
            "step"
        } else {
            acc.kind
        });
        (node.state, node.native) = (state, native);
        node.attempt = u32::try_from(acc.attempts.len()).unwrap_or(u32::MAX);
        if let Some(step) = acc.step {
            let span = step.spans.last().copied().unwrap_or_default();
            node.queued_at = step.starting;
            node.started_at = span.start;
            node.ended_at = span.end.or(acc.ended_at).filter(|_| state.ended());
            node.note = step.checks.first().map(|(_, said)| said.clone());
            step.report.add_to(&mut node);
        }
        if !acc.attempts.is_empty() {
            story.attempts.insert(id, acc.attempts);
        }
        story.nodes.push(node);
    }
    if let Some(last) = members.last() {
        own_failure(&mut story, members, last);
    }
    story
}

/// Takes in what one member says of its steps.
fn tell(steps: &mut IndexMap<String, Acc>, member: &Member<'_>) {
    let planned: HashSet<&str> = member
        .plan
        .iter()
        .flat_map(|plan| &plan.steps)
        .map(|step| step.key.as_str())
        .chain(member.keys.iter().map(String::as_str))
        .collect();
    let ran: HashSet<String> = member
        .table
        .steps
        .keys()
        .filter_map(|key| template(key))
        .collect();
    for (key, acc) in steps.iter_mut() {
        if template(key).is_some_and(|of| planned.contains(of.as_str())) {
            // instances are made anew
            (acc.state, acc.step) = (None, None);
        }
        if planned.contains(key.as_str()) && !ran.contains(key) {
            acc.state = Some(states::not_begun(member.status));
            (acc.step, acc.ended_at) = (None, None);
        }
    }
    for (key, step) in &member.table.steps {
        let acc = steps.entry(key.clone()).or_default();
        let (state, native) = states::step(step, member.status);
        let tries = step.tries();
        let last = usize::try_from(tries).unwrap_or(usize::MAX);
        for (number, span) in (1..=tries).zip(&step.spans) {
            let (state, native) = match usize::try_from(number).is_ok_and(|n| n == last) {
                true => (state, native.clone()),
                false => (NodeState::Failed, SafeText::new(Status::UpForRetry.word())),
            };
            let place = Place {
                run: member.id.to_owned(),
                attempt: number,
            };
            let attempt = Attempt {
                number: u32::try_from(acc.attempts.len() + 1).unwrap_or(u32::MAX),
                state,
                native,
                queued_at: None,
                started_at: span.start,
                ended_at: span.end,
                exit_code: None,
                signal: None,
            };
            acc.attempts.push((place, attempt));
        }
        acc.state = Some((state, native));
        acc.step = Some(step.clone());
        acc.ended_at = member.ended_at;
    }
}

/// A run that failed although no step of it did.
fn own_failure(story: &mut Story, members: &[Member<'_>], last: &Member<'_>) {
    let failed = story.nodes.iter().any(|n| n.state == NodeState::Failed);
    if last.status != RunStatus::Failure || failed {
        return;
    }
    let mut node = Node::new(NodeId::new(RUN));
    node.kind = SafeText::new("run");
    (node.state, node.native) = (NodeState::Failed, SafeText::new("FAILURE"));
    node.ended_at = last.ended_at;
    node.started_at = last.ended_at;
    for member in members {
        node.attempt += 1;
        let (state, native) = states::own(member.status);
        let place = Place {
            run: member.id.to_owned(),
            attempt: 1,
        };
        let attempt = Attempt {
            number: node.attempt,
            state,
            native,
            queued_at: None,
            started_at: None,
            ended_at: member.ended_at,
            exit_code: None,
            signal: None,
        };
        let known = story.attempts.entry(node.id.clone()).or_default();
        known.push((place, attempt));
    }
    story.topology.nodes.push(node.id.clone());
    story.nodes.push(node);
}

fn kind(word: &str) -> &'static str {
    match word {
        "UNRESOLVED_MAPPED" => "mapped step",
        "UNRESOLVED_COLLECT" => "collecting step",
        _ => "step",
    }
}

/// The step's name inside its graph: "check_ranges" of "checks.check_ranges", "clean [k1]" of "clean[k1]".
fn label(key: &str) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    match name.strip_suffix("[?]") {
        Some(mapped) => mapped.to_owned(),
        None => name.replace('[', " ["),
    }
}

/// The group a key lies in: the mapped step of an instance, the graph of a step.
fn parent(key: &str) -> Option<String> {
    template(key).or_else(|| key.rsplit_once('.').map(|(graph, _)| graph.to_owned()))
}

fn shape(
    steps: &IndexMap<String, Acc>,
    edges: &[(String, String)],
    expanded: &HashSet<String>,
) -> Topology {
    let mut topology = Topology::default();
    let mut groups: IndexMap<String, Group> = IndexMap::new();
    for (key, _) in steps.iter().filter(|(_, acc)| acc.state.is_some()) {
        let mut at = parent(key);
        while let Some(id) = at {
            at = parent(&id);
            groups.entry(id.clone()).or_insert_with(|| Group {
                id: NodeId::new(&id),
                name: SafeText::new(label(&id)),
                parent: at.as_ref().map(NodeId::new),
                mapped: id.ends_with("[?]"),
            });
        }
        if !expanded.contains(key) {
            topology.nodes.push(NodeId::new(key));
        }
    }
    let known =
        |id: &str| groups.contains_key(id) || steps.get(id).is_some_and(|acc| acc.state.is_some());
    let mut seen = HashSet::new();
    for (from, to) in edges {
        if known(from) && known(to) && seen.insert((from, to)) {
            topology.edges.push((NodeId::new(from), NodeId::new(to)));
        }
    }
    topology.groups = groups.into_values().collect();
    topology
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::backends::dagster::wire::StepStats;
    use serde_json::{Value, json};

    fn plan(steps: &[(&str, &[&str])]) -> ExecutionPlan {
        let steps: Vec<Value> = steps
            .iter()
            .map(|(key, needs)| {
                let needs: Vec<Value> = needs
                    .iter()
                    .map(|n| json!({"dependsOn": [{"key": n}]}))
                    .collect();
                json!({"key": key, "kind": "COMPUTE", "inputs": needs})
            })
            .collect();
        serde_json::from_value(json!({"steps": steps})).unwrap()
    }

    fn table(steps: &[(&str, &str, usize)]) -> Table {
        let stats: Vec<StepStats> = steps
            .iter()
            .map(|(key, status, tries)| {
                let spans: Vec<Value> = (0..*tries)
                    .map(|n| json!({"startTime": 1795140000.0 + n as f64, "endTime": 1795140000.5 + n as f64}))
                    .collect();
                let end = spans.last().map(|s| s["endTime"].clone());
                serde_json::from_value(json!({"stepKey": key, "status": status, "attempts": spans, "endTime": end})).unwrap()
            })
            .collect();
        Table::of(&stats)
    }

    fn member<'a>(
        id: &'a str,
        status: RunStatus,
        plan: &'a ExecutionPlan,
        table: &'a Table,
    ) -> Member<'a> {
        Member {
            id,
            status,
            ended_at: None,
            plan: Some(plan),
            keys: &[],
            table,
        }
    }

    fn state(story: &Story, id: &str) -> (NodeState, u32) {
        let node = story
            .nodes
            .iter()
            .find(|n| n.id.raw() == id)
            .unwrap_or_else(|| panic!("no {id}"));
        (node.state, node.attempt)
    }

    #[test]
    fn a_run_and_its_re_execution_are_one_story() {
        let whole = plan(&[("fetch", &[]), ("load", &["fetch"]), ("report", &["load"])]);
        let first = table(&[("fetch", "SUCCESS", 1), ("load", "FAILURE", 3)]);
        let alone = story(&[member("a", RunStatus::Failure, &whole, &first)]);
        assert_eq!(state(&alone, "load"), (NodeState::Failed, 3));
        assert_eq!(state(&alone, "report"), (NodeState::Blocked, 0));

        let rest = plan(&[("load", &["fetch"]), ("report", &["load"])]);
        let none = Table::default();
        let queued = story(&[
            member("a", RunStatus::Failure, &whole, &first),
            member("b", RunStatus::Queued, &rest, &none),
        ]);
        assert_eq!(state(&queued, "fetch"), (NodeState::Succeeded, 1));
        assert_eq!(state(&queued, "load"), (NodeState::Pending, 3));
        assert_eq!(queued.topology.edges.len(), 2);

        let second = table(&[("load", "SUCCESS", 1), ("report", "SUCCESS", 1)]);
        let both = story(&[
            member("a", RunStatus::Failure, &whole, &first),
            member("b", RunStatus::Success, &rest, &second),
        ]);
        assert_eq!(state(&both, "load"), (NodeState::Succeeded, 4));
        let places = &both.attempts[&NodeId::new("load")];
        let last = &places[3].0;
        assert_eq!((last.run.as_str(), last.attempt), ("b", 1));
        assert_eq!(places[2].1.state, NodeState::Failed);
    }

    #[test]
    fn mapped_steps_become_a_group_of_their_instances() {
        let whole = plan(&[
            ("split", &[]),
            ("g.clean[?]", &["split"]),
            ("total", &["g.clean[?]"]),
        ]);
        let before = story(&[member("a", RunStatus::Started, &whole, &Table::default())]);
        assert_eq!(before.topology.nodes.len(), 3);
        let rows = table(&[
            ("split", "SUCCESS", 1),
            ("g.clean[k1]", "SUCCESS", 1),
            ("g.clean[k2]", "FAILURE", 1),
        ]);
        let after = story(&[member("a", RunStatus::Failure, &whole, &rows)]);
        let groups: Vec<(&str, bool)> = after
            .topology
            .groups
            .iter()
            .map(|g| (g.id.raw(), g.mapped))
            .collect();
        assert!(groups.contains(&("g.clean[?]", true)) && groups.contains(&("g", false)));
        assert_eq!(after.topology.edges.len(), 2);
        assert_eq!(state(&after, "g.clean[k2]"), (NodeState::Failed, 1));
        assert!(after.nodes.iter().all(|n| n.id.raw() != "g.clean[?]"));
        // all of it again: the instances are not there yet
        let again = story(&[
            member("a", RunStatus::Failure, &whole, &rows),
            member("b", RunStatus::Started, &whole, &Table::default()),
        ]);
        assert_eq!(state(&again, "g.clean[?]"), (NodeState::Pending, 0));
        assert!(again.nodes.iter().all(|n| n.id.raw() != "g.clean[k1]"));
    }

    #[test]
    fn a_run_that_failed_before_its_first_step_has_a_node_to_look_at() {
        let whole = plan(&[("fetch", &[])]);
        let none = Table::default();
        let story = story(&[member("a", RunStatus::Failure, &whole, &none)]);
        assert_eq!(state(&story, RUN), (NodeState::Failed, 1));
        assert_eq!(state(&story, "fetch"), (NodeState::Blocked, 0));
        assert!(story.topology.nodes.contains(&NodeId::new(RUN)));
    }
}
