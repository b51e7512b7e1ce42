//! What each kind of backend can do, as a table for the README.

use crate::model::{Action, Capabilities, Support, TargetKind};

use super::{airflow, dagster, dbt, local, prefect};

/// The kinds of backend, by the word in the configuration, and what each can do before its server says more.
pub fn kinds() -> [(&'static str, Capabilities); 5] {
    [
        ("airflow", airflow::capabilities()),
        ("prefect", prefect::capabilities()),
        ("dagster", dagster::capabilities()),
        ("local", local::capabilities()),
        ("dbt", dbt::capabilities(true)),
    ]
}

const TARGETS: [TargetKind; 5] = [
    TargetKind::Pipeline,
    TargetKind::Run,
    TargetKind::Node,
    TargetKind::Queue,
    TargetKind::Backend,
];

/// One row for each action and target that some backend has a word on; below it what a person should know.
pub fn capabilities_markdown() -> String {
    let kinds = kinds();
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let mut table = format!(
        "| | {} |\n|{}\n",
        names.join(" | "),
        " --- |".repeat(names.len() + 1)
    );
    let mut notes: Vec<String> = Vec::new();
    let mut noted = |note: String| {
        let known = notes.iter().position(|n| *n == note);
        known.unwrap_or_else(|| {
            notes.push(note);
            notes.len() - 1
        }) + 1
    };
    for action in Action::ALL {
        for target in TARGETS {
            // what none can do needs no row
            if !kinds.iter().any(|(_, able)| able.allows(action, target)) {
                continue;
            }
            let what = format!("{} {}", action.word(), word(target));
            let cells: Vec<String> = kinds
                .iter()
                .map(|(_, able)| match able.support(action, target) {
                    Support::Yes => "yes".to_owned(),
                    Support::But(how) => format!("yes ({})", noted(how.into_owned())),
                    Support::No { why, nearest } => {
                        let nearest = nearest.map(|(action, target)| {
                            format!(" Nearest: {} {}.", action.word(), word(target))
                        });
                        let note = format!("{why}.{}", nearest.unwrap_or_default());
                        format!("– ({})", noted(note))
                    }
                })
                .collect();
            table.push_str(&format!("| {what} | {} |\n", cells.join(" | ")));
        }
    }
    table.push('\n');
    for (at, note) in notes.iter().enumerate() {
        let mut letters = note.chars();
        let first = letters.next().map(|c| c.to_uppercase().to_string());
        let end = if note.ends_with('.') { "" } else { "." };
        let text = format!("{}{}", first.unwrap_or_default(), letters.as_str());
        table.push_str(&format!("{}. {text}{end}\n", at + 1));
    }
    table
}

fn word(target: TargetKind) -> &'static str {
    match target {
        TargetKind::Pipeline => "a pipeline",
        TargetKind::Run => "a run",
        TargetKind::Node => "a node",
        TargetKind::Queue => "a queue",
        TargetKind::Backend => "everything",
    }
}
