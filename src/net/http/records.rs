//! JSON that is read leniently: a list gives every record that can be read, and says which could not.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::quote;
use super::{HttpError, Place};
use crate::model::SafeText;

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Records<T> {
    pub rows: Vec<T>,
    /// Path in the JSON and problem of each record that could not be read.
    pub bad: Vec<SafeText>,
    /// How many records the page held, good or bad.
    pub held: usize,
    /// How many there are in all, where the server says.
    pub total: Option<usize>,
}

/// Parses a whole answer; the error says where in the JSON.
pub fn parse<T: DeserializeOwned>(place: &Place, body: &[u8]) -> Result<T, HttpError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        bad_answer(place, body, &path, e.inner())
    })
}

/// The name of a list that is the answer itself, without anything around it.
pub const BARE: &str = "";

/// Parses `{"<list>": [...], "total_entries": n}`, or `[...]` when `list` is [`BARE`]. Fails only when there is no
/// such list.
pub fn records<T: DeserializeOwned>(
    place: &Place,
    body: &[u8],
    list: &str,
) -> Result<Records<T>, HttpError> {
    #[derive(Deserialize)]
    struct Page<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);

    if list == BARE {
        let each: Vec<&RawValue> =
            serde_json::from_slice(body).map_err(|e| bad_answer(place, body, ".", &e))?;
        return Ok(read(&each, list, None));
    }
    let page: Page<'_> =
        serde_json::from_slice(body).map_err(|e| bad_answer(place, body, ".", &e))?;
    let Some(raw) = page.0.get(list) else {
        return Err(HttpError::BadAnswer {
            place: place.clone(),
            path: SafeText::new(list),
            problem: SafeText::new("missing"),
        });
    };
    let each: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|e| bad_answer(place, body, list, &e))?;
    let total = page
        .0
        .get("total_entries")
        .and_then(|raw| serde_json::from_str(raw.get()).ok());
    Ok(read(&each, list, total))
}

/// Every record that can be read.
fn read<T: DeserializeOwned>(each: &[&RawValue], list: &str, total: Option<usize>) -> Records<T> {
    let mut records = Records {
        rows: Vec::with_capacity(each.len()),
        bad: Vec::new(),
        held: each.len(),
        total,
    };
    for (index, raw) in each.iter().enumerate() {
        let mut json = serde_json::Deserializer::from_str(raw.get());
        match serde_path_to_error::deserialize(&mut json) {
            Ok(row) => records.rows.push(row),
            Err(e) => {
                let path = e.path().to_string();
                let dot = if path == "." {
                    String::new()
                } else {
                    format!(".{path}")
                };
                records
                    .bad
                    .push(quote(&format!("{list}[{index}]{dot}: {}", e.inner())));
            }
        }
    }
    records
}

fn bad_answer(place: &Place, body: &[u8], path: &str, error: &serde_json::Error) -> HttpError {
    if body.trim_ascii_start().starts_with(b"<") {
        return HttpError::Html {
            place: place.clone(),
            status: 200,
        };
    }
    let problem = match error.is_eof() {
        true => "it ends in the middle".to_owned(),
        false => error.to_string(),
    };
    HttpError::BadAnswer {
        place: place.clone(),
        path: quote(if path == "." { "its beginning" } else { path }),
        problem: quote(&problem),
    }
}
