//! `dagtop rules`: which rules there are, and what they would have found in what was seen.

use std::fmt::Write as _;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use crate::alerts::{self, Builtin};
use crate::cli::{Global, Rules, RulesWhat};
use crate::config::Config;
use crate::engine::{Register, Rehearsal, Settings};
use crate::model::{Occasion, Priority, SafeText};

use super::{Exit, open, print, print_json, say};

pub(super) fn run(global: &Global, args: &Rules) -> anyhow::Result<Exit> {
    let (config, paths) = open::config(global)?;
    match &args.what {
        None | Some(RulesWhat::List) => list(global, &config),
        Some(RulesWhat::Test { since }) => {
            let from = Utc::now() - Duration::from_std(*since).unwrap_or(Duration::zero());
            let mut register = Register::open(&open::place(&config, &paths))?;
            test(global, &config, &mut register, from)
        }
    }
}

#[derive(Debug, Serialize)]
struct Rule {
    name: String,
    on: bool,
    priority: Priority,
    meaning: String,
}

fn list(global: &Global, config: &Config) -> anyhow::Result<Exit> {
    let rules = alerts::configured(config).rules;
    let own = config.rules.iter().map(|rule| Rule {
        name: rule.name.value.clone(),
        on: rule.enabled,
        priority: rule.priority,
        meaning: rule
            .query
            .value
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    });
    let all: Vec<Rule> = Builtin::all()
        .map(|rule| Rule {
            name: rule.word().to_owned(),
            on: rules.has_limit(rule),
            priority: rules
                .priorities
                .get(&rule)
                .copied()
                .unwrap_or_else(|| rule.priority()),
            meaning: rule.meaning().to_owned(),
        })
        .chain(own)
        .collect();
    if global.json {
        print_json(&all)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for rule in all {
        let on = if rule.on { "on " } else { "off" };
        // writing to a string can't fail
        let _ = writeln!(
            text,
            "{on} {} {:<20} {}",
            rule.priority.word(),
            SafeText::new(&rule.name),
            SafeText::new(&rule.meaning)
        );
    }
    print(text)?;
    Ok(Exit::Done)
}

/// What would have been told.
#[derive(Debug, Serialize)]
struct Told {
    at: DateTime<Utc>,
    what: Occasion,
    priority: Priority,
    alert: SafeText,
    reason: SafeText,
    channels: Vec<String>,
}

fn test(
    global: &Global,
    config: &Config,
    register: &mut Register,
    from: DateTime<Utc>,
) -> anyhow::Result<Exit> {
    let mut rehearsal = Rehearsal::new(config, &Settings::from(config));
    let mut told = Vec::new();
    let mut take = |tellings: Vec<(DateTime<Utc>, alerts::Telling)>| {
        told.extend(tellings.into_iter().map(|(at, telling)| Told {
            at,
            what: telling.occasion,
            priority: telling.alert.priority,
            alert: telling.alert.id.label(),
            reason: telling.alert.reason,
            channels: telling.channels,
        }));
    };
    let broken = register.events(from, |stamped| take(rehearsal.apply(&stamped)))?;
    take(rehearsal.finish(Utc::now()));
    if broken > 0 {
        say(format!(
            "{broken} lines of the history could not be read and are left out"
        ));
    }
    let (events, begun) = (rehearsal.events(), rehearsal.begun());
    if global.json {
        print_json(&told)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for one in &told {
        let channels = match one.channels.is_empty() {
            true => String::new(),
            false => format!("  -> {}", one.channels.join(", ")),
        };
        // writing to a string can't fail
        let _ = writeln!(
            text,
            "{} {:<12} {} {}: {}{channels}",
            one.at.format("%m-%d %H:%M:%S"),
            one.what.word(),
            one.priority.word(),
            one.alert,
            one.reason
        );
    }
    let fired = told.iter().filter(|t| t.what == Occasion::Fired).count();
    let since = begun.map_or("nothing was kept yet".to_owned(), |at| {
        format!("since {}", at.format("%Y-%m-%d %H:%M UTC"))
    });
    let _ = writeln!(text, "{fired} alerts in {events} events, {since}");
    print(text)?;
    Ok(Exit::Done)
}
