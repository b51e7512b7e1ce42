//! Owns what is known of failures: words, exit codes, signals and states, what they mean and what to do. Read from
//! `assets/diagnosis.toml`, before which a file of the user may stand. Must not know where lines come from.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use super::Class;
use super::words::Words;
use crate::config::reader::{Reader, Table};
use crate::config::{At, Problem, Span};

/// The patterns that are shipped.
pub const BUILTIN: &str = include_str!("../../assets/diagnosis.toml");

/// How much a pattern proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// When nothing else is said.
    Weak,
    /// Where an error is told.
    Strong,
    /// Wherever it stands.
    Proof,
}

const STRENGTHS: &[(&str, Strength)] = &[
    ("weak", Strength::Weak),
    ("strong", Strength::Strong),
    ("proof", Strength::Proof),
];

/// What something means, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) class: Class,
    pub(super) cause: String,
    /// The first thing first; never empty.
    pub(super) advice: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) meaning: Meaning,
    pub(super) strength: Strength,
}

/// What a line says beside its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Noise {
    pub(super) wrapper: bool,
    pub(super) handled: bool,
    pub(super) cleanup: bool,
    pub(super) success: bool,
}

#[derive(Debug, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    exits: Vec<(u64, Meaning)>,
    signals: Vec<(u64, Meaning)>,
    states: Vec<Meaning>,
    words: Words,
    state_words: Words,
    noise_words: Words,
}

/// Kinds of noise, in the order of their index in `noise_words`.
const NOISE: [&str; 4] = ["wrappers", "handled", "cleanup", "success"];

impl Patterns {
    /// Those that are shipped, read once.
    pub fn builtin() -> Arc<Self> {
        static BUILT: LazyLock<Arc<Patterns>> =
            LazyLock::new(|| Arc::new(Patterns::only(Path::new("diagnosis.toml"), BUILTIN).0));
        Arc::clone(&BUILT)
    }

    /// Those of one file alone, and what is wrong in it.
    pub fn only(file: &Path, text: &str) -> (Self, Vec<Problem>) {
        let mut drafts = Drafts::default();
        let problems = drafts.read(file, text);
        (drafts.build(), problems)
    }

    /// Those of a user's file before those that are shipped, and what is wrong in the file: what is wrong is left
    /// out, the rest is used.
    pub fn with(file: &Path, text: &str) -> (Self, Vec<Problem>) {
        let mut drafts = Drafts::default();
        let problems = drafts.read(file, text);
        drafts.read(Path::new("diagnosis.toml"), BUILTIN);
        (drafts.build(), problems)
    }

