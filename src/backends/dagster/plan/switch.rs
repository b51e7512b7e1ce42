//! Plans for schedules and sensors (stop, start), code locations (reload) and pools (limits).

use serde_json::{Value, json};

use super::{Deed, Maker, Refusal, nothing, unsupported};
use crate::backends::act::{Draft, hit, many};
use crate::backends::dagster::actions::Expect;
use crate::backends::dagster::side::{Side, location};
use crate::backends::dagster::system::pool_name;
use crate::backends::dagster::{api, wire};
use crate::model::{PipelineKey, QueueKey};

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

    pub(super) fn limit(&self, key: &QueueKey, to: Option<u64>) -> Result<Draft<Expect>, Refusal> {
        self.permit("edit_concurrency_limit")?;
        let Some(to) = to else {
            return nothing("no number was given");
        };
        let pool = self.pool(key)?;
        let now = pool.limit.unwrap_or(pool.slot_count);
        let name = pool.concurrency_key.clone();
        if now == to {
            return nothing(format!("pool {name} has {to} slots already"));
        }
        let variables = json!({"pool": name, "limit": to});
        let expect = Expect::Limit {
            pool: name.clone(),
            limit: to,
        };
        let deed = self.deed(&name, api::SET_LIMIT, variables, expect);
        let mut draft = self.draft(format!("Gives pool {name} {to} slots."), vec![deed]);
        draft.hits = vec![hit(
            key.queue.raw(),
            format!("{now} slots"),
            format!("{to} slots"),
        )];
        if pool.active_slot_count > to {
            let left = "more than that are held now: they are left alone";
            draft.warnings.push(left.to_owned());
        }
        Ok(draft)
    }

    /// The pool that a queue is.
    pub(super) fn pool(&self, key: &QueueKey) -> Result<wire::Pool, Refusal> {
        let memory = self.shared.memory();
        let mut pools = memory.pools.iter();
        match pools.find(|pool| pool_name(pool) == key.queue.raw()) {
            Some(pool) => Ok(pool.clone()),
            None => unsupported(
                "only pools have slots; how many runs go at once stands in the instance's own settings",
            ),
        }
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
