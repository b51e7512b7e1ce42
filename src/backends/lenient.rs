//! Fields of JSON that may be missing, null or odd: what is read of them says so, and the record still counts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `null` and a missing field are the default.
pub fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    d: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// RFC 3339, with `Z` or an offset. What is no time is no time.
pub fn time<'de, D: Deserializer<'de>>(d: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(parse_time(&Value::deserialize(d)?))
}

pub fn parse_time(value: &Value) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(value.as_str()?).ok()?.to_utc())
}

/// A count that may be written as a float (`2.0`) or as text, or be missing.
pub fn count<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(d)?;
    let text = || value.as_str().and_then(|text| text.parse().ok());
    let number = value.as_f64().or_else(text).unwrap_or(0.0);
    Ok(if number > 0.0 { number as u32 } else { 0 })
}
