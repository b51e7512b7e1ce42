//! Owns all rules together: composites find their rules, and everything is evaluated in one round.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::composite::Composite;
use super::cursor::meant;
use super::judge::Verdict;
use super::rule::{Body, Finding, Memory, Rule};
use super::select::Group;
use crate::metrics::Store;
use crate::query::QueryError;

/// Rules with what is remembered of each.
#[derive(Debug, Default)]
pub struct Rulebook {
    rules: Vec<Rule>,
    memories: Vec<Memory>,
    /// The tags each rule's groups are made by.
    by: Vec<Vec<String>>,
    /// Rules before the composites that look at them.
    order: Vec<usize>,
}

/// What a rule found in one round.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// In order of the groups.
    pub findings: Vec<Finding>,
}

/// Why a rule can't be in the book; the others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulebookError {
    /// Which of the rules that were given.
    pub rule: usize,
    pub error: QueryError,
}

impl Rulebook {
    /// Takes the rules in; one that can't work is left out and told. `names` are those of all rules there are, also of
    /// those that could not be read.
    pub fn new(given: Vec<Rule>, names: &[&str]) -> (Self, Vec<RulebookError>) {
        let mut errors = Vec::new();
        let mut left: Vec<(usize, Rule)> = given.into_iter().enumerate().collect();
        let mut book = Self::default();
        let mut index: HashMap<String, usize> = HashMap::new();
        // each round takes those in whose rules are there
        loop {
            let (ready, waiting): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, rule)| {
                parts(rule)
                    .iter()
                    .all(|(name, _)| index.contains_key(*name))
            });
            left = waiting;
            if ready.is_empty() {
                break;
            }
            for (at, rule) in ready {
                match book.grouping(&rule, &index) {
                    Ok(by) => {
                        index.entry(rule.name.clone()).or_insert(book.rules.len());
                        book.order.push(book.rules.len());
                        book.rules.push(rule);
                        book.by.push(by);
                    }
                    Err(error) => errors.push(RulebookError { rule: at, error }),
                }
            }
        }
        for (at, rule) in left {
            let error = missing(&rule, names, &index);
            errors.extend(error.map(|error| RulebookError { rule: at, error }));
        }
        errors.sort_by_key(|e| e.rule);
        book.memories.resize_with(book.rules.len(), Memory::default);
        (book, errors)
    }

    /// The tags a rule's groups are made by. Of a composite those of the rule with the most, which must have the
    /// others': else no group would ever meet its like.
    fn grouping(
        &self,
        rule: &Rule,
        index: &HashMap<String, usize>,
    ) -> Result<Vec<String>, QueryError> {
        let Body::Composite(composite) = &rule.body else {
            return Ok(rule.by().to_vec());
        };
        let named: Vec<(&str, usize, &Vec<String>)> = composite
            .rules()
            .into_iter()
            .filter_map(|name| {
                let by = self.by.get(*index.get(&name.text)?)?;
                Some((name.text.as_str(), name.at, by))
            })
            .collect();
        let most = named.iter().max_by_key(|(_, _, by)| by.len());
        let base = most.map(|(_, _, by)| (*by).clone()).unwrap_or_default();
        for (name, at, by) in named {
            if let Some(key) = by.iter().find(|key| !base.contains(key)) {
                let place = at..at + name.len();
                let what = format!(
                    "`{name}` is grouped by {key}, and another rule by {}",
                    base.join(",")
                );
                let help = "rules that are put together need the same groups";
                return Err(QueryError::new(&rule.text, place, what, help));
            }
        }
        Ok(base)
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn len(&self) -> usize {
        self.rules.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Evaluates every rule; outcomes stand in the order of [`Rulebook::rules`].
    pub fn evaluate(&mut self, store: &Store, now: DateTime<Utc>) -> Vec<Outcome> {
        let index: HashMap<&str, usize> = self
            .rules
            .iter()
            .enumerate()
            .rev()
            .map(|(at, rule)| (rule.name.as_str(), at))
            .collect();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(self.rules.len());
        for (rule, memory) in self.rules.iter().zip(&mut self.memories) {
            let findings = match &rule.body {
                Body::Metric(_) => rule.evaluate(store, now, memory),
                Body::Composite(composite) => {
                    let of = |name: &str| {
                        let at = index.get(name)?;
                        outcomes.get(*at).map(|outcome| outcome.findings.as_slice())
                    };
                    rule.compose(memory, together(composite, &of), now)
                }
            };
            outcomes.push(Outcome { findings });
        }
        outcomes
    }
}

/// The composite's verdict for each group that all its rules report.
fn together<'a>(
    composite: &Composite,
    of: &impl Fn(&str) -> Option<&'a [Finding]>,
) -> Vec<(Group, Verdict)> {
    let parts: HashMap<&str, HashMap<&Group, Verdict>> = composite
        .rules()
        .into_iter()
        .map(|name| {
            let found = of(&name.text).unwrap_or_default();
            let by_group = found.iter().map(|f| (&f.group, f.verdict)).collect();
            (name.text.as_str(), by_group)
        })
        .collect();
    let width = |groups: &HashMap<&Group, Verdict>| groups.keys().next().map(|g| g.len());
    let Some(base) = parts.values().max_by_key(|groups| width(groups)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for group in base.keys() {
        let verdict = |name: &str| {
            let groups = parts.get(name)?;
            groups.get(&like(group, groups.keys().next()?)?).copied()
        };
        if parts.keys().all(|name| verdict(name).is_some()) {
            let judged = composite.judge(&|name| verdict(name).unwrap_or(Verdict::NoData));
            found.push(((*group).clone(), judged));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// The part of a group with the tags, and in the order, of another.
fn like(group: &Group, other: &Group) -> Option<Group> {
    let part = other.iter().map(|(key, _)| {
        let found = group.iter().find(|(own, _)| own == key);
        found.cloned()
    });
    part.collect()
}

/// The rules a rule looks at, with the places of their names.
fn parts(rule: &Rule) -> Vec<(&str, usize)> {
    match &rule.body {
        Body::Metric(_) => Vec::new(),
        Body::Composite(composite) => composite
            .rules()
            .into_iter()
            .map(|name| (name.text.as_str(), name.at))
            .collect(),
    }
}

/// Why a composite's rules can't be had: one is unknown, or they look at each other.
fn missing(rule: &Rule, names: &[&str], index: &HashMap<String, usize>) -> Option<QueryError> {
    let all = parts(rule);
    let (name, at) = all
        .iter()
        .find(|(name, _)| !names.contains(name))
        .or_else(|| all.iter().find(|(name, _)| !index.contains_key(*name)))?;
    let place = *at..at + name.len();
    if names.contains(name) {
        let what = format!(
            "`{name}` can't be looked at: it is off or wrong itself, or it looks back at this rule"
        );
        let help = "see the rule itself";
        return Some(QueryError::new(&rule.text, place, what, help));
    }
    let help = if name.bytes().all(|b| b.is_ascii_digit()) {
        "Datadog's number of a monitor means nothing here: write the rule's name".to_owned()
    } else {
        meant(name, names.iter().copied())
    };
    let what = format!("there is no rule `{name}`");
    Some(QueryError::new(&rule.text, place, what, help))
}
