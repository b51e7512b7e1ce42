//! What a job asks for at a launch: the values of its configuration, by their path, and its partitions.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::backends::client::Trouble;
use crate::backends::poll::Urgency;
use crate::model::{Event, ParamSpec, PipelineKey, SafeText};
use crate::net::http::HttpError;

use super::shared::{Job, Shared};
use super::{api, gql};

/// The parameter that chooses partitions of a partitioned job.
pub const PARTITIONS: &str = "partitions";
/// The parameter that is a whole configuration.
pub const CONFIG: &str = "config";
/// Deeper than this no configuration is asked for by its parts.
const DEEPEST: usize = 12;
/// More values than these are given as a whole.
const MOST: usize = 60;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    root_config_type: Key,
    #[serde(default)]
    all_config_types: Vec<Type>,
}

#[derive(Debug, Default, Deserialize)]
struct Key {
    key: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Type {
    #[serde(rename = "__typename")]
    kind: String,
    key: String,
    #[serde(default)]
    is_selector: bool,
    /// Of a list, an optional value, or a value that may be chosen: what is inside.
    #[serde(default)]
    type_param_keys: Vec<String>,
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    given_name: Option<String>,
    #[serde(default)]
    values: Vec<Choice>,
}

#[derive(Debug, Default, Deserialize)]
struct Choice {
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    #[serde(default)]
    description: Option<String>,
    config_type_key: String,
    #[serde(default)]
    is_required: bool,
    /// JSON as text.
    #[serde(default)]
    default_value_as_json: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct PartitionSets {
    #[serde(default)]
    results: Vec<PartitionSet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartitionSet {
    #[serde(default)]
    partitions_or_error: super::wire::Results<Named>,
}

type Named = super::wire::Named;

/// Reads what a job asks for, once, and tells of it.
pub async fn describe(shared: &Shared, key: &PipelineKey, urgency: Urgency) -> Result<(), Trouble> {
    let id = key.pipeline.raw();
    let Some(job) = shared
        .memory()
        .jobs
        .get(id)
        .filter(|job| job.partitions.is_none())
        .cloned()
    else {
        return Ok(());
    };
    let mut reply = gql::ask(shared, urgency, api::JOB, api::job_variables(&job)).await?;
    let schema: Result<Schema, HttpError> = reply.take("schema");
    let sets: Result<PartitionSets, HttpError> = reply.take("sets");
    let set = sets.ok().and_then(|sets| sets.results.into_iter().next());
    let mut params = Vec::new();
    if let Some(set) = &set {
        params.push(partitions_param(set));
    }
    match schema {
        Ok(schema) => params.extend(specs(&schema)),
        // a job can be launched without it being known what it takes
        Err(error) => {
            shared
                .complain(format!("configuration of {}: {error}", job.name))
                .await?
        }
    }
    let told = {
        let mut memory = shared.memory();
        memory.jobs.get_mut(id).map(|job| {
            let names = set.map(|set| {
                set.partitions_or_error
                    .results
                    .into_iter()
                    .map(|n| n.name)
                    .collect()
            });
            job.partitions = Some(names.unwrap_or_default());
            job.pipeline.params = params;
            job.pipeline.clone()
        })
    };
    if let Some(pipeline) = told {
        let list = vec![pipeline];
        shared
            .emit(Event::Pipelines {
                list,
                complete: false,
            })
            .await?;
    }
    Ok(())
}

fn partitions_param(set: &PartitionSet) -> ParamSpec {
    let newest = set
        .partitions_or_error
        .results
        .last()
        .map(|p| p.name.clone());
    ParamSpec {
        name: SafeText::new(PARTITIONS),
        kind: SafeText::new("string"),
        default: json!(newest),
        description: SafeText::new("names with commas between, first...last, or all"),
        choices: Vec::new(),
        required: true,
    }
}

/// The values of the configuration that a person may set: those of ops and resources, by their path.
fn specs(schema: &Schema) -> Vec<ParamSpec> {
    let types: HashMap<&str, &Type> = schema
        .all_config_types
        .iter()
        .map(|t| (t.key.as_str(), t))
        .collect();
    let mut list = Vec::new();
    if let Some(root) = types.get(schema.root_config_type.key.as_str()) {
        for field in root
            .fields
            .iter()
            .filter(|f| matches!(f.name.as_str(), "ops" | "resources"))
        {
            walk(&types, field, "", true, 0, &mut list);
        }
    }
    if list.len() > MOST {
        list.truncate(MOST);
    }
    list
}

fn walk(
    types: &HashMap<&str, &Type>,
    field: &Field,
    above: &str,
    // everything above it must be given
    needed: bool,
    depth: usize,
    list: &mut Vec<ParamSpec>,
) {
    let path = match above {
        "" => field.name.clone(),
        above => format!("{above}.{}", field.name),
    };
    let Some(mut kind) = types.get(field.config_type_key.as_str()) else {
        return;
    };
    // an optional value, or a scalar that a longer form stands for: what is inside
    while let [inside, ..] = kind.type_param_keys.as_slice()
        && matches!(
            kind.kind.as_str(),
            "NullableConfigType" | "ScalarUnionConfigType"
        )
        && let Some(inner) = types.get(inside.as_str())
    {
        kind = inner;
    }
    let needed = needed && field.is_required;
    if kind.kind == "CompositeConfigType" && !kind.is_selector && depth < DEEPEST {
        for inner in &kind.fields {
            walk(types, inner, &path, needed, depth + 1, list);
        }
        return;
    }
    let name = kind.given_name.as_deref().unwrap_or(kind.key.as_str());
    // every op may be given "anything" although it reads nothing: no one can say what
    let anything = name == "Any" && field.default_value_as_json.is_none() && !field.is_required;
    let outputs = path.ends_with(".outputs") || path.ends_with(".inputs");
    if anything || outputs || kind.is_selector {
        return;
    }
    let default = field.default_value_as_json.as_deref();
    list.push(ParamSpec {
        name: SafeText::new(&path),
        kind: SafeText::new(match (kind.kind.as_str(), name) {
            (_, "Int") => "integer",
            (_, "Bool") => "boolean",
            (_, "Float") => "number",
            (_, "String") | ("EnumConfigType", _) => "string",
            ("ArrayConfigType", _) => "array",
            ("MapConfigType" | "CompositeConfigType", _) => "object",
            _ => "",
        }),
        default: default
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null),
        description: SafeText::new(field.description.as_deref().unwrap_or_default()),
        choices: kind
            .values
            .iter()
            .map(|v| SafeText::new(&v.value))
            .collect(),
        required: needed,
    });
}

/// A configuration from values by path; a value named `config` is one as a whole, the others are laid over it.
pub fn tree(params: &[(String, Value)]) -> Value {
    let whole = params
        .iter()
        .find(|(name, _)| name == CONFIG)
        .map(|(_, value)| value.clone());
    let mut tree = whole.filter(Value::is_object).unwrap_or_else(|| json!({}));
    for (path, value) in params
        .iter()
        .filter(|(name, _)| name != CONFIG && name != PARTITIONS)
    {
        let mut at = &mut tree;
        for part in path.split('.') {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = &mut at[part];
        }
        *at = value.clone();
    }
    tree
}

/// The partitions that a text names, in the order of the job; an error is a name that is not there.
/// `names`: oldest first.
pub fn chosen(text: &str, names: &[String]) -> Result<Vec<String>, String> {
    let mut list: Vec<String> = Vec::new();
    let place = |name: &str| {
        names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| format!("there is no partition {name:?}"))
    };
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        if part == "all" {
            return Ok(names.to_vec());
        }
        let (first, last) = match part.split_once("...") {
            Some((first, last)) => (place(first.trim())?, place(last.trim())?),
            None => (place(part)?, place(part)?),
        };
        list.extend(names.get(first..=last).unwrap_or_default().iter().cloned());
    }
    Ok(list)
}

