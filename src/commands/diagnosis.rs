//! The patterns of failures, with those of the user before them.

use std::io::Read as _;
use std::path::Path;

use crate::cli::Global;
use crate::config::{Config, LoadError, Paths};
use crate::diagnosis::{Patterns, Ready};

use super::{open, say};

/// More is no file of patterns.
const LIMIT: u64 = 4 << 20;

/// Those of the configuration, if there is one: without it those that are shipped.
pub(super) fn patterns(global: &Global) -> anyhow::Result<Ready> {
    // no home, no configuration
    let Ok(paths) = Paths::discover(global.config.as_deref()) else {
        return Ok(Ready::default());
    };
    match open::load(global, &paths) {
        Ok(config) => Ok(of(&config)),
        Err(LoadError::NotFound(_)) if global.config.is_none() => Ok(Ready::default()),
        Err(error) => Err(error.into()),
    }
}

/// What is wrong in the user's file is told; the rest is used.
pub(super) fn of(config: &Config) -> Ready {
    let Some(file) = &config.diagnosis.patterns else {
        return Ready::default();
    };
    match text(file) {
        Ok(text) => {
            let (patterns, problems) = Patterns::with(file, &text);
            for problem in problems {
                say(problem.headline());
            }
            Ready::from(patterns)
        }
        Err(error) => {
            say(format!(
                "can't read the patterns in {}: {error}; those that are shipped are used",
                file.display()
            ));
            Ready::default()
        }
    }
}

fn text(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?
        .take(LIMIT)
        .read_to_string(&mut text)?;
    Ok(text)
}
