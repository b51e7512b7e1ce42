//! `dagtop doctor`: everything that can be checked before a bad night, in one list.

mod history;
mod machine;
mod probe;
mod report;
mod settings;

use crate::cli::{Doctor, Global};
use crate::config::{self, LoadError, Paths};
use crate::history::Place;
use crate::tui::term::{Caps, Overrides};

use super::{Exit, choose, names, print, print_json, runtime};
use report::{Check, Report};

pub(super) fn run(global: &Global, args: &Doctor) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    let caps = Caps::from_env(Overrides::default());
    let mut report = Report::default();
    report.section("terminal", machine::terminal(&caps));
    report.section("state", machine::state(&paths));
    let loaded = match config::load(&paths.config_file) {
        Ok(loaded) => loaded,
        Err(error @ LoadError::NotFound(_)) => {
            let help = "start `dagtop` for a welcome, or `dagtop demo` for an example";
            report.section(
                "configuration",
                vec![Check::warning(error.to_string()).help(help)],
            );
            return end(global, &report, &caps);
        }
        Err(error) => {
            let problems = match &error {
                LoadError::Problems(problems) => problems
                    .0
                    .iter()
                    .map(|p| Check::problem(p.headline()))
                    .collect(),
                other => vec![Check::problem(super::chain(other))],
            };
            report.section("configuration", problems);
            end(global, &report, &caps)?;
            return Ok(Exit::Code(2));
        }
    };
    report.section("configuration", settings::file(&paths, &loaded));
    let place = Place::of(&loaded.config.history, &paths.state_dir);
    let checks = history::server(&place);
    if !checks.is_empty() {
        report.section("history", checks);
    }
    let names = names::problems(&loaded);
    report.section(
        "configuration",
        names.iter().map(|p| Check::problem(p.headline())).collect(),
    );
    let chosen = choose(&loaded.config.backends, &args.backends)?;
    runtime()?.block_on(async {
        let answers = probe::all(&loaded.config, &chosen, &paths).await?;
        for (backend, answer) in chosen.iter().zip(answers) {
            let mut checks = settings::backend(backend).await;
            checks.extend(answer);
            report.section(&backend.name, checks);
        }
        anyhow::Ok(())
    })?;
    let exit = end(global, &report, &caps)?;
    // the monitor would not start with these
    Ok(if names.is_empty() {
        exit
    } else {
        Exit::Code(2)
    })
}

fn end(global: &Global, report: &Report, caps: &Caps) -> anyhow::Result<Exit> {
    if global.json {
        print_json(report)?;
    } else {
        print(report.text(global.ascii || !caps.unicode))?;
    }
    Ok(if report.healthy() {
        Exit::Done
    } else {
        Exit::Bad
    })
}
