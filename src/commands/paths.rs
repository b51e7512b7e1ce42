//! `dagtop --paths`

use serde_json::json;

use crate::cli::Global;
use crate::config::Paths;

use super::{Exit, print, print_json};

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    let places = [
        ("config", &paths.config_file),
        ("state", &paths.state_dir),
        ("cache", &paths.cache_dir),
    ];
    if global.json {
        let entry = |(what, path): &(&str, &std::path::PathBuf)| {
            (
                (*what).to_owned(),
                json!({ "path": path, "exists": path.exists() }),
            )
        };
        print_json(&places.iter().map(entry).collect::<serde_json::Map<_, _>>())?;
    } else {
        let line = |(what, path): &(&str, &std::path::PathBuf)| {
            let absent = if path.exists() {
                ""
            } else {
                "  (not there yet)"
            };
            format!("{what:<7} {}{absent}\n", path.display())
        };
        print(places.iter().map(line).collect::<String>())?;
    }
    Ok(Exit::Done)
}
