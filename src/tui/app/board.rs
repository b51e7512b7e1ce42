//! A dashboard of the config: what its widgets show, computed from what is known now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use crate::alerts::query::{Found, Reading, group_name};
use crate::config::{Dashboard, Widget, WidgetKind, WidgetSpan};
use crate::engine::Watch;
use crate::engine::past::{self, Answer, POINTS, Question, SeriesPast, Span};
use crate::metrics::catalog::Unit;
use crate::metrics::plain;
use crate::model::{BackendId, PipelineKey, SafeText};
use crate::query::Query;

use super::fleet_filter::{FLEET_FACETS, Filter};
use super::past::Past;
use super::{App, Screen};

/// Between two looks at the metrics.
const EVERY: Duration = Duration::seconds(10);
/// Points that are computed at once: keys come first again after that.
const SLICE: usize = 12;
/// Between two slices.
const NEXT: Duration = Duration::milliseconds(20);
/// What the history takes long to tell is said to be on its way.
const SLOW: Duration = Duration::milliseconds(150);
/// Curves of a chart, and rows of a list.
const CURVES: usize = 3;
const ROWS: usize = 50;
/// What looks back no further than this is as this session knows it, however young that is.
const RECENT: Duration = Duration::minutes(10);
/// So long after its end a minute is in the history.
const MINUTE_KEPT: Duration = Duration::seconds(40);

/// Points over time.
pub type Curve = Vec<(DateTime<Utc>, f64)>;

/// Names of groups and their values.
type Values = Vec<(String, f64)>;

/// Those of charts by place on their grid of time.
type Places = BTreeMap<i64, Values>;

/// What a widget shows.
#[derive(Clone, Debug)]
pub enum Shown {
    /// Names and curves, those with the highest last values first; how many there are in all.
    Chart {
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        curves: Vec<(String, Curve)>,
        all: usize,
        unit: Option<Unit>,
        /// What is to be said of its older part.
        note: Option<SafeText>,
    },
    /// The last is what is to be said of how far back it looks.
    Number(f64, Option<Unit>, Option<SafeText>),
    Top(Vec<(String, f64)>, Option<Unit>, Option<SafeText>),
    List(Vec<PipelineKey>),
    /// From the history; of these pipelines (`None`: all).
    Sla(Question, Option<Vec<PipelineKey>>),
    Heat(Question),
    /// Why there is nothing to show.
    Not(SafeText),
}

#[derive(Debug)]
pub struct Board {
    pub at: usize,
    /// In the order of the config.
    pub shown: Vec<Shown>,
    looked: Option<DateTime<Utc>>,
    /// Curves are not there in whole yet.
    partial: bool,
    /// Values of charts by widget: what was does not change.
    past: HashMap<usize, Places>,
    /// What of this look is for the history.
    asked: Vec<Question>,
    /// Some of that has not been told, and nobody has said so.
    waits: bool,
    /// How many points may still be computed in this look.
    budget: usize,
    /// Queries made ready, by widget.
    readings: HashMap<usize, (Reading, Found)>,
}

impl Board {
    pub fn new(at: usize) -> Self {
        Self {
            at,
            shown: Vec::new(),
            looked: None,
            partial: false,
            past: HashMap::new(),
            asked: Vec::new(),
            waits: false,
            budget: 0,
            readings: HashMap::new(),
        }
    }

    pub fn questions(&self) -> Vec<Question> {
        let asked = |shown: &Shown| match shown {
            Shown::Sla(question, _) | Shown::Heat(question) => Some(question.clone()),
            _ => None,
        };
        let mut all: Vec<Question> = Vec::new();
        let own = self.asked.iter().cloned();
        for question in self.shown.iter().filter_map(asked).chain(own) {
            if !all.contains(&question) {
                all.push(question);
            }
        }
        all
    }

    fn look(&mut self, dashboard: &Dashboard, from: &From<'_>) {
        self.looked = Some(from.now);
        self.partial = false;
        self.budget = SLICE;
        self.asked.clear();
        let widgets = dashboard.widgets.iter().enumerate();
        let shown = widgets.map(|(i, widget)| self.widget(i, widget, from));
        self.shown = shown.collect();
        let told = |question: &Question| {
            let looked = from.past.look(question, from.now);
            looked.answer.is_some() || looked.trouble.is_some() || looked.waiting
        };
        self.waits = from.history && !self.asked.iter().all(told);
    }

    /// Until the next look.
    fn wait(&self) -> Duration {
        match (self.partial, self.waits) {
            (true, _) => NEXT,
            (false, true) => SLOW,
            (false, false) => EVERY,
        }
    }

