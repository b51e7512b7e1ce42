//! Which pipelines of a backend are watched.

use crate::config::Filter;
use crate::model::glob;

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
