//! The history on a server: reach, version, rights, size, and how long it takes to answer.

use std::time::{Duration, Instant};

use crate::history::{Place, Shelf, Store, StoreError, Write};

use super::report::Check;

/// What takes longer than this is felt.
const SLOW: Duration = Duration::from_millis(200);

/// Nothing when it is a file: that is looked at with the state directory.
pub(super) fn server(place: &Place) -> Vec<Check> {
    if matches!(place, Place::Folder(_)) {
        return Vec::new();
    }
    let looked = place.open().and_then(|mut store| look(store.as_mut()));
    looked.unwrap_or_else(|error| {
        let help = "without it alerts are told all the same, but acknowledgements, notes and silences are not shared, and nothing is kept";
        vec![Check::problem(error.to_string()).help(help)]
    })
}

fn look(store: &mut dyn Store) -> Result<Vec<Check>, StoreError> {
    let mut checks = vec![Check::ok(store.about()?)];
    let begun = Instant::now();
    store.changed()?;
    let answer = begun.elapsed();
    // the way to know whether one may write is to write
    let key = "doctor".to_owned();
    let shelf = Shelf::Marks;
    let begun = Instant::now();
    store.write(&[Write::Put {
        shelf,
        key: key.clone(),
        body: String::new(),
    }])?;
    let written = begun.elapsed();
    store.write(&[Write::Remove { shelf, key }])?;
    let text = format!(
        "it can be written; an answer takes {:.1} ms, a write {:.1} ms",
        answer.as_secs_f64() * 1e3,
        written.as_secs_f64() * 1e3
    );
    checks.push(match answer.max(written) > SLOW {
        true => Check::warning(text),
        false => Check::ok(text),
    });
    let size = store.bytes()?;
    checks.push(Check::ok(format!(
        "it takes {:.1} MB there",
        size as f64 / 1e6
    )));
    Ok(checks)
}
