//! Which pipelines of a backend are watched.

use crate::config::Filter;

/// `*` is any text, `?` any character.
fn glob(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < t.len() {
        if i < p.len() && (p[i] == '?' || p[i] == t[j]) && p[i] != '*' {
            i += 1;
            j += 1;
        } else if i < p.len() && p[i] == '*' {
            star = Some((i, j));
            i += 1;
        } else if let Some((at, from)) = star {
            i = at + 1;
            j = from + 1;
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

/// Whether a pipeline of this name is to be watched.
pub fn watched<'a>(filter: &Filter, name: &str, mut tags: impl Iterator<Item = &'a str>) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|p| glob(p, name));
    (filter.include.is_empty() || any(&filter.include))
        && !any(&filter.exclude)
        && (filter.tags.is_empty() || tags.any(|tag| filter.tags.iter().any(|t| t == tag)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("orders_*", "orders_daily", true),
            ("orders_*", "my_orders_daily", false),
            ("*_dai?y", "orders_daily", true),
            ("a*b*c", "a--b--b-c", true),
            ("a*b*c", "a--c--b", false),
            ("x", "xy", false),
            ("", "", true),
            ("?", "ä", true),
            ("**", "q", true),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_filter_includes_excludes_and_asks_for_tags() {
        let filter = Filter {
            include: vec!["o*".to_owned()],
            exclude: vec!["*_test".to_owned()],
            tags: vec!["prod".to_owned()],
        };
        let is = |dag: &str, tags: &[&str]| watched(&filter, dag, tags.iter().copied());
        assert!(is("orders", &["x", "prod"]));
        assert!(!is("orders", &["x"]) && !is("orders_test", &["prod"]) && !is("users", &["prod"]));
        assert!(watched(&Filter::default(), "any", std::iter::empty()));
    }
}
