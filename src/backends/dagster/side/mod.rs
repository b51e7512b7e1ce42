//! What Dagster has beside jobs, told as pipelines: a code location with its schedules and sensors and the assets of a
//! location with their checks, each of one run, which is what they are like now; and the backfills, one run each.
//! So they stand in the fleet when something is wrong with them, and can be acted on like anything else.

pub mod assets;
pub mod backfills;
pub mod location;
mod quality;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::backends::poll::{Schedule, Urgency};
use crate::model::{
    Event, LogKey, Node, NodeState, Pipeline, PipelineKey, Run, RunKey, RunState, SafeText,
    Topology,
};
use crate::net::http::HttpError;

use super::gql::{self, Rows};
use super::shared::{Instigators, Memory, Shared, place};
use super::{api, wire};

/// The one run of what is as it is.
pub const NOW: &str = "now";
/// Looks at a backfill that goes, for each at what goes no more.
const CALM: u32 = 6;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// By [`place`].
    Location(String),
    Assets(String),
    Backfills,
}

impl Side {
    /// A job's id has an `@` in it, the id of a side none before its colon.
    pub fn of(key: &PipelineKey) -> Option<Self> {
        match key.pipeline.raw() {
            "backfills" => Some(Self::Backfills),
            raw => match raw.split_once(':')? {
                ("location", place) => Some(Self::Location(place.to_owned())),
                ("assets", place) => Some(Self::Assets(place.to_owned())),
                _ => None,
            },
        }
    }

