//! What was found, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::model::SafeText;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Warning,
    Problem,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    pub level: Level,
    pub text: SafeText,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<SafeText>,
}

impl Check {
    fn new(level: Level, text: impl AsRef<str>) -> Self {
        Self {
            level,
            text: SafeText::new(text),
            help: None,
        }
    }

    pub fn ok(text: impl AsRef<str>) -> Self {
        Self::new(Level::Ok, text)
    }

    pub fn warning(text: impl AsRef<str>) -> Self {
        Self::new(Level::Warning, text)
    }

    pub fn problem(text: impl AsRef<str>) -> Self {
        Self::new(Level::Problem, text)
    }

    pub fn help(mut self, text: impl AsRef<str>) -> Self {
        self.help = Some(SafeText::new(text));
        self
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
struct Section {
    about: SafeText,
    checks: Vec<Check>,
}

impl Report {
    /// Adds checks; those about the same thing come together.
    pub fn section(&mut self, about: &str, checks: Vec<Check>) {
        match self
            .sections
            .iter_mut()
            .find(|section| section.about == about)
        {
            Some(section) => section.checks.extend(checks),
            None => self.sections.push(Section {
                about: SafeText::new(about),
                checks,
            }),
        }
    }

    fn count(&self, level: Level) -> usize {
        self.sections
            .iter()
            .flat_map(|section| &section.checks)
            .filter(|check| check.level == level)
            .count()
    }

    /// Nothing is wrong; there may be warnings.
    pub fn healthy(&self) -> bool {
        self.count(Level::Problem) == 0
    }

    pub fn text(&self, ascii: bool) -> String {
        let mark = |level| match (level, ascii) {
            (Level::Ok, false) => "✓",
            (Level::Ok, true) => "+",
            (Level::Warning, _) => "!",
            (Level::Problem, false) => "✗",
            (Level::Problem, true) => "x",
        };
        let word = |level| match level {
            Level::Ok => "",
            Level::Warning => "warning: ",
            Level::Problem => "problem: ",
        };
        let mut out = String::new();
        for Section { about, checks } in &self.sections {
            // writing to a string does not fail
            let _ = writeln!(out, "{about}");
            for Check { level, text, help } in checks {
                let _ = writeln!(out, "  {} {}{text}", mark(*level), word(*level));
                if let Some(help) = help {
                    let _ = writeln!(out, "    {help}");
                }
            }
        }
        let (problems, warnings) = (self.count(Level::Problem), self.count(Level::Warning));
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let _ = match (problems, warnings) {
            (0, 0) => writeln!(out, "all is well"),
            _ => writeln!(
                out,
                "{problems} problem{}, {warnings} warning{}",
                plural(problems),
                plural(warnings)
            ),
        };
        out
    }
}
