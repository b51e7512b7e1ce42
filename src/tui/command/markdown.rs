//! The key table of the README.

use super::{Group, TABLE};

/// All commands with their default keys as Markdown tables, one per group.
pub fn keys_markdown() -> String {
    let mut out = String::new();
    for group in Group::ALL {
        out.push_str(&format!(
            "### {}\n\n| key | name | what it does | where |\n| --- | --- | --- | --- |\n",
            group.title()
        ));
        for row in TABLE.iter().filter(|r| r.group == group) {
            let keys: Vec<String> = row
                .keys
                .iter()
                .map(|k| format!("`{}`", k.replace('|', "\\|")))
                .collect();
            let places = if row.contexts == super::table::ANY {
                "everywhere".to_owned()
            } else {
                row.contexts
                    .iter()
                    .map(|c| c.word())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            out.push_str(&format!(
                "| {} | `{}` | {} | {places} |\n",
                keys.join(" "),
                row.name,
                row.doc
            ));
        }
        out.push('\n');
    }
    out
}
