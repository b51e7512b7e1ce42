//! Takes `[[rule]]` of the configuration, which knows nothing of the language, and gives problems with their place back.

use super::judge::Options;
use super::reading::Reading;
use super::rule::{Rule, RuleError};
use super::rulebook::Rulebook;
use crate::config::{self, Problem, Source, Span};
use crate::query::QueryError;

/// The rules that are on, and everything wrong with any. A rule that is wrong is left out; the others work.
pub fn read(rules: &[config::Rule], source: &Source) -> (Rulebook, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut good = Vec::new();
    let mut from = Vec::new();
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.value.as_str()).collect();
    for rule in rules {
        match Rule::parse(&rule.name.value, &rule.query.value, options(rule)) {
            Ok(parsed) if rule.enabled => {
                good.push(parsed);
                from.push(rule);
            }
            Ok(_) => {}
            Err(error) => problems.push(problem(rule, source, error)),
        }
    }
    let (book, errors) = Rulebook::new(good, &names);
    for error in errors {
        if let Some(rule) = from.get(error.rule) {
            problems.push(problem(rule, source, error.error.into()));
        }
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    (book, problems)
}

/// Everything wrong with the queries of dashboards.
pub fn dashboards(all: &[config::Dashboard], source: &Source) -> Vec<Problem> {
    let queries = all.iter().flat_map(|d| &d.widgets);
    let wrong = queries
        .filter_map(|w| w.query.as_ref())
        .filter_map(|query| {
            let error = Reading::parse(&query.value).err()?;
            let span = source.within(query.span, &query.value, error.at);
            let help = Some(error.help).filter(|help| !help.is_empty());
            Some(source.problem(span, error.what, help))
        });
    wrong.collect()
}

/// Those that make sense, without a word on the others.
pub fn book(rules: &[config::Rule]) -> Rulebook {
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.value.as_str()).collect();
    let on = rules.iter().filter(|rule| rule.enabled);
    let good = on.filter_map(|r| Rule::parse(&r.name.value, &r.query.value, options(r)).ok());
    Rulebook::new(good.collect(), &names).0
}

fn options(rule: &config::Rule) -> Options {
    let number = |at: &Option<config::At<f64>>| at.as_ref().map(|at| at.value);
    Options {
        critical: number(&rule.critical),
        warning: number(&rule.warning),
        critical_recovery: number(&rule.critical_recovery),
        warning_recovery: number(&rule.warning_recovery),
        hold: rule.hold,
        no_data: rule.no_data,
        full_window: rule.full_window,
        delay: rule.delay,
    }
}

fn problem(rule: &config::Rule, source: &Source, error: RuleError) -> Problem {
    match error {
        RuleError::Query(QueryError { at, what, help, .. }) => {
            let span = source.within(rule.query.span, &rule.query.value, at);
            source.problem(span, what, Some(help).filter(|help| !help.is_empty()))
        }
        RuleError::Threshold(error) => {
            let given = match error.key {
                "critical" => &rule.critical,
                "warning" => &rule.warning,
                "critical_recovery" => &rule.critical_recovery,
                _ => &rule.warning_recovery,
            };
            let span: Span = given.as_ref().map_or(rule.query.span, |at| at.span);
            source.problem(span, error.to_string(), None)
        }
    }
}
