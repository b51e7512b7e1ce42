//! Plans for schedules and sensors (stop, start), code locations (reload) and pools (limits).

use serde_json::{Value, json};

use super::{Deed, Maker, Refusal, nothing};
use crate::backends::act::{Draft, hit, many};
use crate::backends::dagster::actions::Expect;
use crate::backends::dagster::side::{Side, location};
use crate::backends::dagster::{api, wire};
use crate::model::PipelineKey;

/// A schedule or a sensor.
struct Switch {
    node: String,
    name: String,
    state: wire::State,
    sensor: bool,
    /// Jobs that it starts.
    jobs: Vec<String>,
}

impl Maker<'_> {
    /// Stops or starts the schedules and sensors of a job or a code location, or `only` one of them.
    pub(super) fn switch(
        &self,
        key: &PipelineKey,
        side: Option<Side>,
        only: Option<&str>,
        on: bool,
    ) -> Result<Draft<Expect>, Refusal> {
        let (origin, mut all) = match side {
            Some(Side::Location(place)) => {
                let memory = self.shared.memory();
                let Some(found) = memory.automation.get(key.pipeline.raw()) else {
                    return nothing(format!(
                        "the code location {place} has no schedules and no sensors"
                    ));
                };
                (
                    found.origin.clone(),
                    switches(&found.schedules, &found.sensors),
                )
            }
            Some(_) => return nothing("only jobs and code locations have schedules and sensors"),
            None => {
                let job = self.job(key)?;
                (job.origin.clone(), switches(&job.schedules, &job.sensors))
            }
        };
        if let Some(only) = only {
            all.retain(|switch| switch.node == only);
        }
        if all.is_empty() {
            return nothing("there is no schedule and no sensor here");
        }
        let total = all.len();
        all.retain(|switch| switch.state.runs() != on);
        let (now, then) = match on {
            true => ("STOPPED", "RUNNING: it starts runs again"),
            false => ("RUNNING", "STOPPED: it starts no runs"),
        };
        if all.is_empty() {
            return nothing(format!(
                "{} already {}",
                many(total, "schedule or sensor"),
                if on { "on" } else { "off" }
            ));
        }
        for switch in &all {
            self.permit(match (switch.sensor, on) {
                (true, _) => "edit_sensor",
                (false, true) => "start_schedule",
                (false, false) => "stop_running_schedule",
            })?;
        }
        let place = crate::backends::dagster::shared::place(&origin);
        let deeds: Vec<Deed> = all
            .iter()
            .map(|switch| self.turn(&origin, &place, switch, on))
            .collect();
        let verb = if on { "Starts" } else { "Stops" };
        let mut draft = self.draft(
            format!(
                "{verb} {} in {place}.",
                many(all.len(), "schedule or sensor")
            ),
            deeds,
        );
        draft.hits = all
            .iter()
            .map(|switch| hit(&switch.node, now, then))
            .collect();
        for switch in all.iter().filter(|switch| switch.jobs.len() > 1) {
            draft
                .warnings
                .push(format!("{} is for {}", switch.node, switch.jobs.join(", ")));
        }
        if !on {
            draft
                .warnings
                .push("runs that are queued or go are not touched".to_owned());
        }
        Ok(draft)
    }

    fn turn(&self, origin: &wire::Origin, place: &str, switch: &Switch, on: bool) -> Deed {
        let expect = Expect::Switched {
            location: Side::Location(place.to_owned()).id(),
            node: switch.node.clone(),
            on,
        };
        let mut of = api::repository(origin);
        let name = if switch.sensor {
            "sensorName"
        } else {
            "scheduleName"
        };
        if let Value::Object(of) = &mut of {
            of.insert(name.to_owned(), json!(switch.name));
        }
        let (query, variables) = match (switch.sensor, on) {
            (false, true) => (api::start_schedule(), json!({"of": of})),
            (false, false) => (api::stop_schedule(), json!({"id": switch.state.id})),
            (true, true) => (api::start_sensor(), json!({"of": of})),
            (true, false) => (api::stop_sensor(), json!({"id": switch.state.id})),
        };
        self.deed(&switch.node, &query, variables, expect)
    }

    pub(super) fn reload_place(&self, place: &str) -> Result<Draft<Expect>, Refusal> {
        let origin = location::origin(&self.shared.memory(), place);
        self.reload(
            origin
                .as_ref()
                .map_or(place, |o| &o.repository_location_name),
        )
    }

    pub(super) fn reload(&self, name: &str) -> Result<Draft<Expect>, Refusal> {
        self.permit("reload_repository_location")?;
        let memory = self.shared.memory();
        let Some(known) = memory.locations.iter().find(|l| l.name == name) else {
            return nothing(format!("there is no code location {name}"));
        };
        let expect = Expect::Reloaded {
            location: name.to_owned(),
            before: known.updated_timestamp,
        };
        let broken = known.broken().is_some();
        let deed = self.deed(name, &api::reload(), json!({"name": name}), expect);
        let mut draft = self.draft(
            format!("Reloads the code location {name}: its code is read again as it is now."),
            vec![deed],
        );
        let now = if broken { "can't be loaded" } else { "loaded" };
        draft.hits = vec![hit(format!("code location {name}"), now, "loaded anew")];
        draft
            .warnings
            .push("runs that go are not touched; new runs take the new code".to_owned());
        Ok(draft)
    }

    /// Sets the limits that differ from what they are.
    pub(super) fn limits(&self, params: &[(String, Value)]) -> Result<Draft<Expect>, Refusal> {
        self.permit("edit_concurrency_limit")?;
        let memory = self.shared.memory();
        let mut deeds = Vec::new();
        let mut hits = Vec::new();
        let mut warnings = Vec::new();
        for (name, value) in params {
            let Some(limit) = value
                .as_u64()
                .or_else(|| value.as_str()?.trim().parse().ok())
            else {
                return nothing(format!("{value} is no number of slots for pool {name}"));
            };
            let pool = memory
                .pools
                .iter()
                .find(|pool| pool.concurrency_key == *name);
            let now = pool.map(|pool| pool.limit.unwrap_or(pool.slot_count));
            if now == Some(limit) {
                continue;
            }
            let now = match now {
                Some(now) => format!("{now} slots"),
                None => {
                    warnings.push(format!("there is no pool {name} yet: it is made"));
                    "not there".to_owned()
                }
            };
            hits.push(hit(format!("pool {name}"), now, format!("{limit} slots")));
            let expect = Expect::Limit {
                pool: name.clone(),
                limit,
            };
            deeds.push(self.deed(
                name,
                api::SET_LIMIT,
                json!({"pool": name, "limit": limit}),
                expect,
            ));
        }
        if deeds.is_empty() {
            return nothing("no limit differs from what it is");
        }
        let mut draft = self.draft(
            format!("Sets the limit of {}.", many(deeds.len(), "pool")),
            deeds,
        );
        (draft.hits, draft.warnings) = (hits, warnings);
        Ok(draft)
    }
}

fn switches(schedules: &[wire::Schedule], sensors: &[wire::Sensor]) -> Vec<Switch> {
    let schedules = schedules.iter().map(|s| Switch {
        node: location::schedule_id(&s.name),
        name: s.name.clone(),
        state: s.schedule_state.clone(),
        sensor: false,
        jobs: vec![s.pipeline_name.clone()],
    });
    let sensors = sensors.iter().map(|s| Switch {
        node: location::sensor_id(&s.name),
        name: s.name.clone(),
        state: s.sensor_state.clone(),
        sensor: true,
        jobs: s
            .targets
            .iter()
            .flatten()
            .map(|t| t.pipeline_name.clone())
            .collect(),
    });
    schedules.chain(sensors).collect()
}
