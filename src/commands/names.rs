//! Names in the configuration that only the screen knows: whether there is such a theme.

use crate::config::reader::nearest;
use crate::config::{Loaded, Problem};
use crate::tui::theme::Theme;

/// What the screen can't make sense of, each with its place in the file.
pub(super) fn problems(loaded: &Loaded) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(theme) = &loaded.config.ui.theme
        && !Theme::NAMES.contains(&theme.value.as_str())
    {
        let all = format!("there are: {}", Theme::NAMES.join(", "));
        let help = match nearest(&theme.value, Theme::NAMES) {
            Some(near) => format!("did you mean `{near}`? ({all})"),
            None => all,
        };
        let message = format!("there is no theme \"{}\"", theme.value);
        problems.push(loaded.source.problem(theme.span, message, help));
    }
    problems
}
