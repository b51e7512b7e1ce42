//! `dagtop logs`: the log of a node, or any files, on stdout: filtered, merged by time, as JSON, followed.
//! Must not know how a log is read or searched.

mod files;
mod flow;
mod node;
mod printer;

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::cli::{Global, Logs};
use crate::config::parse_duration;
use crate::logs::{FACETS, Filter};
use crate::query::Query;

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

/// `2026-11-20T03:11:02Z`, `2026-11-20 03:11`, `2026-11-20` (in UTC where no zone is named), or how long ago: `90m`.
fn time(text: &str, now: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    if let Ok(ago) = parse_duration(text) {
        return Ok(now - chrono::Duration::from_std(ago).unwrap_or(chrono::Duration::MAX));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let naive = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ]
    .into_iter()
    .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok());
    let date = || {
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    naive.or_else(date).map(|at| at.and_utc()).ok_or_else(|| {
        Usage(format!(
            "`{text}` is no time; write for example 2026-11-20T03:11:02Z, \"2026-11-20 03:11\" or 90m for how long ago"
        ))
        .into()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_people_write_are_understood() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for (text, at) in [
            ("90m", "2026-11-20T10:30:00Z"),
            ("2026-11-20T03:11:02Z", "2026-11-20T03:11:02Z"),
            ("2026-11-20T03:11:02.5+02:00", "2026-11-20T01:11:02.5Z"),
            ("2026-11-20 03:11", "2026-11-20T03:11:00Z"),
            ("2026-11-20 03:11:02", "2026-11-20T03:11:02Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
        ] {
            assert_eq!(
                time(text, now).unwrap(),
                at.parse::<DateTime<Utc>>().unwrap(),
                "{text}"
            );
        }
        assert!(time("yesterday", now).is_err());
        assert!(time("", now).is_err());
    }
}
