//! Which alerts are meant: `pipeline=orders_*`, `backend!=dev`, `priority<=P2`. Used by routes, silences, escalations.

use std::fmt;

use crate::config::{Config, Problem, Source};
use crate::model::{Alert, Priority, glob};

/// One condition on an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    text: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Priority(Order, Priority),
    State {
        pattern: String,
        is: bool,
    },
    Label {
        name: String,
        pattern: String,
        is: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Is,
    IsNot,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Longest first: `<` begins `<=`.
const OPERATORS: [(&str, Order); 6] = [
    ("!=", Order::IsNot),
    ("<=", Order::AtMost),
    (">=", Order::AtLeast),
    ("=", Order::Is),
    ("<", Order::Less),
    (">", Order::Greater),
];

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} (column {column})")]
pub struct MatcherError {
    /// Where in the condition, in characters from 1.
    pub column: usize,
    pub why: String,
}

impl Matcher {
    /// `NAME=VALUE`, `NAME!=VALUE`; for `priority` also `<`, `<=`, `>`, `>=`. A value may hold `*` (any text) and `?`
    /// (any character), and may stand in double quotes.
    pub fn parse(text: &str) -> Result<Self, MatcherError> {
        let error = |byte: usize, why: String| MatcherError {
            column: text.get(..byte).unwrap_or(text).chars().count() + 1,
            why,
        };
        let found = text.find(['!', '=', '<', '>']).and_then(|at| {
            let (word, order) = OPERATORS.iter().find(|(w, _)| text[at..].starts_with(w))?;
            Some((at, *order, at + word.len()))
        });
        let Some((at, order, end)) = found else {
            let why = "no comparison: write NAME=VALUE or NAME!=VALUE";
            return Err(error(text.len(), why.to_owned()));
        };
        let name = text[..at].trim();
        let fine = |c: char| c.is_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || !name.chars().all(fine) {
            let why = "no name before the comparison: write for example pipeline=orders_*";
            return Err(error(0, why.to_owned()));
        }
        let value = text[end..].trim();
        let value = value
            .strip_prefix('"')
            .and_then(|v| v.strip_suffix('"'))
            .unwrap_or(value);
        if value.is_empty() {
            return Err(error(end, "no value after the comparison".to_owned()));
        }
        let is = match order {
            Order::Is => true,
            Order::IsNot => false,
            _ if name == "priority" => true,
            _ => {
                let why = format!("`{name}` has no order; only `priority` has: use = or !=");
                return Err(error(at, why));
            }
        };
        let pattern = value.to_owned();
        let test = match name {
            "priority" => {
                let priority = Priority::parse(value);
                let why = format!("\"{value}\" is no priority; there are P1 to P5, P1 the highest");
                Test::Priority(order, priority.ok_or_else(|| error(end, why))?)
            }
            "state" => Test::State { pattern, is },
            _ => Test::Label {
                name: name.to_owned(),
                pattern,
                is,
            },
        };
        Ok(Self {
            text: text.trim().to_owned(),
            test,
        })
    }

    /// A label with several values (`tag`) is equal when one of them is; one that is not there equals nothing.
    pub fn matches(&self, alert: &Alert) -> bool {
        match &self.test {
            Test::Priority(order, than) => {
                let is = alert.priority.cmp(than);
                match order {
                    Order::Is => is.is_eq(),
                    Order::IsNot => is.is_ne(),
                    Order::Less => is.is_lt(),
                    Order::AtMost => is.is_le(),
                    Order::Greater => is.is_gt(),
                    Order::AtLeast => is.is_ge(),
                }
            }
            Test::State { pattern, is } => glob(pattern, alert.state.word()) == *is,
            Test::Label { name, pattern, is } => {
                // an alert has its rule even when nobody wrote it among the labels
                let own = (name == "rule").then_some(alert.id.rule.as_str());
                let mut values = alert.label(name).chain(own);
                values.any(|value| glob(pattern, value)) == *is
            }
        }
    }
}

/// As it was written.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Who is told of which alerts.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
    /// Every channel that is in use, in the order of the file.
    channels: Vec<String>,
}

#[derive(Clone, Debug)]
struct Route {
    conditions: Vec<Matcher>,
    channels: Vec<String>,
    onward: bool,
}

impl Routes {
    /// As configured. A condition that can't be read has been told by [`problems`] and never holds here.
    pub fn new(config: &Config) -> Self {
        let enabled = config.channels.iter().filter(|c| c.enabled);
        let channels: Vec<String> = enabled.map(|c| c.name.clone()).collect();
        let routes = config.routes.iter().filter_map(|route| {
            let parsed = route.conditions.iter().map(|c| Matcher::parse(&c.value));
            let names = route.channels.iter().map(|at| at.value.clone());
            Some(Route {
                conditions: parsed.collect::<Result<_, _>>().ok()?,
                channels: names.filter(|name| channels.contains(name)).collect(),
                onward: route.onward,
            })
        });
        Self {
            routes: routes.collect(),
            channels: channels.clone(),
        }
    }

