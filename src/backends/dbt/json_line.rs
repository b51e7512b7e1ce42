//! Lines of a log with `--log-format json`: one object each, `info` the same for all, `data` by the
//! event's name. Fields and names as dbt 1.6 to 1.11 write them.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::manifest::Loose;
use super::results::{Args, time};
use super::said::{Level, NodeEnd, Said, What, interrupted};

#[derive(Deserialize)]
struct Line {
    info: Info,
    #[serde(default)]
    data: Loose<Data>,
}

#[derive(Deserialize)]
struct Info {
    name: String,
    #[serde(default)]
    level: Loose<String>,
    #[serde(default)]
    msg: Loose<String>,
    ts: String,
    #[serde(default)]
    invocation_id: Loose<Option<String>>,
    #[serde(default)]
    pid: Loose<Option<i32>>,
}

/// The fields that mean something here, of whatever event.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    node_info: Loose<Option<NodeInfo>>,
    total: Loose<Option<u32>>,
    num_models: Loose<Option<u32>>,
    node_count: Loose<Option<u32>>,
    execution_time: Loose<Option<f64>>,
    num_failures: Loose<Option<u64>>,
    result_message: Loose<Option<String>>,
    status: Loose<Option<String>>,
    version: Loose<Option<String>>,
    exc: Loose<Option<String>>,
    stack_trace: Loose<Option<String>>,
    msg: Loose<Option<String>>,
    path: Loose<Option<String>>,
    relation_name: Loose<Option<String>>,
    conn_name: Loose<Option<String>>,
    unique_id: Loose<Option<String>>,
    keyboard_interrupt: Loose<bool>,
    success: Loose<Option<bool>>,
    stats: Loose<HashMap<String, Value>>,
    run_result: Loose<Option<RunResult>>,
    args: Loose<HashMap<String, Value>>,
}

#[derive(Deserialize)]
struct NodeInfo {
    unique_id: String,
    #[serde(default)]
    node_status: Loose<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RunResult {
    status: Loose<String>,
    message: Loose<Option<String>>,
    execution_time: Loose<Option<f64>>,
    num_failures: Loose<Option<u64>>,
    adapter_response: Loose<HashMap<String, Value>>,
}

/// `None` when it is no such line.
pub fn parse(line: &[u8]) -> Option<Said> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let Info {
        name,
        level,
        msg,
        ts,
        invocation_id,
        pid,
    } = line.info;
    let mut data = line.data.0;
    let node = data.node_info.0.as_ref().map(|n| n.unique_id.clone());
    let node = node.or_else(|| match name.as_str() {
        "NodeStart" | "NodeFinished" | "MarkSkippedChildren" => data.unique_id.0.take(),
        "LogCancelLine" => data.conn_name.0.take(),
        _ => None,
    });
    Some(Said {
        invocation: invocation_id.0.filter(|id| !id.is_empty()),
        pid: pid.0,
        at: time(&ts)?,
        level: Level::parse(&level.0).unwrap_or_default(),
        what: what(&name, data, node.is_some()),
        node,
        text: msg.0,
    })
}

fn what(name: &str, mut data: Data, of_node: bool) -> What {
    match name {
        "MainReportVersion" => {
            let version = data.version.0.unwrap_or_default();
            What::Begins(version.trim_start_matches('=').to_owned())
        }
        "MainReportArgs" => {
            let command = data.args.0.get("invocation_command");
            let command = command.and_then(Value::as_str);
            command.map_or(What::Line, |line| What::Asked(Args::of_command(line)))
        }
        "ConcurrencyLine" => data.node_count.0.map_or(What::Line, What::Size),
        "LogStartLine" => What::NodeStarts {
            total: data.total.0,
        },
        // its counts are those of the hooks
        "LogHookStartLine" => What::NodeStarts { total: None },
        "SkippingDetails" | "LogSkipBecauseError" if of_node => What::NodeEnds(NodeEnd {
            status: "skipped".to_owned(),
            total: data.total.0,
            ..NodeEnd::default()
        }),
        // one of many batches of a model
        "LogBatchResult" => What::Line,
        "LogHookEndLine" => What::NodeEnds(NodeEnd {
            total: None,
            ..node_end(&mut data)
        }),
        "NodeFinished" => What::NodeEnds(node_end(&mut data)),
        "LogCancelLine" => What::NodeCancelled,
        "CatchableExceptionOnRun" | "InternalErrorOnRun" | "GenericExceptionOnRun" if of_node => {
            data.exc.0.map_or(What::Line, What::NodeError)
        }
        "RunResultError" | "RunResultWarningMessage" if of_node => {
            data.msg.0.map_or(What::Line, What::NodeError)
        }
        "SQLCompiledPath" if of_node => data.path.0.map_or(What::Line, What::Compiled),
        "CheckNodeTestFailure" if of_node => {
            data.relation_name.0.map_or(What::Line, What::FailingRows)
        }
        "EndOfRunSummary" if data.keyboard_interrupt.0 => What::Interrupted,
        "MainStackTrace" if data.stack_trace.0.as_deref().is_some_and(interrupted) => {
            What::Interrupted
        }
        "MainEncounteredError" => What::Fatal(data.exc.0.unwrap_or_default()),
        "NothingToDo" => What::Nothing,
        "StatsLine" => {
            let errors = data.stats.0.get("error").and_then(Value::as_f64);
            What::Ends(errors.map(|n| n == 0.0))
        }
        "FreshnessCheckComplete" => What::Ends(None),
        "CommandCompleted" => What::Ends(data.success.0),
        _ if of_node && name.starts_with("Log") && name.ends_with("Result") => {
            What::NodeEnds(node_end(&mut data))
        }
        _ => What::Line,
    }
}

fn node_end(data: &mut Data) -> NodeEnd {
    let result = data.run_result.0.take().unwrap_or_default();
    let status = match &data.node_info.0 {
        Some(node) if !matches!(node.node_status.0.as_str(), "" | "None") => {
            node.node_status.0.clone()
        }
        _ if result.status.0.is_empty() => data.status.0.take().unwrap_or_default(),
        _ => result.status.0,
    };
    let rows = result.adapter_response.0.get("rows_affected");
    NodeEnd {
        status,
        seconds: data.execution_time.0.or(result.execution_time.0),
        failures: data.num_failures.0.or(result.num_failures.0),
        rows: rows.and_then(Value::as_f64).filter(|n| *n >= 0.0),
        message: data.result_message.0.take().or(result.message.0),
        total: data.total.0.or(data.num_models.0),
    }
}
