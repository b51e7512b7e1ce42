//! JSON: `{"nodes": ["id" | {"id", "label"?, "group"?}], "groups"?: [{"id", "label"?, "parent"?, "collapsed"?}],
//! "edges": [["from", "to"] | {"from", "to"}]}`. A node that only an edge names is added.

use super::ReadError;
use super::named::{Builder, Named};
use serde_json::Value;

pub(super) fn read(text: &str) -> Result<Named, ReadError> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| ReadError::at(e.line(), e.to_string()))?;
    let Value::Object(top) = value else {
        return Err(wrong("", "an object with \"nodes\" and \"edges\""));
    };
    let mut b = Builder::default();
    for (i, g) in list(&top, "groups")?.iter().enumerate() {
        let path = format!("groups[{i}]");
        let id = b.group(text_of(g, "id").ok_or_else(|| wrong(&path, "an object with \"id\""))?);
        b.named.groups[id].label = text_of(g, "label").map(str::to_owned);
        b.named.groups[id].collapsed = g.get("collapsed").and_then(Value::as_bool).unwrap_or(false);
        if let Some(p) = text_of(g, "parent") {
            b.named.groups[id].parent = Some(b.group(p));
        }
    }
    for (i, n) in list(&top, "nodes")?.iter().enumerate() {
        let path = format!("nodes[{i}]");
        let id = n
            .as_str()
            .or_else(|| text_of(n, "id"))
            .ok_or_else(|| wrong(&path, "a name or an object with \"id\""))?;
        let node = b.node(id);
        b.named.nodes[node].label = text_of(n, "label").map(str::to_owned);
        if let Some(g) = text_of(n, "group") {
            b.named.nodes[node].group = Some(b.group(g));
        }
    }
    for (i, e) in list(&top, "edges")?.iter().enumerate() {
        let ends = match e {
            Value::Array(two) if two.len() == 2 => (two[0].as_str(), two[1].as_str()),
            _ => (text_of(e, "from"), text_of(e, "to")),
        };
        let (Some(from), Some(to)) = ends else {
            return Err(wrong(
                &format!("edges[{i}]"),
                "[\"from\", \"to\"] or {\"from\", \"to\"}",
            ));
        };
        let (from, to) = (b.end(from), b.end(to));
        b.edge(from, to);
    }
    Ok(b.finish())
}

fn list<'a>(top: &'a serde_json::Map<String, Value>, key: &str) -> Result<&'a [Value], ReadError> {
    match top.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(wrong(key, "a list")),
    }
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn wrong(path: &str, wanted: &str) -> ReadError {
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    };
    ReadError {
        line: None,
        reason: format!("{path}expected {wanted}"),
    }
}
