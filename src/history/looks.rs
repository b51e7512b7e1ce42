//! How each pipeline was last looked at: a small private JSON file, the newest first.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::paths::{create_private_dir, replace_private_file};
use crate::model::PipelineKey;

/// So many pipelines are remembered.
const MOST: usize = 500;
/// A file that is longer than this is not ours.
const LONGEST: u64 = 1 << 20;
const VERSION: u32 = 1;

/// How a pipeline's runs are shown, in the words of the screen, which alone knows what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub view: String,
    pub sort: String,
    /// `None`: as there is room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoom: Option<String>,
}

/// The file.
#[derive(Clone, Debug)]
pub struct Looks {
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum LooksError {
    #[error("{path} can't be read: {source}; every pipeline is shown as [ui] view says")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} makes no sense: {why}; every pipeline is shown as [ui] view says")]
    Format { path: PathBuf, why: String },
    #[error("how a pipeline is shown can't be remembered: {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    pipelines: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    pipeline: PipelineKey,
    #[serde(flatten)]
    look: Look,
}

impl Looks {
    /// Of one state directory. Nothing is read or made yet.
    pub fn new(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("views.json"),
        }
    }

    /// What is remembered, the newest first; nothing when there is no file.
    pub fn load(&self) -> Result<Vec<(PipelineKey, Look)>, LooksError> {
        let read = |source| LooksError::Read {
            path: self.path.clone(),
            source,
        };
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(read)?,
        };
        let mut bytes = Vec::new();
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(read)?;
        let wrong = |why: String| LooksError::Format {
            path: self.path.clone(),
            why,
        };
        if bytes.len() as u64 > LONGEST {
            return Err(wrong(format!("longer than {LONGEST} bytes")));
        }
        let content: Content = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if content.version != VERSION {
            return Err(wrong(format!("version {}", content.version)));
        }
        let entries = content.pipelines.into_iter().take(MOST);
        Ok(entries.map(|e| (e.pipeline, e.look)).collect())
    }

    /// Puts these, the newest last, before what is remembered. What another dagtop has written meanwhile stays; a
    /// file that can't be read is begun anew.
    pub fn keep(&self, changed: &[(PipelineKey, Look)]) -> Result<(), LooksError> {
        let known = self.load().unwrap_or_default();
        let mut seen = HashSet::new();
        let pipelines = changed
            .iter()
            .rev()
            .chain(&known)
            .filter(|(pipeline, _)| seen.insert(pipeline))
            .take(MOST)
            .map(|(pipeline, look)| Entry {
                pipeline: pipeline.clone(),
                look: look.clone(),
            })
            .collect();
        let content = Content {
            version: VERSION,
            pipelines,
        };
        let write = |source| LooksError::Write {
            path: self.path.clone(),
            source,
        };
        let json = serde_json::to_vec(&content).map_err(|e| write(e.into()))?;
        if let Some(dir) = self.path.parent() {
            create_private_dir(dir).map_err(write)?;
        }
        replace_private_file(&self.path, &json).map_err(write)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::model::BackendId;

    fn key(name: &str) -> PipelineKey {
        PipelineKey::new(&BackendId::new("prod"), name)
    }

    fn look(view: &str) -> Look {
        Look {
            view: view.to_owned(),
            sort: "order".to_owned(),
            zoom: None,
        }
    }

    #[test]
    fn what_is_kept_comes_back_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let looks = Looks::new(&dir.path().join("not/yet"));
        assert_eq!(looks.load().unwrap(), []);
        looks.keep(&[(key("a"), look("list"))]).unwrap();
        let zoomed = Look {
            zoom: Some("rows".to_owned()),
            ..look("graph")
        };
        // another one writes beside this one
        let other = looks.clone();
        other.keep(&[(key("b"), look("grid"))]).unwrap();
        looks
            .keep(&[(key("a"), look("grid")), (key("a"), zoomed.clone())])
            .unwrap();
        let wanted = [(key("a"), zoomed), (key("b"), look("grid"))];
        assert_eq!(looks.load().unwrap(), wanted);
        let mode = std::fs::metadata(&looks.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let looks = Looks::new(dir.path());
        let all: Vec<_> = (0..MOST + 7)
            .map(|n| (key(&format!("p{n}")), look("list")))
            .collect();
        looks.keep(&all).unwrap();
        let kept = looks.load().unwrap();
        assert_eq!(kept.len(), MOST);
        assert_eq!(kept[0].0, key(&format!("p{}", MOST + 6)));
    }

    #[test]
    fn a_broken_file_is_told_and_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let looks = Looks::new(dir.path());
        let long = " ".repeat(LONGEST as usize + 1);
        for broken in [
            "",
            "{",
            "[]",
            "{\"version\":2,\"pipelines\":[]}",
            "{\"version\":1,\"pipelines\":[{\"view\":\"list\"}]}",
            "\u{0}\u{1b}[2J",
            &long,
        ] {
            std::fs::write(&looks.path, broken).unwrap();
            let error = looks.load().unwrap_err().to_string();
            assert!(error.contains("views.json"), "{error}");
            looks.keep(&[(key("a"), look("list"))]).unwrap();
            assert_eq!(looks.load().unwrap().len(), 1);
        }
        std::fs::remove_file(&looks.path).unwrap();
        std::fs::create_dir(&looks.path).unwrap();
        assert!(matches!(looks.load(), Err(LooksError::Read { .. })));
        let error = looks.keep(&[(key("a"), look("list"))]).unwrap_err();
        assert!(matches!(error, LooksError::Write { .. }));
    }
}