    fn widget(&mut self, i: usize, widget: &Widget, from: &From<'_>) -> Shown {
        let watch = from.watch;
        match widget.kind {
            WidgetKind::Chart | WidgetKind::Number | WidgetKind::Top => {
                self.metric(i, widget, from)
            }
            WidgetKind::List => match matching(widget, watch) {
                Ok(keys) => Shown::List(keys),
                Err(why) => Shown::Not(why),
            },
            WidgetKind::Sla => {
                let question = Question::Sla {
                    span: span(widget.span),
                };
                match widget.filter.as_ref().map(|_| matching(widget, watch)) {
                    None => Shown::Sla(question, None),
                    Some(Ok(keys)) => Shown::Sla(question, Some(keys)),
                    Some(Err(why)) => Shown::Not(why),
                }
            }
            WidgetKind::Heat => {
                let address = widget.pipeline.as_ref().map(|at| at.value.as_str());
                match address.and_then(|text| text.split_once('/')) {
                    Some((backend, pipeline)) => Shown::Heat(Question::Pipeline {
                        key: PipelineKey::new(&BackendId::new(backend), pipeline),
                        span: Some(span(widget.span)),
                    }),
                    None => Shown::Not(SafeText::new("write pipeline = \"backend/pipeline\"")),
                }
            }
        }
    }

    /// What a query comes to: as this session knows it, and as the history does where this session is too young.
    fn metric(&mut self, i: usize, widget: &Widget, from: &From<'_>) -> Shown {
        let text = widget.query.as_ref().map(|at| at.value.as_str());
        let text = text.unwrap_or_default();
        let (reading, found) = match self.readings.entry(i) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => match Reading::parse(text) {
                Ok(reading) => place.insert((reading, Found::default())),
                Err(error) => return Shown::Not(SafeText::new(error.to_string())),
            },
        };
        let unit = reading.unit();
        let memory = Memory::new(from, reading);
        let mut values = values(reading, from.watch, from.now, found);
        let (mut note, mut unknown) = (None, None);
        // it looks back to before this session
        if !memory.holds(from.now) && (values.is_empty() || memory.reach > RECENT) {
            let minute = (from.now - MINUTE_KEPT).timestamp().div_euclid(60);
            // the longer it looks back, the less a minute is to it
            let minute = minute - minute.rem_euclid((memory.reach.num_hours()).clamp(1, 5));
            let query = text.to_owned();
            let kept = from.ask(Question::Value { query, minute }, &mut self.asked);
            note = kept.note;
            unknown = note.clone().filter(|_| kept.answer.is_none());
            if let Some(Answer::Value(past)) = kept.answer.as_deref()
                && !past.values.is_empty()
            {
                values = as_spelled(&past.values, &values);
            }
        }
        values.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        match widget.kind {
            WidgetKind::Number => match values.as_slice() {
                [] => nothing("nothing was measured", note),
                [(_, value)] => Shown::Number(*value, unit, unknown),
                more => Shown::Not(SafeText::new(format!(
                    "the query has {} groups and a number shows one: leave `by {{…}}` out",
                    more.len()
                ))),
            },
            WidgetKind::Top if values.is_empty() => nothing("nothing was measured", note),
            WidgetKind::Top => {
                values.truncate(ROWS);
                Shown::Top(values, unit, unknown)
            }
            _ => {
                let seen = self.past.entry(i).or_default();
                let (more, missing) = extend(
                    seen,
                    (reading, found),
                    widget,
                    from,
                    &memory,
                    &mut self.budget,
                );
                self.partial |= more;
                let kept = missing.map(|upto| {
                    let query = text.to_owned();
                    let span = span(widget.span);
                    from.ask(Question::Series { query, span, upto }, &mut self.asked)
                });
                let kept = kept.unwrap_or_default();
                let past = match kept.answer.as_deref() {
                    Some(Answer::Series(past)) => Some(past),
                    _ => None,
                };
                curves((&*seen, past), unit, widget, from.now, values, kept.note)
            }
        }
    }
}

/// What the values of a dashboard are made of.
struct From<'a> {
    watch: &'a Watch,
    past: &'a Past,
    /// The history can be asked.
    history: bool,
    now: DateTime<Utc>,
}

/// What the history knows, and what is to be said of that.
#[derive(Default)]
struct Kept {
    answer: Option<Arc<Answer>>,
    note: Option<SafeText>,
}

