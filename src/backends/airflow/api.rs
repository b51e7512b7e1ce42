//! The calls of both APIs where they are alike; `v1` and `v2` hold what is not.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::net::http::{Call, path};

use super::{v1, v2};

/// The server silently gives no more than this for a page.
pub const PAGE: usize = 100;

/// Which API a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Airflow 2.
    V1,
    /// Airflow 3.
    V2,
}

impl Api {
    fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// `/api/v2/...`, each part percent-encoded.
    pub fn at<'a>(self, parts: impl IntoIterator<Item = &'a str>) -> String {
        path(["api", self.prefix()].into_iter().chain(parts))
    }

    fn run_path<'a>(
        self,
        dag: &'a str,
        run: &'a str,
        rest: impl IntoIterator<Item = &'a str>,
    ) -> String {
        self.at(["dags", dag, "dagRuns", run].into_iter().chain(rest))
    }

    pub fn version(self) -> Call {
        Call::get(self.at(["version"]))
    }

    pub fn health(self) -> Call {
        match self {
            Self::V1 => Call::get(self.at(["health"])),
            Self::V2 => Call::get(self.at(["monitor", "health"])),
        }
    }

    /// Every DAG, also stale ones: one whose file can't be imported is stale.
    pub fn dags(self, offset: usize) -> Call {
        let all = match self {
            Self::V1 => "only_active",
            Self::V2 => "exclude_stale",
        };
        page(Call::get(self.at(["dags"])), offset).query(all, false)
    }

    pub fn dag(self, dag: &str) -> Call {
        Call::get(self.at(["dags", dag]))
    }

    pub fn dag_details(self, dag: &str) -> Call {
        Call::get(self.at(["dags", dag, "details"]))
    }

    pub fn tasks(self, dag: &str) -> Call {
        Call::get(self.at(["dags", dag, "tasks"]))
    }

    pub fn run(self, dag: &str, run: &str) -> Call {
        Call::get(self.run_path(dag, run, []))
    }

    /// The newest runs of one DAG.
    pub fn runs_of(self, dag: &str, limit: usize) -> Call {
        Call::get(self.at(["dags", dag, "dagRuns"]))
            .query("limit", limit)
            .query("order_by", self.newest_run())
    }

    fn newest_run(self) -> &'static str {
        match self {
            Self::V1 => "-execution_date",
            Self::V2 => "-run_after",
        }
    }

    /// Runs of all DAGs (or of some), newest first.
    pub fn runs_list(self, dags: &[&str], offset: usize) -> Call {
        let mut body = json!({
            "order_by": self.newest_run(),
            "page_limit": PAGE,
            "page_offset": offset,
        });
        if !dags.is_empty() {
            body["dag_ids"] = json!(dags);
        }
        Call::post(self.at(["dags", "~", "dagRuns", "list"]), body)
    }

    /// Runs of one DAG, or of all, that are not over.
    pub fn active_runs(self, dag: &str, offset: usize) -> Call {
        page(Call::get(self.at(["dags", dag, "dagRuns"])), offset)
            .query("state", "queued")
            .query("state", "running")
    }

    /// Runs of all DAGs that changed since.
    pub fn runs_since(self, since: DateTime<Utc>, offset: usize) -> Call {
        page(Call::get(self.at(["dags", "~", "dagRuns"])), offset)
            .query("updated_at_gte", stamp(since))
    }

    /// Task instances of all DAGs that changed since; only in these states if any are given.
    pub fn tis_since(self, since: DateTime<Utc>, states: &[&str], offset: usize) -> Call {
        let call = page(
            Call::get(self.run_path("~", "~", ["taskInstances"])),
            offset,
        )
        .query("updated_at_gte", stamp(since));
        states
            .iter()
            .fold(call, |call, state| call.query("state", state))
    }

    /// Task instances of one run that changed since.
    pub fn run_tis_since(self, dag: &str, run: &str, since: DateTime<Utc>, offset: usize) -> Call {
        self.run_tis(dag, run, offset, PAGE)
            .query("updated_at_gte", stamp(since))
    }

    /// Task instances of one run, at most `rows` ([`PAGE`]) of them.
    pub fn run_tis(self, dag: &str, run: &str, offset: usize, rows: usize) -> Call {
        part(
            Call::get(self.run_path(dag, run, ["taskInstances"])),
            offset,
            rows,
        )
    }

    /// Task instances by runs, tasks and states; an empty list asks for any.
    pub fn tis_list(self, query: &TiQuery<'_>, offset: usize) -> Call {
        let mut body = json!({"page_limit": PAGE, "page_offset": offset});
        let mut set = |key: &str, values: &[&str]| {
            if !values.is_empty() {
                body[key] = json!(values);
            }
        };
        set("dag_ids", query.dags);
        set("dag_run_ids", query.runs);
        set("task_ids", query.tasks);
        set("state", query.states);
        set("pool", query.pools);
        Call::post(self.run_path("~", "~", ["taskInstances", "list"]), body)
    }

    /// One task instance; a mapped one needs its index, else the answer is 404.
    pub fn ti(self, dag: &str, run: &str, task: &str, map_index: Option<i32>) -> Call {
        Call::get(self.ti_path(dag, run, task, map_index, []))
    }

    pub fn ti_path<'a>(
        self,
        dag: &'a str,
        run: &'a str,
        task: &'a str,
        map_index: Option<i32>,
        rest: impl IntoIterator<Item = &'a str>,
    ) -> String {
        let index = map_index.map(|i| i.to_string());
        let mut path = self.run_path(
            dag,
            run,
            ["taskInstances", task].into_iter().chain(index.as_deref()),
        );
        path.push_str(&crate::net::http::path(rest));
        path
    }

    pub fn tries(self, dag: &str, run: &str, task: &str, map_index: Option<i32>) -> Call {
        Call::get(self.ti_path(dag, run, task, map_index, ["tries"]))
    }

    /// One try's log from `token` on; JSON, the only form that can be continued.
    pub fn log(
        self,
        dag: &str,
        run: &str,
        task: &str,
        map_index: Option<i32>,
        attempt: u32,
        token: Option<&str>,
    ) -> Call {
        let attempt = attempt.to_string();
        let path = self.ti_path(dag, run, task, None, ["logs", &attempt]);
        let mut call = Call::get(path).query("map_index", map_index.unwrap_or(-1));
        if let Some(token) = token {
            call = call.query("token", token);
        }
        call
    }

    pub fn xcoms(self, dag: &str, run: &str, task: &str, map_index: Option<i32>) -> Call {
        Call::get(self.ti_path(dag, run, task, None, ["xcomEntries"]))
            .query("map_index", map_index.unwrap_or(-1))
            .query("limit", 20)
    }

    pub fn xcom(self, dag: &str, run: &str, task: &str, map_index: Option<i32>, key: &str) -> Call {
        let call = Call::get(self.ti_path(dag, run, task, None, ["xcomEntries", key]))
            .query("map_index", map_index.unwrap_or(-1));
        match self {
            Self::V1 => call,
            Self::V2 => call.query("deserialize", true),
        }
    }

    pub fn variables(self) -> Call {
        Call::get(self.at(["variables"])).query("limit", PAGE)
    }

    pub fn pools(self) -> Call {
        Call::get(self.at(["pools"])).query("limit", PAGE)
    }

    pub fn import_errors(self) -> Call {
        Call::get(self.at(["importErrors"])).query("limit", PAGE)
    }

    pub fn dag_warnings(self) -> Call {
        Call::get(self.at(["dagWarnings"])).query("limit", PAGE)
    }

    /// What happened to one task instance, newest first.
    pub fn events(self, dag: &str, run: &str, task: &str) -> Call {
        Call::get(self.at(["eventLogs"]))
            .query("dag_id", dag)
            .query("run_id", run)
            .query("task_id", task)
            .query("order_by", "-when")
            .query("limit", 20)
    }

    // ---- what changes something ----

    pub fn set_paused(self, dag: &str, paused: bool) -> Call {
        Call::patch(self.at(["dags", dag]), json!({"is_paused": paused}))
            .query("update_mask", "is_paused")
    }

    /// `run` is our own id: sending twice starts one run, the second answer is 409.
    pub fn trigger(self, dag: &str, run: &str, conf: Value, note: Option<&str>) -> Call {
        let mut body = json!({"dag_run_id": run, "conf": conf});
        if let Some(note) = note {
            body["note"] = json!(note);
        }
        if self == Self::V2 {
            // required although it may be null
            body["logical_date"] = Value::Null;
        }
        Call::post(self.at(["dags", dag, "dagRuns"]), body)
    }

    /// Clears task instances; with `dry_run` only lists them.
    pub fn clear(self, dag: &str, run: &str, clear: &Clear<'_>, dry_run: bool) -> Call {
        let body = match self {
            Self::V1 => v1::clear(run, clear, dry_run),
            Self::V2 => v2::clear(run, clear, dry_run),
        };
        Call::post(self.at(["dags", dag, "clearTaskInstances"]), body)
    }

    /// Sets the state of task instances; v1 needs a call of another form.
    pub fn mark(
        self,
        dag: &str,
        run: &str,
        task: &str,
        map_index: Option<i32>,
        state: &str,
        dry_run: bool,
    ) -> Call {
        match self {
            Self::V1 => v1::mark(self, dag, run, task, map_index, state, dry_run),
            Self::V2 => v2::mark(self, dag, run, task, map_index, state, dry_run),
        }
    }

    /// `success`, `failed` or `queued`.
    pub fn set_run_state(self, dag: &str, run: &str, state: &str) -> Call {
        Call::patch(self.run_path(dag, run, []), json!({"state": state}))
    }

    pub fn note_run(self, dag: &str, run: &str, note: &str) -> Call {
        match self {
            Self::V1 => Call::patch(self.run_path(dag, run, ["setNote"]), json!({"note": note})),
            Self::V2 => Call::patch(self.run_path(dag, run, []), json!({"note": note}))
                .query("update_mask", "note"),
        }
    }

    pub fn note_ti(
        self,
        dag: &str,
        run: &str,
        task: &str,
        map_index: Option<i32>,
        note: &str,
    ) -> Call {
        let body = json!({"note": note});
        match self {
            Self::V1 => Call::patch(self.ti_path(dag, run, task, map_index, ["setNote"]), body),
            Self::V2 => Call::patch(self.ti_path(dag, run, task, map_index, []), body)
                .query("update_mask", "note"),
        }
    }
}

/// Which task instances.
#[derive(Clone, Copy, Debug, Default)]
pub struct TiQuery<'a> {
    pub dags: &'a [&'a str],
    pub runs: &'a [&'a str],
    pub tasks: &'a [&'a str],
    pub states: &'a [&'a str],
    pub pools: &'a [&'a str],
}

/// What to clear in a run.
#[derive(Clone, Debug, Default)]
pub struct Clear<'a> {
    /// Empty: all tasks.
    pub tasks: Vec<(&'a str, Option<i32>)>,
    pub upstream: bool,
    pub downstream: bool,
    pub only_failed: bool,
}

pub fn page(call: Call, offset: usize) -> Call {
    part(call, offset, PAGE)
}

fn part(call: Call, offset: usize, rows: usize) -> Call {
    let call = call.query("limit", rows);
    if offset == 0 {
        call
    } else {
        call.query("offset", offset)
    }
}

fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
