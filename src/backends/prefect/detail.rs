//! The details of one node: its attempts, what Prefect knows of it, and what it left behind.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Attempt, Detail, Event, NodeKey, SafeText};
use crate::net::http::HttpError;

use super::api;
use super::shared::Shared;
use super::states;
use super::tasks::Subject;
use super::wire::{Artifact, FlowRun, State, TaskRun};

/// Between two looks while the node is open.
const AGAIN: Duration = Duration::from_secs(15);
/// Longest value shown, in characters.
const LONGEST: usize = 2000;

type Rows = Vec<(SafeText, SafeText)>;

/// Keeps the details of one node current for as long as they are open.
pub async fn follow(shared: Arc<Shared>, key: NodeKey) {
    let mut told = None;
    loop {
        match look(&shared, &key).await {
            Ok(detail) => {
                if detail.is_some() && detail != told {
                    told.clone_from(&detail);
                    let Some(detail) = detail else { continue };
                    let node = key.clone();
                    if shared.emit(Event::Detail { node, detail }).await.is_err() {
                        return;
                    }
                }
            }
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                let what = format!("details of {}: {error}", key.node.raw());
                let missing = matches!(error, HttpError::NotFound { .. });
                if shared.complain(what).await.is_err() || missing {
                    return;
                }
            }
        }
        let wait = if told.is_none() {
            Duration::from_millis(500)
        } else {
            AGAIN
        };
        tokio::time::sleep(wait).await;
    }
}

/// `None` while nobody knows what the node is.
async fn look(shared: &Shared, key: &NodeKey) -> Result<Option<Detail>, Trouble> {
    let run = key.run.run.raw();
    let subject = {
        let memory = shared.memory();
        memory
            .runs
            .get(run)
            .and_then(|known| known.tasks.subject(run, &key.node))
    };
    let (task, flow) = match subject {
        None => return Ok(None),
        Some(Subject::Flow(run) | Subject::Subflow { run: Some(run), .. }) => (None, run),
        Some(Subject::Task(task) | Subject::Subflow { task, run: None }) => {
            (Some(task), run.to_owned())
        }
    };
    let (history, mut sections, run) = match &task {
        Some(task) => {
            let row: TaskRun = shared.ask(Urgency::Now, &api::task_run(task)).await?;
            let section = (SafeText::new("Task run"), about_task(&row));
            (api::task_states(task), vec![section], row.flow_run_id)
        }
        None => {
            let row: FlowRun = shared.ask(Urgency::Now, &api::flow_run(&flow)).await?;
            let section = (SafeText::new("Flow run"), about_run(&row));
            (api::run_states(&flow), vec![section], flow)
        }
    };
    let mut history: Vec<State> = shared.ask(Urgency::Now, &history).await?;
    history.sort_by_key(|state| state.timestamp);
    let words = history.iter().map(|state| {
        let at = state
            .timestamp
            .map(|at| at.format("%H:%M:%S").to_string())
            .unwrap_or_default();
        let message = match state.message.is_empty() {
            true => states::native(state),
            false => SafeText::new(format!("{}: {}", states::native(state), state.message)),
        };
        (SafeText::new(at), message)
    });
    sections.push((SafeText::new("States"), words.collect()));
    let call = api::artifacts(&run, task.as_deref());
    let (found, _) = shared
        .list::<Artifact>(Urgency::WhenDue, 1, |_| call.clone())
        .await?;
    let artifacts: Rows = found.rows.iter().filter_map(artifact).collect();
    if !artifacts.is_empty() {
        sections.push((SafeText::new("Artifacts"), artifacts));
    }
    Ok(Some(Detail {
        attempts: attempts(&history),
        sections,
    }))
}

/// Each attempt is from one `Running` to the next state of another type.
fn attempts(history: &[State]) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for (at, state) in history.iter().enumerate() {
        if state.kind != "RUNNING" {
            continue;
        }
        let end = history.get(at + 1);
        // what follows says how it ended; a retry is said instead of the failure before it
        let last = end.unwrap_or(state);
        let retried = last.kind == "SCHEDULED" && last.name == "AwaitingRetry";
        attempts.push(Attempt {
            number: u32::try_from(attempts.len() + 1).unwrap_or(u32::MAX),
            state: match retried {
                true => crate::model::NodeState::Failed,
                false => states::node_state(last, ""),
            },
            native: states::native(last),
            queued_at: None,
            started_at: state.timestamp,
            ended_at: end.and_then(|end| end.timestamp),
            exit_code: None,
            signal: None,
        });
    }
    attempts
}

