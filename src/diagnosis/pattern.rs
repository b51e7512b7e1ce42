//! Owns matching a line against words that name a cause.

use super::Class;

/// Words, and what they mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) class: Class,
    pub(super) summary: &'static str,
    pub(super) advice: &'static str,
    /// Proves it on any line of the log, not only on the cause line.
    pub(super) anywhere: bool,
    /// Any of these, in small letters; `*` stands for anything between.
    pub(super) words: &'static [&'static str],
}

impl Rule {
    /// The part of the line that matches.
    pub(super) fn find<'a>(&self, line: &'a str) -> Option<&'a str> {
        // Same length in ASCII small letters, so that the places agree.
        let small = line.to_ascii_lowercase();
        self.words
            .iter()
            .find_map(|words| find(line, &small, words))
    }
}

fn find<'a>(line: &'a str, small: &str, words: &str) -> Option<&'a str> {
    let mut start = None;
    let mut at = 0;
    for part in words.split('*') {
        let found = at + small.get(at..)?.find(part)?;
        start = start.or(Some(found));
        at = found + part.len();
    }
    let start = start?;
    // A whole class name says more than its end: `java.lang.OutOfMemoryError`.
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '$');
    let before = line.get(..start)?;
    let start = before.len() - (before.len() - before.trim_end_matches(name).len());
    let after = line.get(at..)?;
    let end = at + after.len()
        - after
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_')
            .len();
    line.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(words: &'static [&'static str]) -> Rule {
        Rule {
            class: Class::Unknown,
            summary: "",
            advice: "",
            anywhere: false,
            words,
        }
    }

    #[test]
    fn words_match_in_any_case_and_in_order() {
        let rule = rule(&["outofmemory", "relation *does not exist"]);
        assert_eq!(
            rule.find("E: java.lang.OutOfMemoryError: Java heap"),
            Some("java.lang.OutOfMemoryError")
        );
        assert_eq!(
            rule.find("ERROR: relation \"x\" does not exist"),
            Some("relation \"x\" does not exist")
        );
        assert_eq!(rule.find("does not exist: relation x"), None);
        assert_eq!(rule.find("größte OUTOFMEMORY é"), Some("OUTOFMEMORY"));
    }
}
