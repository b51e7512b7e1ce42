//! `dagtop report --period 30d`: a time in figures: how much went well, what was promised, what is slow and flaky, who was
//! woken, and who did what. Must not know how a figure is found, only how it is told.

mod csv;
mod figures;
mod html;
mod markdown;
mod oncall;
mod sections;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;

use crate::alerts;
use crate::cli::{Global, PeriodFormat};
use crate::config::Config;
use crate::history::audit::{Copier, Kind, What};

use super::super::audit::audited;
use super::super::outlet::Outlet;
use super::super::{Exit, open};

use figures::Figures;

/// What is wanted.
pub(in super::super) struct Wanted {
    pub period: Duration,
    pub format: PeriodFormat,
    pub output: Option<PathBuf>,
}

pub(in super::super) fn run(global: &Global, wanted: &Wanted) -> anyhow::Result<Exit> {
    let (config, paths) = open::config(global)?;
    let now = Utc::now();
    let period = chrono::Duration::from_std(wanted.period).unwrap_or(chrono::Duration::days(30));
    let from = now - period;
    let place = open::place(&config, &paths);
    let mut store = place.open()?;
    if place.is_far() {
        // what was done here is among what the team did
        Copier::new(&paths.state_dir).all(store.as_mut())?;
    }
    let expects = expects(&config);
    let figures = Figures::gather(
        (store.as_mut(), place.is_far()),
        &paths.state_dir,
        &expects,
        (from, now),
        zone(&config),
    )?;
    let text = told(&figures, wanted.format)?;
    let mut out = Outlet::open(wanted.output.as_deref())?;
    let what = What::done(Kind::Export, "report", "period")
        .with("since", from.to_rfc3339())
        .with("until", now.to_rfc3339())
        .with("format", wanted.format.word())
        .with("to", out.name());
    audited(global, None, what);
    out.write_all(text.as_bytes())
        .context("can't write the report")?;
    out.finish()?;
    Ok(Exit::Done)
}

fn expects(config: &Config) -> Vec<alerts::Expect> {
    alerts::configured(config)
        .rules
        .expects
        .iter()
        .cloned()
        .collect()
}

/// In which hours people sleep.
fn zone(config: &Config) -> chrono::FixedOffset {
    use chrono::Offset as _;
    match config.ui.utc {
        true => Utc.fix(),
        false => *chrono::Local::now().offset(),
    }
}

fn told(figures: &Figures, format: PeriodFormat) -> anyhow::Result<String> {
    let sections = || sections::all(figures);
    Ok(match format {
        PeriodFormat::Md => markdown::text(figures, &sections()),
        PeriodFormat::Html => html::text(figures, &sections()),
        PeriodFormat::Csv => csv::text(&sections())?,
        PeriodFormat::Json => {
            let mut text = serde_json::to_string_pretty(figures)?;
            text.push('\n');
            text
        }
    })
}
