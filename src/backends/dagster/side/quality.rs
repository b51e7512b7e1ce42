//! The checks of assets that are bad, and since when: Dagster tells the last result of a check, so how long it has been
//! bad is asked for once for each that turns bad.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::backends::client::Trouble;
use crate::backends::dagster::gql::{self, Rows};
use crate::backends::dagster::shared::{Memory, Shared};
use crate::backends::dagster::states;
use crate::backends::dagster::wire::CheckExecution;
use crate::backends::poll::Urgency;
use crate::model::{Check, NodeState, SafeText, quality};

use super::{NOW, Side, assets};

/// So many checks are asked about in one reading; the others in the next.
const MOST: usize = 20;
/// So many results back the begin of a bad time is looked for.
const BACK: usize = 100;

/// Asset and check.
type Name = (String, String);

/// Asks since when checks are bad of which that is not known.
pub async fn read(shared: &Shared, urgency: Urgency) -> Result<(), Trouble> {
    let wanted = wanted(&mut shared.memory());
    if wanted.is_empty() {
        return Ok(());
    }
    let (mut head, mut body, mut variables) = (String::new(), String::new(), Map::new());
    for (n, ((_, name), path)) in wanted.iter().enumerate() {
        let _ = write!(head, "$k{n}:AssetKeyInput!,$n{n}:String!,");
        let _ = write!(
            body,
            "c{n}:assetCheckExecutions(assetKey:$k{n},checkName:$n{n},limit:{BACK}){{status timestamp \
             evaluation{{success severity}}}} "
        );
        variables.insert(format!("k{n}"), json!({"path": path}));
        variables.insert(format!("n{n}"), json!(name));
    }
    let query = format!("query({}){{{body}}}", head.trim_end_matches(','));
    let mut reply = gql::ask(shared, urgency, &query, Value::Object(variables)).await?;
    // one that can't be told hides no other
    let mut failed = None;
    for (n, name) in wanted.into_keys().enumerate() {
        match reply.take::<Rows<CheckExecution>>(&format!("c{n}")) {
            Ok(found) => {
                let since = bad_since(&found.rows);
                shared.memory().bad_since.extend(since.map(|at| (name, at)));
            }
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// The checks to ask about, with the path of their asset. Forgets what is good again.
fn wanted(memory: &mut Memory) -> BTreeMap<Name, Vec<String>> {
    let mut states: HashMap<Name, NodeState> = HashMap::new();
    let mut wanted = BTreeMap::new();
    for asset in &memory.assets {
        for check in asset.checks() {
            let name = (asset.asset_key.text(), check.name.clone());
            let state = states::check(check);
            if bad(state) && !memory.bad_since.contains_key(&name) && wanted.len() < MOST {
                wanted.insert(name.clone(), asset.asset_key.path.clone());
            }
            states.insert(name, state);
        }
    }
    memory.bad_since.retain(|name, _| {
        states
            .get(name)
            .is_some_and(|state| *state != NodeState::Succeeded)
    });
    wanted
}

/// When the unbroken row of bad results began that the newest belongs to. `results`: newest first.
fn bad_since(results: &[CheckExecution]) -> Option<DateTime<Utc>> {
    let told = |state: NodeState| bad(state) || state == NodeState::Succeeded;
    let told = results.iter().filter(|r| told(states::check_result(r)));
    told.take_while(|r| bad(states::check_result(r)))
        .filter_map(|r| r.timestamp)
        .last()
}

fn bad(state: NodeState) -> bool {
    matches!(state, NodeState::Failed | NodeState::Warned)
}

/// What is bad now, worst first.
pub fn list(shared: &Shared, memory: &Memory) -> Vec<Check> {
    let mut list = Vec::new();
    for asset in &memory.assets {
        let on = asset.asset_key.text();
        let place = assets::place(asset);
        let run = shared.pipeline_key(&Side::Assets(place).id()).run(NOW);
        for check in asset.checks().filter(|c| bad(states::check(c))) {
            let last = check.execution_for_latest_materialization.as_ref();
            let Some((last, seen_at)) = last.and_then(|last| Some((last, last.timestamp?))) else {
                continue;
            };
            let said = last.evaluation.as_ref().and_then(|e| e.description.clone());
            let name = (on.clone(), check.name.clone());
            list.push(Check {
                node: run.node(&assets::check_id(&on, &check.name)),
                name: SafeText::new(&check.name),
                on: SafeText::new(&on),
                kind: SafeText::new(&check.name),
                state: states::check(check),
                rows: None,
                since: memory.bad_since.get(&name).copied().unwrap_or(seen_at),
                seen_at,
                note: SafeText::new(said.unwrap_or_else(|| last.status.clone())),
            });
        }
    }
    quality::worst_first(&mut list);
    list
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn results(list: &[(&str, &str)]) -> Vec<CheckExecution> {
        let each = list.iter().enumerate().map(|(n, (status, severity))| {
            json!({"status": status, "timestamp": 1_795_140_000.0 - n as f64,
                "evaluation": {"success": *status == "SUCCEEDED", "severity": severity}})
        });
        each.map(|json| serde_json::from_value(json).unwrap())
            .collect()
    }

    #[test]
    fn a_bad_time_begins_with_its_first_bad_result_and_what_is_no_result_breaks_nothing() {
        let begin = |list: &[(&str, &str)]| bad_since(&results(list)).map(|at| at.timestamp());
        let (bad, warn, good) = (("FAILED", "ERROR"), ("FAILED", "WARN"), ("SUCCEEDED", ""));
        assert_eq!(begin(&[bad, warn, good, bad]), Some(1_795_139_999));
        assert_eq!(
            begin(&[("IN_PROGRESS", ""), bad, ("SKIPPED", ""), bad, good]),
            Some(1_795_139_997)
        );
        assert_eq!(begin(&[good, bad]), None);
        assert_eq!(begin(&[]), None);
    }
}
