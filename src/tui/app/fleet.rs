//! The fleet's list: filter, order, selection, marks.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::Input as TextInput;

use crate::engine::Watch;
use crate::model::PipelineKey;
use crate::world::FleetRow;

use super::lists::ListState;
use super::log::LogView;
use super::run::Pane;

#[derive(Debug, Default)]
pub struct FleetState {
    pub list: ListState<PipelineKey>,
    /// A person has moved: the selection is theirs. Before, it is the worst row.
    pub touched: bool,
    pub marks: BTreeSet<PipelineKey>,
    pub filter: TextInput,
    /// The filter has the keyboard.
    pub typing: bool,
    pub pane: Pane,
    pub log: LogView,
    /// Since when the selected row is selected.
    pub rests_since: DateTime<Utc>,
    /// The row that the pane below speaks of. It follows the selection when the cursor rests: who
    /// runs down the list gets small frames, and no log is asked for in passing.
    pub shown: Option<PipelineKey>,
}

impl FleetState {
    /// Orders and filters the rows anew.
    pub fn sync(&mut self, watch: &Watch) {
        let wanted = self.filter.value().trim().to_owned();
        let order = if wanted.is_empty() {
            watch.fleet().iter().map(|row| row.key.clone()).collect()
        } else {
            let mut filter = Filter::new(&wanted);
            watch
                .fleet()
                .iter()
                .filter(|row| filter.matches(watch, row))
                .map(|row| row.key.clone())
                .collect()
        };
        self.list.sync(order);
        if !self.touched {
            self.list.select_at(0);
        }
        // what is gone can't be acted upon
        self.marks.retain(|key| watch.world.pipeline(key).is_some());
    }

    pub fn selected(&self) -> Option<&PipelineKey> {
        self.list.selected.as_ref()
    }

    /// The row of a pipeline. The order of the list is that of the fleet or a part of it, so the search starts
    /// where the row should be.
    pub fn row<'a>(watch: &'a Watch, key: &PipelineKey, near: usize) -> Option<&'a FleetRow> {
        let rows = watch.fleet();
        rows.get(near)
            .filter(|row| &row.key == key)
            .or_else(|| rows.iter().find(|row| &row.key == key))
    }

    pub fn selected_row<'a>(&self, watch: &'a Watch) -> Option<&'a FleetRow> {
        Self::row(
            watch,
            self.selected()?,
            self.list.index().unwrap_or_default(),
        )
    }

    /// The row that the pane below speaks of.
    pub fn shown_row<'a>(&self, watch: &'a Watch) -> Option<&'a FleetRow> {
        Self::row(
            watch,
            self.shown.as_ref()?,
            self.list.index().unwrap_or_default(),
        )
    }

    pub fn filtered(&self) -> bool {
        !self.filter.value().trim().is_empty()
    }

    pub fn clear_filter(&mut self) {
        self.filter.reset();
        self.typing = false;
    }

    pub fn mark(&mut self, key: &PipelineKey) {
        if !self.marks.remove(key) {
            self.marks.insert(key.clone());
        }
    }

    /// Marks all rows that are shown; when they all are marked, none.
    pub fn mark_all(&mut self) {
        if self.list.order.iter().all(|key| self.marks.contains(key)) {
            self.marks.clear();
        } else {
            self.marks.extend(self.list.order.iter().cloned());
        }
    }
}

/// Every word must be found: as it is in the backend's name, a tag, the owner or the state, or fuzzily in the name.
struct Filter {
    words: Vec<(String, Pattern)>,
    matcher: Matcher,
    buffer: Vec<char>,
}

impl Filter {
    fn new(wanted: &str) -> Self {
        let words = wanted
            .split_whitespace()
            .map(|word| {
                let pattern = Pattern::parse(word, CaseMatching::Smart, Normalization::Smart);
                (word.to_lowercase(), pattern)
            })
            .collect();
        Self {
            words,
            matcher: Matcher::new(Config::DEFAULT),
            buffer: Vec::new(),
        }
    }

    fn matches(&mut self, watch: &Watch, row: &FleetRow) -> bool {
        let Some(view) = watch.world.pipeline(&row.key) else {
            return false;
        };
        let pipeline = &view.pipeline;
        let backend = watch.world.backend(&row.key.backend);
        let plain = |word: &str| {
            let has = |text: &str| text.to_lowercase().contains(word);
            has(row.health.word())
                || (row.paused && "paused".contains(word))
                || backend.is_some_and(|b| has(b.info.name.as_str()) || has(b.info.kind))
                || pipeline.tags.iter().any(|tag| has(tag.as_str()))
                || pipeline
                    .owner
                    .as_ref()
                    .is_some_and(|owner| has(owner.as_str()))
        };
        let (matcher, buffer) = (&mut self.matcher, &mut self.buffer);
        self.words.iter().all(|(word, pattern)| {
            plain(word)
                || pattern
                    .score(Utf32Str::new(pipeline.name.as_str(), buffer), matcher)
                    .is_some()
        })
    }
}
