//! Telling the engine of runs and steps, and remembering what was told.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::backends::EngineGone;
use crate::model::{Detail, Event, Node, NodeState, Run, RunKey, SafeText};

use super::family::{Member, Story, story};
use super::shared::{Family, Known, Memory, Shared, pipeline_id};
use super::table::Table;
use super::{states, wire};

/// Runs remembered of one job.
const KEPT: usize = 60;

/// A family in our words: its newest run, with the place in time of its first.
pub fn run(key: RunKey, family: &Family) -> Run {
    let mut run = Run::new(key, family.ordered_at());
    let Some(Known { run: last, .. }) = family.last() else {
        return run;
    };
    run.state = states::run(last.status);
    run.native = SafeText::new(last.status.word());
    run.queued_at = last.creation_time;
    run.started_at = last.start_time;
    run.ended_at = last.end_time.filter(|_| last.status.ended());
    run.cause = SafeText::new(cause(last, family.members.len()));
    run.params = params(last);
    run
}

fn cause(last: &wire::Run, members: usize) -> String {
    let who = [
        ("dagster/schedule_name", "schedule "),
        ("dagster/sensor_name", "sensor "),
        ("dagster/backfill", "backfill "),
    ];
    let origin = who
        .iter()
        .find_map(|(key, word)| last.tag(key).map(|name| format!("{word}{name}")))
        .unwrap_or_else(|| match last.tag("user") {
            Some(user) => format!("manual by {user}"),
            None => "manual".to_owned(),
        });
    match members {
        0 | 1 if last.parent_run_id.is_none() => origin,
        n => format!("{origin}, re-executed ({} in all)", n.max(2)),
    }
}

/// What it was started with: partition, assets and configuration.
fn params(last: &wire::Run) -> Vec<(SafeText, SafeText)> {
    let mut params = Vec::new();
    if let Some(partition) = last.tag("dagster/partition") {
        params.push((SafeText::new("partition"), SafeText::new(partition)));
    }
    if let Some(assets) = last.asset_selection.as_ref().filter(|a| !a.is_empty()) {
        let names: Vec<String> = assets.iter().map(wire::AssetKey::text).collect();
        params.push((SafeText::new("assets"), SafeText::new(names.join(", "))));
    }
    let config = last.run_config.as_object().into_iter().flatten();
    params.extend(
        config.map(|(name, value)| (SafeText::new(name), SafeText::new(value.to_string()))),
    );
    params
}

/// Takes in runs of watched jobs, and tells of their families. Returns the families that were touched.
pub async fn runs(shared: &Shared, rows: Vec<wire::Run>) -> Result<Vec<RunKey>, EngineGone> {
    let mut keys: Vec<RunKey> = Vec::new();
    let mut list = Vec::new();
    let mut reload = false;
    {
        let mut memory = shared.memory();
        let mut seen = HashSet::new();
        for row in rows {
            let Some(key) = remember(shared, &mut memory, row) else {
                continue;
            };
            if seen.insert(key.clone()) {
                keys.push(key);
            }
        }
        for key in &keys {
            let Some(family) = memory.families.get(key.run.raw()) else {
                continue;
            };
            // a re-execution that the run in view has no plan of
            let unknown = family.members.iter().any(|k| k.plan.is_none());
            list.push(run(key.clone(), family));
            if let Some(open) = memory.open.get_mut(key).filter(|o| o.loaded && unknown) {
                open.reload = true;
                reload = true;
            }
        }
        trim(&mut memory);
    }
    if !list.is_empty() {
        shared.emit(Event::Runs { list }).await?;
    }
    if reload {
        shared.reload.notify_waiters();
    }
    Ok(keys)
}

/// Puts a run into its family. `None`: its job is not watched.
fn remember(shared: &Shared, memory: &mut Memory, mut row: wire::Run) -> Option<RunKey> {
    let origin = row.repository_origin.clone().unwrap_or_default();
    let pipeline = pipeline_id(&row.job_name, &origin);
    if !memory.jobs.contains_key(&pipeline) {
        // a job that came since the list was read; one that is filtered out is never in it
        memory.resync |= shared.watches(&row.job_name, &row.tags);
        return None;
    }
    let root = row.root().to_owned();
    let stats = row.step_stats.take();
    let plan = row.execution_plan.take().map(std::sync::Arc::new);
    let family = memory.families.entry(root.clone()).or_default();
    family.pipeline.clone_from(&pipeline);
    let ended = row.status.ended();
    match family
        .members
        .iter_mut()
        .find(|k| k.run.run_id == row.run_id)
    {
        Some(known) => {
            // a list tells less than the run itself
            if plan.is_none() {
                row.run_config = std::mem::take(&mut known.run.run_config);
                row.asset_selection = known.run.asset_selection.take();
            }
            row.step_keys_to_execute = row
                .step_keys_to_execute
                .or(known.run.step_keys_to_execute.take());
            // a slower answer may be older
            if known.run.update_time <= row.update_time {
                known.run = row;
            }
            known.plan = plan.or(known.plan.take());
            if let Some(stats) = stats {
                known.table.get_or_insert_default().renew(&stats);
                known.examined = ended;
            } else {
                known.examined &= ended;
            }
        }
        None => family.members.push(Known {
            run: row,
            table: stats.as_ref().map(|stats| Table::of(stats)),
            plan,
            examined: ended && stats.is_some(),
        }),
    }
    family.members.sort_by(|a, b| {
        (a.run.creation_time, &a.run.run_id).cmp(&(b.run.creation_time, &b.run.run_id))
    });
    Some(shared.run_key(&pipeline, &root))
}

