//! A run in view: its shape, all its nodes, their attempts. Loaded whole when it comes into view; then
//! the fleet's look at changes keeps it current, and `round` reads it again a part at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::backends::lenient::parse_time;
use crate::backends::poll::{Schedule, Urgency};
use crate::model::{
    Attempt, Detail, Event, Node, NodeId, NodeState, ParamSpec, PipelineKey, RunKey, SafeText,
};
use crate::net::http::{Call, HttpError};

use super::api::PAGE;
use super::round::{self, Found, Round};
use super::shared::Shared;
use super::structure::Structure;
use super::{states, tell, v2, wire};
use crate::backends::client::Trouble;

/// So many task instances are read of one run.
pub const MOST: usize = 20_000;

/// Keeps one run loaded for as long as it is in view. Ends only with the engine.
pub async fn follow(shared: Arc<Shared>, key: RunKey) {
    shared.memory().open.entry(key.clone()).or_default();
    let pause = shared.refresh * round::LOOKS;
    let mut schedule = Schedule::new(pause, key.run.raw().len() as u64);
    let mut round = Round::default();
    // how soon everything is to be read; `None`: a part is enough
    let mut whole = Some(Urgency::Now);
    loop {
        let began = Instant::now();
        let looked = match whole {
            Some(urgency) => load(&shared, &key, urgency).await.map(|()| {
                round.restart();
                Found::Known
            }),
            None => {
                let _turn = shared.turns.wait().await;
                round.part(&shared, &key).await
            }
        };
        match looked {
            Ok(Found::Known) => {
                whole = None;
                schedule.set_base(pause);
                schedule.succeeded(began.elapsed());
            }
            Ok(Found::Reshaped) => {
                whole = Some(Urgency::WhenDue);
                continue;
            }
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                schedule.set_base(Duration::from_secs(3));
                schedule.failed(error.retry_after());
                if shared
                    .complain(format!("run {}: {error}", key.run.raw()))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
        if whole.is_some() {
            whole = Some(Urgency::WhenDue);
        }
        let due = Instant::now() + schedule.wait();
        loop {
            let asked = shared.reload.notified();
            if shared
                .memory()
                .open
                .get(&key)
                .is_some_and(|open| open.reload)
            {
                whole = Some(Urgency::Now);
                break;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => break,
                () = asked => {}
            }
        }
    }
}

/// A run is not in view any more.
pub fn close(shared: &Shared, key: &RunKey) {
    shared.memory().open.remove(key);
}

/// Reads the run itself, without its nodes, and tells of it.
pub async fn row(shared: &Shared, key: &RunKey, urgency: Urgency) -> Result<wire::Run, Trouble> {
    let (dag, run) = (key.pipeline.pipeline.raw(), key.run.raw());
    let mut row: wire::Run = shared.json(urgency, &shared.api.run(dag, run)).await?;
    row.dag_id = dag.to_owned();
    tell::emit_runs(shared, std::slice::from_ref(&row)).await?;
    Ok(row)
}

/// Loads shape and nodes.
async fn load(shared: &Shared, key: &RunKey, urgency: Urgency) -> Result<(), Trouble> {
    let (dag, run) = (key.pipeline.pipeline.raw(), key.run.raw());
    let began = shared.server_now() - chrono::Duration::seconds(2);
    if let Some(open) = shared.memory().open.get_mut(key) {
        open.reload = false;
    }
    let version = row(shared, key, urgency).await?.version();
    describe(shared, &key.pipeline, urgency).await?;
    let structure = structure(shared, dag, version, urgency).await?;
    // the shape is drawn while the nodes are on their way, unless they decide about it
    let expanded = shared
        .memory()
        .open
        .get(key)
        .map(|open| open.expanded.clone())
        .unwrap_or_default();
    let early = !expanded.is_empty() || !structure.has_mapped();
    if early {
        tell_shape(shared, key, &structure, &expanded).await?;
    }
    let tis = shared
        .pages::<wire::TaskInstance>(urgency, "task_instances", MOST, |offset| {
            shared.api.run_tis(dag, run, offset, PAGE)
        })
        .await?;
    let now_expanded: BTreeSet<String> = tis
        .rows
        .iter()
        .filter(|ti| ti.map_index >= 0)
        .map(|ti| ti.task_id.clone())
        .collect();
    if now_expanded != expanded || !early {
        tell_shape(shared, key, &structure, &now_expanded).await?;
    }
    let list: Vec<Node> = {
        let mut memory = shared.memory();
        let pools = memory.full_pools.clone();
        let Some(open) = memory.open.get_mut(key) else {
            return Ok(());
        };
        open.structure = Some(Arc::clone(&structure));
        open.version = version;
        open.expanded = now_expanded;
        open.loaded = true;
        open.nodes.clear();
        let list: Vec<Node> = tis
            .rows
            .iter()
            .map(|ti| {
                let mut node = tell::node(ti, Some(&structure), &pools);
                open.nodes.insert(node.id.clone(), node.clone());
                open.add_report(&mut node);
                node
            })
            .collect();
        memory.told.remove(key);
        // what changed while the pages came is asked for again
        memory.since = memory.since.map(|since| since.min(began));
        list
    };
    shared
        .emit(Event::Nodes {
            run: key.clone(),
            list,
            complete: tis.complete,
        })
        .await?;
    attempts(shared, key).await
}

async fn tell_shape(
    shared: &Shared,
    run: &RunKey,
    structure: &Structure,
    expanded: &BTreeSet<String>,
) -> Result<(), Trouble> {
    let topology = structure.topology(expanded);
    Ok(shared
        .emit(Event::Topology {
            run: run.clone(),
            topology,
        })
        .await?)
}

/// The structure of a DAG's version; read once.
async fn structure(
    shared: &Shared,
    dag: &str,
    version: Option<u32>,
    urgency: Urgency,
) -> Result<Arc<Structure>, Trouble> {
    let id = (dag.to_owned(), version);
    // without versions (v1) a DAG may change at any time
    if version.is_some()
        && let Some(known) = shared.memory().structures.get(&id)
    {
        return Ok(Arc::clone(known));
    }
    let mut found = None;
    if shared.ui() {
        match shared
            .json::<wire::StructureData>(urgency, &v2::ui_structure(dag, version))
            .await
        {
            Ok(data) => found = Some(Structure::from_ui(data)),
            // of this DAG there may be none although the endpoint is good
            Err(HttpError::NotFound { .. } | HttpError::Server { .. }) => {}
            Err(
                error @ (HttpError::BadAnswer { .. }
                | HttpError::Html { .. }
                | HttpError::Refused { .. }
                | HttpError::Forbidden { .. }),
            ) => {
                shared.no_ui(&error).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let structure = match found {
        Some(structure) => structure,
        None => {
            let tasks = shared
                .records::<wire::Task>(urgency, &shared.api.tasks(dag), "tasks")
                .await;
            match tasks {
                Ok(tasks) => Structure::from_tasks(tasks.rows),
                // a DAG whose file is gone still has runs to look at
                Err(Trouble::Http(HttpError::NotFound { .. })) => Structure::default(),
                Err(error) => return Err(error),
            }
        }
    };
    let structure = Arc::new(structure);
    let mut memory = shared.memory();
    if memory.structures.len() > 64 {
        memory.structures.clear();
    }
    memory.structures.insert(id, Arc::clone(&structure));
    Ok(structure)
}

/// Runbook and parameters of a DAG, read once for each that is looked at.
pub async fn describe(shared: &Shared, key: &PipelineKey, urgency: Urgency) -> Result<(), Trouble> {
    let dag = key.pipeline.raw();
    if shared.memory().details.contains_key(dag) {
        return Ok(());
    }
    let found: wire::Dag = match shared.json(urgency, &shared.api.dag_details(dag)).await {
        Ok(found) => found,
        // everything else works without a runbook
        Err(
            HttpError::NotFound { .. }
            | HttpError::Forbidden { .. }
            | HttpError::Server { .. }
            | HttpError::BadAnswer { .. },
        ) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let doc = SafeText::lines(found.doc_md.as_deref().unwrap_or_default());
    let params = params(&found.params);
    let told = {
        let mut memory = shared.memory();
        memory
            .details
            .insert(dag.to_owned(), (params.clone(), doc.clone()));
        memory.dags.get_mut(dag).map(|pipeline| {
            pipeline.params = params;
            pipeline.doc = doc;
            pipeline.clone()
        })
    };
    if let Some(pipeline) = told {
        let list = vec![pipeline];
        shared
            .emit(Event::Pipelines {
                list,
                complete: false,
            })
            .await?;
    }
    Ok(())
}

/// `{"name": {"value", "schema": {"type", "enum"}, "description"}}`
fn params(json: &Value) -> Vec<ParamSpec> {
    let each = json.as_object().into_iter().flatten();
    each.map(|(name, param)| {
        let schema = &param["schema"];
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds
                .iter()
                .filter_map(Value::as_str)
                .find(|k| *k != "null")
                .unwrap_or_default(),
            kind => kind.as_str().unwrap_or_default(),
        };
        let nullable = schema["type"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|k| k == "null"));
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        ParamSpec {
            name: SafeText::new(name),
            kind: SafeText::new(kind),
            default: param["value"].clone(),
            description: SafeText::new(param["description"].as_str().unwrap_or_default()),
            choices: schema["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|v| SafeText::new(text(v)))
                .collect(),
            // one without a value must be given
            required: param["value"].is_null() && !nullable,
        }
    })
    .collect()
}

/// The newest runs of a DAG that is looked at.
pub async fn history(shared: &Shared, key: &PipelineKey) -> Result<(), Trouble> {
    describe(shared, key, Urgency::Now).await?;
    let dag = key.pipeline.raw();
    let mut rows = shared
        .records::<wire::Run>(Urgency::Now, &shared.api.runs_of(dag, 40), "dag_runs")
        .await?
        .rows;
    for row in &mut rows {
        row.dag_id = dag.to_owned();
    }
    tell::emit_runs(shared, &rows).await?;
    let list = {
        let mut memory = shared.memory();
        let Some(known) = memory.runs.get_mut(dag) else {
            return Ok(());
        };
        known.retain(|id, _| rows.iter().any(|row| row.dag_run_id == *id));
        known.values().cloned().collect()
    };
    shared
        .emit(Event::RunsComplete {
            pipeline: key.clone(),
            list,
        })
        .await?;
    Ok(())
}

/// One bar of `/ui/gantt`: a try of an unmapped task.
#[derive(Clone, Debug, Deserialize)]
struct Bar {
    task_id: String,
    #[serde(flatten)]
    try_: Try,
    #[serde(default)]
    is_group: bool,
    #[serde(default)]
    is_mapped: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Try {
    #[serde(default)]
    pub try_number: Option<u32>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default, alias = "queued_dttm")]
    pub queued_when: Value,
    #[serde(default)]
    pub start_date: Value,
    #[serde(default)]
    pub end_date: Value,
}

/// A try in our words; `None` if it never ran.
pub fn attempt(row: &Try) -> Option<Attempt> {
    let number = row.try_number.filter(|n| *n > 0)?;
    let word = row.state.as_deref();
    let state = states::node_state(word);
    let ended = parse_time(&row.end_date).filter(|_| state != NodeState::Running);
    Some(Attempt {
        number,
        state,
        native: states::native(word),
        queued_at: parse_time(&row.queued_when),
        started_at: parse_time(&row.start_date),
        ended_at: ended,
        exit_code: None,
        signal: None,
    })
}

/// Every try of the retried tasks of a run in one request, where the private endpoint is there; the
/// public one would need a request for each task. Asked again only when there are more tries.
pub async fn attempts(shared: &Shared, key: &RunKey) -> Result<(), Trouble> {
    let more = shared.memory().open.get_mut(key).is_some_and(|open| {
        let retries = |node: &Node| u64::from(node.attempt.saturating_sub(1));
        let retried = open.nodes.values().map(retries).sum();
        std::mem::replace(&mut open.retried, retried) < retried
    });
    if !more || !shared.ui() {
        return Ok(());
    }
    let path = crate::net::http::path(["ui", "gantt", key.pipeline.pipeline.raw(), key.run.raw()]);
    let bars = match shared
        .records::<Bar>(Urgency::WhenDue, &Call::get(path), "task_instances")
        .await
    {
        Ok(bars) => bars,
        Err(Trouble::Http(_)) => return Ok(()),
        Err(gone) => return Err(gone),
    };
    let mut by_task: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
    for bar in bars
        .rows
        .into_iter()
        .filter(|b| !b.is_group && !b.is_mapped)
    {
        if let Some(attempt) = attempt(&bar.try_) {
            by_task.entry(bar.task_id).or_default().push(attempt);
        }
    }
    for (task, mut attempts) in by_task.into_iter().filter(|(_, tries)| tries.len() > 1) {
        attempts.sort_by_key(|a| a.number);
        let detail = Detail {
            attempts,
            sections: Vec::new(),
        };
        let node = key.node(&NodeId::new(task));
        shared.emit(Event::Detail { node, detail }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn params_keep_their_schema() {
        let list = params(&json!({
            "region": {"value": "eu", "schema": {"type": "string", "enum": ["eu", "us"]}, "description": null},
            "secs": {"value": 3, "schema": {"type": "integer", "minimum": 1}},
            "must": {"value": null, "schema": {"type": "string"}},
            "may": {"value": null, "schema": {"type": ["null", "string"]}},
            "any": {"value": null, "schema": {}, "__class": "airflow.models.param.Param"}}));
        let of = |name: &str| list.iter().find(|p| p.name == name).unwrap();
        assert_eq!(of("region").choices, ["eu", "us"].map(SafeText::new));
        assert_eq!(
            (of("secs").kind.as_str(), of("secs").default.clone()),
            ("integer", json!(3))
        );
        assert!(of("must").required && !of("may").required);
        assert_eq!(of("may").kind, "string");
        assert!(params(&Value::Null).is_empty());
    }
}
