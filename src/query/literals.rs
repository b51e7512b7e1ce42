//! Owns what can be told of a regular expression before it is run: words that are in everything it matches.

use regex_syntax::hir::{Hir, HirKind};

/// Shorter ones are nearly everywhere.
const LETTERS: usize = 3;
/// More alternatives than this are not worth looking for.
const MOST: usize = 16;

/// Whatever matches holds one of these, in some case; none of them holds white space. Empty where that can't be told.
pub(super) fn words(pattern: &str) -> Vec<String> {
    let parsed = regex_syntax::parse(pattern).ok();
    parsed.and_then(|hir| in_each(&hir)).unwrap_or_default()
}

fn in_each(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            let word = text.split_whitespace().max_by_key(|word| word.len())?;
            (word.len() >= LETTERS).then(|| vec![word.to_owned()])
        }
        // the longer the rarer
        HirKind::Concat(list) => list
            .iter()
            .filter_map(in_each)
            .max_by_key(|words| words.iter().map(String::len).min()),
        HirKind::Alternation(list) => {
            let all: Option<Vec<_>> = list.iter().map(in_each).collect();
            all.map(|lists| lists.concat())
                .filter(|words| words.len() <= MOST)
        }
        HirKind::Repetition(repeated) if repeated.min > 0 => in_each(&repeated.sub),
        HirKind::Capture(group) => in_each(&group.sub),
        HirKind::Repetition(_) | HirKind::Class(_) | HirKind::Look(_) | HirKind::Empty => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_matches_holds_a_word(
            pattern in "(abc|bcd|cabs|[ab]|a[?]|b[+]|\\(abc\\|cabd\\)|\\(dab\\)[{]2[}]| ){1,5}",
            text in "(abc|ABC|bcd|cabd|cabſ|dab|[ab]| ){0,12}",
        ) {
            let regex = regex::RegexBuilder::new(&pattern).case_insensitive(true).build().unwrap();
            let words = words(&pattern);
            if regex.is_match(&text) && !words.is_empty() {
                let any: Vec<_> = words.iter().map(|word| regex::escape(word)).collect();
                let any = regex::RegexBuilder::new(&any.join("|")).case_insensitive(true).build().unwrap();
                prop_assert!(any.is_match(&text), "{words:?}");
            }
        }
    }

    #[test]
    fn words_of_a_regex_are_in_all_it_matches() {
        for (pattern, expected) in [
            (r"step_[3-7], batch=9\d+", vec!["batch=9"]),
            (r"time(out)?", vec!["time"]),
            (r"(timeout|refused) by", vec!["timeout", "refused"]),
            (r"^(task )+\d+$", vec!["task"]),
            (r"time|\d+", vec![]),
            (r"(?i)timeout", vec![]),
            (r"a b c", vec![]),
            (r"o{3,}ops", vec!["ops"]),
            (r"(unfinished", vec![]),
        ] {
            assert_eq!(words(pattern), expected, "{pattern}");
        }
    }
}
