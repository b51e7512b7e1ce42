//! Owns the shape of a rule and how it is written down.

use std::fmt;

use super::filter::Filter;

/// `avg(last_5m):avg:pipeline.stage.duration{stage:load} by {pipeline} > 5`
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub time: Time,
    pub expr: Expr,
    pub compare: Compare,
    /// The critical threshold.
    pub threshold: f64,
}

/// What becomes of the values of the window. Spans are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// `avg(last_5m)`
    Over { aggregate: Aggregate, window: u32 },
    /// `change(avg(last_5m),1h_ago)`: a window against the same some time ago.
    Change {
        percent: bool,
        aggregate: Aggregate,
        window: u32,
        ago: u32,
    },
    /// `change(last_10m)`: what a level has moved, or a count has grown, from the window's start to its end.
    Growth { percent: bool, window: u32 },
}

impl Time {
    pub fn window(self) -> u32 {
        match self {
            Self::Over { window, .. }
            | Self::Change { window, .. }
            | Self::Growth { window, .. } => window,
        }
    }

    pub fn ago(self) -> u32 {
        match self {
            Self::Change { ago, .. } => ago,
            Self::Over { .. } | Self::Growth { .. } => 0,
        }
    }
}

/// Many values to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Avg,
    Sum,
    Min,
    Max,
    /// The newest. Of time only.
    Last,
    /// How many values were measured. Of space and roll-ups only.
    Count,
}

impl Aggregate {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Last => "last",
            Self::Count => "count",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Avg,
            Self::Sum,
            Self::Min,
            Self::Max,
            Self::Last,
            Self::Count,
        ]
        .into_iter()
        .find(|aggregate| aggregate.word() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
}

impl Compare {
    /// Longer ones first, for reading.
    pub const ALL: [Self; 6] = [
        Self::AtLeast,
        Self::AtMost,
        Self::Equal,
        Self::Unequal,
        Self::Above,
        Self::Below,
    ];

    pub const fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::Unequal => "!=",
        }
    }

    /// After "is 7, ".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::AtLeast => "at or above",
            Self::Below => "below",
            Self::AtMost => "at or below",
            Self::Equal => "exactly",
            Self::Unequal => "other than",
        }
    }

    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
            Self::Equal => value == threshold,
            Self::Unequal => value != threshold,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Number(f64),
    Select(Box<Select>),
    Negative(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Call(Function, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operator {
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    Abs,
    Ceil,
    Floor,
    Log2,
    Log10,
    /// Nothing is 0.
    DefaultZero,
    /// Without groups that lack a tag they are made by.
    ExcludeNull,
    ClampMin(f64),
    ClampMax(f64),
    /// The same, so many seconds ago.
    Ago(u32),
}

/// One query: a metric, of which series, put together how.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    pub space: Aggregate,
    /// As written; the catalogue knows it.
    pub metric: String,
    pub filter: Filter,
    pub by: Vec<String>,
    pub form: Form,
    pub rollup: Option<Rollup>,
    pub fill: Fill,
}

/// Of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Plain,
    /// `.as_count()`: totals of the window first, arithmetic after.
    Count,
    /// `.as_rate()`: per second.
    Rate,
}

/// `.rollup(sum, 60)`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollup {
    pub aggregate: Option<Aggregate>,
    /// Seconds.
    pub interval: Option<u32>,
}

/// What stands where there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Counts are 0, levels hold.
    Natural,
    /// `.fill(null)`
    Null,
    /// `.fill(zero)`
    Zero,
    /// `.fill(last)`, for so many seconds.
    Last(Option<u32>),
}

impl Query {
    /// Every query in it, in the order in which they are written.
    pub fn selects(&self) -> Vec<&Select> {
        let mut found = Vec::new();
        self.expr.selects(&mut found);
        found
    }
}

impl Expr {
    fn selects<'a>(&'a self, found: &mut Vec<&'a Select>) {
        match self {
            Self::Number(_) => {}
            Self::Select(select) => found.push(select),
            Self::Negative(of) | Self::Call(_, of) => of.selects(found),
            Self::Binary(_, left, right) => {
                left.selects(found);
                right.selects(found);
            }
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.time, self.expr)?;
        write!(f, " {} {}", self.compare.sign(), self.threshold)
    }
}

/// `5m`, `1h`, `2d`, `1w`: the largest unit that fits, seconds where none does.
pub(super) fn span(seconds: u32) -> String {
    let units = [(604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m")];
    let fits = units
        .into_iter()
        .find(|(unit, _)| seconds.is_multiple_of(*unit));
    match fits {
        Some((unit, word)) if seconds > 0 => format!("{}{word}", seconds / unit),
        _ => format!("{seconds}s"),
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = |percent: bool| if percent { "pct_change" } else { "change" };
        match *self {
            Self::Over { aggregate, window } => {
                write!(f, "{}(last_{})", aggregate.word(), span(window))
            }
            Self::Change {
                percent,
                aggregate,
                window,
                ago,
            } => write!(
                f,
                "{}({}(last_{}),{}_ago)",
                change(percent),
                aggregate.word(),
                span(window),
                span(ago)
            ),
            Self::Growth { percent, window } => {
                write!(f, "{}(last_{})", change(percent), span(window))
            }
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Select(select) => select.fmt(f),
            Self::Negative(of) => write!(f, "-{}", Inner(of)),
            Self::Binary(operator, left, right) => {
                write!(f, "{} {} {}", Inner(left), operator.sign(), Inner(right))
            }
            Self::Call(function, of) => match function {
                Function::Abs => write!(f, "abs({of})"),
                Function::Ceil => write!(f, "ceil({of})"),
                Function::Floor => write!(f, "floor({of})"),
                Function::Log2 => write!(f, "log2({of})"),
                Function::Log10 => write!(f, "log10({of})"),
                Function::DefaultZero => write!(f, "default_zero({of})"),
                Function::ExcludeNull => write!(f, "exclude_null({of})"),
                Function::ClampMin(least) => write!(f, "clamp_min({of}, {least})"),
                Function::ClampMax(most) => write!(f, "clamp_max({of}, {most})"),
                Function::Ago(seconds) => write!(f, "timeshift({of}, -{seconds})"),
            },
        }
    }
}

/// In parentheses where it is itself put together.
struct Inner<'a>(&'a Expr);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::Binary(..) => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
        }
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}{{{}}}",
            self.space.word(),
            self.metric,
            self.filter
        )?;
        if !self.by.is_empty() {
            write!(f, " by {{{}}}", self.by.join(","))?;
        }
        match self.form {
            Form::Plain => {}
            Form::Count => f.write_str(".as_count()")?,
            Form::Rate => f.write_str(".as_rate()")?,
        }
        if let Some(rollup) = self.rollup {
            let aggregate = rollup.aggregate.map(|a| a.word().to_owned());
            let interval = rollup.interval.map(|seconds| seconds.to_string());
            let given: Vec<String> = aggregate.into_iter().chain(interval).collect();
            write!(f, ".rollup({})", given.join(", "))?;
        }
        match self.fill {
            Fill::Natural => Ok(()),
            Fill::Null => f.write_str(".fill(null)"),
            Fill::Zero => f.write_str(".fill(zero)"),
            Fill::Last(None) => f.write_str(".fill(last)"),
            Fill::Last(Some(seconds)) => write!(f, ".fill(last, {seconds})"),
        }
    }
}
