//! Owns what a line that is a JSON object says of a failure: its message, and the root of the exception in it.

use serde_json::Value;

/// Names of fields that hold a message, and that hold an exception with its stack.
const MESSAGE: [&str; 6] = ["message", "msg", "event", "error", "detail", "reason"];
const STACK: [&str; 8] = [
    "exception",
    "exc_info",
    "stack",
    "stack_trace",
    "stacktrace",
    "error_detail",
    "traceback",
    "err",
];

/// True for an object with a stack in it.
pub(super) fn is_trace(text: &str) -> bool {
    text.starts_with('{')
        && STACK.iter().any(|key| text.contains(&format!("\"{key}\"")))
        && root(text).is_some()
}

/// The message, with the root of the exception in it. `None` for what is no object, or has neither.
pub(super) fn said(text: &str) -> Option<String> {
    let value = object(text)?;
    let message = MESSAGE
        .iter()
        .find_map(|key| value.get(*key)?.as_str())
        .map(str::to_owned);
    match (message, root_of(&value)) {
        (Some(message), Some(root)) => Some(format!("{message}: {root}")),
        (message, root) => message.or(root),
    }
}

fn root(text: &str) -> Option<String> {
    root_of(&object(text)?)
}

fn object(text: &str) -> Option<Value> {
    let text = text.trim();
    if !(text.starts_with('{') && text.ends_with('}')) {
        return None;
    }
    serde_json::from_str::<Value>(text)
        .ok()
        .filter(Value::is_object)
}

fn root_of(value: &Value) -> Option<String> {
    STACK.iter().find_map(|key| match value.get(*key)? {
        Value::String(stack) => of_stack(stack),
        // structlog: the cause of an exception follows it
        Value::Array(all) => all.iter().rev().find_map(|one| {
            let name = one.get("exc_type")?.as_str()?;
            let said = one
                .get("exc_value")
                .and_then(Value::as_str)
                .unwrap_or_default();
            Some(format!("{name}: {said}"))
        }),
        Value::Object(one) => {
            let stack = one.get("stack").and_then(Value::as_str).and_then(of_stack);
            stack.or_else(|| Some(one.get("message")?.as_str()?.to_owned()))
        }
        _ => None,
    })
}

fn of_stack(stack: &str) -> Option<String> {
    let mut tracker = super::trace::Tracker::default();
    let mut root: Option<(String, bool)> = None;
    for line in stack.lines() {
        if let super::trace::Part::Exception { link, .. } = tracker.read(line, true) {
            let deeper = link == super::trace::Link::Cause;
            if root.is_none() || deeper {
                root = Some((super::trace::own(line).to_owned(), deeper));
            }
        }
    }
    root.map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_an_exception_is_found_in_an_object() {
        let line = r#"{"level":"error","event":"Task failed with exception","error_detail":[{"exc_type":"LoadError","exc_value":"no"},{"exc_type":"KeyError","exc_value":"'id'"}]}"#;
        assert_eq!(
            said(line).as_deref(),
            Some("Task failed with exception: KeyError: 'id'")
        );
        let line = r#"{"message":"x","exc_info":"Traceback (most recent call last):\n  File \"a\", line 1\n    f()\nValueError: bad"}"#;
        assert_eq!(said(line).as_deref(), Some("x: ValueError: bad"));
        assert!(is_trace(line));
        assert_eq!(said("{}"), None);
        assert_eq!(said("{\"message\": 3"), None);
        assert!(!is_trace(r#"{"message":"no stack here"}"#));
    }
}
