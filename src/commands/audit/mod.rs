//! `dagtop audit`: who did what, whether the record of it is whole, and the same for a SIEM.

pub(super) mod lines;
mod list;
mod verify;

use chrono::Utc;

use crate::cli::{Audit as Args, AuditWhat, Global};
use crate::config::Paths;
use crate::engine::Register;
use crate::history::audit::What;

use super::{Exit, open, say};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        None => list::list(global, &args.filter),
        Some(AuditWhat::Verify { expect, dir }) => {
            let paths = Paths::discover(global.config.as_deref())?;
            verify::verify(global, &paths, expect, dir.as_deref())
        }
        Some(AuditWhat::Export {
            format,
            output,
            filter,
        }) => list::export(global, *format, output.as_deref(), filter),
    }
}

/// Writes down what was done here, by a command that has no engine running; that it can't be is told.
pub(super) fn audited(global: &Global, register: Option<&mut Register>, what: What) {
    let write = || -> anyhow::Result<()> {
        let paths = Paths::discover(global.config.as_deref())?;
        // what was done is written down also where the configuration can't be read
        let config = open::load(global, &paths).unwrap_or_default();
        open::audit_of(&config, &paths)?.write(Utc::now(), what)?;
        match register {
            Some(register) => Ok(register.copy_audit(&paths.state_dir)?),
            None => share(global),
        }
    };
    if let Err(error) = write() {
        say(format!("{error:#}"));
    }
}

/// Sends what was done here to the store that a team shares, where there is one.
pub(super) fn share(global: &Global) -> anyhow::Result<()> {
    let place = open::history(global)?;
    if place.is_far() {
        let paths = Paths::discover(global.config.as_deref())?;
        Register::open(&place)?.copy_audit(&paths.state_dir)?;
    }
    Ok(())
}