impl From<'_> {
    fn ask(&self, question: Question, asked: &mut Vec<Question>) -> Kept {
        if !self.history {
            let note = Some(SafeText::new("no history is kept in this session"));
            return Kept { answer: None, note };
        }
        let looked = self.past.look(&question, self.now);
        let empty = match looked.answer.as_deref() {
            Some(Answer::Series(past)) => past.values.is_empty(),
            Some(Answer::Value(past)) => past.values.is_empty(),
            _ => false,
        };
        let cut = matches!(looked.answer.as_deref(), Some(Answer::Series(past)) if past.cut);
        let note = match (&looked.trouble, &looked.answer) {
            (Some(trouble), _) => Some(SafeText::new(trouble.to_string())),
            (None, None) if looked.waiting => Some(SafeText::new("looking it up")),
            (None, Some(_)) if empty => Some(SafeText::new("the history has none of it")),
            (None, Some(_)) if cut => Some(SafeText::new("more series than are looked at")),
            (None, _) => None,
        };
        asked.push(question);
        Kept {
            answer: looked.answer,
            note,
        }
    }
}

/// What this session holds of a query.
struct Memory {
    /// From when on it knows everything; `None`: it knows nothing yet.
    from: Option<DateTime<Utc>>,
    /// How far back a value looks.
    reach: Duration,
    /// Somebody else can know more.
    history: bool,
}

impl Memory {
    fn new(from: &From<'_>, reading: &Reading) -> Self {
        Self {
            from: from.watch.metrics.known_from(),
            reach: Duration::seconds(reading.reach().into()),
            history: from.history,
        }
    }

    /// All that a value at that time looks back to.
    fn holds(&self, at: DateTime<Utc>) -> bool {
        self.from.is_some_and(|from| at - self.reach >= from)
    }
}

fn values(reading: &Reading, watch: &Watch, at: DateTime<Utc>, found: &mut Found) -> Values {
    let values = reading.values(&watch.metrics, at, found).into_iter();
    let values = values.filter_map(|(group, value)| Some((group_name(&group), value?)));
    values.filter(|(_, v)| v.is_finite()).collect()
}

/// The history keeps names of groups in lower case: those that this session knows are spelled as it does.
fn as_spelled(kept: &Values, known: &Values) -> Values {
    let spelled: HashMap<String, &String> = known.iter().map(|(n, _)| (plain(n), n)).collect();
    let name = |n: &String| {
        spelled
            .get(&plain(n))
            .map_or_else(|| n.clone(), |s| (*s).clone())
    };
    kept.iter().map(|(n, v)| (name(n), *v)).collect()
}

fn nothing(text: &str, note: Option<SafeText>) -> Shown {
    Shown::Not(match note {
        Some(note) => SafeText::new(format!("{text}; {note}")),
        None => SafeText::new(text),
    })
}

/// Computes what is missing of the curves, the newest first; says whether something still is, and up to which place the
/// history is to be asked: for what this session does not hold.
fn extend(
    seen: &mut Places,
    (reading, found): (&Reading, &mut Found),
    widget: &Widget,
    from: &From<'_>,
    memory: &Memory,
    budget: &mut usize,
) -> (bool, Option<i64>) {
    let span = span(widget.span);
    let step = past::step(span);
    let newest = from.now.timestamp().div_euclid(step);
    let readable = past::readable(span, from.now).timestamp().div_euclid(step);
    seen.retain(|place, _| *place > newest - POINTS);
    let mut missing = None;
    for place in (newest - POINTS + 1..=newest).rev() {
        if seen.contains_key(&place) {
            continue;
        }
        let Some(at) = DateTime::from_timestamp(place * step, 0) else {
            continue;
        };
        if !memory.holds(at) {
            // without a history it is as this session knows it
            if place <= readable {
                missing = missing.or(Some(place));
            }
            if memory.history {
                continue;
            }
        }
        if *budget == 0 {
            return (true, missing);
        }
        *budget -= 1;
        seen.insert(place, values(reading, from.watch, at, found));
    }
    (false, missing)
}

