//! The fleet's filter: the query language over rows. A plain word is found as it is in the backend's name, a tag, the
//! owner or the state, or fuzzily in the name.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern as Fuzzy};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::engine::Watch;
use crate::query::{Document, Facet, Pattern, Query, Value};
use crate::world::{BackendView, FleetRow, PipelineView};

use super::completer::Gathered;

/// What may be asked of a row.
pub const FLEET_FACETS: [&str; 6] = ["status", "pipeline", "backend", "kind", "tag", "owner"];

/// A query that is asked of many rows.
pub(super) struct Filter<'a> {
    query: &'a Query,
    words: RefCell<Words>,
}

struct Words {
    fuzzy: HashMap<String, Fuzzy>,
    matcher: Matcher,
    buffer: Vec<char>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        Self {
            query,
            words: RefCell::new(Words {
                fuzzy: HashMap::new(),
                matcher: Matcher::new(Config::DEFAULT),
                buffer: Vec::new(),
            }),
        }
    }

    pub(super) fn matches(&self, watch: &Watch, row: &FleetRow) -> bool {
        let Some(pipeline) = watch.world.pipeline(&row.key) else {
            return false;
        };
        self.query.matches(&Asked {
            row,
            pipeline,
            backend: watch.world.backend(&row.key.backend),
            words: &self.words,
        })
    }
}

/// A row that is asked.
struct Asked<'a> {
    row: &'a FleetRow,
    pipeline: &'a PipelineView,
    backend: Option<&'a BackendView>,
    words: &'a RefCell<Words>,
}

impl Asked<'_> {
    fn name(&self) -> &str {
        self.pipeline.pipeline.name.as_str()
    }

    /// What plain words are looked for in, the name apart.
    fn marks(&self) -> impl Iterator<Item = &str> {
        FLEET_FACETS
            .iter()
            .filter(|name| **name != "pipeline")
            .flat_map(|name| self.values(name))
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let pipeline = &self.pipeline.pipeline;
        match name {
            "status" => {
                let paused = self.row.paused.then_some("paused");
                std::iter::once(self.row.health.word())
                    .chain(paused)
                    .collect()
            }
            "pipeline" => vec![pipeline.name.as_str()],
            "backend" => self.backend.iter().map(|b| b.info.name.as_str()).collect(),
            "kind" => self.backend.iter().map(|b| b.info.kind).collect(),
            "tag" => pipeline.tags.iter().map(|tag| tag.as_str()).collect(),
            "owner" => pipeline.owner.iter().map(|owner| owner.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}

impl Document for Asked<'_> {
    fn text(&self) -> Option<Cow<'_, str>> {
        let mut text = self.name().to_owned();
        for mark in self.marks() {
            text.push('\n');
            text.push_str(mark);
        }
        Some(Cow::Owned(text))
    }

    fn says(&self, pattern: &Pattern) -> Option<bool> {
        let Some(word) = pattern.literal() else {
            return self.text().map(|text| pattern.is_match(&text));
        };
        if self.marks().any(|mark| pattern.is_match(mark)) {
            return Some(true);
        }
        let words = &mut *self.words.borrow_mut();
        let fuzzy = words
            .fuzzy
            .entry(word.to_owned())
            .or_insert_with(|| Fuzzy::parse(word, CaseMatching::Smart, Normalization::Smart));
        let name = Utf32Str::new(self.name(), &mut words.buffer);
        Some(fuzzy.score(name, &mut words.matcher).is_some())
    }

    fn facet(&self, name: &str) -> Option<Vec<Value<'_>>> {
        Some(self.values(name).into_iter().map(Value::from).collect())
    }

    fn field(&self, _path: &str) -> Option<Vec<Value<'_>>> {
        Some(Vec::new())
    }
}

/// What may be asked, with what the rows say.
pub(super) fn facets(watch: &Watch) -> Vec<Facet> {
    let words = RefCell::new(Words {
        fuzzy: HashMap::new(),
        matcher: Matcher::new(Config::DEFAULT),
        buffer: Vec::new(),
    });
    let mut all: Vec<_> = FLEET_FACETS
        .iter()
        .map(|name| (*name, Gathered::new(*name)))
        .collect();
    for row in watch.fleet() {
        let Some(pipeline) = watch.world.pipeline(&row.key) else {
            continue;
        };
        let asked = Asked {
            row,
            pipeline,
            backend: watch.world.backend(&row.key.backend),
            words: &words,
        };
        for (name, values) in &mut all {
            asked
                .values(name)
                .into_iter()
                .for_each(|value| values.add(value));
        }
    }
    all.into_iter().map(|(_, values)| values.done()).collect()
}
