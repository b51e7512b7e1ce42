//! A small dbt project, and a dbt of shell.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dagtop::backends::dbt::{DbtBackend, Settings};
use dagtop::model::{Check, NodeState, PipelineKey, RunKey};
use serde_json::{Value, json};

use crate::link_driver::{LinkDriver, backend, info};

pub const ORDERS: &str = "model.shop.orders";
pub const STAGED: &str = "model.shop.stg_orders";
pub const UNIQUE: &str = "test.shop.unique_orders_id.0a1b2c3d4e";
pub const SOURCE: &str = "source.shop.landing.clicks";

pub struct Project {
    pub dir: PathBuf,
    pub state: PathBuf,
}

impl Project {
    /// With a project file and nothing else.
    pub fn bare(dir: &Path) -> Self {
        let project = dir.join("shop");
        fs::create_dir_all(&project).unwrap();
        fs::write(project.join("dbt_project.yml"), "name: shop\n").unwrap();
        Self {
            dir: project,
            state: dir.join("state"),
        }
    }

    /// With a manifest of four nodes.
    pub fn new(dir: &Path) -> Self {
        let project = Self::bare(dir);
        project.write_manifest(&manifest(nodes()));
        project
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // whole or not at all, as a reader would wish dbt did
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub fn append(&self, path: &str, text: &str) {
        use std::io::Write as _;
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub fn write_manifest(&self, manifest: &Value) {
        self.write("target/manifest.json", &manifest.to_string());
    }

    pub fn write_results(&self, results: &Value) {
        self.write("target/run_results.json", &results.to_string());
    }

    pub fn settings(&self) -> Settings {
        let mut settings = Settings::single(self.dir.clone(), &self.state);
        settings.state = self.state.clone();
        settings.refresh = Duration::from_millis(50);
        settings.grace = Duration::from_millis(700);
        settings.dbt = self.dir.join("dbt");
        settings
    }

    /// A shell script in dbt's place.
    pub fn install(&self, script: &str) {
        let written = self.dir.join("dbt.written");
        fs::write(&written, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
        // a child of another test, forked while we write, would hold it open: "text file busy"
        let copied = std::process::Command::new("cp")
            .arg("--remove-destination")
            .arg(&written)
            .arg(self.dir.join("dbt"))
            .status();
        assert!(copied.unwrap().success());
    }

    pub fn drive(&self) -> Driver {
        self.drive_with(self.settings())
    }

    pub fn drive_with(&self, settings: Settings) -> Driver {
        let dbt = DbtBackend::new(info("dbt"), settings).unwrap();
        Driver(LinkDriver::start(Box::new(dbt)))
    }
}

pub struct Driver(LinkDriver);

impl Deref for Driver {
    type Target = LinkDriver;

    fn deref(&self) -> &LinkDriver {
        &self.0
    }
}

impl DerefMut for Driver {
    fn deref_mut(&mut self) -> &mut LinkDriver {
        &mut self.0
    }
}

impl Driver {
    pub fn project(&self) -> PipelineKey {
        PipelineKey::new(&backend(), "shop")
    }

    pub async fn listed(&mut self) {
        self.until("the project", |d| {
            d.world.backend(&backend()).unwrap().listed
        })
        .await;
    }

    /// The newest run, once there are so many.
    pub async fn newest(&mut self, count: usize) -> RunKey {
        let project = self.project();
        self.until(&format!("{count} runs"), |d| {
            d.world.runs_of(&project).count() >= count
        })
        .await;
        let key = self.world.runs_of(&project).next().unwrap().run.key.clone();
        self.focus(|f| f.runs = vec![key.clone()]);
        key
    }

    pub fn checks(&self) -> Vec<Check> {
        self.world.backend(&backend()).unwrap().checks.clone()
    }

    pub fn degraded(&self) -> String {
        let status = &self.world.backend(&backend()).unwrap().status;
        status
            .degraded
            .as_ref()
            .map_or_else(String::new, ToString::to_string)
    }

    pub async fn quit(self) {
        self.0.quit().await;
    }

    pub fn state_of(&self, run: &RunKey, node: &str) -> Option<NodeState> {
        self.node(run, node).map(|n| n.state)
    }
}

pub fn manifest(nodes: Value) -> Value {
    json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.11.16", "project_name": "shop", "adapter_type": "duckdb",
            "invocation_id": "00000000-0000-0000-0000-000000000000",
        },
        "nodes": nodes,
        "sources": { SOURCE: {
            "name": "clicks", "resource_type": "source", "package_name": "shop",
            "fqn": ["shop", "staging", "landing", "clicks"],
            "freshness": {"warn_after": {"count": 6, "period": "hour"}, "error_after": {"count": 1, "period": "day"}, "filter": null},
        }},
        "macros": {"macro.dbt.big": {"macro_sql": "x".repeat(1000)}},
        "exposures": {}, "selectors": {},
    })
}

