//! Owns what a line is within a stack trace: a frame, an exception, and which exception led to which.
//! Reads one line at a time and remembers only what the next one needs.

use super::json;

/// How exceptions of a chain are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// The first one told, alone or before others.
    Head,
    /// Python's `direct cause`, `During handling`: what came of the one before.
    Outcome,
    /// The JVM's `Caused by`, Node's `[cause]`: what led to the one before.
    Cause,
    /// Lines after an exception that belong to its message.
    Detail,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Any line.
    Plain,
    /// Of a stack, of source text or a command that a shell echoes: says where, not why.
    Frame,
    /// Exceptions of one chain have one number.
    Exception { chain: u32, link: Link },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Outside,
    /// In a Python traceback; `source`: the next line is source text.
    Python {
        indent: usize,
        source: bool,
    },
    /// Behind an exception, where its message goes on, frames follow or another one is chained.
    Behind {
        chained: bool,
    },
    /// In the stack that Dagster tells behind an exception.
    Stack,
}

#[derive(Debug)]
pub(super) struct Tracker {
    state: State,
    chain: u32,
    /// Lines since the exception.
    since: u32,
}

/// A message of an exception has no more lines than this.
const DETAIL: u32 = 12;

impl Default for Tracker {
    fn default() -> Self {
        Self {
            state: State::Outside,
            chain: 0,
            since: 0,
        }
    }
}

impl Tracker {
    /// `message`: the line without time, level and logger. `bare`: it has none of them.
    pub(super) fn read(&mut self, message: &str, bare: bool) -> Part {
        if bare && is_echo(message) {
            return Part::Frame;
        }
        let own = own(message);
        let column = message.len() - own.len();
        let indent = message.len() - message.trim_start().len();
        if json::is_trace(own) {
            self.chain += 1;
            self.state = State::Outside;
            return self.exception(Link::Head);
        }
        if is_traceback(own) {
            if !matches!(self.state, State::Behind { chained: true }) {
                self.chain += 1;
            }
            let chained = matches!(self.state, State::Behind { chained: true });
            self.since = u32::from(chained);
            let named = own.starts_with("Exception Group");
            let at = message.find("Traceback").filter(|_| !named);
            self.state = State::Python {
                indent: at.unwrap_or(column),
                source: false,
            };
            return Part::Frame;
        }
        match self.state {
            State::Python {
                indent: base,
                source,
            } => self.in_python(own, column, base, source),
            State::Outside => self.outside(own),
            State::Stack if indent > 0 || own.is_empty() => Part::Frame,
            State::Behind { .. } | State::Stack => self.behind(own, bare && indent == 0),
        }
    }

    fn in_python(&mut self, own: &str, indent: usize, base: usize, source: bool) -> Part {
        let file = own.starts_with("File \"");
        if file || source || own.is_empty() || indent > base || is_marker(own) {
            self.state = State::Python {
                indent: base,
                // with their indent gone, frames and source stand where the exception does
                source: file && indent <= base,
            };
            return Part::Frame;
        }
        let link = if self.since > 0 {
            Link::Outcome
        } else {
            Link::Head
        };
        self.exception(link)
    }

    fn exception(&mut self, link: Link) -> Part {
        self.since = 0;
        self.state = State::Behind { chained: false };
        Part::Exception {
            chain: self.chain,
            link,
        }
    }

    fn outside(&mut self, own: &str) -> Part {
        if is_frame(own) {
            return Part::Frame;
        }
        if names_exception(own) {
            self.chain += 1;
            return self.exception(Link::Head);
        }
        Part::Plain
    }

    fn behind(&mut self, own: &str, outer: bool) -> Part {
        self.since += 1;
        if own.starts_with("During handling of the above exception")
            || own.starts_with("The above exception was the direct cause")
            || own.starts_with("The above exception was caused by")
            || own.starts_with("The above exception occurred during handling")
        {
            self.state = State::Behind { chained: true };
            return Part::Frame;
        }
        if own.starts_with("Stack Trace:") {
            self.state = State::Stack;
            return Part::Frame;
        }
        if is_frame(own) || own.is_empty() {
            return Part::Frame;
        }
        let caused = own
            .strip_prefix("Caused by: ")
            .or_else(|| own.strip_prefix("[cause]: "))
            .or_else(|| own.strip_prefix("Suppressed: "));
        if caused.is_some_and(|rest| names_exception(rest) || rest.contains("Exception")) {
            let link = match own.starts_with("Suppressed") {
                true => Link::Detail,
                false => Link::Cause,
            };
            return self.exception(link);
        }
        // py4j: the JVM's exception follows on a line of its own
        if let Some(rest) = own.strip_prefix(": ")
            && names_exception(rest)
        {
            return self.exception(Link::Cause);
        }
        if names_exception(own) {
            // Dagster tells the chain without another traceback
            if !matches!(self.state, State::Behind { chained: true }) {
                self.chain += 1;
                return self.exception(Link::Head);
            }
            return self.exception(Link::Cause);
        }
        if outer && self.since <= DETAIL && !matches!(self.state, State::Behind { chained: true }) {
            return Part::Exception {
                chain: self.chain,
                link: Link::Detail,
            };
        }
        self.state = State::Outside;
        Part::Plain
    }
}