    /// The channels that are told of an alert, each once. What no route takes goes to all.
    pub fn channels(&self, alert: &Alert) -> Vec<&str> {
        let mut told: Vec<&str> = Vec::new();
        let mut taken = false;
        for route in &self.routes {
            if !route.conditions.iter().all(|c| c.matches(alert)) {
                continue;
            }
            taken = true;
            for channel in &route.channels {
                if !told.contains(&channel.as_str()) {
                    told.push(channel);
                }
            }
            if !route.onward {
                return told;
            }
        }
        match taken {
            true => told,
            false => self.channels.iter().map(String::as_str).collect(),
        }
    }
}

/// Conditions of routes that can't be read, each with its place in the file.
pub fn problems(config: &Config, source: &Source) -> Vec<Problem> {
    let conditions = config.routes.iter().flat_map(|route| &route.conditions);
    let wrong = conditions.filter_map(|at| {
        let error = Matcher::parse(&at.value).err()?;
        let message = format!("not a condition: \"{}\"", at.value);
        Some(source.problem(at.span, message, error.to_string()))
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::path::Path;

    use chrono::DateTime;

    use super::*;
    use crate::model::{AlertId, AlertState};

    fn alert() -> Alert {
        let id = AlertId::new("run-failing", "prod/orders_daily");
        let mut alert = Alert::new(id, Priority::P2, DateTime::UNIX_EPOCH);
        alert.state = AlertState::Firing;
        for (name, value) in [
            ("backend", "prod"),
            ("pipeline", "orders_daily"),
            ("tag", "finance"),
            ("tag", "nightly"),
        ] {
            alert.labels.push((name.to_owned(), value.to_owned()));
        }
        alert
    }

    #[test]
    fn conditions_hold_or_not() {
        for (text, want) in [
            ("pipeline=orders_*", true),
            ("pipeline = \"orders_daily\"", true),
            ("pipeline=orders", false),
            ("backend!=dev", true),
            ("backend!=prod", false),
            ("tag=finance", true),
            ("tag=nightly", true),
            ("tag!=finance", false),
            ("tag!=x", true),
            ("owner=me", false),
            ("owner!=me", true),
            ("owner=*", false),
            ("rule=run-*", true),
            ("state=firing", true),
            ("state!=firing", false),
            ("priority<=P2", true),
            ("priority<p2", false),
            ("priority>=P2", true),
            ("priority>P2", false),
            ("priority=P2", true),
            ("priority!=P2", false),
        ] {
            let matcher = Matcher::parse(text).unwrap();
            assert_eq!(matcher.matches(&alert()), want, "{text}");
            assert_eq!(matcher.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_column() {
        for (text, column, word) in [
            ("", 1, "NAME=VALUE"),
            ("pipeline", 9, "NAME=VALUE"),
            ("=x", 1, "no name"),
            ("a b=x", 1, "no name"),
            ("pipeline=", 10, "no value"),
            ("pipeline<x", 9, "no order"),
            ("priority<=high", 11, "P1 to P5"),
            ("ä!", 3, "NAME=VALUE"),
        ] {
            let error = Matcher::parse(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.why.contains(word), "{text}: {error}");
        }
    }

    fn loaded(routes: &str) -> crate::config::Loaded {
        let channel = |name| format!("[[channel]]\nname=\"{name}\"\nkind=\"terminal\"\n");
        let text = format!("{}{}{routes}", channel("a"), channel("b"));
        crate::config::load::parse(Path::new("/x/config.toml"), &text).unwrap()
    }

    #[test]
    fn routes_choose_in_order_and_nothing_is_lost() {
        let told = |routes: &str| {
            let routes = Routes::new(&loaded(routes).config);
            let told = routes.channels(&alert());
            told.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let route = |condition: &str, channels: &str, onward: bool| {
            format!("[[route]]\nmatch=[{condition}]\nchannels=[{channels}]\ncontinue={onward}\n")
        };
        assert_eq!(told(""), ["a", "b"]);
        assert_eq!(told(&route("'backend=dev'", "'a'", false)), ["a", "b"]);
        assert_eq!(told(&route("'backend=prod'", "'b'", false)), ["b"]);
        let both = route("'backend=prod'", "'b'", true) + &route("", "'b', 'a'", false);
        assert_eq!(told(&both), ["b", "a"]);
        assert_eq!(told("[[route]]\nchannels=[]\n"), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_condition_has_its_place_in_the_file() {
        let loaded = loaded("[[route]]\nmatch=['tag=x', 'priority<=high']\nchannels=['a']\n");
        let found = problems(&loaded.config, &loaded.source);
        let [problem] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((problem.line, problem.column), (8, 17));
        assert!(problem.to_string().contains("P1 to P5"), "{problem}");
    }
}
