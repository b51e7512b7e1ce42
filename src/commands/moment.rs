//! Times on the command line: those that `dagtop logs` understands, and a clock time.

use chrono::{DateTime, Duration, Utc};

use crate::engine::replay::Span;
use crate::tui::app;
use crate::tui::widgets::format::Zone;

use super::Usage;

/// A time before another: `03:05` is the last such time, `90m` so long before.
pub(super) fn before(text: &str, zone: Zone, end: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    let span = Span { from: end, to: end };
    let found = app::moment(text, zone, span, end)
        .or_else(|| app::moment(&format!("-{text}"), zone, span, end))
        .or_else(|| app::moment(&format!("{text} 00:00"), zone, span, end));
    found.ok_or_else(|| {
        let what = format!(
            "`{text}` is no time; write for example 03:05, \"2026-11-20 03:05\", 2026-11-20T03:05:00Z or 90m for how long before"
        );
        Usage(what).into()
    })
}

/// From one time to another; what is not named: so long before the end, which is `end`.
pub(super) fn span(
    since: Option<&str>,
    until: Option<&str>,
    zone: Zone,
    end: DateTime<Utc>,
    long: Duration,
) -> anyhow::Result<Span> {
    let to = until.map_or(Ok(end), |text| before(text, zone, end))?;
    let from = since.map_or(Ok(to - long), |text| before(text, zone, to))?;
    if from >= to {
        let what = "that is no span of time: --since must be before --until";
        return Err(Usage(what.to_owned()).into());
    }
    Ok(Span { from, to })
}
