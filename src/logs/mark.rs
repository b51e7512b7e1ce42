//! Owns what makes a line an error, and which of several errors a person wants to read.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::header::trim_start;

/// How much an error says, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Only says that something else failed: `returned non-zero exit status 1`.
    Wrapper,
    /// A program's complaint, which may have been harmless: `cat: x: No such file or directory`.
    Complaint,
    /// A line logged as an error.
    Logged,
    /// An exception with its traceback.
    Trace,
}

/// One error record. Numbers count lines from the beginning of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) start: u64,
    /// The line that names the cause.
    pub(super) cause: u64,
    /// The last `Caused by:` of a Java trace.
    pub(super) caused_by: Option<u64>,
    pub(super) last: u64,
    pub(super) rank: Rank,
}

/// What a line does to the marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkChange {
    None,
    New(Rank),
    /// Belongs to the newest error.
    Extend,
    /// Belongs to it and shows that it is an exception.
    Frame,
    /// Names its cause.
    Cause(Rank),
    CausedBy,
}

impl Mark {
    pub(super) fn new(line: u64, rank: Rank) -> Self {
        Self {
            start: line,
            cause: line,
            caused_by: None,
            last: line,
            rank,
        }
    }

    pub(super) fn change(&mut self, line: u64, change: MarkChange) {
        self.last = line;
        match change {
            MarkChange::Frame => self.rank = self.rank.max(Rank::Trace),
            MarkChange::Cause(rank) => {
                self.cause = line;
                self.rank = self.rank.max(rank);
            }
            MarkChange::CausedBy => self.caused_by = Some(line),
            MarkChange::None | MarkChange::New(_) | MarkChange::Extend => {}
        }
    }

    /// Lines of the record besides the one that names the cause.
    pub(super) fn more_lines(&self) -> usize {
        usize::try_from(self.last - self.start).unwrap_or(usize::MAX)
    }
}

/// True for a line that only passes on that a command failed.
pub(super) fn is_wrapper(text: &str) -> bool {
    const PHRASES: [&str; 7] = [
        "returned non-zero exit status",
        "returned a non-zero exit code",
        "exited with a non-zero",
        "Bash command failed",
        "Task exited with return code",
        "command failed with exit code",
        "exit status 1",
    ];
    PHRASES.iter().any(|phrase| text.contains(phrase))
}

/// Bytes of a name, and all that are not ASCII. Names are looked for in nearly every line.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut b = 0;
    while b < 256 {
        let c = b as u8;
        plain[b] = c.is_ascii_alphanumeric()
            || matches!(c, b'_' | b'$' | b'.' | b'<' | b'>')
            || !c.is_ascii();
        b += 1;
    }
    plain
};

/// Length of what may be a name at the beginning.
fn first_word(text: &str) -> usize {
    let stop = text.bytes().position(|b| !PLAIN[usize::from(b)]);
    stop.unwrap_or(text.len())
}

/// The first word is followed by another one: then it is no name of an exception, nor of a program that complains.
pub(super) fn goes_on(text: &str) -> bool {
    let end = first_word(text);
    let after = text.as_bytes().get(end..end + 2);
    matches!(after, Some([b' ', next]) if PLAIN[usize::from(*next)])
}

/// `some.module.LoadError: message` or the name alone. Gives the name.
pub(super) fn exception_name(text: &str) -> Option<&str> {
    let (name, rest) = text.split_at_checked(first_word(text))?;
    let rest = trim_start(rest);
    if !(rest.is_empty() || rest == ":" || rest.starts_with(": ")) {
        return None;
    }
    let legal = |c: char| c.is_ascii() || c.is_alphanumeric();
    let legal = name.is_ascii() || name.chars().all(legal);
    let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (begins && legal && name.len() <= 200).then_some(name)
}

/// An exception's name and message outside of a traceback, where only the name can tell.
pub(super) fn is_exception(text: &str) -> bool {
    let Some(name) = exception_name(text) else {
        return false;
    };
    if matches!(name, "KeyboardInterrupt" | "SystemExit" | "StopIteration") {
        return true;
    }
    // written out: compared in place, not by a call for each
    let known = name.ends_with("Error")
        || name.ends_with("Exception")
        || name.ends_with("Throwable")
        || name.ends_with("ExceptionGroup");
    if !known || name == "Error" {
        return false;
    }
    let short = name.rsplit(['.', '$']).next().unwrap_or(name);
    let said = text.get(name.len()..).unwrap_or_default();
    // `TrainError: 0.12` is a metric.
    let figure = said.trim_start_matches(':').trim().parse::<f64>().is_ok();
    short.starts_with(char::is_uppercase) && !figure
}

