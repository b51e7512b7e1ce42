//! The details of one node: its attempts, what Airflow knows of it, rendered fields, XComs, and the
//! variables of the server.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::backends::poll::Urgency;
use crate::model::{Detail, Event, NodeKey, SafeText};
use crate::net::http::HttpError;

use super::run::{Try, attempt};
use super::shared::Shared;
use super::wire::{TaskInstance, Variable, XCom};
use super::{states, wire};
use crate::backends::client::Trouble;

/// Between two looks while the node is open and not over.
const AGAIN: Duration = Duration::from_secs(15);
/// XComs whose value is fetched; of others only the key is shown.
const VALUES: usize = 4;
/// Longest value shown, in characters.
const LONGEST: usize = 2000;

type Section = (SafeText, Vec<(SafeText, SafeText)>);

/// Keeps the details of one node current for as long as they are open. What is over is asked about
/// with one small request, in case somebody has it run again.
pub async fn follow(shared: Arc<Shared>, key: NodeKey) {
    let mut over: Option<TaskInstance> = None;
    loop {
        match look(&shared, &key, over.as_ref()).await {
            Ok(seen) => over = seen,
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                let said = shared
                    .complain(format!("details of {}: {error}", key.node.raw()))
                    .await;
                if said.is_err() || matches!(error, HttpError::NotFound { .. }) {
                    return;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The task instance, if it is over. Tells nothing when it is still as it was when it ended.
async fn look(
    shared: &Shared,
    key: &NodeKey,
    over: Option<&TaskInstance>,
) -> Result<Option<TaskInstance>, Trouble> {
    let (dag, run) = (key.run.pipeline.pipeline.raw(), key.run.run.raw());
    let (task, index) = states::task_of(&key.node);
    let api = shared.api;
    let ti: TaskInstance = shared
        .json(Urgency::Now, &api.ti(dag, run, task, index))
        .await?;
    if over.is_some_and(|o| (o.try_number, &o.state) == (ti.try_number, &ti.state)) {
        return Ok(Some(ti));
    }
    let mut detail = Detail {
        attempts: Vec::new(),
        sections: vec![about(&ti)],
    };
    if ti.try_number > 0 {
        let tries = shared
            .records::<Try>(
                Urgency::Now,
                &api.tries(dag, run, task, index),
                "task_instances",
            )
            .await;
        match tries {
            Ok(tries) => detail.attempts = tries.rows.iter().filter_map(attempt).collect(),
            Err(Trouble::Http(HttpError::NotFound { .. } | HttpError::Forbidden { .. })) => {}
            Err(error) => return Err(error),
        }
        detail.attempts.sort_by_key(|a| a.number);
        detail.attempts.dedup_by_key(|a| a.number);
    }
    if let Some(fields) = ti
        .rendered_fields
        .as_ref()
        .and_then(Value::as_object)
        .filter(|f| !f.is_empty())
    {
        let rows = fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (SafeText::new(name), shown(name, value)))
            .collect();
        detail
            .sections
            .push((SafeText::new("Rendered fields"), rows));
    }
    // the part that needs more requests comes after what is there already
    shared
        .emit(Event::Detail {
            node: key.clone(),
            detail: detail.clone(),
        })
        .await?;
    let more = [
        xcoms(shared, dag, run, task, index).await?,
        variables(shared).await?,
    ];
    let before = detail.sections.len();
    detail.sections.extend(more.into_iter().flatten());
    if detail.sections.len() > before {
        shared
            .emit(Event::Detail {
                node: key.clone(),
                detail,
            })
            .await?;
    }
    let ended = states::node_state(ti.state.as_deref()).ended();
    Ok(ended.then_some(ti))
}

/// What the run's own refresh does not tell: state, attempts and times are shown live beside it.
fn about(ti: &TaskInstance) -> Section {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            rows.push((SafeText::new(name), SafeText::new(value)));
        }
    };
    row(
        "operator",
        ti.operator_name.clone().or_else(|| ti.operator.clone()),
    );
    row("pool", ti.pool.clone());
    row("queue", ti.queue.clone());
    row("priority weight", ti.priority_weight.map(|w| w.to_string()));
    row("executor", ti.executor.clone());
    row("host", ti.hostname.clone());
    row("process", ti.pid.map(|pid| pid.to_string()));
    row(
        "map index",
        (ti.map_index >= 0).then(|| ti.map_index.to_string()),
    );
    row("instance", ti.rendered_map_index.clone());
    row("note", ti.note.clone());
    (SafeText::new("Task"), rows)
}

/// A value in one line; what looks like a secret by its name is not shown.
fn shown(name: &str, value: &Value) -> SafeText {
    // the words that Airflow itself masks by
    const SECRETS: [&str; 9] = [
        "access_token",
        "api_key",
        "apikey",
        "authorization",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "secret",
    ];
    let lower = name.to_ascii_lowercase();
    if SECRETS
        .iter()
        .chain(&["token", "credential"])
        .any(|word| lower.contains(word))
    {
        return SafeText::new("(hidden)");
    }
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => SafeText::new(format!("{}…", &text[..end])),
        None => SafeText::new(text),
    }
}