/// Without what draws a tree or a box before it.
pub(super) fn own(message: &str) -> &str {
    message.trim_start_matches([' ', '|', '│', '┃', '+', '-', '>', '╭', '╰', '─', '\t'])
}

fn is_traceback(own: &str) -> bool {
    own.contains("Traceback (most recent call last)") || own.contains("Exception Group Traceback")
}

/// Points at a place in the source above it.
fn is_marker(own: &str) -> bool {
    !own.is_empty() && own.chars().all(|c| matches!(c, '^' | '~' | ' '))
        || own.starts_with("[Previous line repeated")
}

/// What `set -x` echoes.
fn is_echo(line: &str) -> bool {
    let rest = line.trim_start_matches('+');
    rest.len() < line.len() && rest.starts_with(' ')
}

/// A frame of the JVM, of Node, of Go, or of Python outside of its traceback.
fn is_frame(own: &str) -> bool {
    let at = own
        .strip_prefix("at ")
        .is_some_and(|rest| rest.contains('(') || rest.contains(':'));
    let more = own.starts_with("... ") && own.ends_with(" more");
    at || more || own.starts_with("File \"") || is_marker(own)
}

/// `some.module.LoadError: message`, the name alone, or it behind `Exception in thread "main"`.
pub(super) fn names_exception(own: &str) -> bool {
    let own = own
        .strip_prefix("Exception in thread \"")
        .and_then(|rest| rest.split_once("\" "))
        .map_or(own, |(_, rest)| rest);
    let own = own.strip_prefix("Uncaught ").unwrap_or(own);
    let end = own
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.')))
        .unwrap_or(own.len());
    let (name, rest) = own.split_at(end);
    let rest = rest.strip_prefix(" [").map_or(rest, |code| {
        code.split_once(']').map_or(rest, |(_, rest)| rest)
    });
    if !(rest.is_empty() || rest.starts_with(':')) || name.len() > 200 {
        return false;
    }
    let short = name.rsplit(['.', '$']).next().unwrap_or(name);
    if matches!(
        short,
        "KeyboardInterrupt" | "SystemExit" | "StopIteration" | "Error"
    ) {
        return !(short == "Error" && rest.is_empty());
    }
    const ENDS: [&str; 6] = [
        "Error",
        "Exception",
        "Throwable",
        "ExceptionGroup",
        "Timeout",
        "Interrupt",
    ];
    let said = rest.trim_start_matches(':').trim();
    short.starts_with(char::is_uppercase)
        && ENDS.iter().any(|end| short.ends_with(end))
        && said.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<Part> {
        let mut tracker = Tracker::default();
        text.lines().map(|line| tracker.read(line, true)).collect()
    }

    fn links(text: &str) -> Vec<(String, Link)> {
        let of = |(line, part): (&str, Part)| match part {
            Part::Exception { link, .. } => Some((line.trim().to_owned(), link)),
            _ => None,
        };
        text.lines().zip(parts(text)).filter_map(of).collect()
    }

    #[test]
    fn python_tells_the_root_first() {
        let text = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    raise KeyError(1)\n    ^^^^\nKeyError: 1\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in g\n    raise LoadFailed() from e\nLoadFailed: no";
        let found = links(text);
        assert_eq!(
            found,
            [
                ("KeyError: 1".to_owned(), Link::Head),
                ("LoadFailed: no".to_owned(), Link::Outcome)
            ]
        );
    }

    #[test]
    fn the_jvm_tells_the_root_last() {
        let text = "Exception in thread \"main\" java.lang.RuntimeException: no\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: x\n\tat a.B.d(B.java:2)\n\t... 3 more";
        let found: Vec<Link> = links(text).into_iter().map(|(_, link)| link).collect();
        assert_eq!(found, [Link::Head, Link::Cause]);
    }

    #[test]
    fn names_are_told_from_words() {
        for text in [
            "ValueError: x",
            "a.b.LoadError",
            "Error: x",
            "TypeError [ERR_X]: y",
            "Uncaught RangeError: z",
        ] {
            assert!(names_exception(text), "{text}");
        }
        for text in [
            "Error",
            "TrainError: 0.12",
            "no error: x",
            "error: x",
            "the Error: y",
        ] {
            assert!(!names_exception(text), "{text}");
        }
    }
}