pub fn model(name: &str, folder: &str, needs: &[&str]) -> Value {
    json!({
        "name": name, "resource_type": "model", "package_name": "shop",
        "fqn": ["shop", folder, name], "original_file_path": format!("models/{folder}/{name}.sql"),
        "compiled_path": format!("target/compiled/shop/models/{folder}/{name}.sql"),
        "config": {"materialized": "table"}, "depends_on": {"nodes": needs},
        "relation_name": format!("\"shop\".\"main\".\"{name}\""),
        "raw_code": "select 1", "tags": [],
    })
}

pub fn nodes() -> Value {
    json!({
        STAGED: model("stg_orders", "staging", &[SOURCE]),
        ORDERS: model("orders", "marts", &[STAGED]),
        "model.shop.report": model("report", "marts", &[ORDERS]),
        UNIQUE: {
            "name": "unique_orders_id", "resource_type": "test", "package_name": "shop",
            "fqn": ["shop", "marts", "unique_orders_id"], "column_name": "id",
            "attached_node": ORDERS, "test_metadata": {"name": "unique"},
            "config": {"severity": "ERROR", "store_failures": true},
            "depends_on": {"nodes": [ORDERS]},
        },
    })
}

/// Results of one command: id, status and rows that failed.
pub fn results(invocation: &str, at: &str, rows: &[(&str, &str, Option<u64>)]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|(id, status, failures)| {
            json!({
                "unique_id": id, "status": status, "failures": failures,
                "message": failures.map(|n| format!("Got {n} results, configured to fail if != 0")),
                "adapter_response": {"rows_affected": 7},
                "relation_name": "\"shop\".\"main\".\"x\"",
                "timing": [{"name": "execute", "started_at": at, "completed_at": at}],
                "execution_time": 0.5,
            })
        })
        .collect();
    json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
            "dbt_version": "1.11.16", "invocation_id": invocation,
            "invocation_started_at": at, "generated_at": at,
        },
        "args": {"which": "build", "select": [], "exclude": [], "vars": {}},
        "results": rows, "elapsed_time": 1.0,
    })
}

/// A line of a JSON log, now.
pub fn line(invocation: &str, name: &str, msg: &str, data: Value) -> String {
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    line_at(&at, invocation, name, msg, data)
}

pub fn line_at(at: &str, invocation: &str, name: &str, msg: &str, data: Value) -> String {
    json!({
        "info": {"name": name, "level": "info", "msg": msg, "ts": at, "invocation_id": invocation, "pid": std::process::id(), "thread": "MainThread"},
        "data": data,
    })
    .to_string()
        + "\n"
}

pub fn node_info(id: &str, status: &str) -> Value {
    json!({"unique_id": id, "node_status": status})
}

pub fn began(invocation: &str, nodes: u32) -> String {
    line(
        invocation,
        "MainReportVersion",
        "Running with dbt=1.11.16",
        json!({"version": "=1.11.16"}),
    ) + &line(
        invocation,
        "MainReportArgs",
        "running dbt with arguments",
        json!({"args": {"invocation_command": "dbt build"}}),
    ) + &line(
        invocation,
        "ConcurrencyLine",
        "Concurrency: 2 threads",
        json!({"node_count": nodes}),
    )
}

pub fn starts(invocation: &str, id: &str, total: u32) -> String {
    line(
        invocation,
        "LogStartLine",
        "START",
        json!({"index": 1, "total": total, "node_info": node_info(id, "started")}),
    )
}

pub fn ends(invocation: &str, id: &str, status: &str) -> String {
    line(
        invocation,
        "LogModelResult",
        "END",
        json!({"total": 4, "execution_time": 0.5, "node_info": node_info(id, status)}),
    )
}

pub fn completed(invocation: &str, success: bool) -> String {
    line(
        invocation,
        "CommandCompleted",
        "Command `dbt build` completed",
        json!({"success": success}),
    )
}
