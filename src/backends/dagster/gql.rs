//! GraphQL over HTTP: one endpoint, several questions in one request. An error comes in three ways: as another type of
//! a field's union, in `errors` beside what could be answered, or as an HTTP status.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::backends::client::Client;
use crate::backends::poll::Urgency;
use crate::model::SafeText;
use crate::net::http::{Call, HttpError, Place};

pub const PATH: &str = "/graphql";

pub fn call(query: &str, variables: Value) -> Call {
    Call::post(PATH, json!({"query": query, "variables": variables}))
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    message: String,
    /// Field, index, field: where in the answer something is missing.
    #[serde(default)]
    path: Vec<Value>,
}

/// What came back: each field of the question is taken by itself, so that one that failed hides no other.
pub struct Reply {
    place: Place,
    data: Map<String, Value>,
    errors: Vec<Error>,
}

pub async fn ask(
    client: &Client,
    urgency: Urgency,
    query: &str,
    variables: Value,
) -> Result<Reply, HttpError> {
    let call = call(query, variables);
    let body: Body = client.json(urgency, &call).await?;
    Reply::new(client.http.place(&call), body)
}

impl Reply {
    fn new(place: Place, body: Body) -> Result<Self, HttpError> {
        let said = body.errors.first().map(|e| SafeText::new(&e.message));
        match (body.data, said) {
            (Some(data), _) => Ok(Self {
                place,
                data,
                errors: body.errors,
            }),
            (None, Some(said)) => Err(HttpError::Server {
                place,
                status: 200,
                said,
            }),
            (None, None) => Err(HttpError::BadAnswer {
                place,
                path: SafeText::new("data"),
                problem: SafeText::new("missing"),
            }),
        }
    }

    /// A reply that came another way than as the body of an answer.
    pub fn of(place: Place, payload: Value) -> Result<Self, HttpError> {
        let body = serde_json::from_value(payload).map_err(|e| HttpError::BadAnswer {
            place: place.clone(),
            path: SafeText::new("payload"),
            problem: SafeText::new(e.to_string()),
        })?;
        Self::new(place, body)
    }

    /// The answer to one field of the question.
    pub fn take<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, HttpError> {
        let value = self.data.remove(field).unwrap_or(Value::Null);
        if value.is_null() {
            let of = |e: &&Error| e.path.first().and_then(Value::as_str) == Some(field);
            if let Some(error) = self.errors.iter().find(of) {
                return Err(HttpError::Server {
                    place: self.place.clone(),
                    status: 200,
                    said: SafeText::new(&error.message),
                });
            }
        }
        if let Some((name, said)) = problem(&value) {
            return Err(self.error(name, said));
        }
        serde_path_to_error::deserialize(value).map_err(|e| HttpError::BadAnswer {
            place: self.place.clone(),
            path: SafeText::new(format!("data.{field}.{}", e.path())),
            problem: SafeText::new(e.inner().to_string()),
        })
    }

    fn error(&self, name: &str, said: SafeText) -> HttpError {
        let place = self.place.clone();
        match name {
            "UnauthorizedError" => HttpError::Forbidden { place, said },
            name if name.contains("NotFound") => HttpError::NotFound { place, said },
            "PythonError" => HttpError::Server {
                place,
                status: 200,
                said,
            },
            _ => HttpError::Refused {
                place,
                status: 200,
                reason: said,
            },
        }
    }
}

/// The type and the words of a union's member that is not what was asked for. By Dagster's naming those end in
/// "Error", "Failure", "Invalid", "Conflict", "NotFound" or "NotSupported".
pub fn problem(value: &Value) -> Option<(&str, SafeText)> {
    const ENDS: [&str; 6] = [
        "Error",
        "Failure",
        "Invalid",
        "Conflict",
        "NotFound",
        "NotSupported",
    ];
    let name = value["__typename"].as_str()?;
    if !ENDS.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let each = value["errors"].as_array().into_iter().flatten();
    let mut said: Vec<&str> = each.filter_map(|e| e["message"].as_str()).collect();
    said.extend(value["message"].as_str());
    let said = match said.is_empty() {
        true => name.to_owned(),
        false => said
            .iter()
            .map(|s| first_line(s))
            .collect::<Vec<_>>()
            .join("; "),
    };
    Some((name, SafeText::new(said)))
}

/// Dagster puts a whole traceback into the message of a `PythonError` now and then.
pub fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

/// A list of which every record is read that can be.
#[derive(Debug)]
pub struct Rows<T> {
    pub rows: Vec<T>,
    /// Number and problem of each that can't.
    pub bad: Vec<String>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            bad: Vec::new(),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Self::default();
        for (index, value) in Option::<Vec<Value>>::deserialize(deserializer)?
            .into_iter()
            .flatten()
            .enumerate()
        {
            match serde_path_to_error::deserialize(value) {
                Ok(row) => list.rows.push(row),
                Err(e) => list
                    .bad
                    .push(format!("[{index}].{}: {}", e.path(), e.inner())),
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn reply(body: Value) -> Reply {
        let place = Place::new(&reqwest::Method::POST, &"http://h:3".parse().unwrap(), PATH);
        Reply::of(place, body).unwrap()
    }

    #[test]
    fn one_field_that_failed_hides_no_other() {
        let mut reply = reply(json!({
            "data": {"good": 5, "broken": null, "denied": {"__typename": "UnauthorizedError", "message": "no"},
                "gone": {"__typename": "RunNotFoundError", "message": "where?"},
                "wrong": {"__typename": "RunConfigValidationInvalid", "errors": [{"message": "a"}, {"message": "b"}]},
                "python": {"__typename": "PythonError", "message": "boom\n  at line 3"}},
            "errors": [{"message": "it broke", "path": ["broken", 0, "x"]}]}));
        assert_eq!(reply.take::<u32>("good").unwrap(), 5);
        let error = |reply: &mut Reply, field: &str| reply.take::<Value>(field).unwrap_err();
        assert_eq!(error(&mut reply, "broken").said(), "it broke");
        assert!(matches!(
            error(&mut reply, "denied"),
            HttpError::Forbidden { .. }
        ));
        assert!(matches!(
            error(&mut reply, "gone"),
            HttpError::NotFound { .. }
        ));
        assert_eq!(error(&mut reply, "wrong").said(), "a; b");
        assert_eq!(error(&mut reply, "python").said(), "boom");
    }

    #[test]
    fn a_shape_that_does_not_fit_is_told_with_its_place() {
        let mut reply = reply(json!({"data": {"list": [1, "two", 3], "n": "x"}}));
        let rows: Rows<u32> = reply.take("list").unwrap();
        assert_eq!((rows.rows, rows.bad.len()), (vec![1, 3], 1));
        let said = reply.take::<u32>("n").unwrap_err().to_string();
        assert!(said.contains("data.n"), "{said}");
    }
}
