//! Plans for DAGs: pause, trigger, stop.

use chrono::SecondsFormat;
use serde_json::Value;

use super::{Deed, Draft, Expect, Maker, Refusal, hit, many, nothing, unsupported};
use crate::backends::act::params_of_trigger;
use crate::backends::airflow::run;
use crate::backends::poll::Urgency;
use crate::model::{ActionRequest, PipelineKey, Plan, SafeText, Target};

impl Maker<'_> {
    pub(super) async fn pause(&self, target: &Target, paused: bool) -> Result<Draft, Refusal> {
        let Some(key) = target.pipeline() else {
            return unsupported("only a DAG can be paused");
        };
        let dag = key.pipeline.raw();
        let now = self.dag(dag).await?;
        if now.is_paused == paused {
            return nothing(format!(
                "{dag} is already {}",
                if paused { "paused" } else { "active" }
            ));
        }
        let runs = self.active(Some(dag)).await?;
        let mut hits = vec![match paused {
            true => hit(dag, "active", "paused: no new runs"),
            false => hit(dag, "paused", "active"),
        }];
        hits.extend(runs.iter().map(|run| match paused {
            true => hit(
                format!("run {}", run.dag_run_id),
                &run.state,
                "waits once its running tasks have ended",
            ),
            false => hit(
                format!("run {}", run.dag_run_id),
                format!("{} (DAG paused)", run.state),
                "goes on",
            ),
        }));
        let mut warnings = Vec::new();
        if matches!(target, Target::Run(_)) {
            warnings.push(format!(
                "Airflow can't {} one run: this is for the whole DAG with {}",
                if paused { "pause" } else { "resume" },
                match runs.len() {
                    0 => "no run that is going".to_owned(),
                    n => format!(
                        "its {} that {} going",
                        many(n, "run"),
                        if n == 1 { "is" } else { "are" }
                    ),
                }
            ));
        }
        if paused && !runs.is_empty() {
            warnings.push("tasks that run or are queued now still finish".to_owned());
        }
        let summary = match paused {
            true => format!("Pauses DAG {dag}: nothing new is scheduled, in any of its runs."),
            false => {
                format!("Resumes DAG {dag}: scheduled runs start again and waiting tasks go on.")
            }
        };
        let deed = Deed {
            call: self.api.set_paused(dag, paused),
            name: SafeText::new(dag),
            conflict_is_done: false,
            expect: Expect::Paused {
                dag: dag.to_owned(),
                paused,
            },
        };
        Ok(Draft {
            summary,
            hits,
            warnings,
            server_preview: false,
            deeds: vec![deed],
        })
    }

    pub(super) async fn trigger(
        &self,
        key: &PipelineKey,
        mut request: ActionRequest,
    ) -> Result<(Plan, Vec<Deed>), Refusal> {
        run::describe(self.shared, key, Urgency::Now).await?;
        let dag = key.pipeline.raw();
        let now = self.dag(dag).await?;
        let stamp = self
            .shared
            .server_now()
            .to_rfc3339_opts(SecondsFormat::Millis, false);
        let run = request
            .options
            .run_id
            .get_or_insert_with(|| format!("dagtop__{stamp}"))
            .clone();
        let conf: serde_json::Map<String, Value> = request.options.params.iter().cloned().collect();
        let specs = self
            .shared
            .memory()
            .details
            .get(dag)
            .map(|(params, _)| params.clone())
            .unwrap_or_default();
        let mut warnings = Vec::new();
        if now.is_paused {
            warnings.push("the DAG is paused: the run waits until it is resumed".to_owned());
        }
        if now.stale() || now.has_import_errors {
            warnings.push("the DAG's file can't be imported now: the run may not start".to_owned());
        }
        let (params, odd) = params_of_trigger("DAG", &specs, &conf);
        warnings.extend(odd);
        let mut hits = vec![hit(format!("run {run}"), "not there", "queued")];
        hits.extend(params);
        let deed = Deed {
            call: self.api.trigger(
                dag,
                &run,
                Value::Object(conf),
                request.options.note.as_deref(),
            ),
            name: SafeText::new(&run),
            conflict_is_done: true,
            expect: Expect::RunThere {
                dag: dag.to_owned(),
                run: run.clone(),
            },
        };
        let plan = Plan {
            summary: SafeText::new(format!("Starts a new run of DAG {dag} with id {run}.")),
            request,
            hits,
            warnings: warnings.iter().map(SafeText::new).collect(),
            server_preview: false,
        };
        Ok((plan, vec![deed]))
    }

    /// Ends all runs that are going, of one DAG or of all that are watched.
    pub(super) async fn stop(&self, key: Option<&PipelineKey>) -> Result<Draft, Refusal> {
        let runs = self.active(key.map(|k| k.pipeline.raw())).await?;
        if runs.is_empty() {
            return nothing("no run is going");
        }
        let hits = runs
            .iter()
            .map(|run| {
                hit(
                    format!("{} / {}", run.dag_id, run.dag_run_id),
                    &run.state,
                    "failed: its tasks are stopped",
                )
            })
            .collect();
        let deeds = runs
            .iter()
            .map(|run| Deed {
                call: self
                    .api
                    .set_run_state(&run.dag_id, &run.dag_run_id, "failed"),
                name: SafeText::new(format!("{} / {}", run.dag_id, run.dag_run_id)),
                conflict_is_done: false,
                expect: Expect::RunState {
                    dag: run.dag_id.clone(),
                    run: run.dag_run_id.clone(),
                    state: "failed",
                },
            })
            .collect();
        let of = key.map_or_else(
            || "all watched DAGs".to_owned(),
            |k| k.pipeline.raw().to_owned(),
        );
        let warnings = vec![
            "schedules go on: pause the DAG too if no new run may start".to_owned(),
            "instances of mapped tasks that had succeeded may be marked failed with running ones (Airflow does this)".to_owned(),
        ];
        let summary = format!(
            "Ends {} of {of}: Airflow marks them failed and stops their tasks.",
            many(runs.len(), "run")
        );
        Ok(Draft {
            summary,
            hits,
            warnings,
            server_preview: false,
            deeds,
        })
    }
}