async fn xcoms(
    shared: &Shared,
    dag: &str,
    run: &str,
    task: &str,
    index: Option<i32>,
) -> Result<Option<Section>, Trouble> {
    let list = match shared
        .records::<XCom>(
            Urgency::WhenDue,
            &shared.api.xcoms(dag, run, task, index),
            "xcom_entries",
        )
        .await
    {
        Ok(list) => list.rows,
        Err(Trouble::Http(_)) => return Ok(None),
        Err(gone) => return Err(gone),
    };
    let mut rows = Vec::new();
    for (number, xcom) in list
        .iter()
        .filter(|x| x.map_index.unwrap_or(-1) == index.unwrap_or(-1))
        .enumerate()
    {
        let key = SafeText::new(&xcom.key);
        if number >= VALUES {
            rows.push((key, SafeText::new("(not fetched)")));
            continue;
        }
        let call = shared.api.xcom(dag, run, task, index, &xcom.key);
        let value = match shared.json::<XCom>(Urgency::WhenDue, &call).await {
            Ok(found) => shown(&xcom.key, &found.value),
            Err(error) => SafeText::new(format!("({})", error.said())),
        };
        rows.push((key, value));
    }
    Ok((!rows.is_empty()).then(|| (SafeText::new("XCom"), rows)))
}

async fn variables(shared: &Shared) -> Result<Option<Section>, Trouble> {
    match shared
        .records::<Variable>(Urgency::WhenDue, &shared.api.variables(), "variables")
        .await
    {
        Ok(list) if list.rows.is_empty() => Ok(None),
        Ok(list) => {
            let rows = list
                .rows
                .iter()
                .map(|v| (SafeText::new(&v.key), shown(&v.key, &v.value)))
                .collect();
            Ok(Some((SafeText::new("Variables of this Airflow"), rows)))
        }
        // many users may not see them
        Err(Trouble::Http(_)) => Ok(None),
        Err(gone) => Err(gone),
    }
}

/// Why a task failed whose log does not say: the newest words of the audit log about it.
pub async fn last_words(
    shared: &Shared,
    key: &NodeKey,
    attempt: u32,
) -> Result<Vec<String>, Trouble> {
    let (dag, run) = (key.run.pipeline.pipeline.raw(), key.run.run.raw());
    let (task, index) = states::task_of(&key.node);
    let events = match shared
        .records::<wire::EventLog>(
            Urgency::WhenDue,
            &shared.api.events(dag, run, task),
            "event_logs",
        )
        .await
    {
        Ok(events) => events.rows,
        Err(Trouble::Http(_)) => return Ok(Vec::new()),
        Err(gone) => return Err(gone),
    };
    Ok(events
        .iter()
        .rev()
        .filter(|e| e.map_index.is_none_or(|i| i == index.unwrap_or(-1)))
        .filter(|e| e.try_number.is_none_or(|n| n == attempt || n == 0))
        .filter_map(said)
        .collect())
}

/// One row of the audit log as a line; `None` if it merely repeats a state, which says nothing about why.
fn said(e: &wire::EventLog) -> Option<String> {
    let state = states::node_state(Some(&e.event)) != crate::model::NodeState::Unknown;
    if state || e.event == "cli_task_run" {
        return None;
    }
    let when = e
        .when
        .map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
        .unwrap_or_default();
    let by = e
        .owner
        .as_deref()
        .map(|o| format!(" by {o}"))
        .unwrap_or_default();
    let where_only = |x: &str| {
        let keys = serde_json::from_str::<serde_json::Map<String, Value>>(x);
        keys.is_ok_and(|keys| keys.keys().all(|k| k == "host_name" || k == "full_command"))
    };
    let extra = e
        .extra
        .as_deref()
        .filter(|x| !x.is_empty() && !where_only(x))
        .map(|x| format!(": {x}"))
        .unwrap_or_default();
    Some(format!(
        "{when} ERROR airflow.events - {}{by}{extra}",
        e.event
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_one_line_and_secrets_are_not_shown() {
        assert_eq!(shown("rows", &json!({"a": [1, 2]})), "{\"a\":[1,2]}");
        assert_eq!(shown("text", &json!("a\nb")), "a b");
        for name in ["db_password", "API_KEY", "slack_token", "my_secret"] {
            assert_eq!(shown(name, &json!("hunter2")), "(hidden)");
        }
        assert!(shown("big", &json!("ä".repeat(5000))).ends_with('…'));
    }
    #[test]
    fn the_audit_log_says_why_and_not_what_is_known_already() {
        let event = |word: &str, extra: &str| {
            serde_json::from_value(json!({"event": word, "extra": extra, "owner": "ann"})).unwrap()
        };
        for word in ["running", "up_for_reschedule", "failed", "cli_task_run"] {
            assert_eq!(said(&event(word, "")), None);
        }
        assert_eq!(
            said(&event("patch_task_instance", "{\"host_name\": \"w\"}")).unwrap(),
            " ERROR airflow.events - patch_task_instance by ann"
        );
        assert_eq!(
            said(&event("heartbeat timeout", "300 s")).unwrap(),
            " ERROR airflow.events - heartbeat timeout by ann: 300 s"
        );
    }
}