/// `CustomWarning: …`, or Python's `etl.py:3: DeprecationWarning: …`.
pub(super) fn is_warning(text: &str) -> bool {
    static WARNING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Warning"));
    if WARNING.find(text.as_bytes()).is_none() {
        return false;
    }
    let mut parts = text.splitn(3, ": ");
    let names = |part: Option<&str>| {
        part.is_some_and(|name| {
            name.len() > 7 && name.ends_with("Warning") && exception_name(name).is_some()
        })
    };
    let first = parts.next();
    names(first) || (first.is_some_and(|place| !place.contains(' ')) && names(parts.next()))
}

/// What is said of a program that was ended, or that can't even begin.
pub(super) fn is_death(text: &str) -> bool {
    const BEGINS: [&str; 4] = [
        "make: *** ",
        "curl: (",
        "wget: ",
        "Host key verification failed",
    ];
    // asked of every line without a level: most are told by their first letter
    match text.as_bytes().first() {
        Some(b'm' | b'c' | b'w' | b'H') => BEGINS.iter().any(|begin| text.starts_with(begin)),
        Some(b'K' | b'S' | b'B' | b'I' | b'O') => {
            let bare = text.trim_end().trim_end_matches(" (core dumped)");
            KILLED.contains(&bare)
        }
        _ => false,
    }
}

const KILLED: [&str; 5] = [
    "Killed",
    "Segmentation fault",
    "Bus error",
    "Illegal instruction",
    "Out of memory",
];

/// What shells and the usual tools print when something fails: `program: …: reason`.
pub(super) fn is_complaint(text: &str) -> bool {
    const REASONS: [&str; 22] = [
        "No such file or directory",
        "command not found",
        ": not found",
        "Permission denied",
        "No space left on device",
        "Is a directory",
        "Not a directory",
        "Directory not empty",
        "Connection refused",
        "Connection timed out",
        "Connection reset by peer",
        "Cannot allocate memory",
        "Operation not permitted",
        "Read-only file system",
        "Broken pipe",
        "Bad file descriptor",
        "Too many open files",
        "unbound variable",
        "parameter not set",
        "bad substitution",
        "Input/output error",
        "Disk quota exceeded",
    ];
    let word = text.bytes().position(|b| b == b' ').unwrap_or_default();
    let Some(program) = text.get(..word).and_then(|word| word.strip_suffix(':')) else {
        return false;
    };
    // of white space in ASCII a text has spaces only
    if program.is_empty() || !program.is_ascii() && program.contains(char::is_whitespace) {
        return false;
    }
    let text = text.trim_end();
    let rest = text.get(word + 1..).unwrap_or_default();
    // bash: `./x.sh: line 5: 1234 Killed    cmd`
    let died = rest.starts_with("line ")
        && KILLED
            .iter()
            .any(|word| rest.contains(&format!(" {word} ")));
    let shell = || program.as_bytes().windows(2).any(|two| two == b"sh");
    let syntax = (rest.starts_with("line ") || shell()) && rest.contains("yntax error");
    let last = text.as_bytes().last().copied().unwrap_or_default();
    let may_end = matches!(last, b'y' | b'd' | b'e' | b't' | b'r' | b'm' | b's' | b'n');
    died || syntax || may_end && REASONS.iter().any(|reason| text.ends_with(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_known_by_their_names() {
        for text in [
            "ValueError: bad row",
            "java.lang.OutOfMemoryError: Java heap space",
            "psycopg2.errors.SyntaxError: x",
            "KeyboardInterrupt",
            "AssertionError",
            "py4j.protocol.Py4JJavaError: An error occurred",
            "org.apache.spark.SparkException: Job aborted",
            "my.Outer$InnerException: x",
        ] {
            assert!(is_exception(text), "{text}");
        }
        for text in [
            "Error: x",
            "TrainError: 0.12",
            "error: x",
            "mean_error: x",
            "No Error: x",
            "Error",
            "note: Error",
            "10:Error",
        ] {
            assert!(!is_exception(text), "{text}");
        }
    }

    #[test]
    fn shells_complain_in_known_words() {
        for text in [
            "sh: 1: foo: not found",
            "bash: line 3: foo: command not found",
            "cat: x: No such file or directory",
            "./load.sh: line 12: syntax error near unexpected token `done'",
            "Killed",
            "Segmentation fault (core dumped)",
            "./load.sh: line 5:  1234 Killed                  python load.py",
            "curl: (7) Failed to connect to db port 80",
            "make: *** [load] Error 2",
            "sh: 3: RATE: parameter not set",
            "tee: /data/x: No space left on device",
        ] {
            assert!(is_death(text) || is_complaint(text), "{text}");
        }
        for text in [
            "done: 3 files",
            "see: what was not found by us",
            "Killed 3 rows",
            "the file: No such thing",
            "",
        ] {
            assert!(!is_death(text) && !is_complaint(text), "{text}");
        }
    }
}
