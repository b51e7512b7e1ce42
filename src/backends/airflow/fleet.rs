//! The fleet: every DAG, its newest runs, and the nodes that matter in them. Read whole at the start and
//! now and then, and by what changed in between: two requests a look, whatever the number of DAGs.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};

use crate::backends::EngineGone;
use crate::backends::fleet::Fleet;
use crate::backends::poll::Urgency;
use crate::model::{Event, NodeId, NodeState, Pipeline, RunKey, SafeText, Schedule};
use crate::net::http::Records;

use super::api::{PAGE, TiQuery};
use crate::backends::client::Trouble;
use crate::backends::filter::watched;

use super::shared::Shared;
use super::states::{self, NOTABLE};
use super::tell::{emit_runs, emit_tis, ordered_at};
use super::{system, v2, wire};

/// Runs a DAG is listed with: as many as the fleet shows.
const RUNS: usize = 10;
/// A transaction may commit this long after the time that it writes as `updated_at`.
const OVERLAP: Duration = Duration::seconds(4);
/// More DAGs than this are not read.
const MOST_DAGS: usize = 100_000;
/// More changes than this are not followed one by one.
const MOST_CHANGES: usize = 300;
/// The public way to the newest runs reads so many pages of the newest of all.
const NEWEST: usize = 300;
/// And so many more requests for DAGs that ran long ago.
const OLDER: usize = 5;

/// Reads everything: DAGs, import errors, newest runs, failures in them.
pub async fn resync(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let began = shared.server_now() - OVERLAP;
    shared.memory().resync = false;
    system::notices(shared, urgency).await?;
    let (list, complete) = dags(shared, urgency).await?;
    remember_dags(shared, &list, complete);
    if !shared.ui() {
        let rows = newest_runs(shared, urgency).await?;
        emit_runs(shared, &rows).await?;
    }
    failures(shared, urgency).await?;
    shared.emit(Event::Pipelines { list, complete }).await?;
    let mut memory = shared.memory();
    memory.since = Some(memory.since.map_or(began, |since| since.min(began)));
    Ok(())
}

/// All DAGs that are watched, and whether that is the whole list. Each page is told of when it is there: names at
/// once, the list is whole when runs and failures are known too.
async fn dags(shared: &Shared, urgency: Urgency) -> Result<(Vec<Pipeline>, bool), Trouble> {
    let mut list: Vec<Pipeline> = Vec::new();
    let (mut offset, mut complete, mut total) = (0, true, None);
    loop {
        let ui = shared.ui();
        let Some(page) = dags_page(shared, urgency, offset).await? else {
            // the private way is closed: from the start by the public one
            (list, offset, complete, total) = (Vec::new(), 0, true, None);
            continue;
        };
        offset += page.held;
        complete &= page.bad.is_empty();
        // with another DAG before it a page begins elsewhere
        complete &= total.is_none_or(|before| before == page.total);
        total = Some(page.total);
        let over = match page.total {
            Some(total) => offset >= total || page.held == 0,
            None => page.held < PAGE,
        };
        let dags: Vec<wire::Dag> = page
            .rows
            .into_iter()
            .filter(|d| wanted(shared, d))
            .collect();
        let found: Vec<Pipeline> = dags.iter().map(|dag| pipeline(shared, dag)).collect();
        remember_dags(shared, &found, false);
        list.extend(found.iter().cloned());
        shared
            .emit(Event::Pipelines {
                list: found,
                complete: false,
            })
            .await?;
        if ui {
            let rows = runs_of(shared, &dags).await?;
            forget_deleted(shared, &dags, &rows).await?;
            remember_idle(shared, &dags, &rows);
            emit_runs(shared, &rows).await?;
        }
        if over || offset >= MOST_DAGS {
            return Ok((list, complete && over));
        }
        if urgency == Urgency::Aside && !shared.memory().open.is_empty() {
            next_turn(shared).await?;
        }
    }
}

/// Waits until nothing else is read beside the changes, and looks at those meanwhile.
async fn next_turn(shared: &Shared) -> Result<(), Trouble> {
    loop {
        tokio::time::sleep(shared.rhythm().look).await;
        let since = shared.memory().since;
        if let Some(since) = since {
            changes_since(shared, since).await?;
        }
        if shared.turns.now().is_some() {
            return Ok(());
        }
    }
}

