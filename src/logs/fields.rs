//! Owns the fields of a line: the members of a JSON object, or `name=value` pairs anywhere in the text.

use serde_json::{Map, Value};

use super::json;

/// Fields read of one line; more is no record.
const MOST: usize = 256;

/// A field under its path: `http.status`.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub value: Value,
}

/// Names of fields that say what a facet says, the most exact first.
const ALIASES: [(&str, &[&str]); 10] = [
    (
        "service",
        &["service", "service.name", "app", "application"],
    ),
    ("pipeline", &["pipeline", "dag_id", "job_name", "flow_name"]),
    (
        "pipeline_id",
        &["pipeline_id", "dag_id", "job_id", "flow_id"],
    ),
    ("run", &["run", "run_id", "flow_run_id", "data.run_id"]),
    (
        "node",
        &[
            "node",
            "task_id",
            "task",
            "op_name",
            "data.node_info.unique_id",
        ],
    ),
    ("attempt", &["attempt", "try_number"]),
    ("backend", &["backend"]),
    ("host", &["host", "hostname", "host.name"]),
    ("stream", &["stream"]),
    (
        "source",
        &[
            "logger",
            "logger_name",
            "name",
            "log.logger",
            "target",
            "module",
            "caller",
        ],
    ),
];

const MESSAGE: [&str; 4] = ["message", "msg", "event", "info.msg"];

/// The fields of a line.
pub(super) fn of(text: &str) -> Vec<Field> {
    let mut found = Vec::new();
    match json::object(text) {
        Some(object) => flatten("", object, &mut found),
        None => pairs(text, &mut found),
    }
    found
}

/// The value of one field, without making all of them. `None`: it takes all of them to tell.
pub(super) fn one(text: &str, path: &str) -> Option<Option<Value>> {
    if text.starts_with('{') {
        return json::member(text.as_bytes(), path);
    }
    let pair = || {
        path.len() < text.len() && memchr::memmem::find(text.as_bytes(), path.as_bytes()).is_some()
    };
    (!pair()).then_some(None)
}

pub(super) fn message(fields: &[Field]) -> Option<String> {
    MESSAGE
        .iter()
        .find_map(|name| get(fields, name))
        .and_then(text)
}

pub(super) fn source(fields: &[Field]) -> Option<String> {
    facet(fields, "source")
}

pub(super) fn facet(fields: &[Field], name: &str) -> Option<String> {
    let (_, names) = ALIASES.iter().find(|(known, _)| *known == name)?;
    names.iter().find_map(|name| text(get(fields, name)?))
}

fn get<'a>(fields: &'a [Field], name: &str) -> Option<&'a Value> {
    fields
        .iter()
        .find(|field| field.name == name)
        .map(|field| &field.value)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn flatten(path: &str, object: Map<String, Value>, found: &mut Vec<Field>) {
    for (name, value) in object {
        let name = if path.is_empty() {
            name
        } else {
            format!("{path}.{name}")
        };
        match value {
            Value::Object(inner) if found.len() < MOST => flatten(&name, inner, found),
            value if found.len() < MOST => found.push(Field { name, value }),
            _ => return,
        }
    }
}

/// `name=value` and `name="a value"`, as logfmt and many a message have them.
fn pairs(text: &str, found: &mut Vec<Field>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for equals in memchr::memchr_iter(b'=', bytes) {
        if equals < from || found.len() >= MOST {
            continue;
        }
        let name_at = bytes[from..equals]
            .iter()
            .rposition(|b| !(b.is_ascii_alphanumeric() || b"_.-".contains(b)))
            .map_or(from, |at| from + at + 1);
        let (Some(name), Some(rest)) = (text.get(name_at..equals), text.get(equals + 1..)) else {
            continue;
        };
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            continue;
        }
        let (value, length) = match rest.strip_prefix('"') {
            Some(inner) => quoted(inner),
            None => {
                let end = rest
                    .find([' ', ',', ';', ')', ']', '}'])
                    .unwrap_or(rest.len());
                (rest[..end].to_owned(), end)
            }
        };
        if value.is_empty() && length == 0 {
            continue;
        }
        from = equals + 1 + length;
        let value = match value.parse::<serde_json::Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(value),
        };
        found.push(Field {
            name: name.to_owned(),
            value,
        });
    }
}

/// The text up to the closing quote, and the bytes it takes with both quotes.
fn quoted(inner: &str) -> (String, usize) {
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, at + 2),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            c => out.push(c),
        }
    }
    (out, inner.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        of(text)
            .into_iter()
            .map(|f| format!("{}={}", f.name, f.value))
            .collect()
    }

    #[test]
    fn objects_and_pairs_have_fields() {
        assert_eq!(
            shown(r#"{"a":1,"b":{"c":"x","d":[1,2]},"e":null}"#),
            ["a=1", "b.c=\"x\"", "b.d=[1,2]", "e=null"]
        );
        assert_eq!(
            shown("level=info msg=\"read \\\"it\\\"\" rows=5 took=1.5s, (id=7) a== =b x="),
            [
                "level=\"info\"",
                "msg=\"read \\\"it\\\"\"",
                "rows=5",
                "took=\"1.5s\"",
                "id=7",
                "a=\"=\""
            ]
        );
        assert_eq!(shown("nothing here, 3 == 4, é=5 x=\"open"), ["x=\"open\""]);
        assert_eq!(shown("{broken"), [""; 0]);
    }

    #[test]
    fn facets_have_other_names_in_records() {
        let fields = of(r#"{"event":"done","logger":"task","dag_id":"orders","try_number":2}"#);
        assert_eq!(facet(&fields, "pipeline").as_deref(), Some("orders"));
        assert_eq!(facet(&fields, "attempt").as_deref(), Some("2"));
        assert_eq!(source(&fields).as_deref(), Some("task"));
        assert_eq!(message(&fields).as_deref(), Some("done"));
        assert_eq!(facet(&fields, "host"), None);
    }
}