fn row(rows: &mut Rows, name: &str, value: Option<impl AsRef<str>>) {
    if let Some(value) = value.filter(|value| !value.as_ref().is_empty()) {
        rows.push((SafeText::new(name), SafeText::new(cut(value.as_ref()))));
    }
}

fn time(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(|at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn about_task(task: &TaskRun) -> Rows {
    let mut rows = Rows::new();
    row(&mut rows, "name", Some(&task.name));
    row(&mut rows, "id", Some(&task.id));
    row(&mut rows, "task", Some(&task.task_key));
    row(&mut rows, "tags", Some(task.tags.join(", ")));
    row(
        &mut rows,
        "retries",
        Some(task.empirical_policy.retries.to_string()),
    );
    row(&mut rows, "expected", time(task.expected_start_time));
    row(&mut rows, "cache key", task.cache_key.as_ref());
    row(&mut rows, "message", Some(&task.state.message));
    let kept = task.state.data["storage_key"].as_str();
    row(&mut rows, "result kept at", kept);
    rows
}

fn about_run(run: &FlowRun) -> Rows {
    let mut rows = Rows::new();
    row(&mut rows, "name", Some(&run.name));
    row(&mut rows, "id", Some(&run.id));
    row(&mut rows, "tags", Some(run.tags.join(", ")));
    row(&mut rows, "expected", time(run.expected_start_time));
    row(&mut rows, "work pool", run.work_pool_name.as_ref());
    row(&mut rows, "work queue", run.work_queue_name.as_ref());
    row(&mut rows, "process", run.infrastructure_pid.as_ref());
    row(&mut rows, "message", Some(&run.state.message));
    for (name, value) in run.parameters.as_object().into_iter().flatten() {
        row(&mut rows, &format!("parameter {name}"), Some(text(value)));
    }
    rows
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Results that Prefect keeps for itself have neither key nor type.
fn artifact(artifact: &Artifact) -> Option<(SafeText, SafeText)> {
    let kind = artifact.kind.as_deref()?;
    let name = artifact
        .key
        .as_deref()
        .or(artifact.description.as_deref())
        .unwrap_or(kind);
    let value = match kind {
        "progress" => format!("{} %", text(&artifact.data)),
        _ => text(&artifact.data),
    };
    Some((
        SafeText::new(format!("{name} ({kind})")),
        SafeText::new(cut(&value)),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::model::NodeState;
    use serde_json::json;

    #[test]
    fn attempts_are_read_from_the_history_of_states() {
        let words = [
            ("PENDING", "Pending"),
            ("RUNNING", "Running"),
            ("SCHEDULED", "AwaitingRetry"),
            ("RUNNING", "Retrying"),
            ("COMPLETED", "Completed"),
        ];
        let history: Vec<State> = words
            .iter()
            .enumerate()
            .map(|(second, (kind, name))| {
                let at = format!("2026-11-20T20:00:{second:02}Z");
                serde_json::from_value(json!({"type": kind, "name": name, "timestamp": at}))
                    .unwrap()
            })
            .collect();
        let attempts = attempts(&history);
        let states: Vec<NodeState> = attempts.iter().map(|a| a.state).collect();
        assert_eq!(states, [NodeState::Failed, NodeState::Succeeded]);
        assert_eq!(attempts[1].ended_at, history[4].timestamp);
        let going = super::attempts(&history[..2]);
        assert_eq!(
            (going[0].state, going[0].ended_at),
            (NodeState::Running, None)
        );
    }

    #[test]
    fn long_values_are_cut_and_nameless_results_left_out() {
        let long: Artifact = serde_json::from_value(
            json!({"type": "markdown", "key": "report", "data": "ä".repeat(5000)}),
        )
        .unwrap();
        assert!(artifact(&long).unwrap().1.as_str().ends_with('…'));
        assert_eq!(artifact(&Artifact::default()), None);
    }
}
