//! Owns which series a query means and which group each belongs to, remembered from one evaluation to the next: series
//! come seldom and are asked for often.

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::Select;
use super::filter::{Filter, Pattern};
use crate::metrics::{Kind, Name, SeriesId, Store, Tag, catalog};
use crate::model::SafeText;

/// The tags a group is made by, with its values.
pub type Group = Arc<[(Arc<str>, SafeText)]>;

/// "celery", "prod celery"; empty where the query has no groups.
pub fn group_name(group: &Group) -> String {
    let values: Vec<&str> = group.iter().map(|(_, value)| value.as_str()).collect();
    values.join(" ")
}

/// What stands for a tag that a series lacks, as at Datadog.
pub(super) const LACKS: &str = "N/A";

/// A query with its metric found.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub name: Name,
    pub kind: Kind,
    pub filter: Filter,
    by: Vec<Arc<str>>,
    /// What it looks at was kept in grains, and is not told as it happens.
    pub kept: bool,
}

impl Source {
    /// `None` for a metric that is not in the catalogue; the parser lets none through.
    pub fn new(select: &Select) -> Option<Self> {
        let meaning = catalog::find(&select.metric)?;
        let mut filter = select.filter.clone();
        if let Some((kind, native)) = meaning.native {
            let own = [("kind", kind)];
            let given = own.iter().chain(native.tags);
            filter = filter
                .and(given.map(|(key, value)| Filter::Tag((*key).to_owned(), Pattern::new(value))));
        }
        Some(Self {
            name: meaning.metric.id,
            kind: meaning.metric.kind,
            filter,
            by: select
                .by
                .iter()
                .map(|key| Arc::from(key.as_str()))
                .collect(),
            kept: false,
        })
    }
}

/// The series of a query and their groups, as far as the store has been looked through.
#[derive(Debug, Default)]
pub(super) struct Selection {
    epoch: u64,
    seen: usize,
    pub groups: Vec<Group>,
    by_group: HashMap<Group, u32>,
    pub members: Vec<(SeriesId, u32)>,
}

impl Selection {
    /// Looks at the series that have come since the last time; at all of them when one has gone.
    pub fn refresh(&mut self, store: &Store, source: &Source) {
        let all = store.of(source.name);
        let epoch = store.epoch(source.name);
        if epoch != self.epoch || self.seen > all.len() {
            *self = Self {
                epoch,
                ..Self::default()
            };
        }
        for id in all.get(self.seen..).unwrap_or_default() {
            let Some(series) = store.get(*id) else {
                continue;
            };
            if source.filter.matches(&series.tags) {
                for group in groups(&series.tags, &source.by) {
                    let at = self.group(group);
                    self.members.push((*id, at));
                }
            }
        }
        self.seen = all.len();
    }

    fn group(&mut self, group: Group) -> u32 {
        if let Some(at) = self.by_group.get(&group) {
            return *at;
        }
        let at = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        self.groups.push(group.clone());
        self.by_group.insert(group, at);
        at
    }
}

/// One group, or several where a tag stands there more than once.
fn groups(tags: &[Tag], by: &[Arc<str>]) -> Vec<Group> {
    let mut found: Vec<Vec<(Arc<str>, SafeText)>> = vec![Vec::new()];
    for key in by {
        let mut values: Vec<SafeText> = tags
            .iter()
            .filter(|tag| tag.key() == key)
            .map(|tag| tag.value().clone())
            .collect();
        if values.is_empty() {
            values.push(SafeText::new(LACKS));
        }
        found = found
            .into_iter()
            .flat_map(|group| {
                values
                    .iter()
                    .map(move |value| {
                        let mut group = group.clone();
                        group.push((key.clone(), value.clone()));
                        group
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    found.into_iter().map(Group::from).collect()
}
