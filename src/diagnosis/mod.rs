//! Owns why something failed: a class, the words that prove it, and what to try. A pure function of what is
//! known about one attempt, or of a whole log. Must not know backends, screens or where the evidence came from.

mod changes;
mod class;
mod culprit;
mod json;
mod judge;
mod patterns;
mod read;
mod ready;
mod remedy;
mod trace;
mod words;

pub use changes::{Change, ChangeKind, changes, last_good};
pub use class::Class;
pub use culprit::culprit;
pub use patterns::{BUILTIN, Patterns};
pub use read::{HEAD, Line, RECORDS, Report, TAIL, read};
pub use ready::Ready;
pub use remedy::{Remedy, remedies};

use patterns::Meaning;

use crate::model::SafeText;

/// What is known about one failed attempt. What is not known stays empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// The cause line of its log.
    pub error: Option<&'a str>,
    /// The last lines of its log, oldest first.
    pub tail: &'a [&'a str],
    pub exit_code: Option<i32>,
    /// Number of the signal that ended it.
    pub signal: Option<i32>,
    /// The backend's own word for its state.
    pub native_state: &'a str,
    /// Attempts so far, this one included.
    pub attempts: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub class: Class,
    /// `executor ran out of memory`
    pub summary: SafeText,
    /// The words it is concluded from: `java.lang.OutOfMemoryError, exit 137`. Empty for [`Class::Unknown`].
    pub evidence: SafeText,
    /// `retry with more memory`
    pub advice: SafeText,
}

/// Why it failed; `None` when nothing says so. The cause line counts most, then how the process ended, then
/// the last lines of the log, then the backend's word.
pub fn diagnose(input: &Evidence, patterns: &Patterns) -> Option<Diagnosis> {
    let of_text = || {
        let (pattern, words) = patterns.find(input.error?)?;
        Some(conclude(&pattern.meaning, words, input))
    };
    let of_tail = || {
        let mut lines = input.tail.iter().rev();
        let (pattern, words) = lines.find_map(|line| patterns.find_proof(line))?;
        Some(conclude(&pattern.meaning, words, input))
    };
    let of_state = || {
        let (meaning, words) = patterns.state(input.native_state)?;
        Some(conclude(meaning, words, input))
    };
    of_text()
        .or_else(|| from_end(input, patterns))
        .or_else(of_tail)
        .or_else(of_state)
        .or_else(|| unknown(input))
}

fn from_end(input: &Evidence, patterns: &Patterns) -> Option<Diagnosis> {
    // A shell reports a death by signal as 128 + its number.
    let signal = input.signal.or_else(|| {
        input
            .exit_code
            .filter(|code| (129..160).contains(code))
            .map(|code| code - 128)
    });
    let signal = signal.and_then(|number| patterns.signal(number));
    let meaning = signal.or_else(|| patterns.exit(input.exit_code?))?;
    Some(Diagnosis {
        class: meaning.class,
        summary: SafeText::new(&meaning.cause),
        evidence: ending(input)?.into(),
        advice: advice(meaning, input),
    })
}

/// There is a cause line, but none that is known: it is shown as it is.
fn unknown(input: &Evidence) -> Option<Diagnosis> {
    let error = input
        .error
        .map(str::trim)
        .filter(|error| !error.is_empty())?;
    Some(Diagnosis {
        class: Class::Unknown,
        summary: error.into(),
        evidence: ending(input).unwrap_or_default().into(),
        advice: "read the log".into(),
    })
}

fn conclude(meaning: &Meaning, words: &str, input: &Evidence) -> Diagnosis {
    let evidence = match ending(input) {
        Some(ending) => format!("{words}, {ending}"),
        None => words.to_owned(),
    };
    Diagnosis {
        class: meaning.class,
        summary: SafeText::new(&meaning.cause),
        evidence: evidence.into(),
        advice: advice(meaning, input),
    }
}

/// `exit 137`, `signal 9`; nothing for an ordinary `exit 1`, which proves nothing.
fn ending(input: &Evidence) -> Option<String> {
    match (input.signal, input.exit_code) {
        (Some(signal), _) => Some(format!("signal {signal}")),
        (None, Some(code)) if code > 1 => Some(format!("exit {code}")),
        _ => None,
    }
}

fn advice(meaning: &Meaning, input: &Evidence) -> SafeText {
    let first = meaning
        .advice
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    if meaning.class.is_transient() && input.attempts > 1 {
        return SafeText::new(format!(
            "{first}; a retry alone has not helped in {} attempts",
            input.attempts
        ));
    }
    first.into()
}

#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod tests;
