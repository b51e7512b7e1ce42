//! Rules of the user's own: `[[rule]]`, in the language of queries over metrics.

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};

use crate::config;
use crate::metrics::Store;
use crate::model::{Alert, AlertId, PipelineKey, Priority, SafeText, Target};
use crate::world::World;

use super::life::Finding;
use super::query::{self, Group, Rulebook, Verdict};

/// Between two evaluations: points come in buckets of ten seconds.
const EVERY: Duration = Duration::seconds(5);

/// The rules, and what they found last.
#[derive(Debug, Default)]
pub struct Own {
    book: Rulebook,
    /// What stands beside the query, in the order of the book.
    about: Vec<config::Rule>,
    at: Option<DateTime<Utc>>,
    found: Vec<Finding>,
    /// Groups that were looked at and are well.
    fine: HashSet<AlertId>,
}

impl Own {
    /// Those that make sense; what is wrong with the others was told when the file was read.
    pub fn new(rules: &[config::Rule]) -> Self {
        let book = query::book(rules);
        let about = book.rules().iter().filter_map(|rule| {
            let about = rules.iter().find(|r| r.name.value == rule.name);
            about.cloned()
        });
        Self {
            about: about.collect(),
            book,
            at: None,
            found: Vec::new(),
            fine: HashSet::new(),
        }
    }

    /// Whether what no rule finds is known to be well: true for alerts of other rules.
    pub fn judges(&self, id: &AlertId) -> bool {
        self.fine.contains(id) || !self.about.iter().any(|r| r.name.value == id.rule)
    }

    /// What they find now, or found a moment ago.
    pub fn find(&mut self, store: &Store, world: &World, now: DateTime<Utc>) -> &[Finding] {
        let due = self.at.is_none_or(|at| (now - at).abs() >= EVERY);
        if self.book.is_empty() || !due {
            return &self.found;
        }
        self.at = Some(now);
        self.found.clear();
        self.fine.clear();
        let outcomes = self.book.evaluate(store, now);
        let rules = self.book.rules().iter().zip(&self.about);
        for ((rule, about), outcome) in rules.zip(outcomes) {
            for finding in &outcome.findings {
                let (priority, what) = match finding.verdict {
                    Verdict::Alert => (about.priority, rule.sentence(finding)),
                    Verdict::Warn => (below(about.priority), rule.sentence(finding)),
                    Verdict::NoData if finding.overdue => (about.priority, rule.sentence(finding)),
                    Verdict::Ok => {
                        self.fine.insert(id(about, &finding.group));
                        continue;
                    }
                    Verdict::NoData => continue,
                };
                let alert = alert(about, &finding.group, priority, what, finding.since, world);
                self.found.push(Finding::from(alert));
            }
        }
        &self.found
    }
}

/// A warning is less urgent than what it warns of.
const fn below(priority: Priority) -> Priority {
    match priority {
        Priority::P1 => Priority::P2,
        Priority::P2 => Priority::P3,
        Priority::P3 => Priority::P4,
        Priority::P4 | Priority::P5 => Priority::P5,
    }
}

fn alert(
    about: &config::Rule,
    group: &Group,
    priority: Priority,
    what: SafeText,
    since: DateTime<Utc>,
    world: &World,
) -> Alert {
    let tags = tags(group);
    let mut labels = vec![("rule".to_owned(), about.name.value.clone())];
    labels.extend(group.iter().map(|(k, v)| (k.to_string(), v.to_string())));
    labels.extend(about.tags.iter().map(|tag| match tag.split_once(':') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => ("tag".to_owned(), tag.clone()),
    }));
    let title = match tags.is_empty() {
        true => about.name.value.clone(),
        false => format!("{} {}", about.name.value, tags.join(" ")),
    };
    let reason = match &about.message {
        Some(message) => SafeText::new(format!("{what}: {message}")),
        None => what,
    };
    Alert {
        title: SafeText::new(title),
        reason,
        target: target(group, world),
        labels,
        runbook: about.runbook.as_ref().map(SafeText::new),
        ..Alert::new(id(about, group), priority, since)
    }
}

fn id(about: &config::Rule, group: &Group) -> AlertId {
    AlertId::new(about.name.value.as_str(), tags(group).join(","))
}

fn tags(group: &Group) -> Vec<String> {
    group.iter().map(|(k, v)| format!("{k}:{v}")).collect()
}

/// What a group of tags is about, when it is one thing.
fn target(group: &Group, world: &World) -> Option<Target> {
    let value = |name: &str| group.iter().find(|(k, _)| &**k == name).map(|(_, v)| v);
    let backend = value("backend");
    let on = |view: &&crate::world::BackendView| backend.is_none_or(|name| &view.info.name == name);
    let Some(pipeline) = value("pipeline") else {
        let view = world.backends().find(|v| backend == Some(&v.info.name))?;
        return Some(Target::Backend(view.info.id.clone()));
    };
    let mut named = world.pipelines().filter(|view| {
        let owner = world.backend(&view.pipeline.key.backend);
        &view.pipeline.name == pipeline && owner.as_ref().is_some_and(on)
    });
    let first: PipelineKey = named.next()?.pipeline.key.clone();
    // two of the same name on two backends: neither is meant alone
    named.next().is_none().then_some(Target::Pipeline(first))
}