/// Bounds what is remembered of each job.
fn trim(memory: &mut Memory) {
    let mut by_job: HashMap<&str, Vec<(DateTime<Utc>, &str)>> = HashMap::new();
    for (root, family) in &memory.families {
        let list = by_job.entry(&family.pipeline).or_default();
        list.push((family.ordered_at(), root));
    }
    let mut gone: Vec<String> = Vec::new();
    for mut list in by_job.into_values().filter(|list| list.len() > KEPT + 20) {
        list.sort_unstable_by(|a, b| b.cmp(a));
        gone.extend(list.drain(KEPT..).map(|(_, root)| root.to_owned()));
    }
    let open: HashSet<&str> = memory.open.keys().map(|key| key.run.raw()).collect();
    for root in gone.iter().filter(|root| !open.contains(root.as_str())) {
        if memory.families.get(root).is_some_and(Family::ended) {
            memory.families.remove(root);
        }
    }
}

/// The story of a family as far as it is known.
pub fn story_of(memory: &Memory, family: &Family) -> Story {
    let tables: Vec<Table> = family
        .members
        .iter()
        .map(|known| {
            let mut table = known.table.clone().unwrap_or_default();
            for (step, found) in memory.checks.get(&known.run.run_id).into_iter().flatten() {
                table.check(step, found);
            }
            table
        })
        .collect();
    let members: Vec<Member<'_>> = family
        .members
        .iter()
        .zip(&tables)
        .map(|(known, table)| Member {
            id: &known.run.run_id,
            status: known.run.status,
            ended_at: known.run.end_time,
            plan: known.plan.as_deref(),
            keys: known
                .run
                .step_keys_to_execute
                .as_deref()
                .unwrap_or_default(),
            table,
        })
        .collect();
    story(&members)
}

/// What the fleet must know of a run that nobody looks at.
fn notable(node: &Node) -> bool {
    use NodeState::{Failed, Retrying, Running, Warned};
    matches!(node.state, Failed | Retrying | Running | Warned)
}

/// Tells of a family's nodes: of one in view all that changed, of others what matters or was told before.
pub async fn nodes(shared: &Shared, key: &RunKey) -> Result<(), EngineGone> {
    let mut events = Vec::new();
    {
        let mut memory = shared.memory();
        let Some(family) = memory.families.get(key.run.raw()) else {
            return Ok(());
        };
        let mut story = story_of(&memory, family);
        let last = family
            .last()
            .map(|k| k.run.run_id.clone())
            .unwrap_or_default();
        for node in &mut story.nodes {
            let step = (last.clone(), node.id.raw().to_owned());
            if let Some(what) = memory.waits.get(&step).filter(|_| !node.state.ended()) {
                node.waits_for = Some(what.clone());
                if node.state == NodeState::Pending {
                    node.state = NodeState::Queued;
                }
            }
        }
        let (mut whole, mut complete) = (false, false);
        if let Some(open) = memory.open.get_mut(key) {
            whole = open.loaded;
            complete = whole && !std::mem::replace(&mut open.told, true);
            if whole && open.topology != story.topology {
                open.topology = story.topology.clone();
                events.push(Event::Topology {
                    run: key.clone(),
                    topology: story.topology,
                });
            }
            let tries = story.attempts.values().map(Vec::len).sum();
            if whole && std::mem::replace(&mut open.tries, tries) != tries {
                details(key, &story.attempts, &mut events);
            }
        }
        let Some(family) = memory.families.get_mut(key.run.raw()) else {
            return Ok(());
        };
        let there: HashSet<_> = story.nodes.iter().map(|n| &n.id).collect();
        // instances that are made anew are gone: only the whole list says so
        let gone = family.told.keys().any(|id| !there.contains(id));
        let list: Vec<Node> = story
            .nodes
            .iter()
            .filter(|node| whole || notable(node) || family.told.contains_key(&node.id))
            .filter(|node| gone || family.told.get(&node.id) != Some(node))
            .cloned()
            .collect();
        complete |= whole && gone;
        let list = if complete { story.nodes } else { list };
        if gone {
            family.told.clear();
        }
        family
            .told
            .extend(list.iter().map(|n| (n.id.clone(), n.clone())));
        family.attempts = story.attempts;
        if !list.is_empty() {
            events.push(Event::Nodes {
                run: key.clone(),
                list,
                complete,
            });
        }
    }
    for event in events {
        shared.emit(event).await?;
    }
    Ok(())
}

/// The tries of steps that had more than one.
fn details(
    key: &RunKey,
    attempts: &HashMap<crate::model::NodeId, Vec<(super::family::Place, crate::model::Attempt)>>,
    events: &mut Vec<Event>,
) {
    for (id, tries) in attempts.iter().filter(|(_, tries)| tries.len() > 1) {
        events.push(Event::Detail {
            node: key.node(id),
            detail: Detail {
                attempts: tries.iter().map(|(_, attempt)| attempt.clone()).collect(),
                sections: Vec::new(),
            },
        });
    }
}
