//! The configuration as it was last audited: which keys are other than before, without their values.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::config::paths::replace_private_file;
use crate::model::SafeText;

use super::chain::Hash;
use super::entry::{Kind, What, cut};

/// Keys that are told; the rest is counted.
const KEYS: usize = 100;

/// What is kept beside the audit. Values are kept as keyed digests, so that nobody finds in it which secret is the same
/// as another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    #[serde(skip)]
    path: PathBuf,
    file: String,
    sha256: String,
    key: String,
    values: BTreeMap<String, String>,
}

impl Settings {
    /// What is to be audited of the configuration, and what is to be kept when that is done; `None`: it is as it was.
    pub fn look(state_dir: &Path, file: &Path) -> io::Result<Option<(What, Self)>> {
        let text = std::fs::read(file)?;
        let path = state_dir.join("audit-config.json");
        let known = std::fs::read(&path).ok();
        // one that can't be read is as good as none: everything is new then
        let known: Option<Self> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let name = file.to_string_lossy();
        let sha256 = Hash::of(&text).to_string();
        if known
            .as_ref()
            .is_some_and(|k| k.sha256 == sha256 && k.file == name)
        {
            return Ok(None);
        }
        let key = match known.as_ref().and_then(|k| BASE64.decode(&k.key).ok()) {
            Some(key) if key.len() == 32 => key,
            _ => {
                let mut key = vec![0; 32];
                let made = SystemRandom::new().fill(&mut key);
                made.map_err(|_| io::Error::other("the system gives no random bytes"))?;
                key
            }
        };
        let digests = digests(&text, &key);
        let mut what = What::done(Kind::Config, "config", &*name).with("sha256", &sha256);
        if let Some(known) = &known {
            what = what.with("was", &known.sha256);
            if known.file != name {
                what = what.with("was_file", &known.file);
            }
            let changed = changed(&known.values, &digests);
            let more = changed.len().saturating_sub(KEYS);
            if more > 0 {
                what = what.with("more_keys", more.to_string());
            }
            what.keys = changed.into_iter().take(KEYS).collect();
        }
        let seen = Self {
            path,
            file: name.into_owned(),
            sha256,
            key: BASE64.encode(&key),
            values: digests,
        };
        Ok(Some((what, seen)))
    }

    /// From now on this is what there was before.
    pub fn keep(&self) -> io::Result<()> {
        replace_private_file(&self.path, &serde_json::to_vec(self)?)
    }
}

/// Every key with a digest of its value.
fn digests(text: &[u8], key: &[u8]) -> BTreeMap<String, String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut found = BTreeMap::new();
    // what can't be read is no configuration, which is told elsewhere
    let table = std::str::from_utf8(text)
        .ok()
        .and_then(|t| t.parse::<toml::Table>().ok());
    let mut open: Vec<(String, toml::Value)> = table.into_iter().flatten().collect();
    while let Some((path, value)) = open.pop() {
        match value {
            toml::Value::Table(table) if !table.is_empty() => {
                open.extend(table.into_iter().map(|(k, v)| (format!("{path}.{k}"), v)));
            }
            toml::Value::Array(all) if all.iter().any(toml::Value::is_table) => {
                for (at, value) in all.into_iter().enumerate() {
                    let name = value.get("name").and_then(toml::Value::as_str);
                    let name = name.map_or_else(|| at.to_string(), str::to_owned);
                    open.push((format!("{path}[{name}]"), value));
                }
            }
            value => {
                let tag = hmac::sign(&key, value.to_string().as_bytes());
                found.insert(path, BASE64.encode(tag.as_ref()));
            }
        }
    }
    found
}

fn changed(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<SafeText> {
    let gone = before.keys().filter(|k| !now.contains_key(*k));
    let mut all: Vec<(&String, &str)> = gone.map(|k| (k, "removed")).collect();
    all.extend(
        now.iter()
            .filter_map(|(key, digest)| match before.get(key) {
                None => Some((key, "added")),
                Some(old) if old != digest => Some((key, "changed")),
                Some(_) => None,
            }),
    );
    all.sort();
    all.iter()
        .map(|(key, how)| cut(&format!("{how} {key}")))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_that_changed_are_told_and_no_values() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        let look = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let told = Settings::look(dir.path(), &file).unwrap();
            if let Some((_, seen)) = &told {
                seen.keep().unwrap();
            }
            told.map(|(what, _)| what)
        };
        let first = "[ui]\nutc = true\n[[backend]]\nname = \"prod\"\nkind = \"airflow\"\npassword = \"hunter2\"\n";
        let told = look(first).unwrap();
        assert!(told.keys.is_empty() && told.with["sha256"].len() == 64);
        assert_eq!(look(first), None);
        let second = first
            .replace("hunter2", "hunter3")
            .replace("utc = true", "bell = true");
        let told = look(&second).unwrap();
        let keys = [
            "changed backend[prod].password",
            "added ui.bell",
            "removed ui.utc",
        ];
        assert_eq!(told.keys, keys.map(SafeText::new));
        assert!(told.with.contains_key("was"));
        // a change of a comment changes no key
        let told = look(&format!("# hello\n{second}")).unwrap();
        assert!(told.keys.is_empty());
        let kept = std::fs::read_to_string(dir.path().join("audit-config.json")).unwrap();
        let line = serde_json::to_string(&told).unwrap();
        assert!(!kept.contains("hunter") && !line.contains("hunter"));
    }
}
