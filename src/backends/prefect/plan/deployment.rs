//! Plans for deployments: pause, trigger, stop, and deleting what is late.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{
    Deed, Draft, Expect, MANY, MOST, Maker, Refusal, draft, hit, many, nothing, unsupported, word,
};
use crate::backends::act::params_of_trigger;
use crate::backends::poll::Urgency;
use crate::backends::prefect::api;
use crate::backends::prefect::wire::{Deployment, FlowRun};
use crate::model::{ActionRequest, PipelineKey, SafeText};

impl Maker<'_> {
    pub(super) async fn pause_deployment(
        &self,
        key: &PipelineKey,
        paused: bool,
    ) -> Result<Draft, Refusal> {
        let (id, name) = (self.deployment(key)?, key.pipeline.raw());
        let now: Deployment = self.shared.ask(Urgency::Now, &api::deployment(&id)).await?;
        if now.paused == paused {
            let is = if paused { "paused" } else { "active" };
            return nothing(format!("{name} is already {is}"));
        }
        let ids = [id.as_str()];
        let (planned, _) = self
            .shared
            .list::<FlowRun>(Urgency::Now, 1, |_| api::planned(&ids))
            .await?;
        let going = self.active(Some(key)).await?;
        let deed = Deed {
            call: api::pause_deployment(&id, paused),
            name: SafeText::new(name),
            conflict_is_done: false,
            expect: Expect::Deployment {
                id: id.clone(),
                paused,
            },
        };
        let summary = match paused {
            true => format!("Pauses {name}: its schedules start nothing until it is resumed."),
            false => format!("Resumes {name}: its schedules start runs again."),
        };
        let mut draft = draft(summary, vec![deed]);
        if paused {
            draft
                .hits
                .push(hit(name, "active", "paused: no new runs by schedule"));
            let at_least = if planned.complete { "" } else { "at least " };
            if !planned.rows.is_empty() {
                let count = many(planned.rows.len(), "planned run");
                draft.hits.push(hit(
                    format!("{at_least}{count}"),
                    "Scheduled",
                    "deleted; made again at the resume",
                ));
            }
            if !going.is_empty() {
                draft.warnings.push(format!(
                    "{} that go or wait are left alone",
                    many(going.len(), "run")
                ));
            }
            if now.work_pool_name.is_none() {
                draft.warnings.push(
                    "the runner that serves it resumes it when it is started again".to_owned(),
                );
            }
        } else {
            draft.hits.push(hit(name, "paused", "active"));
        }
        Ok(draft)
    }

    pub(super) async fn trigger(
        &self,
        key: &PipelineKey,
        request: &mut ActionRequest,
    ) -> Result<Draft, Refusal> {
        let id = self.deployment(key)?;
        let now: Deployment = self.shared.ask(Urgency::Now, &api::deployment(&id)).await?;
        let given: serde_json::Map<String, Value> =
            request.options.params.iter().cloned().collect();
        let mut draft = self.new_run(key, &id, Value::Object(given.clone()), request);
        let specs = crate::backends::prefect::params::params(&now);
        let (hits, odd) = params_of_trigger("flow", &specs, &given);
        draft.hits.extend(hits);
        if now.paused {
            // a run that is asked for by hand is taken all the same
            draft.warnings.push(
                "the deployment is paused: that stops its schedules, not this run".to_owned(),
            );
        }
        if now.status == "NOT_READY" {
            draft
                .warnings
                .push("no worker or runner polls for its runs now: it will be late".to_owned());
        }
        draft.warnings.extend(odd);
        Ok(draft)
    }

    /// A new run of a deployment, made with a key of our own: sending twice starts one.
    pub(super) fn new_run(
        &self,
        key: &PipelineKey,
        deployment: &str,
        parameters: Value,
        request: &mut ActionRequest,
    ) -> Draft {
        let stamp = self
            .shared
            .server_now()
            .to_rfc3339_opts(SecondsFormat::Millis, true);
        let run = request
            .options
            .run_id
            .get_or_insert_with(|| format!("dagtop-{stamp}"))
            .clone();
        let deed = Deed {
            call: api::create_run(deployment, parameters, &run),
            name: SafeText::new(&run),
            conflict_is_done: false,
            expect: Expect::Keyed(run.clone()),
        };
        let name = key.pipeline.raw();
        let mut draft = draft(format!("Starts a new run of {name}."), vec![deed]);
        draft.hits.push(hit(
            format!("run with the key {run}"),
            "not there",
            "scheduled for now",
        ));
        draft
    }

    /// Ends all runs that go or wait, of one deployment or of all that are watched.
    pub(super) async fn stop(&self, key: Option<&PipelineKey>) -> Result<Draft, Refusal> {
        let runs = self.active(key).await?;
        if runs.is_empty() {
            return nothing("no run goes or waits");
        }
        if runs.len() > MANY {
            return unsupported(format!(
                "{} go or wait: stop them deployment by deployment",
                many(runs.len(), "run")
            ));
        }
        let of = key.map_or_else(
            || "all watched deployments".to_owned(),
            |k| k.pipeline.raw().to_owned(),
        );
        let deeds = runs.iter().map(|run| self.cancelling(run)).collect();
        let mut draft = draft(
            format!("Cancels {} of {of}.", many(runs.len(), "run")),
            deeds,
        );
        draft.hits = runs
            .iter()
            .map(|run| hit(self.label(run), word(run), "cancelled"))
            .collect();
        draft.warnings = vec![
            "schedules go on: pause the deployment too if no new run may start".to_owned(),
            "a run whose worker or runner is gone stays `Cancelling`".to_owned(),
        ];
        Ok(draft)
    }

    /// The wish for an end. What has no process yet is ended by the server itself.
    pub(super) fn cancelling(&self, run: &FlowRun) -> Deed {
        let state = json!({"type": "CANCELLING", "message": "cancelled with dagtop"});
        Deed {
            call: api::set_run_state(&run.id, state, false),
            name: SafeText::new(self.label(run)),
            conflict_is_done: false,
            expect: Expect::Run {
                id: run.id.clone(),
                kinds: &["CANCELLED"],
            },
        }
    }

    /// Deletes what is late, of one deployment or of all that are watched.
    pub(super) async fn delete_late(&self, key: Option<&PipelineKey>) -> Result<Draft, Refusal> {
        let deployment = key.map(|key| self.deployment(key)).transpose()?;
        let call = |offset| api::late(deployment.as_deref(), offset);
        let (found, _) = self
            .shared
            .list::<FlowRun>(Urgency::Now, MOST, call)
            .await?;
        let runs = self.watched(found.rows)?;
        if runs.is_empty() {
            return nothing("no run is late");
        }
        let deeds = runs
            .chunks(api::PAGE)
            .map(|part| {
                let ids: Vec<&str> = part.iter().map(|run| run.id.as_str()).collect();
                Deed {
                    call: api::delete_runs(&ids),
                    name: SafeText::new(many(part.len(), "late run")),
                    conflict_is_done: false,
                    expect: Expect::Gone(ids.into_iter().map(str::to_owned).collect()),
                }
            })
            .collect();
        let of = key.map_or_else(
            || "all watched deployments".to_owned(),
            |k| k.pipeline.raw().to_owned(),
        );
        let mut draft = draft(
            format!("Deletes {} of {of}.", many(runs.len(), "late run")),
            deeds,
        );
        draft.hits = runs
            .iter()
            .map(|run| hit(self.label(run), word(run), "deleted: it never started"))
            .collect();
        draft.warnings =
            vec!["what made them late is still there: the next runs will be late too".to_owned()];
        Ok(draft)
    }
}
