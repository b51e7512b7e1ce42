//! A line that is typed for a log: a search or a filter, with what it may go on with and what is wrong with it.

use std::collections::BTreeSet;

use crossterm::event::KeyCode;
use tui_input::Input as TextInput;

use crate::engine::Watch;
use crate::logs::{FACETS, Lens, Level, Record};
use crate::query::{Document, Facet, Query, QueryError};
use crate::tui::app::completer::{Completer, Gathered};
use crate::tui::app::edit;
use crate::tui::term::KeyPress;

use super::{LogView, Place, Sought, Stage};

/// Records looked at for names and values that may be meant.
const SAMPLE: usize = 100;
/// The likely ones first.
const LEVELS: [Level; 6] = [
    Level::Error,
    Level::Warn,
    Level::Info,
    Level::Debug,
    Level::Fatal,
    Level::Trace,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Search,
    FilterIn,
    FilterOut,
    /// Another text for the filter at this place of the stack.
    Change(usize),
}

#[derive(Debug)]
pub struct Prompt {
    pub purpose: Purpose,
    pub line: TextInput,
    /// What is wrong; what was found before it stays.
    pub error: Option<QueryError>,
    pub completer: Completer,
    before: Before,
}

/// What comes back when the line is given up.
#[derive(Debug)]
struct Before {
    place: Place,
    search: Option<Sought>,
}

impl LogView {
    /// Opens the line, with a text to begin with.
    pub(super) fn open_prompt(&mut self, watch: &Watch, purpose: Purpose, text: &str) {
        let facets = self.with(watch, |lens| facets(lens, self));
        let mut prompt = Prompt {
            purpose,
            line: TextInput::new(text.to_owned()),
            error: None,
            completer: Completer::new(facets),
            before: Before {
                place: self.place,
                search: self.search.take(),
            },
        };
        prompt.completer.offer(&prompt.line);
        self.prompt = Some(prompt);
    }

    /// A key for the line.
    pub(in crate::tui::app) fn prompt_key(&mut self, watch: &Watch, press: KeyPress) -> Typed {
        let Some(mut prompt) = self.prompt.take() else {
            return Typed::Open;
        };
        match press.code {
            KeyCode::Esc => {
                self.search = prompt.before.search;
                self.place = prompt.before.place;
                return Typed::GivenUp;
            }
            KeyCode::Enter => return self.end_prompt(watch, prompt),
            KeyCode::Tab => prompt.completer.take(&mut prompt.line, true),
            KeyCode::BackTab => prompt.completer.take(&mut prompt.line, false),
            _ => {
                edit(&mut prompt.line, press);
                prompt.completer.offer(&prompt.line);
            }
        }
        self.try_out(watch, &mut prompt);
        self.prompt = Some(prompt);
        Typed::Open
    }

    pub(in crate::tui::app) fn prompt_pasted(&mut self, watch: &Watch) {
        if let Some(mut prompt) = self.prompt.take() {
            prompt.completer.offer(&prompt.line);
            self.try_out(watch, &mut prompt);
            self.prompt = Some(prompt);
        }
    }

    /// What was typed is looked for at once, from where one was.
    fn try_out(&mut self, watch: &Watch, prompt: &mut Prompt) {
        match prompt.query() {
            Ok(query) if query.is_all() => {
                prompt.error = None;
                self.search = None;
                self.place = prompt.before.place;
            }
            Ok(query) => {
                prompt.error = None;
                self.place = prompt.before.place;
                let text = prompt.line.value().trim().to_owned();
                self.look_for(watch, &text, query);
            }
            Err(error) => prompt.error = Some(error),
        }
    }

    fn end_prompt(&mut self, watch: &Watch, mut prompt: Prompt) -> Typed {
        let text = prompt.line.value().trim().to_owned();
        let query = match prompt.query() {
            Ok(query) => query,
            Err(error) => {
                // it stands beside the line until it is right
                prompt.error = Some(error);
                self.prompt = Some(prompt);
                return Typed::Open;
            }
        };
        let out = match prompt.purpose {
            Purpose::Search => {
                if query.is_all() {
                    self.search = None;
                } else if self.search.as_ref().is_none_or(|s| s.query != query) {
                    self.look_for(watch, &text, query);
                }
                return Typed::Searched;
            }
            Purpose::FilterIn => false,
            Purpose::FilterOut => true,
            Purpose::Change(at) => self.sieve.stages.get(at).is_some_and(|stage| stage.out),
        };
        self.search = prompt.before.search;
        if let Purpose::Change(at) = prompt.purpose {
            self.sieve.remove(at);
        }
        if !query.is_all() {
            let stage = Stage {
                text,
                query,
                out,
                on: true,
            };
            match prompt.purpose {
                Purpose::Change(at) => self.sieve.insert(at, stage),
                _ => self.sieve.push(stage),
            }
        }
        self.place = prompt.before.place;
        self.search_again();
        Typed::Filtered
    }
}

/// What became of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    Open,
    GivenUp,
    Searched,
    Filtered,
}

impl Prompt {
    fn query(&self) -> Result<Query, QueryError> {
        Query::parse(self.line.value().trim_end(), &FACETS)
    }
}

/// The names that may be asked for, with the values that are known of them: by heart, of the logs, of the records
/// in view.
fn facets(lens: &Lens, view: &LogView) -> Vec<Facet> {
    let records = sample(lens, view);
    let mut all: Vec<Facet> = Vec::new();
    for name in FACETS {
        let mut values = Gathered::new(name);
        if matches!(name, "level" | "status") {
            LEVELS.iter().for_each(|level| values.add(level.word()));
        }
        let tags = lens.sources().iter().flat_map(|s| s.log.tags());
        let own = tags.filter(|(tag, _)| *tag == name);
        own.for_each(|(_, value)| values.add(value));
        for record in &records {
            values.add_all(record.facet(name).into_iter().flatten());
        }
        all.push(values.done());
    }
    let names: BTreeSet<&str> = records
        .iter()
        .flat_map(|record| record.fields().iter().map(|field| field.name.as_str()))
        .collect();
    for name in names.into_iter().take(SAMPLE) {
        let mut values = Gathered::new(format!("@{name}"));
        for record in &records {
            values.add_all(record.field(name).into_iter().flatten());
        }
        all.push(values.done());
    }
    all
}

/// The records around the cursor.
fn sample(lens: &Lens, view: &LogView) -> Vec<Record> {
    let Some(cursor) = view.cursor(lens) else {
        return Vec::new();
    };
    let before: Vec<_> = lens.before(cursor).take(SAMPLE / 2).collect();
    let all = before.into_iter().rev().chain([cursor]);
    let mut seen = BTreeSet::new();
    all.chain(lens.after(cursor).take(SAMPLE / 2))
        .filter_map(|point| {
            let log = lens.log(point.source)?;
            let start = log.number_of(lens.record(point).start);
            let new = seen.insert((point.source, start));
            new.then(|| log.record_of(start)).flatten()
        })
        .collect()
}
