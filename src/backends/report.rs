//! What a node says of itself in the lines of its log: how far it is, and numbers.

use crate::model::{Node, NodeState, Progress, SafeText};

/// So many different numbers are kept; more would say nothing new.
const METRICS: usize = 32;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub progress: Option<Progress>,
    pub metrics: Vec<(SafeText, f64)>,
}

impl Report {
    /// Takes in a line: `::progress 400/1000`, `::progress 40` (percent) or `::metric rows=5` anywhere in it. Says
    /// whether it was one.
    pub fn read(&mut self, line: &str) -> bool {
        if let Some((_, rest)) = line.split_once("::progress ") {
            let word = rest.split_whitespace().next().unwrap_or_default();
            let progress = match word.split_once('/') {
                Some((done, total)) => number(done)
                    .zip(number(total))
                    .and_then(|(done, total)| Progress::new(done, total)),
                None => {
                    number(word.trim_end_matches('%')).and_then(|done| Progress::new(done, 100))
                }
            };
            self.progress = progress.or(self.progress);
            return progress.is_some();
        }
        if let Some((_, rest)) = line.split_once("::metric ")
            && let Some((name, value)) = rest.split_once('=')
            && let Ok(value) = value.trim().parse()
        {
            self.metric(name.trim(), value);
            return true;
        }
        false
    }

    pub fn metric(&mut self, name: &str, value: f64) {
        let name = SafeText::new(name);
        match self.metrics.iter().position(|(known, _)| *known == name) {
            Some(at) => self.metrics[at].1 = value,
            None if self.metrics.len() < METRICS => self.metrics.push((name, value)),
            None => {}
        }
    }

    /// Adds to a node what only its log tells.
    pub fn add_to(&self, node: &mut Node) {
        node.metrics.clone_from(&self.metrics);
        if node.state == NodeState::Running {
            node.progress = self.progress;
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let value: f64 = text.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_newest_word_counts_and_nonsense_changes_nothing() {
        let mut report = Report::default();
        assert!(report.read("2026 INFO task - ::progress 400/1000"));
        assert!(report.read("::progress 55%"));
        assert_eq!(report.progress, Progress::new(55, 100));
        assert!(report.read("::metric rows=12.5") && report.read("::metric rows=13"));
        assert_eq!(report.metrics, [(SafeText::new("rows"), 13.0)]);
        for line in [
            "::progress nonsense",
            "::progress 1/0",
            "::metric x",
            "hello",
        ] {
            assert!(!report.read(line), "{line}");
        }
        assert_eq!(report.progress, Progress::new(55, 100));
    }
}