impl Job {
    /// As Dagster wants a job named in a question.
    pub fn selector(&self) -> Value {
        json!({"pipelineName": self.name, "repositoryName": self.origin.repository_name,
            "repositoryLocationName": self.origin.repository_location_name})
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn values_are_asked_for_by_their_path_with_kind_and_default() {
        let field = |name: &str, key: &str, required: bool, default: Value| json!({"name": name, "configTypeKey": key, "isRequired": required, "defaultValueAsJson": default});
        let schema: Schema = serde_json::from_value(json!({"rootConfigType": {"key": "root"}, "allConfigTypes": [
            {"__typename": "CompositeConfigType", "key": "root", "fields": [field("ops", "ops", true, Value::Null),
                field("execution", "ops", false, Value::Null)]},
            {"__typename": "CompositeConfigType", "key": "ops", "fields": [field("load", "load", true, Value::Null)]},
            {"__typename": "CompositeConfigType", "key": "load", "fields": [field("config", "conf", true, Value::Null),
                field("inputs", "Any", false, Value::Null)]},
            {"__typename": "CompositeConfigType", "key": "conf", "fields": [field("fail", "Bool", false, json!("true")),
                field("day", "String", true, Value::Null), field("mode", "maybe", false, Value::Null),
                field("any", "Any", false, Value::Null)]},
            {"__typename": "NullableConfigType", "key": "maybe", "typeParamKeys": ["mode"]},
            {"__typename": "EnumConfigType", "key": "mode", "givenName": "mode", "values": [{"value": "full"}, {"value": "new"}]},
            {"__typename": "RegularConfigType", "key": "Bool", "givenName": "Bool"},
            {"__typename": "RegularConfigType", "key": "Any", "givenName": "Any"},
            {"__typename": "RegularConfigType", "key": "String", "givenName": "String"}]}))
        .unwrap();
        let list = specs(&schema);
        let names: Vec<&str> = list.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "ops.load.config.fail",
                "ops.load.config.day",
                "ops.load.config.mode"
            ]
        );
        assert_eq!(
            (list[0].kind.as_str(), list[0].default.clone()),
            ("boolean", json!(true))
        );
        assert!(list[1].required && !list[0].required);
        assert_eq!(list[2].choices, ["full", "new"].map(SafeText::new));
    }

    #[test]
    fn values_by_path_become_a_tree_over_a_whole_configuration() {
        let params = [
            (
                "config".to_owned(),
                json!({"ops": {"load": {"config": {"fail": true, "day": "x"}}}}),
            ),
            ("ops.load.config.fail".to_owned(), json!(false)),
            ("partitions".to_owned(), json!("all")),
        ];
        assert_eq!(
            tree(&params),
            json!({"ops": {"load": {"config": {"fail": false, "day": "x"}}}})
        );
        assert_eq!(tree(&[]), json!({}));
    }

    #[test]
    fn partitions_are_named_one_by_one_by_their_ends_or_all() {
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(chosen("all", &names).unwrap().len(), 4);
        assert_eq!(chosen("b...d", &names).unwrap(), ["b", "c", "d"]);
        assert_eq!(chosen(" a, d ", &names).unwrap(), ["a", "d"]);
        assert!(chosen("a,x", &names).is_err());
        assert!(chosen("d...a", &names).unwrap().is_empty());
        assert!(chosen("", &names).unwrap().is_empty());
    }
}
