//! From a path to a [`Config`].

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::secret::readable_by_others;
use super::source::{Problem, Problems, Source};
use super::types::Config;
use super::{sections, server};

/// More is not a configuration.
const LIMIT: u64 = 1024 * 1024;

/// A configuration that may be used.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// Things to do better, such as a secret in the file itself.
    pub warnings: Vec<Problem>,
    /// To point at a span of the file.
    pub source: Source,
    /// Every key the reader asked for, as `table.key`.
    pub known_keys: BTreeSet<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not an error on the first start.
    #[error("there is no configuration at {}", .0.display())]
    NotFound(PathBuf),
    #[error("{} is a directory, not a configuration file", .0.display())]
    Directory(PathBuf),
    #[error("{} is not a plain file", .0.display())]
    NotAFile(PathBuf),
    #[error("can't read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is larger than 1 MiB, which no configuration is", .0.display())]
    TooLarge(PathBuf),
    #[error("{}:{line}: not valid UTF-8", path.display())]
    NotUtf8 { path: PathBuf, line: usize },
    #[error(transparent)]
    Problems(#[from] Problems),
}

/// Reads and checks the file. Everything wrong in it comes at once.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let text = read_text(path)?;
    let mut loaded = parse(path, &text)?;
    if has_literal_secret(&loaded) && readable_by_others(path) {
        let message = "this file holds a secret and can be read by other users";
        let problem = loaded.source.problem(
            Default::default(),
            message,
            "run chmod 600 on it".to_owned(),
        );
        loaded.warnings.push(problem);
    }
    Ok(loaded)
}

/// A text file of at most 1 MiB.
pub fn read_text(path: &Path) -> Result<String, LoadError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => LoadError::NotFound(path.to_owned()),
        _ => LoadError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if meta.is_dir() {
        return Err(LoadError::Directory(path.to_owned()));
    }
    // opening a pipe or a device could wait for ever
    if !meta.is_file() {
        return Err(LoadError::NotAFile(path.to_owned()));
    }
    if meta.len() > LIMIT {
        return Err(LoadError::TooLarge(path.to_owned()));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|b| **b == b'\n').count() + 1;
        LoadError::NotUtf8 {
            path: path.to_owned(),
            line,
        }
    })
}

/// Checks a configuration that is already text. Relative paths in it are taken from the directory of `path`.
pub fn parse(path: &Path, text: &str) -> Result<Loaded, Problems> {
    let reader = Reader::parse(path, text);
    let dir = path.parent().unwrap_or(Path::new("/"));
    // fails only where there is no current directory, and then a relative path is as good as it gets
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let config = sections::config(&reader, &dir);
    let outcome = reader.finish();
    if !outcome.problems.0.is_empty() {
        return Err(outcome.problems);
    }
    let known_keys = outcome.known_keys;
    Ok(Loaded {
        config,
        warnings: outcome.warnings,
        source: outcome.source,
        known_keys,
    })
}

fn has_literal_secret(loaded: &Loaded) -> bool {
    let config = &loaded.config;
    let backends = config.backends.iter().flat_map(server::secrets);
    let channels = config.channels.iter().flat_map(super::Channel::secrets);
    let literal = |secret: &super::Secret| matches!(secret, super::Secret::Literal(_));
    backends.chain(channels).any(literal) || super::history::is_literal_secret(&config.history)
}
