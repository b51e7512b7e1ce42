//! Owns why something failed: a class, the words that prove it, and what to try. A pure function of what is
//! known about one attempt. Must not know backends, screens or where the evidence came from.

mod pattern;
mod table;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    OutOfMemory,
    Killed,
    Timeout,
    /// Refused, reset, not resolved, TLS.
    Connection,
    /// Authentication or permission.
    Access,
    /// A file, table, column or key is not there.
    Missing,
    DiskFull,
    /// Quota or rate limit.
    Quota,
    Lock,
    /// Import, syntax, configuration.
    Code,
    /// The data is not what was expected.
    Data,
    UpstreamFailed,
    /// Nobody knows what became of it: no heartbeat.
    Lost,
    /// There is an error, but none that is known here.
    Unknown,
}

impl Class {
    /// In a few words, for a column.
    pub fn label(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out of memory",
            Self::Killed => "killed",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Access => "access",
            Self::Missing => "missing",
            Self::DiskFull => "disk full",
            Self::Quota => "quota",
            Self::Lock => "lock",
            Self::Code => "code or config",
            Self::Data => "data",
            Self::UpstreamFailed => "upstream failed",
            Self::Lost => "lost",
            Self::Unknown => "error",
        }
    }

    /// Passes by itself now and then, so that a plain retry is worth a try.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Connection | Self::Lock | Self::Quota | Self::Lost
        )
    }
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
pub fn diagnose(input: &Evidence) -> Option<Diagnosis> {
    from_text(input)
        .or_else(|| from_end(input))
        .or_else(|| from_tail(input))
        .or_else(|| from_state(input))
        .or_else(|| unknown(input))
}

fn from_text(input: &Evidence) -> Option<Diagnosis> {
    table::RULES
        .iter()
        .find_map(|rule| conclude(rule, rule.find(input.error?)?, input))
}

fn from_tail(input: &Evidence) -> Option<Diagnosis> {
    input.tail.iter().rev().find_map(|line| {
        let rules = table::RULES.iter().filter(|rule| rule.anywhere);
        rules
            .into_iter()
            .find_map(|rule| conclude(rule, rule.find(line)?, input))
    })
}

fn from_end(input: &Evidence) -> Option<Diagnosis> {
    // A shell reports a death by signal as 128 + its number.
    let signal = input.signal.or_else(|| {
        input
            .exit_code
            .filter(|code| (129..160).contains(code))
            .map(|code| code - 128)
    });
    let signal = signal.and_then(|number| table::SIGNALS.iter().find(|end| end.number == number));
    let exit = || {
        let code = input.exit_code?;
        table::EXITS.iter().find(|end| end.number == code)
    };
    let end = signal.or_else(exit)?;
    Some(Diagnosis {
        class: end.class,
        summary: end.summary.into(),
        evidence: ending(input)?.into(),
        advice: advice(end.class, end.advice, input),
    })
}

fn from_state(input: &Evidence) -> Option<Diagnosis> {
    let rule = table::STATES
        .iter()
        .find(|rule| rule.find(input.native_state).is_some())?;
    conclude(rule, input.native_state, input)
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

fn conclude(rule: &pattern::Rule, words: &str, input: &Evidence) -> Option<Diagnosis> {
    let evidence = match ending(input) {
        Some(ending) if rule.class != Class::UpstreamFailed => format!("{words}, {ending}"),
        _ => words.to_owned(),
    };
    Some(Diagnosis {
        class: rule.class,
        summary: rule.summary.into(),
        evidence: evidence.into(),
        advice: advice(rule.class, rule.advice, input),
    })
}

/// `exit 137`, `signal 9`; nothing for an ordinary `exit 1`, which proves nothing.
fn ending(input: &Evidence) -> Option<String> {
    match (input.signal, input.exit_code) {
        (Some(signal), _) => Some(format!("signal {signal}")),
        (None, Some(code)) if code > 1 => Some(format!("exit {code}")),
        _ => None,
    }
}

fn advice(class: Class, advice: &str, input: &Evidence) -> SafeText {
    if class.is_transient() && input.attempts > 1 {
        return SafeText::new(format!(
            "{advice}; a retry alone has not helped in {} attempts",
            input.attempts
        ));
    }
    advice.into()
}

#[cfg(test)]
mod tests;
