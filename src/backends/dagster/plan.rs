//! Plans: what exactly an action would hit, and the deeds that carry it out.

mod again;
mod end;
mod launch;
mod switch;

use serde_json::{Value, json};

use crate::backends::act::{self, Draft, Refusal, nothing, unsupported};
use crate::backends::poll::Urgency;
use crate::model::{Action, ActionError, ActionRequest, Plan, RunKey, SafeText, Support, Target};

use super::actions::Expect;
use super::shared::{Job, Shared};
use super::side::{NOW, Side};
use super::{capabilities, gql, run, wire};

pub type Deed = act::Deed<Expect>;

/// The tag by which what was launched is found again, so that sending twice starts one run.
pub const REQUEST: &str = "dagtop/request";

/// The plan of a request as things are now, and its deeds. Changes nothing.
pub async fn prepare(
    shared: &Shared,
    mut request: ActionRequest,
) -> Result<(Plan, Vec<Deed>), Refusal> {
    let stamp = shared.server_now().timestamp_millis();
    let id = request.id.0;
    let tag = request
        .options
        .run_id
        .get_or_insert_with(|| format!("dagtop-{stamp}-{id}"))
        .clone();
    let maker = Maker { shared, tag: &tag };
    let target = request.target.clone();
    let side = target.pipeline().and_then(Side::of);
    let draft = match (request.action, &target, side) {
        (action @ (Action::Pause | Action::Resume), Target::Pipeline(key), side) => {
            maker.switch(key, side, None, action == Action::Resume)?
        }
        (
            action @ (Action::Pause | Action::Resume),
            Target::Node(key),
            Some(side @ Side::Location(_)),
        ) => maker.switch(
            &key.run.pipeline,
            Some(side),
            Some(key.node.raw()),
            action == Action::Resume,
        )?,
        (Action::Resume, Target::Run(key), Some(Side::Backfills)) => {
            maker.resume_backfill(key).await?
        }
        (Action::Trigger, Target::Pipeline(key), None) => maker.launch(key, &request).await?,
        (Action::Trigger, Target::Pipeline(_), Some(Side::Assets(place))) => {
            maker.materialise(&place, &request.options.params).await?
        }
        (Action::Retry, Target::Run(key), None) => maker.continued(key).await?,
        (Action::Restart, Target::Run(key), None) => maker.all_steps(key).await?,
        (Action::Retry, Target::Node(key), None) => {
            maker.steps(key, &request.options.scope).await?
        }
        (Action::Retry, Target::Node(key), Some(Side::Assets(place))) => {
            maker.asset_again(&place, key.node.raw()).await?
        }
        (Action::Retry, Target::Run(key), Some(Side::Backfills)) => {
            maker.backfill_again(key, true).await?
        }
        (Action::Restart, Target::Run(key), Some(Side::Backfills)) => {
            maker.backfill_again(key, false).await?
        }
        (Action::Restart, Target::Pipeline(key), None) => {
            let origin = maker.job(key)?.origin;
            maker.reload(&origin.repository_location_name)?
        }
        (Action::Restart, Target::Pipeline(_) | Target::Run(_), Some(Side::Location(place))) => {
            maker.reload_place(&place)?
        }
        (Action::Cancel, Target::Run(key), None) => maker.cancel(key).await?,
        (Action::Cancel, Target::Run(key), Some(Side::Backfills)) => {
            maker.cancel_backfill(key).await?
        }
        (Action::Limit, Target::Queue(key), _) => maker.limit(key, request.options.limit)?,
        (Action::Cancel, Target::Queue(key), _) => maker.free(key).await?,
        (Action::Stop, Target::Pipeline(key), None) => maker.stop(Some(key)).await?,
        (Action::Stop, Target::Backend(_), _) => maker.stop(None).await?,
        (action, target, Some(side)) => return unsupported(other(action, target, &side)),
        (action, target, None) => {
            let able = capabilities::capabilities(&shared.permissions());
            return match able.support(action, target.kind()) {
                Support::No { why, .. } | Support::But(why) => unsupported(why),
                Support::Yes => unsupported("Dagster has no such operation"),
            };
        }
    };
    Ok(draft.finish(request))
}

/// What is done to a side instead.
fn other(action: Action, target: &Target, side: &Side) -> String {
    let what = match side {
        Side::Location(_) => {
            "a code location can be reloaded (restart), and its schedules and sensors stopped and started (pause, resume)"
        }
        Side::Assets(_) => "assets can be materialised (trigger; retry on one asset)",
        Side::Backfills => "a backfill can be cancelled, resumed, retried and started again",
    };
    let kind = match target {
        Target::Run(key) if key.run.raw() == NOW => "what is no run",
        _ => "this",
    };
    format!("{} is not for {kind}: {what}", action.word())
}

struct Maker<'a> {
    shared: &'a Shared,
    tag: &'a str,
}

impl Maker<'_> {
    /// Refuses what the instance does not permit.
    fn permit(&self, permission: &str) -> Result<(), Refusal> {
        match capabilities::denied(&self.shared.permissions(), permission) {
            Some(why) => Err(ActionError::Forbidden(SafeText::new(why)).into()),
            None => Ok(()),
        }
    }

    fn job(&self, key: &crate::model::PipelineKey) -> Result<Job, Refusal> {
        let memory = self.shared.memory();
        match memory.jobs.get(key.pipeline.raw()) {
            Some(job) => Ok(job.clone()),
            None => Err(ActionError::Gone(key.pipeline.safe()).into()),
        }
    }

    /// The runs of a family as they are now, oldest first, with their plans.
    async fn family(&self, key: &RunKey) -> Result<Vec<wire::Run>, Refusal> {
        run::group(self.shared, key, Urgency::Now, true).await?;
        let memory = self.shared.memory();
        let family = memory.families.get(key.run.raw());
        match family.filter(|family| !family.members.is_empty()) {
            Some(family) => Ok(family.members.iter().map(|k| k.run.clone()).collect()),
            None => Err(ActionError::Gone(key.run.safe()).into()),
        }
    }

    fn tags(&self) -> Value {
        json!([{"key": REQUEST, "value": self.tag}])
    }

    fn deed(&self, name: impl AsRef<str>, query: &str, variables: Value, expect: Expect) -> Deed {
        Deed {
            call: gql::call(query, variables),
            name: SafeText::new(name),
            conflict_is_done: false,
            expect,
        }
    }

    fn draft(&self, summary: String, deeds: Vec<Deed>) -> Draft<Expect> {
        Draft {
            summary,
            hits: Vec::new(),
            warnings: Vec::new(),
            server_preview: false,
            deeds,
        }
    }
}
