//! What in the configuration only other rooms can judge: themes, commands and keys; cron lines, time zones and
//! matchers of alerts.

use crate::alerts;
use crate::config::reader::nearest;
use crate::config::{Loaded, Problem};
use crate::tui::command::KeyMap;
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
    let keys = &loaded.config.ui.keys;
    for problem in keymap(&loaded.config.ui).1 {
        let Some((command, wished)) = keys.get(problem.entry) else {
            continue;
        };
        let span = problem
            .key
            .and_then(|at| wished.get(at))
            .map_or(command.span, |key| key.span);
        let help = "`?` in dagtop shows every command with its name and keys";
        problems.push(loaded.source.problem(span, problem.text, help.to_owned()));
    }
    let (config, source) = (&loaded.config, &loaded.source);
    problems.extend(alerts::configured(config).problems(source));
    problems.extend(alerts::query::read(&config.rules, source).1);
    problems.extend(alerts::query::dashboards(&config.dashboards, source));
    problems.extend(alerts::matchers::problems(config, source));
    problems.extend(alerts::channels::problems(config, source));
    problems
}

/// The keys as wished, and which wishes can't be fulfilled.
pub(super) fn keymap(ui: &crate::config::Ui) -> (KeyMap, Vec<crate::tui::command::KeyProblem>) {
    let wishes: Vec<(String, Vec<String>)> = ui
        .keys
        .iter()
        .map(|(command, keys)| {
            let keys = keys.iter().map(|key| key.value.clone()).collect();
            (command.value.clone(), keys)
        })
        .collect();
    KeyMap::with(&wishes)
}
