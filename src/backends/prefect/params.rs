//! The parameters that a deployment's flow takes, from its JSON schema.

use serde_json::Value;

use crate::model::{ParamSpec, SafeText};

use super::wire::Deployment;

/// In the order in which the flow has them; the deployment's own values are the defaults.
pub fn params(row: &Deployment) -> Vec<ParamSpec> {
    let schema = &row.parameter_openapi_schema;
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut fields: Vec<(&String, &Value)> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .collect();
    fields.sort_by_key(|(_, field)| field["position"].as_u64().unwrap_or(u64::MAX));
    let spec = |(name, field): (&String, &Value)| {
        let own = row.parameters.get(name);
        let choices = field["enum"].as_array().into_iter().flatten();
        ParamSpec {
            name: SafeText::new(name),
            kind: SafeText::new(kind(field)),
            default: own.unwrap_or(&field["default"]).clone(),
            description: SafeText::new(field["description"].as_str().unwrap_or_default()),
            choices: choices
                .map(|v| SafeText::new(v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
                .collect(),
            required: own.is_none() && required.contains(&name.as_str()),
        }
    };
    fields.into_iter().map(spec).collect()
}

/// The type, where it is one: of an optional value the one that is not null.
fn kind(field: &Value) -> &str {
    let own = field["type"].as_str();
    let any = || {
        let mut kinds = field["anyOf"]
            .as_array()?
            .iter()
            .filter_map(|kind| kind["type"].as_str());
        let first = kinds.find(|kind| *kind != "null")?;
        kinds
            .all(|kind| kind == "null" || kind == first)
            .then_some(first)
    };
    own.or_else(any).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn schema_and_values_of_the_deployment_make_the_form() {
        let row: Deployment = serde_json::from_value(json!({"id": "d", "flow_id": "f", "parameters": {"rows": 9},
            "parameter_openapi_schema": {"required": ["rows", "day"], "properties": {
                "day": {"position": 1, "title": "day", "type": "string"},
                "rows": {"position": 0, "type": "integer", "default": 4},
                "how": {"position": 2, "anyOf": [{"type": "string"}, {"type": "null"}], "enum": ["fast", 3]},
                "odd": {"position": 3, "anyOf": [{"type": "string"}, {"type": "integer"}]}}}}))
        .unwrap();
        let specs = params(&row);
        let shown: Vec<(&str, &str, bool)> = specs
            .iter()
            .map(|s| (s.name.as_str(), s.kind.as_str(), s.required))
            .collect();
        assert_eq!(
            shown,
            [
                ("rows", "integer", false),
                ("day", "string", true),
                ("how", "string", false),
                ("odd", "", false)
            ]
        );
        assert_eq!(specs[0].default, json!(9));
        assert_eq!(specs[2].choices, ["fast", "3"].map(SafeText::new));
        assert!(params(&Deployment::default()).is_empty());
    }
}
