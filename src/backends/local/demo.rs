//! The bundled example pipelines: real work on real files with POSIX tools only.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::config::paths::{create_private_dir, create_private_file};

use super::Settings;

/// File name and content.
pub const FILES: [(&str, &str); 5] = [
    (
        "orders_daily.toml",
        include_str!("../../../assets/demo/orders_daily.toml"),
    ),
    (
        "ledger_replay.toml",
        include_str!("../../../assets/demo/ledger_replay.toml"),
    ),
    (
        "billing_close.toml",
        include_str!("../../../assets/demo/billing_close.toml"),
    ),
    (
        "partner_sync.toml",
        include_str!("../../../assets/demo/partner_sync.toml"),
    ),
    (
        "machine_watch.toml",
        include_str!("../../../assets/demo/machine_watch.toml"),
    ),
];

/// Those that begin with the demo; the other waits for its schedule.
const START: [&str; 4] = [
    "billing_close",
    "partner_sync",
    "orders_daily",
    "ledger_replay",
];

/// Enough for everything that the demo starts at once.
const PARALLELISM: usize = 12;

/// Writes the pipelines to `dir/pipelines`, where they may be looked at and changed while the
/// demo runs; runs are kept in `dir/state`. Pipelines changed by a person are written anew.
pub fn prepare(dir: &Path) -> io::Result<Settings> {
    let dir = std::path::absolute(dir)?;
    let pipelines = dir.join("pipelines");
    create_private_dir(&pipelines)?;
    for (name, text) in FILES {
        create_private_file(&pipelines.join(name))?.write_all(text.as_bytes())?;
    }
    Ok(Settings {
        pipelines: vec![pipelines],
        parallelism: PARALLELISM,
        grace: Duration::from_secs(5),
        state: dir.join("state"),
        start: START.iter().map(|name| (*name).to_owned()).collect(),
        schedules: true,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_pipeline_is_without_errors_and_is_called_as_its_file() {
        for (name, text) in FILES {
            let path = Path::new("/demo").join(name);
            let definition = super::super::file::parse(&path, text)
                .unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(format!("{}.toml", definition.name), name);
        }
        assert!(START.iter().all(|s| {
            FILES
                .iter()
                .any(|(f, _)| f.strip_suffix(".toml") == Some(s))
        }));
    }
}
