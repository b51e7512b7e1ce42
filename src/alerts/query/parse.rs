//! Owns reading a query: `time : expression comparison number`.

use std::ops::Range;

use super::ast::{
    Aggregate, Compare, Expr, Fill, Form, Function, Operator, Query, Rollup, Select, Time,
};
use super::cursor::{Cursor, Parsed, meant};
use super::{filter, refused};
use crate::metrics::{Kind, catalog};
use crate::query::QueryError;

/// A week; what is compared with may lie a day before that.
const LONGEST: u32 = 7 * 86_400;

const SHAPE: &str =
    "a rule reads avg(last_5m):avg:pipeline.stage.duration{stage:load} by {pipeline} > 5";

pub(super) fn parse(text: &str) -> Parsed<Query> {
    read(text, false)
}

/// A query that is only looked at: what it would be compared with may be left out.
pub(super) fn parse_open(text: &str) -> Parsed<Query> {
    read(text, true)
}

fn read(text: &str, open: bool) -> Parsed<Query> {
    let mut parser = Parser {
        open,
        cursor: Cursor::new(text),
        by: None,
        count: None,
    };
    let query = parser.query()?;
    parser.agree(&query)?;
    Ok(query)
}

struct Parser<'a> {
    /// It may end without a comparison.
    open: bool,
    cursor: Cursor<'a>,
    /// The first grouping in the text.
    by: Option<Vec<String>>,
    /// Where the first `.as_count()` stands.
    count: Option<Range<usize>>,
}

