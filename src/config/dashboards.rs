//! Reads `[[dashboard]]`: grids of widgets for different readers.

use std::collections::HashMap;

use super::reader::{Reader, Table, nearest};
use super::source::{At, Span};

/// Columns of a grid, and rows of a widget, at most.
const MOST: u64 = 6;

/// One `[[dashboard]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard {
    pub name: At<String>,
    pub columns: u32,
    pub widgets: Vec<Widget>,
}

/// One `[[dashboard.widget]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Widget {
    pub kind: WidgetKind,
    pub title: Option<String>,
    /// A query as in rules; the comparison may be left out.
    pub query: Option<At<String>>,
    /// As typed after `/` on the fleet.
    pub filter: Option<At<String>>,
    /// `backend/pipeline`
    pub pipeline: Option<At<String>>,
    pub span: WidgetSpan,
    /// Columns and rows of the grid that it takes.
    pub columns: u32,
    pub rows: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WidgetKind {
    Chart,
    Number,
    Top,
    List,
    Sla,
    Heat,
}

impl WidgetKind {
    pub const CHOICES: &[(&str, Self)] = &[
        ("chart", Self::Chart),
        ("number", Self::Number),
        ("top", Self::Top),
        ("list", Self::List),
        ("sla", Self::Sla),
        ("heat", Self::Heat),
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Chart => "chart",
            Self::Number => "number",
            Self::Top => "top",
            Self::List => "list",
            Self::Sla => "sla",
            Self::Heat => "heat",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WidgetSpan {
    #[default]
    Day,
    Week,
    Month,
    Year,
}

impl WidgetSpan {
    pub const CHOICES: &[(&str, Self)] = &[
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("year", Self::Year),
    ];
}

pub(super) fn dashboards(tables: Vec<Table<'_>>) -> Vec<Dashboard> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    tables
        .into_iter()
        .filter_map(|table| dashboard(table, &mut seen))
        .collect()
}

fn dashboard(mut table: Table<'_>, seen: &mut HashMap<String, Span>) -> Option<Dashboard> {
    let reader = table.reader();
    let span = table.span();
    let name = table.need_str("name");
    if let Some(name) = &name
        && seen.insert(name.value.clone(), name.span).is_some()
    {
        let message = format!("there are two dashboards \"{}\"", name.value);
        reader.problem(name.span, message, None);
    }
    let columns = small(table.take_u64("columns", 1..=MOST), 2);
    let widgets = table.take_tables("widget");
    if widgets.is_empty() {
        let help = "add [[dashboard.widget]] with its `kind`".to_owned();
        reader.problem(span, "a dashboard needs at least one widget", help);
    }
    let widgets = widgets.into_iter().filter_map(|t| widget(t, columns));
    let widgets = widgets.collect();
    table.finish();
    Some(Dashboard {
        name: name?,
        columns,
        widgets,
    })
}

fn widget(mut table: Table<'_>, across: u32) -> Option<Widget> {
    let reader = table.reader();
    let span = table.span();
    let kind = table.need("kind");
    let kind = kind.and_then(|value| value.choice(WidgetKind::CHOICES));
    let default = WidgetSpan::default();
    let widget = Widget {
        kind: kind.unwrap_or(WidgetKind::List),
        title: table.take_str("title").map(|at| at.value),
        query: table.take_str("query"),
        filter: table.take_str("filter"),
        pipeline: table.take_str("pipeline"),
        span: table
            .take_choice("span", WidgetSpan::CHOICES)
            .unwrap_or(default),
        columns: small(table.take_u64("columns", 1..=MOST), 1).min(across),
        rows: small(table.take_u64("rows", 1..=MOST), 1),
    };
    table.finish();
    check(reader, span, kind?, &widget);
    Some(widget)
}

/// What a kind needs is there, and nothing that it does not know.
fn check(reader: &Reader<'_>, span: Span, kind: WidgetKind, widget: &Widget) {
    use WidgetKind as K;
    let word = kind.word();
    for (key, given, needed, known) in [
        (
            "query",
            widget.query.as_ref(),
            matches!(kind, K::Chart | K::Number | K::Top),
            matches!(kind, K::Chart | K::Number | K::Top),
        ),
        (
            "filter",
            widget.filter.as_ref(),
            false,
            matches!(kind, K::List | K::Sla),
        ),
        (
            "pipeline",
            widget.pipeline.as_ref(),
            kind == K::Heat,
            kind == K::Heat,
        ),
    ] {
        match given {
            None if needed => {
                let message = format!("a widget of kind \"{word}\" needs `{key}`");
                reader.problem(span, message, None);
            }
            Some(at) if !known => {
                let message = format!("a widget of kind \"{word}\" has no `{key}`");
                reader.problem(at.span, message, None);
            }
            _ => {}
        }
    }
}

fn small(number: Option<u64>, default: u32) -> u32 {
    super::sections::small(number, default)
}

/// The dashboard of a name, or what may have been meant.
pub fn find<'a>(
    all: &'a [Dashboard],
    name: &str,
) -> Result<(usize, &'a Dashboard), Option<&'a str>> {
    let found = all.iter().enumerate().find(|(_, d)| d.name.value == name);
    found.ok_or_else(|| nearest(name, all.iter().map(|d| d.name.value.as_str())))
}
