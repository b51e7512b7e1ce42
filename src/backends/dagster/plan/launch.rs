//! Plans for what is new: runs of a job, materialisations of assets, backfills.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Maker, Refusal, nothing};
use crate::backends::act::{Draft, hit, many};
use crate::backends::dagster::actions::Expect;
use crate::backends::dagster::shared::Job;
use crate::backends::dagster::side::assets;
use crate::backends::dagster::wire::{AssetKey, ExecutionPlan, Origin};
use crate::backends::dagster::{api, config, gql};
use crate::backends::poll::Urgency;
use crate::model::{ActionRequest, PipelineKey};

/// Partitions named one by one in a plan.
const NAMED: usize = 50;

impl Maker<'_> {
    /// A run of a job with a configuration; of a partitioned job, a backfill of the partitions.
    pub(super) async fn launch(
        &self,
        key: &PipelineKey,
        request: &ActionRequest,
    ) -> Result<Draft<Expect>, Refusal> {
        config::describe(self.shared, key, Urgency::Now).await?;
        let job = self.job(key)?;
        let params = &request.options.params;
        let partitions = job.partitions.clone().unwrap_or_default();
        let mut draft = match partitions.is_empty() {
            true => self.launch_run(&job, config::tree(params)).await?,
            false => {
                let text = params.iter().find(|(name, _)| name == config::PARTITIONS);
                let text = text
                    .and_then(|(_, value)| value.as_str())
                    .unwrap_or_default();
                self.backfill_job(&job, text, &partitions, config::tree(params))?
            }
        };
        let specs = &job.pipeline.params;
        for (name, _) in params.iter().filter(|(name, _)| name != config::CONFIG) {
            if !specs.is_empty() && !specs.iter().any(|spec| spec.name == name.as_str()) {
                draft
                    .warnings
                    .push(format!("the job knows no value {name}"));
            }
        }
        if job.pipeline.stale.is_some() {
            draft
                .warnings
                .push("its code location can't be loaded now: the run may not start".to_owned());
        }
        Ok(draft)
    }

    async fn launch_run(&self, job: &Job, config: Value) -> Result<Draft<Expect>, Refusal> {
        self.permit("launch_pipeline_execution")?;
        let mut reply = gql::ask(
            self.shared,
            Urgency::Now,
            api::DRY_RUN,
            json!({"job": job.selector(), "config": config}),
        )
        .await?;
        // the server says what is wrong with the configuration
        let plan: ExecutionPlan = reply.take("plan")?;
        let mut selector = api::repository(&job.origin);
        if let Value::Object(selector) = &mut selector {
            selector.insert("jobName".to_owned(), json!(job.name));
        }
        let params = json!({"selector": selector, "runConfigData": config, "executionMetadata": {"tags": self.tags()}});
        let deed = self.deed(
            &job.name,
            &api::launch(),
            json!({"params": params}),
            self.launched(),
        );
        let mut draft = self.draft(
            format!("Launches a new run of job {}.", job.name),
            vec![deed],
        );
        draft.server_preview = true;
        draft.hits = plan
            .steps
            .iter()
            .map(|step| hit(&step.key, "not there", "runs"))
            .collect();
        if config.as_object().is_some_and(|c| !c.is_empty()) {
            draft
                .hits
                .insert(0, hit("configuration", "defaults", config.to_string()));
        }
        Ok(draft)
    }

    fn backfill_job(
        &self,
        job: &Job,
        text: &str,
        names: &[String],
        config: Value,
    ) -> Result<Draft<Expect>, Refusal> {
        self.permit("launch_partition_backfill")?;
        let chosen = match config::chosen(text, names) {
            Ok(chosen) if chosen.is_empty() => {
                return nothing(format!(
                    "no partitions are named; the newest is {}",
                    names.last().map_or("", |n| n)
                ));
            }
            Ok(chosen) => chosen,
            Err(why) => return nothing(why),
        };
        let set = json!({"partitionSetName": format!("{}_partition_set", job.name),
            "repositorySelector": api::repository(&job.origin)});
        let mut params = json!({"selector": set, "partitionNames": chosen, "tags": self.tags()});
        if config.as_object().is_some_and(|c| !c.is_empty()) {
            params["runConfigData"] = config;
        }
        Ok(self.backfill(&job.name, params, &chosen))
    }

    fn backfill(&self, name: &str, mut params: Value, chosen: &[String]) -> Draft<Expect> {
        params["title"] = json!(format!("{name}, by dagtop"));
        let expect = Expect::Backfilled {
            tag: self.tag.to_owned(),
        };
        let deed = self.deed(
            name,
            &api::launch_backfill(),
            json!({"params": params}),
            expect,
        );
        let mut draft = self.draft(
            format!(
                "Launches a backfill of {name} for {}.",
                many(chosen.len(), "partition")
            ),
            vec![deed],
        );
        let named = chosen.iter().take(NAMED);
        draft.hits = named
            .map(|p| hit(format!("partition {p}"), "as it is", "materialised anew"))
            .collect();
        if chosen.len() > NAMED {
            let rest = format!("and {} more", chosen.len() - NAMED);
            draft
                .hits
                .push(hit(rest, "as they are", "materialised anew"));
        }
        draft
    }

    /// Chosen assets of a location; partitioned ones by a backfill.
    pub(super) async fn materialise(
        &self,
        place: &str,
        params: &[(String, Value)],
    ) -> Result<Draft<Expect>, Refusal> {
        let given = |name: &str| {
            let value = params
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value);
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let wanted = given("assets");
        let wanted: Vec<&str> = wanted
            .split(',')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .collect();
        if wanted.is_empty() {
            return nothing("no assets are named");
        }
        let (origin, keys, partitioned) = self.assets(place, &wanted)?;
        let names = wanted.join(", ");
        let text = given("partitions");
        match (partitioned, text.is_empty()) {
            (0, _) => self.launch_assets(&origin, &keys, &names),
            (_, true) => nothing("some of these assets are partitioned: name partitions, or all"),
            (n, false) if n < keys.len() => nothing(
                "some of these assets are partitioned and some are not: take one kind at a time",
            ),
            (_, false) => {
                let all = self.partitions(&keys).await?.0;
                match config::chosen(&text, &all) {
                    Ok(chosen) if chosen.is_empty() => nothing("no partitions are named"),
                    Ok(chosen) => self.backfill_assets(&keys, &names, &chosen),
                    Err(why) => nothing(why),
                }
            }
        }
    }

    /// An asset once more: of a partitioned one, the partitions that failed.
    pub(super) async fn asset_again(
        &self,
        place: &str,
        node: &str,
    ) -> Result<Draft<Expect>, Refusal> {
        let asset = node.split('#').next().unwrap_or(node);
        let (origin, keys, partitioned) = self.assets(place, &[asset])?;
        if partitioned == 0 {
            return self.launch_assets(&origin, &keys, asset);
        }
        let failed = self.partitions(&keys).await?.1;
        match failed.is_empty() {
            true => nothing(format!(
                "no partition of {asset} has failed; trigger materialises others"
            )),
            false => self.backfill_assets(&keys, asset, &failed),
        }
    }

    /// Where the named assets are, their keys, and how many of them are partitioned.
    fn assets(
        &self,
        place: &str,
        names: &[&str],
    ) -> Result<(Origin, Vec<AssetKey>, usize), Refusal> {
        let memory = self.shared.memory();
        let mut found = (Origin::default(), Vec::new(), 0);
        for name in names {
            let Some(asset) = assets::of(&memory, place).find(|a| a.asset_key.text() == *name)
            else {
                return nothing(format!("there is no asset {name} in {place}"));
            };
            if !asset.is_executable {
                return nothing(format!(
                    "{name} is made elsewhere: Dagster can't materialise it"
                ));
            }
            found.0 = assets::origin(asset);
            found.1.push(asset.asset_key.clone());
            found.2 += usize::from(asset.is_partitioned);
        }
        Ok(found)
    }

    fn launch_assets(
        &self,
        origin: &Origin,
        keys: &[AssetKey],
        names: &str,
    ) -> Result<Draft<Expect>, Refusal> {
        self.permit("launch_pipeline_execution")?;
        let mut selector = api::repository(origin);
        if let Value::Object(selector) = &mut selector {
            selector.insert("jobName".to_owned(), json!("__ASSET_JOB"));
            selector.insert("assetSelection".to_owned(), paths(keys));
        }
        let params = json!({"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": self.tags()}});
        let deed = self.deed(
            names,
            &api::launch(),
            json!({"params": params}),
            self.launched(),
        );
        let mut draft = self.draft(
            format!("Launches a run that materialises {names}, with their checks."),
            vec![deed],
        );
        draft.hits = keys
            .iter()
            .map(|k| hit(k.text(), "as it is", "materialised anew"))
            .collect();
        Ok(draft)
    }

    fn backfill_assets(
        &self,
        keys: &[AssetKey],
        names: &str,
        chosen: &[String],
    ) -> Result<Draft<Expect>, Refusal> {
        self.permit("launch_partition_backfill")?;
        let params =
            json!({"assetSelection": paths(keys), "partitionNames": chosen, "tags": self.tags()});
        Ok(self.backfill(names, params, chosen))
    }

    /// The partitions of the first of some assets, oldest first, and those of them that failed.
    async fn partitions(&self, keys: &[AssetKey]) -> Result<(Vec<String>, Vec<String>), Refusal> {
        let Some(first) = keys.first() else {
            return nothing("no assets are named");
        };
        let asked = json!({"key": {"path": first.path}});
        let mut reply = gql::ask(self.shared, Urgency::Now, api::PARTITIONS, asked).await?;
        let found: Partitions = reply.take("asset")?;
        let mut failed = found.asset_partition_statuses.failed_partitions;
        for range in found.asset_partition_statuses.ranges {
            if range.status == "FAILED" {
                let text = format!("{}...{}", range.start_key, range.end_key);
                failed.extend(config::chosen(&text, &found.partition_keys).unwrap_or_default());
            }
        }
        Ok((found.partition_keys, failed))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Partitions {
    #[serde(default)]
    partition_keys: Vec<String>,
    #[serde(default)]
    asset_partition_statuses: Statuses,
}

/// Ranges where partitions are of time, else names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statuses {
    #[serde(default)]
    failed_partitions: Vec<String>,
    #[serde(default)]
    ranges: Vec<Range>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    start_key: String,
    end_key: String,
    #[serde(default)]
    status: String,
}

fn paths(keys: &[AssetKey]) -> Value {
    keys.iter().map(|key| json!({"path": key.path})).collect()
}