impl Parser<'_> {
    fn query(&mut self) -> Parsed<Query> {
        let time = self.time()?;
        self.cursor
            .need(":", "a colon stands between the time and the query")?;
        let expr = self.sum()?;
        if self.open && self.cursor.over() {
            return Ok(Query {
                time,
                expr,
                compare: Compare::Above,
                threshold: 0.0,
            });
        }
        let compare = self.compare()?;
        let threshold = self.cursor.number().ok_or_else(|| {
            self.cursor.expected(
                "a number",
                "a rule ends with what its value is held against",
            )
        })?;
        if !self.cursor.over() {
            return Err(self.cursor.expected("the end", SHAPE));
        }
        Ok(Query {
            time,
            expr,
            compare,
            threshold,
        })
    }

    fn time(&mut self) -> Parsed<Time> {
        self.cursor.space();
        if self.cursor.peek() == Some('"') {
            let at = self.cursor.at;
            return Err(self.cursor.wrong(
                at..at + 1,
                "service checks are another kind of monitor",
                "backend.up says whether a backend answers",
            ));
        }
        let (word, place) = self.cursor.word();
        if word.is_empty() {
            return Err(self.cursor.expected("a time aggregation", SHAPE));
        }
        if matches!(word, "change" | "pct_change") {
            return self.change(word == "pct_change", place);
        }
        let aggregate = self.time_aggregate(word, place)?;
        let window = self.window()?;
        Ok(Time::Over { aggregate, window })
    }

    fn time_aggregate(&mut self, word: &str, place: Range<usize>) -> Parsed<Aggregate> {
        if refused::percentile(word) {
            let help = format!("{}: use avg or max", refused::PERCENTILE);
            let what = format!("`{word}` over time can't be had");
            return Err(self.cursor.wrong(place, what, help));
        }
        if refused::MONITORS.contains(&word) {
            let what = format!("`{word}(…)` is a monitor of another kind");
            return Err(self.cursor.wrong(place, what, SHAPE));
        }
        match Aggregate::parse(word) {
            Some(aggregate) if aggregate != Aggregate::Count => Ok(aggregate),
            _ => {
                let all = ["avg", "sum", "min", "max", "last", "change", "pct_change"];
                let what = format!("`{word}` is no time aggregation");
                Err(self.cursor.wrong(place, what, meant(word, all)))
            }
        }
    }

    /// `(last_5m)`
    fn window(&mut self) -> Parsed<u32> {
        self.cursor.need("(", "write (last_5m)")?;
        let window = self.last()?;
        self.cursor.need(")", "write (last_5m)")?;
        Ok(window)
    }

    fn last(&mut self) -> Parsed<u32> {
        let (word, place) = self.cursor.word();
        let Some(text) = word.strip_prefix("last_") else {
            let what = if word.is_empty() {
                "the window is missing".to_owned()
            } else {
                format!("`{word}` is no window")
            };
            let help = "write last_5m, last_2h, last_1d or last_1w";
            return Err(self.cursor.wrong(place, what, help));
        };
        self.span(text, place)
    }

    /// `5m`, `1h`, `2d`, `1w` in seconds.
    fn span(&mut self, text: &str, place: Range<usize>) -> Parsed<u32> {
        let wrong = |what: String, help: &str| Err(self.cursor.wrong(place.clone(), what, help));
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let unit = match unit {
            "m" => 60u32,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            "mo" => {
                return wrong(
                    "a month is longer than what is kept".to_owned(),
                    "a week is the longest window",
                );
            }
            "s" => {
                return wrong(
                    "seconds are shorter than any window".to_owned(),
                    "a minute is the shortest",
                );
            }
            _ => {
                return wrong(
                    format!("`{text}` is no span of time"),
                    "write 5m, 2h, 1d or 1w",
                );
            }
        };
        let seconds = digits.parse().ok().and_then(|n: u32| n.checked_mul(unit));
        match seconds {
            Some(0) => wrong(
                "nothing happens in no time".to_owned(),
                "a minute is the shortest",
            ),
            Some(seconds) if seconds <= LONGEST => Ok(seconds),
            _ => wrong(
                format!("`{text}` is longer than what is kept"),
                "a week is the longest",
            ),
        }
    }

    /// After `change` or `pct_change`.
    fn change(&mut self, percent: bool, place: Range<usize>) -> Parsed<Time> {
        self.cursor.need("(", "write (avg(last_5m),1h_ago)")?;
        let before = self.cursor.at;
        let (word, inner) = self.cursor.word();
        if word.starts_with("last_") {
            self.cursor.at = before;
            let window = self.last()?;
            self.cursor.need(")", "write (last_5m)")?;
            return Ok(Time::Growth { percent, window });
        }
        if word.is_empty() {
            return Err(self
                .cursor
                .expected("a time aggregation", "write (avg(last_5m),1h_ago)"));
        }
        let aggregate = self.time_aggregate(word, inner)?;
        let window = self.window()?;
        if !self.cursor.take(",") {
            let what = "what it is compared with is missing";
            return Err(self
                .cursor
                .wrong(place, what, "write change(avg(last_5m),1h_ago)"));
        }
        let (word, place) = self.cursor.word();
        // both are in use
        let text = word
            .strip_suffix("_ago")
            .or_else(|| word.strip_prefix("last_"));
        let Some(text) = text else {
            let what = format!("`{word}` is no time before now");
            return Err(self
                .cursor
                .wrong(place, what, "write 5m_ago, 1h_ago or 1d_ago"));
        };
        let ago = self.span(text, place)?;
        self.cursor.need(")", "write change(avg(last_5m),1h_ago)")?;
        Ok(Time::Change {
            percent,
            aggregate,
            window,
            ago,
        })
    }

    fn compare(&mut self) -> Parsed<Compare> {
        let found = Compare::ALL
            .into_iter()
            .find(|compare| self.cursor.take(compare.sign()));
        found.ok_or_else(|| {
            let help = if self.cursor.ahead("=") {
                "equal is written =="
            } else if self.cursor.ahead("by") {
                "`by {…}` stands right after the filter"
            } else {
                "one of > >= < <= == !="
            };
            self.cursor.expected("a comparison", help)
        })
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.product()?;
        loop {
            let operator = if self.cursor.take("+") {
                Operator::Add
            } else if self.cursor.take("-") {
                Operator::Subtract
            } else {
                return Ok(left);
            };
            let right = self.product()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
    }

    fn product(&mut self) -> Parsed<Expr> {
        let mut left = self.factor()?;
        loop {
            let operator = if self.cursor.take("*") {
                Operator::Multiply
            } else if self.cursor.take("/") {
                Operator::Divide
            } else {
                return Ok(left);
            };
            let right = self.factor()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
    }

    fn factor(&mut self) -> Parsed<Expr> {
        self.cursor.deeper()?;
        let found = self.factor_inner();
        self.cursor.back();
        found
    }

    fn factor_inner(&mut self) -> Parsed<Expr> {
        self.cursor.space();
        let open = self.cursor.at;
        if self.cursor.take("(") {
            let of = self.sum()?;
            if !self.cursor.take(")") {
                if self.cursor.over() {
                    return Err(self.cursor.wrong(
                        open..open + 1,
                        "this `(` is never closed",
                        "add a `)`",
                    ));
                }
                return Err(self.cursor.expected("an operator or `)`", "one of + - * /"));
            }
            return self.no_method(of);
        }
        if let Some(number) = self.cursor.number() {
            return Ok(Expr::Number(number));
        }
        if self.cursor.take("-") {
            return Ok(Expr::Negative(Box::new(self.factor()?)));
        }
        let (word, place) = self.cursor.word();
        if word.is_empty() {
            return Err(self
                .cursor
                .expected("a query", "write avg:pipeline.stage.duration{*}"));
        }
        if self.cursor.take("(") {
            let call = self.call(word, place)?;
            return self.no_method(call);
        }
        self.select(word, place)
    }

    fn no_method(&mut self, of: Expr) -> Parsed<Expr> {
        if !self.cursor.ahead(".") {
            return Ok(of);
        }
        let help = "write it after the query inside, as in sum:pipeline.errors{*}.as_count()";
        Err(self.cursor.expected("an operator", help))
    }

    /// After `name(`.
    fn call(&mut self, name: &str, place: Range<usize>) -> Parsed<Expr> {
        const KNOWN: &[&str] = &[
            "abs",
            "ceil",
            "floor",
            "log2",
            "log10",
            "default_zero",
            "exclude_null",
            "clamp_min",
            "clamp_max",
            "timeshift",
            "hour_before",
            "day_before",
            "week_before",
        ];
        if let Some((_, why)) = refused::FUNCTIONS.iter().find(|(word, _)| *word == name) {
            let what = format!("`{name}()` can't be had here");
            return Err(self.cursor.wrong(place, what, *why));
        }
        if !KNOWN.contains(&name) {
            let what = format!("there is no function `{name}`");
            return Err(self
                .cursor
                .wrong(place, what, meant(name, KNOWN.iter().copied())));
        }
        let of = self.sum()?;
        let function = match name {
            "abs" => Function::Abs,
            "ceil" => Function::Ceil,
            "floor" => Function::Floor,
            "log2" => Function::Log2,
            "log10" => Function::Log10,
            "default_zero" => Function::DefaultZero,
            "exclude_null" => Function::ExcludeNull,
            "clamp_min" => Function::ClampMin(self.argument("write clamp_min(query, 0)")?),
            "clamp_max" => Function::ClampMax(self.argument("write clamp_max(query, 100)")?),
            "hour_before" => Function::Ago(3_600),
            "day_before" => Function::Ago(86_400),
            "week_before" => Function::Ago(604_800),
            _ => self.timeshift()?,
        };
        self.cursor.need(")", "a function ends with `)`")?;
        Ok(Expr::Call(function, Box::new(of)))
    }

    fn argument(&mut self, help: &str) -> Parsed<f64> {
        self.cursor.need(",", help)?;
        self.cursor.space();
        let number = self.cursor.number();
        number.ok_or_else(|| self.cursor.expected("a number", help))
    }

    fn timeshift(&mut self) -> Parsed<Function> {
        let help = "write timeshift(query, -3600): seconds, back from now";
        let start = self.cursor.at + 2;
        let seconds = -self.argument(help)?;
        let fine = seconds.fract() == 0.0 && (1.0..=f64::from(LONGEST)).contains(&seconds);
        if !fine {
            let what = "not a shift into the past within a week";
            return Err(self.cursor.wrong(start..self.cursor.at, what, help));
        }
        Ok(Function::Ago(seconds as u32))
    }

    /// After the space aggregation.
    fn select(&mut self, word: &str, place: Range<usize>) -> Parsed<Expr> {
        if refused::percentile(word) {
            let what = format!("`{word}` over series can't be had");
            let help = format!("{}: use avg or max", refused::PERCENTILE);
            return Err(self.cursor.wrong(place, what, help));
        }
        if self.cursor.peek() == Some('.') || self.cursor.ahead("{") {
            let what = "a query begins with how series are put together";
            let help = "write avg, sum, min, max or count and a colon before the metric";
            return Err(self.cursor.wrong(place, what, help));
        }
        let space = match Aggregate::parse(word) {
            Some(space) if space != Aggregate::Last => space,
            _ => {
                let what = format!("`{word}` does not put series together");
                let all = ["avg", "sum", "min", "max", "count"];
                return Err(self.cursor.wrong(place, what, meant(word, all)));
            }
        };
        self.cursor
            .need(":", "a colon stands between avg and the metric")?;
        self.cursor.space();
        let (name, at) = self
            .cursor
            .run(|c| c.is_alphanumeric() || c == '_' || c == '.' || c == '-');
        if name.is_empty() {
            return Err(self
                .cursor
                .expected("a metric", "write avg:pipeline.stage.duration{*}"));
        }
        let Some(meaning) = catalog::find(name) else {
            let what = format!("there is no metric `{name}`");
            return Err(self.cursor.wrong(at, what, near_metric(name)));
        };
        let metric = meaning.metric;
        if space == Aggregate::Count && metric.kind != Kind::Measure {
            let what = format!(
                "`count` counts what was measured, and {name} is a {}",
                metric.kind.word()
            );
            return Err(self.cursor.wrong(place, what, "write sum or avg"));
        }
        self.cursor
            .need("{", "write {*} for every series, or {key:value}")?;
        let filter = filter::parse(&mut self.cursor, metric)?;
        let by = self.by(metric)?;
        let mut select = Select {
            space,
            metric: name.to_owned(),
            filter,
            by,
            form: Form::Plain,
            rollup: None,
            fill: Fill::Natural,
        };
        while self.cursor.take(".") {
            self.method(&mut select, metric.kind)?;
        }
        Ok(Expr::Select(Box::new(select)))
    }

    fn by(&mut self, metric: &'static catalog::Metric) -> Parsed<Vec<String>> {
        if !self.cursor.keyword("by") {
            return Ok(Vec::new());
        }
        self.cursor.space();
        let start = self.cursor.at;
        self.cursor.need("{", "write by {pipeline}")?;
        let mut keys: Vec<String> = Vec::new();
        loop {
            let (key, place) = filter::key(&mut self.cursor)?;
            filter::known(&self.cursor, &key, place, metric)?;
            if !keys.contains(&key) {
                keys.push(key);
            }
            if !self.cursor.take(",") {
                break;
            }
        }
        self.cursor.need("}", "write by {pipeline,stage}")?;
        let sorted = |keys: &[String]| {
            let mut keys = keys.to_vec();
            keys.sort();
            keys
        };
        match &self.by {
            Some(first) if sorted(first) != sorted(&keys) => {
                let what = "the queries are grouped differently, so no group meets its like";
                let help = format!("write by {{{}}} in both", first.join(","));
                Err(self.cursor.wrong(start..self.cursor.at, what, help))
            }
            // one order in all
            Some(first) => Ok(first.clone()),
            None => {
                self.by = Some(keys.clone());
                Ok(keys)
            }
        }
    }

    fn method(&mut self, select: &mut Select, kind: Kind) -> Parsed<()> {
        let (name, place) = self.cursor.word();
        let wrong = |parser: &Self, what: String, help: &str| {
            Err(parser.cursor.wrong(place.clone(), what, help))
        };
        match name {
            "as_count" | "as_rate" => {
                if kind != Kind::Count {
                    let what = format!(
                        "`{name}()` is for counts; {} is a {}",
                        select.metric,
                        kind.word()
                    );
                    return wrong(self, what, "leave it out");
                }
                if select.form != Form::Plain {
                    return wrong(
                        self,
                        "one of .as_count() and .as_rate() is enough".to_owned(),
                        "leave the others out",
                    );
                }
                self.cursor.need("(", "write .as_count()")?;
                self.cursor.need(")", "write .as_count()")?;
                select.form = if name == "as_count" {
                    self.count.get_or_insert(place);
                    Form::Count
                } else {
                    Form::Rate
                };
            }
            "rollup" if select.rollup.is_none() => select.rollup = Some(self.rollup(kind)?),
            "fill" if select.fill == Fill::Natural => select.fill = self.fill()?,
            "rollup" | "fill" => {
                return wrong(
                    self,
                    format!("`.{name}()` stands here twice"),
                    "leave one out",
                );
            }
            _ => {
                if let Some((_, why)) = refused::METHODS.iter().find(|(word, _)| *word == name) {
                    return wrong(self, format!("`.{name}()` can't be had here"), why);
                }
                let all = ["as_count", "as_rate", "rollup", "fill"];
                return wrong(self, format!("there is no `.{name}()`"), &meant(name, all));
            }
        }
        Ok(())
    }

    fn rollup(&mut self, kind: Kind) -> Parsed<Rollup> {
        const HELP: &str = "write .rollup(sum, 60): how, and seconds";
        self.cursor.need("(", HELP)?;
        let mut rollup = Rollup {
            aggregate: None,
            interval: None,
        };
        let mut more = true;
        self.cursor.space();
        if self.cursor.peek().is_some_and(char::is_alphabetic) {
            let (word, place) = self.cursor.word();
            let aggregate = Aggregate::parse(word).filter(|a| *a != Aggregate::Last);
            let Some(aggregate) = aggregate else {
                let what = format!("`{word}` does not roll up");
                let all = ["avg", "sum", "min", "max", "count"];
                return Err(self.cursor.wrong(place, what, meant(word, all)));
            };
            if aggregate == Aggregate::Count && kind != Kind::Measure {
                let what = format!(
                    "`count` counts what was measured, and this is a {}",
                    kind.word()
                );
                return Err(self.cursor.wrong(place, what, "write sum or avg"));
            }
            rollup.aggregate = Some(aggregate);
            more = self.cursor.take(",");
        }
        if more {
            self.cursor.space();
            let start = self.cursor.at;
            let Some(seconds) = self.cursor.number() else {
                return Err(self.cursor.expected("a number of seconds", HELP));
            };
            let whole = seconds.fract() == 0.0 && (10.0..=86_400.0).contains(&seconds);
            if !whole || seconds % 10.0 != 0.0 {
                let what = "not an interval of ten seconds up to a day";
                let help = "values are kept by ten seconds: write 10, 60, 300 …";
                return Err(self.cursor.wrong(start..self.cursor.at, what, help));
            }
            rollup.interval = Some(seconds as u32);
        }
        self.cursor.need(")", HELP)?;
        Ok(rollup)
    }

    fn fill(&mut self) -> Parsed<Fill> {
        const HELP: &str = "write .fill(zero), .fill(last), .fill(last, 300) or .fill(null)";
        self.cursor.need("(", HELP)?;
        let (word, place) = self.cursor.word();
        let fill = match word {
            "zero" => Fill::Zero,
            "null" => Fill::Null,
            "last" => Fill::Last(None),
            "linear" => {
                let what = "`linear` needs what comes after, so a past verdict would change";
                return Err(self.cursor.wrong(place, what, "write .fill(last)"));
            }
            _ => {
                let what = format!("`{word}` fills nothing");
                return Err(self.cursor.wrong(place, what, HELP));
            }
        };
        let mut limit = None;
        if fill == Fill::Last(None) && self.cursor.take(",") {
            self.cursor.space();
            let start = self.cursor.at;
            let seconds = self.cursor.number();
            let whole = seconds.filter(|s| s.fract() == 0.0 && (0.0..=604_800.0).contains(s));
            let Some(seconds) = whole else {
                let what = "not a number of seconds";
                return Err(self.cursor.wrong(start..self.cursor.at, what, HELP));
            };
            limit = Some(seconds as u32);
        }
        self.cursor.need(")", HELP)?;
        Ok(match fill {
            Fill::Last(_) => Fill::Last(limit),
            fill => fill,
        })
    }

    /// What only the whole shows.
    fn agree(&self, query: &Query) -> Result<(), QueryError> {
        let wrong = |what: &str, help: &str| Err(self.cursor.wrong(0..0, what, help));
        let selects = query.selects();
        if selects.is_empty() {
            return wrong("nothing is measured: there are only numbers", SHAPE);
        }
        let sums = match query.time {
            Time::Over { aggregate, .. } | Time::Change { aggregate, .. } => {
                aggregate == Aggregate::Sum
            }
            Time::Growth { .. } => false,
        };
        if let Some(at) = &self.count
            && !sums
        {
            return Err(self.cursor.wrong(
                at.clone(),
                "`.as_count()` goes with sum over time only",
                "write sum(last_5m), or .as_rate() here",
            ));
        }
        let kind = |select: &&&Select| catalog::find(&select.metric).map(|m| m.metric.kind);
        if matches!(query.time, Time::Growth { percent: true, .. })
            && selects.iter().any(|s| kind(&s) == Some(Kind::Count))
        {
            return wrong(
                "a count begins at nothing, so there is no percentage of it",
                "compare two windows: pct_change(sum(last_10m),10m_ago)",
            );
        }
        let kinds: Vec<Option<Kind>> = selects.iter().map(|s| kind(&s)).collect();
        let count = |kind: &Option<Kind>| *kind == Some(Kind::Count);
        if matches!(query.time, Time::Growth { .. })
            && kinds.iter().any(count)
            && !kinds.iter().all(count)
        {
            return wrong(
                "a count grows and a level moves: their changes don't go together",
                "compare two windows: change(avg(last_10m),10m_ago)",
            );
        }
        if reach(query) > LONGEST + 86_400 {
            return wrong(
                "this reaches further back than the eight days that are kept",
                "take a shorter window or shift",
            );
        }
        Ok(())
    }
}

/// How far back a query looks, in seconds.
pub(super) fn reach(query: &Query) -> u32 {
    query.time.window() + query.time.ago() + shift(&query.expr)
}

/// The furthest shift in an expression, in seconds.
fn shift(expr: &Expr) -> u32 {
    match expr {
        Expr::Number(_) | Expr::Select(_) => 0,
        Expr::Negative(of) => shift(of),
        Expr::Binary(_, left, right) => shift(left).max(shift(right)),
        Expr::Call(Function::Ago(seconds), of) => seconds.saturating_add(shift(of)),
        Expr::Call(_, of) => shift(of),
    }
}

/// The metric of which this is the end, the nearest one, or those of the same family.
fn near_metric(name: &str) -> String {
    let end = format!(".{name}");
    if let Some(whole) = catalog::names().find(|known| known.ends_with(&end)) {
        return format!("did you mean `{whole}`?");
    }
    if let Some(near) = crate::config::reader::nearest(name, catalog::names()) {
        return format!("did you mean `{near}`?");
    }
    let family = name.split('.').next().unwrap_or_default();
    let alike: Vec<&str> = catalog::names()
        .filter(|known| known.split('.').next() == Some(family))
        .collect();
    if alike.is_empty() {
        return meant("", catalog::names());
    }
    format!("there are: {}", alike.join(", "))
}
