//! The fleet: every job, its newest runs, and the steps that matter in them. Definitions and runs are read at the start
//! and now and then; in between one request a look tells what changed and what the steps of active runs are at.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::backends::EngineGone;
use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Event, Pipeline, RunKey, SafeText, Schedule};

use super::api::{self, Lists};
use super::shared::{Job, Shared, pipeline_id, place};
use super::wire::{self, Origin, Repositories, RunGroup, Runs, Workspace};
use super::{gql, side, tell};

/// So many newest runs of all jobs are read at the start.
const NEWEST: usize = 2 * api::PAGE;
/// Jobs with fewer runs among those are asked for theirs.
const FEW: usize = 5;
/// Runs of such a job.
const OLDER: usize = 10;
/// Jobs in one request.
const JOBS: usize = 25;
/// Requests for older runs at each reading of everything.
const DIGS: usize = 4;
/// Runs in one look of which the steps are read.
const STEPS: usize = 8;
/// More changes than this are not followed one by one.
const MOST_CHANGES: usize = 3 * api::PAGE;
/// A run's row may be written this long after the time it carries.
const OVERLAP: f64 = 4.0;

/// Reads everything: definitions, newest runs, steps of those that failed or go.
pub async fn resync(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let began = wire::to_seconds(shared.server_now()) - OVERLAP;
    shared.memory().resync = false;
    let (list, complete) = definitions(shared, urgency).await?;
    // names at once; the list is whole when their runs and failures are known too
    shared
        .emit(Event::Pipelines {
            list,
            complete: false,
        })
        .await?;
    side::read(shared, urgency).await?;
    let mut lists = Lists::new();
    lists.runs("active", api::active(), None, api::PAGE);
    lists.runs("newest", json!({}), None, NEWEST);
    let (query, variables) = lists.finish();
    let mut reply = gql::ask(shared, urgency, &query, variables).await?;
    let mut rows = runs(shared, reply.take("newest")?).await?;
    rows.extend(runs(shared, reply.take("active")?).await?);
    tell::runs(shared, rows).await?;
    dig(shared, urgency).await?;
    steps(shared, urgency).await?;
    let list = {
        let mut memory = shared.memory();
        memory.since = Some(memory.since.map_or(began, |since| since.min(began)));
        memory
            .jobs
            .values()
            .map(|job| job.pipeline.clone())
            .collect()
    };
    let list = side::with_pipelines(shared, list);
    shared.emit(Event::Pipelines { list, complete }).await?;
    Ok(())
}

async fn runs(shared: &Shared, runs: Runs) -> Result<Vec<wire::Run>, EngineGone> {
    for bad in &runs.results.bad {
        shared.complain(format!("runs{bad}")).await?;
    }
    Ok(runs.results.rows)
}

/// The jobs that are watched, and whether that is the whole list.
async fn definitions(shared: &Shared, urgency: Urgency) -> Result<(Vec<Pipeline>, bool), Trouble> {
    let mut reply = gql::ask(shared, urgency, &api::definitions(), json!({})).await?;
    let workspace: Workspace = reply.take("workspace")?;
    let repositories: Repositories = reply.take("repositories")?;
    let mut complete =
        workspace.location_entries.bad.is_empty() && repositories.nodes.bad.is_empty();
    let mut jobs: HashMap<String, Job> = HashMap::new();
    let mut bad: Vec<String> = repositories.nodes.bad;
    for mut repository in repositories.nodes.rows {
        let origin = Origin {
            repository_name: std::mem::take(&mut repository.name),
            repository_location_name: repository.location.name.clone(),
        };
        bad.append(&mut repository.pipelines.bad);
        bad.append(&mut repository.schedules.bad);
        bad.append(&mut repository.sensors.bad);
        for job in &repository.pipelines.rows {
            if !shared.watches(&job.name, &job.tags) {
                continue;
            }
            let id = pipeline_id(&job.name, &origin);
            jobs.insert(
                id.clone(),
                self::job(shared, &id, job, &origin, &repository),
            );
        }
    }
    complete &= bad.is_empty();
    for what in bad {
        shared.complain(format!("definitions{what}")).await?;
    }
    let mut memory = shared.memory();
    for (id, job) in &mut jobs {
        if let Some(known) = memory.jobs.get(id) {
            job.pipeline.params.clone_from(&known.pipeline.params);
            job.partitions.clone_from(&known.partitions);
        }
    }
    // the jobs of a location that can't be loaded are not listed; what is known of them is their past
    let broken: HashMap<&str, &wire::LoadResult> = workspace
        .location_entries
        .rows
        .iter()
        .filter_map(|location| Some((location.name.as_str(), location.broken()?)))
        .collect();
    for (id, known) in &memory.jobs {
        let location = &known.origin.repository_location_name;
        if let Some(error) = broken.get(location.as_str())
            && !jobs.contains_key(id)
        {
            let mut job = known.clone();
            job.pipeline.stale = Some(SafeText::new(format!(
                "the code location {location} can't be loaded: {}",
                gql::first_line(&error.message)
            )));
            jobs.insert(id.clone(), job);
        }
    }
    if complete {
        memory
            .families
            .retain(|_, family| jobs.contains_key(&family.pipeline));
        memory.jobs.clear();
    }
    memory.jobs.extend(jobs);
    memory.locations = workspace.location_entries.rows;
    let list = memory
        .jobs
        .values()
        .map(|job| job.pipeline.clone())
        .collect();
    Ok((list, complete))
}