/// `now`: the value of each group as of now, the highest first. What is not seen is as the history has it.
fn curves(
    (seen, past): (&Places, Option<&SeriesPast>),
    unit: Option<Unit>,
    widget: &Widget,
    at: DateTime<Utc>,
    now: Values,
    note: Option<SafeText>,
) -> Shown {
    let span = span(widget.span);
    let step = past::step(span);
    let mut spelled: BTreeMap<String, &str> = BTreeMap::new();
    let known = now.iter().chain(seen.values().flatten());
    for (name, _) in known {
        spelled.entry(plain(name)).or_insert(name);
    }
    let first = at.timestamp().div_euclid(step) - POINTS;
    let kept = past.into_iter().flat_map(|past| &past.values);
    let kept = kept.filter(|(place, _)| **place > first && !seen.contains_key(*place));
    let mut all: HashMap<&str, Curve> = HashMap::new();
    for (place, values) in seen.iter().chain(kept) {
        if let Some(at) = DateTime::from_timestamp(place * step, 0) {
            for (name, value) in values {
                let name = spelled.get(&plain(name)).copied().unwrap_or(name.as_str());
                all.entry(name).or_default().push((at, *value));
            }
        }
    }
    for (name, value) in &now {
        all.entry(name.as_str()).or_default().push((at, *value));
    }
    if all.is_empty() {
        return nothing(
            &format!("nothing was measured in this {}", span.word()),
            note,
        );
    }
    let place = |name: &str| {
        now.iter()
            .position(|(n, _)| n == name)
            .unwrap_or(usize::MAX)
    };
    let count = all.len();
    let mut curves: Vec<(&str, Curve)> = all.into_iter().collect();
    curves.sort_by(|a, b| place(a.0).cmp(&place(b.0)).then(a.0.cmp(b.0)));
    curves.truncate(CURVES);
    for (_, curve) in &mut curves {
        curve.sort_by_key(|(at, _)| *at);
    }
    Shown::Chart {
        from: at - span.length(),
        to: at,
        curves: curves.into_iter().map(|(n, c)| (n.to_owned(), c)).collect(),
        all: count,
        unit,
        note,
    }
}

fn matching(widget: &Widget, watch: &Watch) -> Result<Vec<PipelineKey>, SafeText> {
    let text = widget.filter.as_ref().map(|at| at.value.as_str());
    let query = Query::parse(text.unwrap_or_default(), &FLEET_FACETS)
        .map_err(|error| SafeText::new(error.to_string()))?;
    let filter = Filter::new(&query);
    let rows = watch.fleet().iter();
    let rows = rows.filter(|row| filter.matches(watch, row));
    Ok(rows.map(|row| row.key.clone()).collect())
}

pub fn span(span: WidgetSpan) -> Span {
    match span {
        WidgetSpan::Day => Span::Day,
        WidgetSpan::Week => Span::Week,
        WidgetSpan::Month => Span::Month,
        WidgetSpan::Year => Span::Year,
    }
}

impl App {
    pub fn board(&self) -> Option<&Board> {
        match self.stack.last() {
            Some(Screen::Board(board)) => Some(board),
            _ => None,
        }
    }

    /// Computes what the dashboard on top shows, when that is due.
    pub(super) fn sync_board(&mut self, watch: &Watch) {
        if self.hidden {
            return;
        }
        let now = self.now;
        let Some(Screen::Board(board)) = self.stack.last_mut() else {
            return;
        };
        let Some(dashboard) = self.settings.dashboards.get(board.at) else {
            return;
        };
        let wait = board.wait();
        if board.looked.is_none_or(|at| now - at >= wait || now < at) {
            let from = From {
                watch,
                past: &self.past,
                history: self.settings.history,
                now,
            };
            board.look(dashboard, &from);
        }
    }

    /// The history has told something that the dashboard on top may be made of.
    pub(super) fn board_answered(&mut self, question: &Question) {
        if let Some(Screen::Board(board)) = self.stack.last_mut() {
            board.partial |= board.asked.contains(question);
        }
    }

    pub(super) fn board_wake(&self) -> Option<DateTime<Utc>> {
        match self.stack.last() {
            Some(Screen::Board(board)) if !self.hidden => Some(board.looked? + board.wait()),
            _ => None,
        }
    }

    /// A dashboard is on screen that is not there in whole yet.
    pub(in crate::tui) fn board_pending(&self) -> bool {
        matches!(self.stack.last(), Some(Screen::Board(board)) if board.partial || board.looked.is_none())
    }

    pub(in crate::tui) fn show_board(&mut self, at: usize) {
        self.show(Some(Screen::Board(Box::new(Board::new(at)))));
    }

    /// The next dashboard of the config, or the first.
    pub(super) fn next_board(&mut self) {
        let count = self.settings.dashboards.len().max(1);
        let at = match self.stack.last() {
            Some(Screen::Board(board)) => (board.at + 1) % count,
            _ => 0,
        };
        self.show_board(at);
    }
}
