//! The fleet's list: filter, order, selection, marks.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tui_input::Input as TextInput;

use crate::engine::Watch;
use crate::model::PipelineKey;
use crate::query::{Query, QueryError};
use crate::world::FleetRow;

use super::completer::Completer;
use super::fleet_filter::{FLEET_FACETS, Filter};
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
    /// What the filter says, or said before there was a mistake in it; and the mistake.
    asked: Option<(String, Query)>,
    pub mistake: Option<QueryError>,
    pub completer: Completer,
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
        self.ask();
        let rows = watch.fleet().iter();
        let order = match &self.asked {
            None => rows.map(|row| row.key.clone()).collect(),
            Some((_, query)) => {
                let filter = Filter::new(query);
                rows.filter(|row| filter.matches(watch, row))
                    .map(|row| row.key.clone())
                    .collect()
            }
        };
        self.list.sync(order);
        if !self.touched {
            self.list.select_at(0);
        }
        // what is gone can't be acted upon
        self.marks.retain(|key| watch.world.pipeline(key).is_some());
    }

    /// Reads the filter; what it said before stays while it can't be read.
    fn ask(&mut self) {
        let wanted = self.filter.value().trim();
        if self
            .asked
            .as_ref()
            .is_some_and(|(known, _)| known == wanted)
        {
            self.mistake = None;
            return;
        }
        match Query::parse(wanted, &FLEET_FACETS) {
            Ok(query) => {
                self.mistake = None;
                self.asked = (!query.is_all()).then(|| (wanted.to_owned(), query));
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
    }

    /// The filter that holds, which is not what is typed while that can't be read.
    pub fn shown_filter(&self) -> &str {
        self.asked.as_ref().map_or("", |(text, _)| text)
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
        self.asked.is_some() || !self.filter.value().trim().is_empty()
    }

    pub fn clear_filter(&mut self) {
        self.filter.reset();
        self.asked = None;
        self.mistake = None;
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