/// A job in our words.
fn job(
    shared: &Shared,
    id: &str,
    job: &wire::Job,
    origin: &Origin,
    repository: &wire::Repository,
) -> Job {
    let mut pipeline = Pipeline::new(shared.pipeline_key(id));
    pipeline.name = SafeText::new(match job.name.as_str() {
        "__ASSET_JOB" => format!("assets by hand ({})", place(origin)),
        name => name.to_owned(),
    });
    let tag = |key: &str| {
        job.tags
            .iter()
            .find(|tag| tag.key == key)
            .map(|tag| &tag.value)
    };
    pipeline.owner = tag("owner").or_else(|| tag("team")).map(SafeText::new);
    let tags = job
        .tags
        .iter()
        .filter(|tag| !tag.key.starts_with("dagster/"));
    pipeline.tags = tags
        .map(|tag| SafeText::new(format!("{}:{}", tag.key, tag.value)))
        .collect();
    pipeline.doc = SafeText::lines(job.description.as_deref().unwrap_or_default());
    let own = |name: &str| name == job.name;
    let schedules: Vec<wire::Schedule> = repository
        .schedules
        .rows
        .iter()
        .filter(|s| own(&s.pipeline_name))
        .cloned()
        .collect();
    let sensors: Vec<wire::Sensor> = repository
        .sensors
        .rows
        .iter()
        .filter(|s| s.targets.iter().flatten().any(|t| own(&t.pipeline_name)))
        .cloned()
        .collect();
    let states = schedules
        .iter()
        .map(|s| &s.schedule_state)
        .chain(sensors.iter().map(|s| &s.sensor_state));
    let running = states.clone().filter(|state| state.runs()).count();
    pipeline.paused = running == 0 && states.count() > 0;
    pipeline.schedule = schedule(&schedules, &sensors);
    let base = shared.http.base().as_str().trim_end_matches('/');
    let location = place(origin);
    let path = crate::net::http::path(["locations", &location, "jobs", &job.name]);
    pipeline.url = Some(SafeText::new(format!("{base}{path}")));
    Job {
        name: job.name.clone(),
        origin: origin.clone(),
        pipeline,
        schedules,
        sensors,
        partitions: None,
    }
}

/// When a job runs: by its schedules that are on, else by its sensors.
fn schedule(schedules: &[wire::Schedule], sensors: &[wire::Sensor]) -> Schedule {
    let on = || schedules.iter().filter(|s| s.schedule_state.runs());
    let next = on()
        .filter_map(|s| s.future_ticks.results.first()?.timestamp)
        .min();
    let words = |s: &wire::Schedule| match s.execution_timezone.as_deref() {
        None | Some("UTC" | "") => s.cron_schedule.clone(),
        Some(zone) => format!("{} {zone}", s.cron_schedule),
    };
    let mut text: Vec<String> = match on().next() {
        Some(_) => on().map(words).collect(),
        None => schedules.iter().map(words).collect(),
    };
    text.extend(sensors.iter().map(|s| format!("sensor {}", s.name)));
    Schedule {
        text: SafeText::new(text.join(", ")),
        next,
    }
}

