//! What must not be said: the values of parameters, which may be secrets.

use crate::model::{ActionRequest, SafeText};

use super::entry::cut;

/// A value of a parameter this short says little and stands everywhere.
const SHORT: usize = 6;

/// Takes the values of a request's parameters out of what is said about it.
pub(super) struct Mask {
    /// `name=value`, and `name=…`.
    pairs: Vec<(String, String)>,
    values: Vec<String>,
}

impl Mask {
    pub(super) fn of(request: &ActionRequest) -> Self {
        let params = &request.options.params;
        let pairs = params.iter().flat_map(|(name, value)| {
            let said = value.as_str().map(str::to_owned);
            let told = said.into_iter().chain([value.to_string()]);
            told.map(move |value| (format!("{name}={value}"), format!("{name}=…")))
        });
        let pairs = pairs.collect();
        let mut values = Vec::new();
        let mut open: Vec<&serde_json::Value> = params.iter().map(|(_, v)| v).collect();
        while let Some(value) = open.pop() {
            match value {
                serde_json::Value::String(text) => values.push(text.clone()),
                serde_json::Value::Number(number) => values.push(number.to_string()),
                serde_json::Value::Array(all) => open.extend(all),
                serde_json::Value::Object(all) => open.extend(all.values()),
                serde_json::Value::Null | serde_json::Value::Bool(_) => {}
            }
        }
        // as it is shown
        let shown: Vec<String> = values
            .iter()
            .map(|v| SafeText::new(v).to_string())
            .collect();
        values.extend(shown);
        values.retain(|v| v.chars().count() >= SHORT);
        // the longest first: one may stand in another
        values.sort_by_key(|v| std::cmp::Reverse(v.len()));
        values.dedup();
        Self { pairs, values }
    }

    pub(super) fn text(&self, text: &str) -> SafeText {
        let mut text = text.to_owned();
        for (pair, name) in &self.pairs {
            text = text.replace(pair.as_str(), name);
        }
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), "…");
            }
        }
        cut(&text)
    }
}
