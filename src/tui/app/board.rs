//! A dashboard of the config: what its widgets show, computed from what is known now.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};

use crate::alerts::query::{Found, Reading};
use crate::config::{Dashboard, Widget, WidgetKind, WidgetSpan};
use crate::engine::Watch;
use crate::engine::past::{Question, Span};
use crate::metrics::catalog::Unit;
use crate::model::{BackendId, PipelineKey, SafeText};
use crate::query::Query;

use super::fleet_filter::{FLEET_FACETS, Filter};
use super::{App, Screen};

/// Between two looks at the metrics.
const EVERY: Duration = Duration::seconds(10);
/// Points of a curve.
const POINTS: i64 = 90;
/// Points that are computed at once: keys come first again after that.
const SLICE: usize = 12;
/// Between two slices.
const NEXT: Duration = Duration::milliseconds(20);
/// Curves of a chart, and rows of a list.
const CURVES: usize = 3;
const ROWS: usize = 50;

/// Points over time.
pub type Curve = Vec<(DateTime<Utc>, f64)>;

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
    },
    Number(f64, Option<Unit>),
    Top(Vec<(String, f64)>, Option<Unit>),
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
    /// Values of charts by widget and place on its grid of time: what was does not change.
    past: HashMap<usize, BTreeMap<i64, Vec<(String, f64)>>>,
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
        for question in self.shown.iter().filter_map(asked) {
            if !all.contains(&question) {
                all.push(question);
            }
        }
        all
    }

    fn look(&mut self, dashboard: &Dashboard, watch: &Watch, now: DateTime<Utc>) {
        self.looked = Some(now);
        self.partial = false;
        self.budget = SLICE;
        let widgets = dashboard.widgets.iter().enumerate();
        let shown = widgets.map(|(i, widget)| self.widget(i, widget, watch, now));
        self.shown = shown.collect();
    }

    fn widget(&mut self, i: usize, widget: &Widget, watch: &Watch, now: DateTime<Utc>) -> Shown {
        match widget.kind {
            WidgetKind::Chart | WidgetKind::Number | WidgetKind::Top => {
                self.metric(i, widget, watch, now)
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

    fn metric(&mut self, i: usize, widget: &Widget, watch: &Watch, now: DateTime<Utc>) -> Shown {
        let text = widget.query.as_ref().map(|at| at.value.as_str());
        let (reading, found) = match self.readings.entry(i) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                match Reading::parse(text.unwrap_or_default()) {
                    Ok(reading) => place.insert((reading, Found::default())),
                    Err(error) => return Shown::Not(SafeText::new(error.to_string())),
                }
            }
        };
        let store = &watch.metrics;
        let unit = reading.unit();
        let mut values: Vec<(String, f64)> = (reading.values(store, now, found).into_iter())
            .filter_map(|(group, value)| Some((name(&group), value?)))
            .filter(|(_, v)| v.is_finite())
            .collect();
        values.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        match widget.kind {
            WidgetKind::Number => match values.as_slice() {
                [] => Shown::Not(SafeText::new("nothing was measured")),
                [(_, value)] => Shown::Number(*value, unit),
                more => Shown::Not(SafeText::new(format!(
                    "the query has {} groups and a number shows one: leave `by {{…}}` out",
                    more.len()
                ))),
            },
            WidgetKind::Top if values.is_empty() => {
                Shown::Not(SafeText::new("nothing was measured"))
            }
            WidgetKind::Top => {
                values.truncate(ROWS);
                Shown::Top(values, unit)
            }
            _ => {
                let seen = self.past.entry(i).or_default();
                let reading = (&*reading, found);
                self.partial |= extend(seen, reading, widget, watch, now, &mut self.budget);
                curves(seen, unit, widget, now, values)
            }
        }
    }
}

/// Computes what is missing of the curves, the newest first; says whether something still is.
fn extend(
    seen: &mut BTreeMap<i64, Vec<(String, f64)>>,
    (reading, found): (&Reading, &mut Found),
    widget: &Widget,
    watch: &Watch,
    now: DateTime<Utc>,
    budget: &mut usize,
) -> bool {
    let step = step(widget);
    let newest = now.timestamp() / step;
    seen.retain(|place, _| *place > newest - POINTS);
    for place in (newest - POINTS + 1..=newest).rev() {
        if seen.contains_key(&place) {
            continue;
        }
        if *budget == 0 {
            return true;
        }
        *budget -= 1;
        let Some(at) = DateTime::from_timestamp(place * step, 0) else {
            continue;
        };
        let values = reading.values(&watch.metrics, at, found).into_iter();
        let values = values.filter_map(|(group, value)| Some((name(&group), value?)));
        seen.insert(place, values.filter(|(_, v)| v.is_finite()).collect());
    }
    false
}

/// Seconds between two points.
fn step(widget: &Widget) -> i64 {
    (span(widget.span).length().num_seconds() / POINTS).max(1)
}

/// `now`: the value of each group as of now, the highest first.
fn curves(
    seen: &BTreeMap<i64, Vec<(String, f64)>>,
    unit: Option<Unit>,
    widget: &Widget,
    at: DateTime<Utc>,
    now: Vec<(String, f64)>,
) -> Shown {
    let step = step(widget);
    let mut all: HashMap<&str, Curve> = HashMap::new();
    for (place, values) in seen {
        if let Some(at) = DateTime::from_timestamp(place * step, 0) {
            for (name, value) in values {
                all.entry(name.as_str()).or_default().push((at, *value));
            }
        }
    }
    for (name, value) in &now {
        all.entry(name.as_str()).or_default().push((at, *value));
    }
    if all.is_empty() {
        let text = format!("nothing was measured in this {}", span(widget.span).word());
        return Shown::Not(SafeText::new(text));
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
    Shown::Chart {
        from: at - span(widget.span).length(),
        to: at,
        curves: curves.into_iter().map(|(n, c)| (n.to_owned(), c)).collect(),
        all: count,
        unit,
    }
}

/// "celery", "prod celery"; empty where the query has no groups.
fn name(group: &crate::alerts::query::Group) -> String {
    let values: Vec<&str> = group.iter().map(|(_, value)| value.as_str()).collect();
    values.join(" ")
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
        let wait = if board.partial { NEXT } else { EVERY };
        if board.looked.is_none_or(|at| now - at >= wait || now < at) {
            board.look(dashboard, watch, now);
        }
    }

    pub(super) fn board_wake(&self) -> Option<DateTime<Utc>> {
        match self.stack.last() {
            Some(Screen::Board(board)) if !self.hidden => {
                let wait = if board.partial { NEXT } else { EVERY };
                Some(board.looked? + wait)
            }
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