    /// The first pattern that a line matches, and the part of the line that does.
    pub(super) fn find<'a>(&self, line: &'a str) -> Option<(&Pattern, &'a str)> {
        let (index, words) = self.words.first(line)?;
        Some((self.patterns.get(index)?, words))
    }

    /// As [`Patterns::find`], of those that are proof wherever they stand.
    pub(super) fn find_proof<'a>(&self, line: &'a str) -> Option<(&Pattern, &'a str)> {
        self.find(line)
            .filter(|(pattern, _)| pattern.strength == Strength::Proof)
    }

    pub(super) fn exit(&self, code: i32) -> Option<&Meaning> {
        of_number(&self.exits, code)
    }

    pub(super) fn signal(&self, number: i32) -> Option<&Meaning> {
        of_number(&self.signals, number)
    }

    pub(super) fn state<'a>(&self, native: &'a str) -> Option<(&Meaning, &'a str)> {
        let (index, words) = self.state_words.first(native)?;
        Some((self.states.get(index)?, words))
    }

    pub(super) fn noise(&self, line: &str) -> Noise {
        let mut noise = Noise::default();
        for kind in self.noise_words.kinds(line) {
            match kind {
                0 => noise.wrapper = true,
                1 => noise.handled = true,
                2 => noise.cleanup = true,
                _ => noise.success = true,
            }
        }
        noise
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

fn of_number(list: &[(u64, Meaning)], number: i32) -> Option<&Meaning> {
    let number = u64::try_from(number).ok()?;
    list.iter().find(|(n, _)| *n == number).map(|(_, m)| m)
}

/// What was read and not yet built.
#[derive(Default)]
struct Drafts {
    all: Patterns,
    words: Vec<(String, usize)>,
    state_words: Vec<(String, usize)>,
    noise_words: Vec<(String, usize)>,
}

impl Drafts {
    /// Takes in a file; what is wrong in it is left out and told.
    fn read(&mut self, file: &Path, text: &str) -> Vec<Problem> {
        let reader = Reader::parse(file, text);
        {
            let mut root = reader.root();
            for table in root.take_tables("pattern") {
                self.pattern(table);
            }
            for table in root.take_tables("exit") {
                self.all.exits.extend(number(table, "code", 0..=255));
            }
            for table in root.take_tables("signal") {
                self.all.signals.extend(number(table, "number", 1..=64));
            }
            for mut table in root.take_tables("state") {
                let found = words(&mut table);
                if let Some(meaning) = meaning(table) {
                    let index = self.all.states.len();
                    self.state_words
                        .extend(found.into_iter().map(|w| (w, index)));
                    self.all.states.push(meaning);
                }
            }
            if let Some(mut table) = root.take_table("noise") {
                for (kind, key) in NOISE.into_iter().enumerate() {
                    let list = table.take_strings(key).unwrap_or_default();
                    let found = list.iter().filter_map(|word| checked(table.reader(), word));
                    self.noise_words.extend(found.map(|word| (word, kind)));
                }
                table.finish();
            }
            root.finish();
        }
        let outcome = reader.finish();
        outcome
            .problems
            .0
            .into_iter()
            .chain(outcome.warnings)
            .collect()
    }

    fn pattern(&mut self, mut table: Table<'_>) {
        let strength = table.take_choice("strength", STRENGTHS);
        let words = words(&mut table);
        let Some(meaning) = meaning(table) else {
            return;
        };
        let index = self.all.patterns.len();
        self.words
            .extend(words.into_iter().map(|word| (word, index)));
        self.all.patterns.push(Pattern {
            meaning,
            strength: strength.unwrap_or(Strength::Strong),
        });
    }

    fn build(mut self) -> Patterns {
        self.all.words = Words::build(self.words);
        self.all.state_words = Words::build(self.state_words);
        self.all.noise_words = Words::build(self.noise_words);
        self.all
    }
}

fn number(
    mut table: Table<'_>,
    key: &'static str,
    range: RangeInclusive<u64>,
) -> Option<(u64, Meaning)> {
    let span = table.span();
    let number = table.take_u64(key, range);
    if number.is_none() {
        table
            .reader()
            .problem(span, format!("`{key}` is missing or wrong"), None);
    }
    let meaning = meaning(table)?;
    Some((number?, meaning))
}

/// The rest of a table.
fn meaning(mut table: Table<'_>) -> Option<Meaning> {
    let choices = Class::ALL.map(|class| (class.name(), class));
    let class = table.need("class").and_then(|value| value.choice(&choices));
    let cause = table.need_str("cause").map(|at| at.value);
    let advice = table.take_strings("advice").unwrap_or_default();
    let mut advice: Vec<String> = advice.into_iter().map(|at| at.value).collect();
    if advice.is_empty() {
        advice.push("read the log".to_owned());
    }
    table.finish();
    Some(Meaning {
        class: class?,
        cause: cause?,
        advice,
    })
}

fn words(table: &mut Table<'_>) -> Vec<String> {
    let span = table.span();
    let list = table.take_strings("words").unwrap_or_default();
    if list.is_empty() {
        table
            .reader()
            .problem(span, "`words` is missing or empty", None);
    }
    list.iter()
        .filter_map(|word| checked(table.reader(), word))
        .collect()
}

/// A word that would match nearly every line is a mistake.
fn checked(reader: &Reader<'_>, word: &At<String>) -> Option<String> {
    let plain = word.value.replace(['*', '|'], "");
    let problem = |message: &str| {
        let span: Span = word.span;
        reader.problem(span, message, None);
    };
    if plain.trim().chars().count() < 4 {
        problem("too short: at least four letters beside `*` and `|`");
        return None;
    }
    if word.value.starts_with('*') || word.value.ends_with('*') {
        problem("`*` stands between words, not at an end: they match anywhere in the line");
        return None;
    }
    Some(word.value.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_is_shipped_is_without_mistakes() {
        let mut drafts = Drafts::default();
        let problems = drafts.read(Path::new("assets/diagnosis.toml"), BUILTIN);
        assert!(problems.is_empty(), "{}", problems[0]);
        let words = drafts.words.len();
        let built = drafts.build();
        assert_eq!(built.words.len(), words);
        for class in Class::ALL.into_iter().filter(|c| *c != Class::Unknown) {
            let of = |p: &&Pattern| p.meaning.class == class;
            assert!(built.patterns.iter().any(|p| of(&p)), "{}", class.name());
        }
        for pattern in &built.patterns {
            assert_ne!(pattern.meaning.class, Class::Unknown);
        }
    }

    fn user(text: &str) -> (Patterns, Vec<String>) {
        let (patterns, problems) = Patterns::with(Path::new("mine.toml"), text);
        (patterns, problems.iter().map(Problem::headline).collect())
    }

    #[test]
    fn a_file_of_the_user_stands_before_what_is_shipped() {
        let (patterns, problems) = user(
            "[[pattern]]\nclass = \"quality\"\ncause = \"the mill stands\"\nadvice = [\"call the miller\"]\nwords = [\"connection refused by mill\"]\n",
        );
        assert_eq!(problems, [""; 0]);
        let of = |line| patterns.find(line).unwrap().0.meaning.clone();
        assert_eq!(of("E: Connection refused by MILL 7").class, Class::Quality);
        assert_eq!(of("E: Connection refused").class, Class::Dependency);
        assert_eq!(patterns.len(), Patterns::builtin().len() + 1);
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_the_rest_works() {
        let (patterns, problems) = user(concat!(
            "[[pattern]]\nclass = \"qualty\"\ncause = \"a\"\nwords = [\"first thing\"]\n",
            "[[pattern]]\nclass = \"quality\"\ncause = \"b\"\nwords = [\"x\", \"second thing\", \"*third\"]\n",
            "[[exit]]\ncode = 999\nclass = \"code\"\ncause = \"c\"\n",
            "[[pattern]]\nclass = \"write\"\nwords = [\"fourth thing\"]\nhue = 3\n",
        ));
        assert_eq!(problems.len(), 7, "{problems:#?}");
        assert!(problems[0].starts_with("mine.toml:2:9: ") && problems[0].contains("quality"));
        assert!(
            problems[1].contains("mine.toml:8:10: too short"),
            "{problems:?}"
        );
        assert_eq!(
            patterns.find("the second thing").unwrap().0.meaning.cause,
            "b"
        );
        assert!(patterns.find("the first thing").is_none());
        assert!(patterns.find("java.net.UnknownHostException: x").is_some());
    }

    #[test]
    fn a_file_that_is_no_toml_is_told() {
        let (patterns, problems) = user("[[pattern]\nclass = 3");
        assert!(
            !problems.is_empty() && problems[0].starts_with("mine.toml:1:"),
            "{problems:?}"
        );
        assert!(patterns.len() >= Patterns::builtin().len());
    }

    #[test]
    fn words_match_in_any_case_and_in_order() {
        let text =
            "[[pattern]]\nclass=\"data\"\ncause=\"c\"\nwords=[\"frob *is not nice\", \"|grok|\"]\n";
        let (patterns, _) = user(text);
        let found = |line| patterns.find(line).map(|(_, words)| words);
        assert_eq!(
            found("ERROR: FROB \"x\" is not nice"),
            Some("FROB \"x\" is not nice")
        );
        assert_eq!(found("größte Grok é"), Some("Grok"));
        assert_eq!(found("is not nice: frob x"), None);
        assert_eq!(found("groks"), None);
        assert_eq!(
            found("E: java.lang.OutOfMemoryError: Java heap"),
            Some("java.lang.OutOfMemoryError")
        );
    }
}