/// Asks jobs that had few runs among the newest of all for their own.
async fn dig(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    for _ in 0..DIGS {
        let missing: Vec<(String, String)> = {
            let memory = shared.memory();
            let mut counts: HashMap<&str, usize> = HashMap::new();
            for family in memory.families.values() {
                *counts.entry(&family.pipeline).or_default() += 1;
            }
            let few = |id: &String| counts.get(id.as_str()).copied().unwrap_or(0) < FEW;
            memory
                .jobs
                .iter()
                .filter(|(id, _)| few(id) && !memory.dug.contains(*id))
                .take(JOBS)
                .map(|(id, job)| (id.clone(), job.name.clone()))
                .collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut lists = Lists::new();
        for (number, (_, name)) in missing.iter().enumerate() {
            lists.runs(
                &format!("j{number}"),
                json!({"pipelineName": name}),
                None,
                OLDER,
            );
        }
        let (query, variables) = lists.finish();
        let mut reply = gql::ask(shared, urgency, &query, variables).await?;
        let mut rows = Vec::new();
        for number in 0..missing.len() {
            rows.extend(runs(shared, reply.take(&format!("j{number}"))?).await?);
        }
        tell::runs(shared, rows).await?;
        shared
            .memory()
            .dug
            .extend(missing.into_iter().map(|(id, _)| id));
    }
    Ok(())
}

/// Families whose steps should be read: those that go and are not in view, a few in turn, and the newest of each job
/// when it failed and is not known yet.
fn wanted(shared: &Shared) -> Vec<RunKey> {
    let mut memory = shared.memory();
    let mut newest: HashMap<&str, (chrono::DateTime<chrono::Utc>, &str)> = HashMap::new();
    for (root, family) in &memory.families {
        let at = (family.ordered_at(), root.as_str());
        let known = newest.entry(&family.pipeline).or_insert(at);
        *known = at.max(*known);
    }
    let open: HashSet<&str> = memory.open.keys().map(|key| key.run.raw()).collect();
    let mut going = Vec::new();
    let mut failed = Vec::new();
    for (root, family) in &memory.families {
        let Some(last) = family.last() else { continue };
        let key = shared.run_key(&family.pipeline, root);
        use wire::RunStatus::{Canceling, Failure, Started, Success};
        let checked = memory.checks.contains_key(&last.run.run_id);
        match last.run.status {
            Started | Canceling if !open.contains(root.as_str()) => going.push(key),
            Failure | Success if !last.examined => {
                let matters = newest
                    .get(family.pipeline.as_str())
                    .is_some_and(|(_, id)| id == root);
                if matters && (last.run.status == Failure || checked) {
                    failed.push(key);
                }
            }
            _ => {}
        }
    }
    failed.truncate(STEPS);
    going.sort();
    let room = STEPS - failed.len();
    if going.len() > room && !going.is_empty() {
        let by = memory.turn % going.len();
        going.rotate_left(by);
        memory.turn = memory.turn.wrapping_add(room.max(1));
    }
    failed.extend(going.into_iter().take(room));
    failed
}

/// Reads the steps of all failed and active runs, at the start.
async fn steps(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    for _ in 0..4 {
        let keys = wanted(shared);
        let new = keys.iter().any(|key| {
            let memory = shared.memory();
            memory
                .families
                .get(key.run.raw())
                .is_some_and(|f| f.members.iter().any(|k| k.table.is_none()))
        });
        if !new {
            return Ok(());
        }
        let mut lists = Lists::new();
        groups(&mut lists, &keys);
        let (query, variables) = lists.finish();
        let mut reply = gql::ask(shared, urgency, &query, variables).await?;
        take_groups(shared, &mut reply, &keys).await?;
    }
    Ok(())
}

fn groups(lists: &mut Lists, keys: &[RunKey]) {
    for (number, key) in keys.iter().enumerate() {
        lists.group(&format!("g{number}"), key.run.raw(), false);
    }
}

async fn take_groups(
    shared: &Shared,
    reply: &mut gql::Reply,
    keys: &[RunKey],
) -> Result<(), Trouble> {
    for (number, key) in keys.iter().enumerate() {
        match reply.take::<RunGroup>(&format!("g{number}")) {
            Ok(group) => {
                tell::runs(shared, group.runs.rows).await?;
                tell::nodes(shared, key).await?;
            }
            Err(crate::net::http::HttpError::NotFound { .. }) => deleted(shared, key).await?,
            Err(error) => {
                shared
                    .complain(format!("run {}: {error}", key.run.raw()))
                    .await?
            }
        }
    }
    Ok(())
}

/// A run that is gone.
async fn deleted(shared: &Shared, key: &RunKey) -> Result<(), EngineGone> {
    shared.memory().families.remove(key.run.raw());
    let list = shared.runs_of(key.pipeline.pipeline.raw());
    shared
        .emit(Event::RunsComplete {
            pipeline: key.pipeline.clone(),
            list,
        })
        .await
}

/// What changed since the last look, and what the steps of active runs are at: one request, unless there is very much.
pub async fn changes(shared: &Shared) -> Result<(), Trouble> {
    let began = wire::to_seconds(shared.server_now()) - OVERLAP;
    let Some(since) = shared.memory().since else {
        return resync(shared, Urgency::WhenDue).await;
    };
    let filter = json!({"updatedAfter": since});
    let keys = wanted(shared);
    let mut cursor: Option<String> = None;
    let mut read = 0;
    loop {
        let mut lists = Lists::new();
        lists.runs("changed", filter.clone(), cursor.as_deref(), api::PAGE);
        if cursor.is_none() {
            groups(&mut lists, &keys);
        }
        let (query, variables) = lists.finish();
        let mut reply = gql::ask(shared, Urgency::WhenDue, &query, variables).await?;
        let rows = runs(shared, reply.take("changed")?).await?;
        let (held, last) = (rows.len(), rows.last().map(|r| r.run_id.clone()));
        for key in tell::runs(shared, rows).await? {
            // the state of a step may follow from that of its run
            tell::nodes(shared, &key).await?;
        }
        if cursor.is_none() {
            take_groups(shared, &mut reply, &keys).await?;
        }
        read += held;
        cursor = last;
        if held < api::PAGE || cursor.is_none() {
            break;
        }
        if read >= MOST_CHANGES {
            // too much goes on to follow it all: the newest of each job are read again soon
            shared.memory().resync = true;
            break;
        }
    }
    shared.unread().await?;
    shared.memory().since = Some(began.max(since));
    Ok(())
}
