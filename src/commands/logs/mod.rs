//! `dagtop logs`: the log of a node, or any files, on stdout: filtered, merged by time, as JSON, followed.
//! Must not know how a log is read or searched.

mod files;
mod flow;
mod node;
mod printer;

use std::path::Path;

use chrono::Utc;

use crate::cli::{Global, Logs};
use crate::logs::{FACETS, Filter};
use crate::query::Query;

use super::times::time;
use super::{Exit, Usage};

pub(super) fn run(global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    let filter = filter(args)?;
    let are_files: Vec<bool> = args.targets.iter().map(|target| is_file(target)).collect();
    match (are_files.contains(&true), are_files.contains(&false)) {
        (true, false) => files::run(global, args, filter),
        (false, true) if args.targets.len() == 1 => node::run(global, args, filter),
        (false, _) => {
            let what = "one address at a time; several files are merged by time";
            Err(Usage(what.to_owned()).into())
        }
        (true, true) => {
            let address = args.targets.iter().find(|target| !is_file(target));
            let what = format!(
                "there is no file `{}`, and addresses can't be mixed with files",
                address.map_or("", String::as_str)
            );
            Err(Usage(what).into())
        }
    }
}

/// `-`, what is written like a path, or what is there. An address that is also the name of a file means the file.
fn is_file(target: &str) -> bool {
    target == "-" || target.starts_with(['/', '.', '~']) || Path::new(target).is_file()
}

fn filter(args: &Logs) -> anyhow::Result<Filter> {
    let text = args.query.as_deref().unwrap_or_default();
    let query = Query::parse(text, &FACETS)
        .map_err(|error| Usage(format!("--query can't be read: {error}")))?;
    let now = Utc::now();
    let time = |text: &Option<String>| text.as_ref().map(|text| time(text, now)).transpose();
    Ok(Filter::new(query)
        .at_least(args.level.map(crate::cli::LogLevel::level))
        .between(time(&args.since)?, time(&args.until)?))
}