    pub fn id(&self) -> String {
        match self {
            Self::Location(place) => format!("location:{place}"),
            Self::Assets(place) => format!("assets:{place}"),
            Self::Backfills => "backfills".to_owned(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Location(place) => format!("code location {place}"),
            Self::Assets(place) => format!("assets of {place}"),
            Self::Backfills => "backfills".to_owned(),
        }
    }
}

/// One side as it is now.
pub struct Picture {
    topology: Topology,
    nodes: Vec<Node>,
}

/// Those that there are.
fn all(memory: &Memory) -> Vec<Side> {
    let mut sides: Vec<Side> = Vec::new();
    for location in &memory.locations {
        let own = memory.automation.values().map(|i| &i.origin);
        let places: Vec<String> = own
            .filter(|o| o.repository_location_name == location.name)
            .map(place)
            .collect();
        match places.is_empty() {
            true => sides.push(Side::Location(location.name.clone())),
            false => sides.extend(places.into_iter().map(Side::Location)),
        }
    }
    sides.extend(
        memory
            .assets
            .iter()
            .map(|asset| Side::Assets(assets::place(asset))),
    );
    if !memory.backfills.is_empty() {
        sides.push(Side::Backfills);
    }
    sides.sort();
    sides.dedup();
    sides
}

/// A list of pipelines with the sides beside the jobs.
pub fn with_pipelines(shared: &Shared, mut list: Vec<Pipeline>) -> Vec<Pipeline> {
    list.extend(pipelines(shared, &shared.memory()));
    list
}

fn pipelines(shared: &Shared, memory: &Memory) -> Vec<Pipeline> {
    let pipeline = |side: Side| {
        let mut pipeline = Pipeline::new(shared.pipeline_key(&side.id()));
        pipeline.name = SafeText::new(side.name());
        match &side {
            Side::Location(place) => pipeline.paused = location::paused(memory, place),
            Side::Assets(place) => pipeline.params = assets::params(memory, place),
            Side::Backfills => {}
        }
        pipeline
    };
    all(memory).into_iter().map(pipeline).collect()
}

/// Reads what the sides are made of. What this version or this user has not is left out and told once.
pub async fn read(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    match repositories(shared, urgency).await {
        Ok(automation) => shared.memory().automation = automation,
        Err(error) => missing(shared, error).await?,
    }
    match list(shared, urgency, api::ASSETS, "assets").await {
        Ok(assets) => {
            let mut memory = shared.memory();
            memory.checks = assets::checks(&assets);
            memory.assets = assets;
        }
        Err(error) => missing(shared, error).await?,
    }
    if let Err(error) = quality::read(shared, urgency).await {
        missing(shared, error).await?;
    }
    let checks = quality::list(shared, &shared.memory());
    shared.emit(Event::Checks(checks)).await?;
    match backfills::read(shared, urgency).await {
        Ok(backfills) => shared.memory().backfills = backfills,
        Err(error) => missing(shared, error).await?,
    }
    Ok(())
}

async fn list<T: serde::de::DeserializeOwned>(
    shared: &Shared,
    urgency: Urgency,
    query: &str,
    field: &str,
) -> Result<Vec<T>, Trouble> {
    let mut reply = gql::ask(shared, urgency, query, json!({})).await?;
    let rows: Rows<T> = reply.take(field)?;
    for bad in rows.bad {
        shared.complain(format!("{field}{bad}")).await?;
    }
    Ok(rows.rows)
}

/// Schedules and sensors with their ticks, by pipeline id.
async fn repositories(
    shared: &Shared,
    urgency: Urgency,
) -> Result<std::collections::BTreeMap<String, Instigators>, Trouble> {
    let mut reply = gql::ask(shared, urgency, &api::automation(), json!({})).await?;
    let found: wire::Repositories = reply.take("repositories")?;
    let each = found.nodes.rows.into_iter().map(|repository| {
        let origin = wire::Origin {
            repository_name: repository.name,
            repository_location_name: repository.location.name,
        };
        let side = Side::Location(place(&origin));
        let instigators = Instigators {
            origin,
            schedules: repository.schedules.rows,
            sensors: repository.sensors.rows,
        };
        (side.id(), instigators)
    });
    Ok(each.collect())
}

/// A lack of rights or an older version is told once; anything else shows in the backend's reach anyway.
async fn missing(shared: &Shared, error: Trouble) -> Result<(), Trouble> {
    match error {
        Trouble::Http(
            error @ (HttpError::Refused { .. }
            | HttpError::Forbidden { .. }
            | HttpError::Server { .. }
            | HttpError::BadAnswer { .. }),
        ) => Ok(shared.complain(error.to_string()).await?),
        other => Err(other),
    }
}

fn picture(memory: &Memory, side: &Side) -> Option<Picture> {
    match side {
        Side::Location(place) => Some(location::picture(memory, place)),
        Side::Assets(place) => Some(assets::picture(memory, place)),
        Side::Backfills => None,
    }
}

/// Tells what all sides are like now: all of those in view, of others what matters or was told before.
pub async fn tell(shared: &Shared) -> Result<(), EngineGone> {
    let mut events = Vec::new();
    {
        let mut guard = shared.memory();
        let memory = &mut *guard;
        let list = pipelines(shared, memory);
        events.push(Event::Pipelines {
            list,
            complete: false,
        });
        let mut runs = Vec::new();
        let mut nodes = Vec::new();
        for side in all(memory) {
            let pipeline = shared.pipeline_key(&side.id());
            let Some(picture) = picture(memory, &side) else {
                runs.extend(
                    memory
                        .backfills
                        .iter()
                        .map(|b| backfills::run(pipeline.run(&b.id), b)),
                );
                continue;
            };
            let run = pipeline.run(NOW);
            runs.push(now(run.clone(), &picture.nodes));
            let complete = memory.open.contains_key(&run);
            if complete {
                nodes.push(Event::Topology {
                    run: run.clone(),
                    topology: picture.topology,
                });
            }
            let told = &mut memory.side_nodes;
            let mut list = picture.nodes;
            list.retain(|node| {
                let key = run.node(&node.id);
                complete || matters(node) || told.contains(&key)
            });
            told.extend(list.iter().map(|node| run.node(&node.id)));
            nodes.push(Event::Nodes {
                run,
                list,
                complete,
            });
        }
        events.push(Event::Runs { list: runs });
        events.extend(nodes);
    }
    for event in events {
        shared.emit(event).await?;
    }
    Ok(())
}

fn matters(node: &Node) -> bool {
    matches!(
        node.state,
        NodeState::Failed | NodeState::Warned | NodeState::Running
    )
}

/// The run that stands for what is now. It goes for as long as something in it goes or is wrong.
fn now(key: RunKey, nodes: &[Node]) -> Run {
    let newest = nodes
        .iter()
        .filter_map(|n| n.ended_at.or(n.started_at))
        .max();
    let mut run = Run::new(key, newest.unwrap_or(DateTime::<Utc>::UNIX_EPOCH));
    let any = |state: NodeState| nodes.iter().any(|n| n.state == state);
    let all = |state: NodeState| !nodes.is_empty() && nodes.iter().all(|n| n.state == state);
    run.state = if any(NodeState::Failed) || any(NodeState::Running) || any(NodeState::Queued) {
        RunState::Running
    } else if all(NodeState::Paused) {
        RunState::Paused
    } else {
        RunState::Succeeded
    };
    run.native = SafeText::new("as it is now");
    run.cause = SafeText::new("always");
    run
}

/// The log of something that is no run.
pub fn log(shared: &Shared, key: &LogKey) -> Option<String> {
    let side = Side::of(&key.node.run.pipeline)?;
    let memory = shared.memory();
    let node = key.node.node.raw();
    Some(match &side {
        Side::Location(place) => location::log(&memory, place, node),
        Side::Assets(place) => assets::log(&memory, place, node),
        Side::Backfills => backfills::log(&memory, key.node.run.run.raw()),
    })
}

/// Keeps what is in view current.
pub async fn follow(shared: Arc<Shared>, side: Side, key: RunKey) {
    shared.memory().open.entry(key.clone()).or_default();
    let mut schedule = Schedule::new(shared.look(), 5);
    let mut urgency = Urgency::Now;
    loop {
        let looked = match side {
            Side::Backfills => backfills::look(&shared, &key, urgency).await,
            _ => match read(&shared, urgency).await {
                Ok(()) => super::system::look(&shared, urgency).await.map(|()| false),
                Err(error) => Err(error),
            },
        };
        let over = match looked {
            Ok(over) => {
                schedule.succeeded(Duration::ZERO);
                over
            }
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                schedule.failed(error.retry_after());
                if shared
                    .complain(format!("{}: {error}", side.name()))
                    .await
                    .is_err()
                {
                    return;
                }
                false
            }
        };
        urgency = Urgency::WhenDue;
        let calm = over || side != Side::Backfills;
        schedule.set_base(shared.look() * if calm { CALM } else { 1 });
        tokio::select! {
            () = tokio::time::sleep(schedule.wait()) => {}
            () = shared.reload.notified() => urgency = Urgency::Now,
        }
    }
}

/// A line of a log made here.
fn line(at: Option<DateTime<Utc>>, level: &str, said: &str, out: &mut String) {
    use std::fmt::Write as _;
    if let Some(at) = at {
        let _ = write!(
            out,
            "{} ",
            at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        );
    }
    let _ = writeln!(out, "{level} dagster - {said}");
}

/// Groups for a topology, each once, in the order of their first member.
fn groups<'a>(names: impl Iterator<Item = &'a str>) -> Vec<crate::model::Group> {
    let mut seen: HashMap<&str, ()> = HashMap::new();
    names
        .filter(|name| seen.insert(name, ()).is_none())
        .map(|name| crate::model::Group {
            id: crate::model::NodeId::new(format!("group {name}")),
            name: SafeText::new(name),
            parent: None,
            mapped: false,
        })
        .collect()
}