/// The page of DAGs that begins with the row `offset`; `None`: the private endpoint can't be used any more.
async fn dags_page(
    shared: &Shared,
    urgency: Urgency,
    offset: usize,
) -> Result<Option<Records<wire::Dag>>, Trouble> {
    if !shared.ui() {
        let call = shared.api.dags(offset);
        return Ok(Some(shared.records(urgency, &call, "dags").await?));
    }
    match shared
        .records(urgency, &v2::ui_dags(offset, RUNS), "dags")
        .await
    {
        Ok(page) => Ok(Some(page)),
        Err(Trouble::Http(error)) if !passing(&error) => {
            shared.no_ui(&error).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a DAG is watched. A stale one without an error was taken away on purpose.
fn wanted(shared: &Shared, dag: &wire::Dag) -> bool {
    let broken =
        || dag.has_import_errors || shared.memory().import_errors.iter().any(|e| e.is_of(dag));
    let tags = dag.tags.iter().map(|t| t.name.as_str());
    (!dag.stale() || broken()) && watched(&shared.filter, &dag.dag_id, tags)
}

/// The newest runs that came with the DAGs.
async fn runs_of(shared: &Shared, dags: &[wire::Dag]) -> Result<Vec<wire::Run>, EngineGone> {
    let mut rows: Vec<wire::Run> = Vec::new();
    for dag in dags {
        for value in &dag.latest_dag_runs {
            match serde_json::from_value::<wire::Run>(value.clone()) {
                Ok(mut run) => {
                    run.dag_id.clone_from(&dag.dag_id);
                    rows.push(run);
                }
                Err(e) => {
                    shared
                        .complain(format!("latest_dag_runs of {}: {e}", dag.dag_id))
                        .await?
                }
            }
        }
    }
    Ok(rows)
}

/// DAGs that came without a run have never run.
fn remember_idle(shared: &Shared, dags: &[wire::Dag], rows: &[wire::Run]) {
    let ran: HashSet<&str> = rows.iter().map(|r| r.dag_id.as_str()).collect();
    let mut memory = shared.memory();
    for dag in dags {
        match ran.contains(dag.dag_id.as_str()) {
            true => memory.never_ran.remove(&dag.dag_id),
            false => memory.never_ran.insert(dag.dag_id.clone()),
        };
    }
}

/// Whether an error says something about the moment rather than about the endpoint.
fn passing(error: &crate::net::http::HttpError) -> bool {
    use crate::net::http::HttpError as E;
    matches!(
        error,
        E::Unreachable { .. }
            | E::Timeout { .. }
            | E::RateLimited { .. }
            | E::Unauthorised { .. }
            | E::Setup(_)
    )
}

/// A DAG in our words.
pub fn pipeline(shared: &Shared, dag: &wire::Dag) -> Pipeline {
    let mut pipeline = Pipeline::new(shared.pipeline_key(&dag.dag_id));
    if let Some(name) = dag.dag_display_name.as_deref().filter(|n| !n.is_empty()) {
        pipeline.name = SafeText::new(name);
    }
    pipeline.paused = dag.is_paused;
    pipeline.owner = (!dag.owners.is_empty()).then(|| SafeText::new(dag.owners.join(", ")));
    pipeline.tags = dag.tags.iter().map(|t| SafeText::new(&t.name)).collect();
    let text = dag
        .timetable_summary
        .as_deref()
        .or(dag.timetable_description.as_deref());
    pipeline.schedule = Schedule {
        text: SafeText::new(text.filter(|t| !t.starts_with("Never")).unwrap_or_default()),
        next: dag
            .next_dagrun_run_after
            .or(dag.next_dagrun_create_after)
            .filter(|_| !dag.is_paused),
    };
    let base = shared.http.base().as_str().trim_end_matches('/');
    let page = crate::net::http::path(["dags", &dag.dag_id]);
    pipeline.url = Some(SafeText::new(format!("{base}{page}")));
    let memory = shared.memory();
    if dag.stale() || dag.has_import_errors {
        let cause = memory
            .import_errors
            .iter()
            .find(|e| e.is_of(dag))
            .map_or("its file can't be imported", |e| e.cause());
        pipeline.stale = Some(SafeText::new(format!("import error: {cause}")));
    }
    if let Some((params, doc)) = memory.details.get(&dag.dag_id) {
        pipeline.params.clone_from(params);
        pipeline.doc.clone_from(doc);
    }
    pipeline
}

fn remember_dags(shared: &Shared, list: &[Pipeline], complete: bool) {
    let mut memory = shared.memory();
    if complete {
        let listed: HashSet<&str> = list.iter().map(|p| p.key.pipeline.raw()).collect();
        memory.dags.retain(|id, _| listed.contains(id.as_str()));
        memory.runs.retain(|id, _| listed.contains(id.as_str()));
        let listed = |run: &RunKey| listed.contains(run.pipeline.pipeline.raw());
        memory.told.retain(|run, _| listed(run));
        memory.examined.retain(|run| listed(run));
    }
    for pipeline in list {
        memory
            .dags
            .insert(pipeline.key.pipeline.raw().to_owned(), pipeline.clone());
    }
}

/// A run that we know and that is missing among the newest although it should be there was deleted.
async fn forget_deleted(
    shared: &Shared,
    dags: &[wire::Dag],
    rows: &[wire::Run],
) -> Result<(), EngineGone> {
    let mut events = Vec::new();
    let mut by_dag: HashMap<&str, HashMap<&str, DateTime<Utc>>> = HashMap::new();
    for row in rows {
        by_dag
            .entry(&row.dag_id)
            .or_default()
            .insert(&row.dag_run_id, ordered_at(row));
    }
    {
        let mut memory = shared.memory();
        for dag in dags {
            let Some(known) = memory.runs.get_mut(&dag.dag_id) else {
                continue;
            };
            let listed = by_dag.remove(dag.dag_id.as_str()).unwrap_or_default();
            // with fewer than were asked for, these are all there are
            let oldest = match listed.len() < RUNS {
                true => DateTime::<Utc>::MIN_UTC,
                false => listed
                    .values()
                    .min()
                    .copied()
                    .unwrap_or(DateTime::<Utc>::MIN_UTC),
            };
            let before = known.len();
            known.retain(|id, run| listed.contains_key(id.as_str()) || run.ordered_at < oldest);
            if known.len() < before {
                events.push(Event::RunsComplete {
                    pipeline: shared.pipeline_key(&dag.dag_id),
                    list: known.values().cloned().collect(),
                });
            }
        }
    }
    for event in events {
        shared.emit(event).await?;
    }
    Ok(())
}

/// The public way to the newest run of each DAG: the newest of all, then those of DAGs not among them.
async fn newest_runs(shared: &Shared, urgency: Urgency) -> Result<Vec<wire::Run>, Trouble> {
    let newest = shared
        .pages::<wire::Run>(urgency, "dag_runs", NEWEST, |offset| {
            shared.api.runs_list(&[], offset)
        })
        .await?;
    let all = newest.complete;
    let mut rows = newest.rows;
    let mut missing: Vec<String> = {
        let memory = shared.memory();
        let seen: HashSet<&str> = rows.iter().map(|r| r.dag_id.as_str()).collect();
        let known = |dag: &String| {
            seen.contains(dag.as_str())
                || memory.runs.contains_key(dag)
                || memory.never_ran.contains(dag)
        };
        memory
            .dags
            .keys()
            .filter(|dag| !known(dag))
            .cloned()
            .collect()
    };
    for _ in 0..OLDER {
        if all {
            shared.memory().never_ran.extend(missing.drain(..));
        }
        if missing.is_empty() {
            return Ok(rows);
        }
        let ids: Vec<&str> = missing.iter().map(String::as_str).take(500).collect();
        let asked = ids.len();
        let page = shared
            .records::<wire::Run>(urgency, &shared.api.runs_list(&ids, 0), "dag_runs")
            .await?;
        let seen: HashSet<String> = page.rows.iter().map(|r| r.dag_id.clone()).collect();
        if page.total.is_some_and(|total| total <= page.held) {
            let none = missing
                .iter()
                .take(asked)
                .filter(|d| !seen.contains(*d))
                .cloned();
            shared.memory().never_ran.extend(none);
            missing.drain(..asked);
        }
        missing.retain(|dag| !seen.contains(dag));
        rows.extend(page.rows);
    }
    if !missing.is_empty() {
        shared
            .degraded(format!(
                "the last runs of {} DAGs are not read yet",
                missing.len()
            ))
            .await?;
    }
    Ok(rows)
}

/// Finds the failed, retrying and running tasks of every newest and every unfinished run, whatever the
/// run's own state says: a run is `success` when its last task is, though others failed.
async fn failures(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let wanted: HashMap<String, HashSet<String>> = {
        let memory = shared.memory();
        let mut wanted: HashMap<String, HashSet<String>> = HashMap::new();
        for (dag, runs) in &memory.runs {
            let newest = runs.values().max_by_key(|r| r.ordered_at).map(|r| &r.key);
            for run in runs.values() {
                let matters = Some(&run.key) == newest || !run.state.ended();
                if matters && !memory.examined.contains(&run.key) {
                    wanted
                        .entry(run.key.run.raw().to_owned())
                        .or_default()
                        .insert(dag.clone());
                }
            }
        }
        wanted
    };
    let ids: Vec<&str> = wanted.keys().map(String::as_str).collect();
    for runs in ids.chunks(200) {
        let query = TiQuery {
            runs,
            states: &NOTABLE,
            ..TiQuery::default()
        };
        let found = shared
            .pages::<wire::TaskInstance>(urgency, "task_instances", 1000, |offset| {
                shared.api.tis_list(&query, offset)
            })
            .await?;
        let rows: Vec<wire::TaskInstance> = found
            .rows
            .into_iter()
            .filter(|ti| {
                wanted
                    .get(&ti.dag_run_id)
                    .is_some_and(|dags| dags.contains(&ti.dag_id))
            })
            .collect();
        emit_tis(shared, &rows).await?;
        if found.complete {
            settle(shared, urgency, runs, &wanted, &rows).await?;
        }
    }
    Ok(())
}

/// After all notable tasks of these runs are known: what was told and is not notable any more is read
/// again, and ended runs need not be looked at again.
async fn settle(
    shared: &Shared,
    urgency: Urgency,
    runs: &[&str],
    wanted: &HashMap<String, HashSet<String>>,
    rows: &[wire::TaskInstance],
) -> Result<(), Trouble> {
    let seen: HashSet<(RunKey, NodeId)> = rows
        .iter()
        .map(|ti| {
            (
                shared.run_key(&ti.dag_id, &ti.dag_run_id),
                states::node_id(&ti.task_id, ti.map_index),
            )
        })
        .collect();
    let (mut old_runs, mut old_tasks): (HashSet<String>, HashSet<String>) = Default::default();
    {
        let mut memory = shared.memory();
        let keys: Vec<RunKey> = runs
            .iter()
            .flat_map(|run| {
                wanted
                    .get(*run)
                    .into_iter()
                    .flatten()
                    .map(|dag| shared.run_key(dag, run))
            })
            .collect();
        for key in keys {
            for (node, state) in memory.told.get(&key).into_iter().flatten() {
                let notable = matches!(
                    state,
                    NodeState::Failed | NodeState::Retrying | NodeState::Running
                );
                if notable && !seen.contains(&(key.clone(), node.clone())) {
                    old_runs.insert(key.run.raw().to_owned());
                    old_tasks.insert(states::task_of(node).0.to_owned());
                }
            }
            let over = memory
                .runs
                .get(key.pipeline.pipeline.raw())
                .and_then(|runs| runs.get(key.run.raw()))
                .is_some_and(|run| run.state.ended());
            if over {
                memory.examined.insert(key);
            }
        }
    }
    if !old_runs.is_empty() {
        let (runs, tasks): (Vec<&str>, Vec<&str>) = (
            old_runs.iter().map(String::as_str).collect(),
            old_tasks.iter().map(String::as_str).collect(),
        );
        let query = TiQuery {
            runs: &runs,
            tasks: &tasks,
            ..TiQuery::default()
        };
        let now = shared
            .pages::<wire::TaskInstance>(urgency, "task_instances", 500, |offset| {
                shared.api.tis_list(&query, offset)
            })
            .await?;
        emit_tis(shared, &now.rows).await?;
    }
    Ok(())
}

/// What changed since the last look.
pub async fn changes(shared: &Shared) -> Result<(), Trouble> {
    let since = shared.memory().since;
    match since {
        Some(since) => changes_since(shared, since).await,
        None => resync(shared, Urgency::WhenDue).await,
    }
}

async fn changes_since(shared: &Shared, since: DateTime<Utc>) -> Result<(), Trouble> {
    let began = shared.server_now() - OVERLAP;
    let api = shared.api;
    let runs = shared
        .pages::<wire::Run>(Urgency::WhenDue, "dag_runs", MOST_CHANGES, |offset| {
            api.runs_since(since, offset)
        })
        .await?;
    emit_runs(shared, &runs.rows).await?;
    let first = shared
        .records::<wire::TaskInstance>(
            Urgency::WhenDue,
            &api.tis_since(since, &[], 0),
            "task_instances",
        )
        .await?;
    let total = first.total.unwrap_or(first.held);
    let mut rows = first.rows;
    if total > MOST_CHANGES {
        // too much goes on to follow it all: what failed, and the runs in view by themselves
        let failed = shared
            .pages(Urgency::WhenDue, "task_instances", 1000, |offset| {
                api.tis_since(since, &["failed", "up_for_retry"], offset)
            })
            .await?;
        rows = failed.rows;
        for key in open_runs(shared) {
            let (dag, run) = (key.pipeline.pipeline.raw(), key.run.raw());
            let own = shared
                .pages(Urgency::WhenDue, "task_instances", 1000, |offset| {
                    api.run_tis_since(dag, run, since, offset)
                })
                .await?;
            rows.extend(own.rows);
        }
    } else if first.held < total {
        let held = first.held;
        let rest = shared
            .pages_from(
                Urgency::WhenDue,
                "task_instances",
                held,
                MOST_CHANGES,
                |offset| api.tis_since(since, &[], offset),
            )
            .await?;
        rows.extend(rest.rows);
    }
    emit_tis(shared, &rows).await?;
    let mut memory = shared.memory();
    // a load that is under way may have asked for an earlier time meanwhile
    if memory.since == Some(since) {
        memory.since = Some(began.max(since));
    }
    Ok(())
}

fn open_runs(shared: &Shared) -> Vec<RunKey> {
    shared
        .memory()
        .open
        .iter()
        .filter(|(_, open)| open.loaded)
        .map(|(key, _)| key.clone())
        .collect()
}
