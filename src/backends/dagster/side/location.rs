//! A code location: whether it is loaded, and its schedules and sensors with their last ticks.

use crate::backends::dagster::gql::first_line;
use crate::backends::dagster::shared::{Instigators, Memory, place};
use crate::backends::dagster::wire::{self, State, Tick};
use crate::model::{Node, NodeId, NodeState, SafeText, Topology};

use super::{Picture, Side, line};

/// The node of the location itself.
pub const CODE: &str = "code";

pub fn schedule_id(name: &str) -> String {
    format!("schedule {name}")
}

pub fn sensor_id(name: &str) -> String {
    format!("sensor {name}")
}

fn instigators<'a>(memory: &'a Memory, place: &str) -> Option<&'a Instigators> {
    memory
        .automation
        .get(&Side::Location(place.to_owned()).id())
}

fn entry<'a>(memory: &'a Memory, at: &str) -> Option<&'a wire::Location> {
    let name = match instigators(memory, at) {
        Some(found) => found.origin.repository_location_name.as_str(),
        None => at,
    };
    memory
        .locations
        .iter()
        .find(|location| location.name == name)
}

/// Everything in it that starts runs is stopped.
pub fn paused(memory: &Memory, at: &str) -> bool {
    let states = instigators(memory, at).map(states).unwrap_or_default();
    !states.is_empty() && states.iter().all(|(_, state)| !state.runs())
}

/// Id and state of each schedule and sensor.
fn states(found: &Instigators) -> Vec<(String, &State)> {
    let schedules = found
        .schedules
        .iter()
        .map(|s| (schedule_id(&s.name), &s.schedule_state));
    let sensors = found
        .sensors
        .iter()
        .map(|s| (sensor_id(&s.name), &s.sensor_state));
    schedules.chain(sensors).collect()
}

pub fn picture(memory: &Memory, at: &str) -> Picture {
    let mut nodes = vec![code(memory, at)];
    let found = instigators(memory, at);
    for (id, state) in found.map(states).unwrap_or_default() {
        let mut node = Node::new(NodeId::new(&id));
        node.kind = SafeText::new(id.split(' ').next().unwrap_or_default());
        let last = state.ticks.first();
        node.attempt = u32::from(last.is_some());
        node.started_at = last.and_then(|tick| tick.timestamp);
        node.ended_at = last.and_then(|tick| tick.end_timestamp).or(node.started_at);
        node.note = last.and_then(said).map(SafeText::new);
        let (state, native) = match (state.runs(), last.map(|tick| tick.status.as_str())) {
            (false, _) => (NodeState::Paused, "STOPPED"),
            (true, None) => (NodeState::Waiting, "RUNNING, no tick yet"),
            (true, Some("FAILURE")) => (NodeState::Failed, "RUNNING, last tick FAILURE"),
            (true, Some("STARTED")) => (NodeState::Waiting, "RUNNING, tick STARTED"),
            (true, Some("SKIPPED")) => (NodeState::Succeeded, "RUNNING, last tick SKIPPED"),
            (true, Some(_)) => (NodeState::Succeeded, "RUNNING, last tick SUCCESS"),
        };
        (node.state, node.native) = (state, SafeText::new(native));
        if !state.ended() {
            node.ended_at = None;
        }
        nodes.push(node);
    }
    // nothing starts from code that can't be loaded
    let edges = nodes
        .iter()
        .skip(1)
        .map(|node| (NodeId::new(CODE), node.id.clone()))
        .collect();
    Picture {
        topology: Topology {
            nodes: nodes.iter().map(|n| n.id.clone()).collect(),
            groups: Vec::new(),
            edges,
        },
        nodes,
    }
}

fn code(memory: &Memory, at: &str) -> Node {
    let mut node = Node::new(NodeId::new(CODE));
    node.kind = SafeText::new("code location");
    let Some(location) = entry(memory, at) else {
        (node.state, node.native) = (NodeState::Unknown, SafeText::new("not listed"));
        return node;
    };
    node.started_at = wire::at_seconds(location.updated_timestamp);
    node.ended_at = node.started_at;
    node.attempt = 1;
    node.native = SafeText::new(&location.load_status);
    node.state = match (location.broken(), location.load_status.as_str()) {
        (Some(error), _) => {
            node.note = Some(SafeText::new(first_line(&error.message)));
            node.native = SafeText::new("can't be loaded");
            NodeState::Failed
        }
        (None, "LOADED") => NodeState::Succeeded,
        (None, _) => NodeState::Running,
    };
    node
}

fn said(tick: &Tick) -> Option<String> {
    match (&tick.error, &tick.skip_reason) {
        (Some(error), _) => Some(first_line(&error.own().message).to_owned()),
        (None, Some(why)) => Some(why.clone()),
        (None, None) => None,
    }
}

pub fn log(memory: &Memory, at: &str, node: &str) -> String {
    let mut out = String::new();
    if node == CODE {
        let Some(location) = entry(memory, at) else {
            return out;
        };
        let when = wire::at_seconds(location.updated_timestamp);
        match location.broken() {
            Some(error) => {
                line(when, "ERROR", "the code location can't be loaded", &mut out);
                out.push_str("Traceback (most recent call last):\n");
                error.stack.iter().for_each(|frame| out.push_str(frame));
                out.push_str(error.message.trim_end());
                out.push('\n');
            }
            None => line(when, "INFO", "the code location was loaded", &mut out),
        }
        return out;
    }
    let found = instigators(memory, at).map(states).unwrap_or_default();
    let state = found
        .iter()
        .find(|(id, _)| id == node)
        .map(|(_, state)| *state);
    for tick in state.iter().flat_map(|state| state.ticks.iter().rev()) {
        let runs = match tick.run_ids.as_slice() {
            [] => String::new(),
            ids => format!(": started {}", ids.join(", ")),
        };
        let why = tick
            .skip_reason
            .as_ref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        let level = if tick.error.is_some() {
            "ERROR"
        } else {
            "INFO"
        };
        line(
            tick.timestamp,
            level,
            &format!("tick {}{runs}{why}", tick.status),
            &mut out,
        );
        if let Some(error) = &tick.error {
            out.push_str(error.own().message.trim_end());
            out.push('\n');
        }
    }
    out
}

/// The origin of what is at a place, for requests.
pub fn origin(memory: &Memory, at: &str) -> Option<wire::Origin> {
    let known = instigators(memory, at).map(|found| found.origin.clone());
    known.or_else(|| {
        let mut jobs = memory.jobs.values().map(|job| &job.origin);
        jobs.find(|origin| place(origin) == at).cloned()
    })
}
