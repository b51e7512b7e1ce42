//! Edge lists: `from<TAB>to` a line, a lone name a line for a node without edges, `#` comments.

use super::ReadError;
use super::named::{Builder, Named};

pub(super) fn read(text: &str) -> Result<Named, ReadError> {
    let mut b = Builder::default();
    for (i, line) in text.lines().enumerate() {
        let at = |reason: String| ReadError::at(i + 1, reason);
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        if fields.iter().any(|f| f.is_empty()) {
            return Err(at(
                "a name is empty: expected `from<TAB>to` or one name".to_owned()
            ));
        }
        match fields[..] {
            [one] => {
                b.node(one);
            }
            [from, to] => {
                let (from, to) = (b.end(from), b.end(to));
                b.edge(from, to);
            }
            _ => {
                return Err(at(format!(
                    "expected `from<TAB>to` or one name, found {} fields",
                    fields.len()
                )));
            }
        }
    }
    Ok(b.finish())
}
