//! Text that may be shown.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One line of text without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct SafeText(Arc<str>);

impl SafeText {
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(
            text.as_ref()
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect::<String>(),
        ))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for SafeText {
    fn default() -> Self {
        Self::new("")
    }
}

impl From<String> for SafeText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<SafeText> for String {
    fn from(text: SafeText) -> Self {
        text.0.to_string()
    }
}

impl AsRef<str> for SafeText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
