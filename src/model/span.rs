//! How long something took, as short text.

use chrono::Duration;

/// "0s", "41s", "12m", "3h05", "2d 4h". At most 7 columns below 10,000 days; negative is "0s".
pub fn duration(span: Duration) -> String {
    let s = span.num_seconds().max(0);
    let (m, h, d) = (s / 60, s / 3600, s / 86_400);
    match () {
        () if s < 60 => format!("{s}s"),
        () if m < 60 => format!("{m}m"),
        () if h < 24 => format!("{h}h{:02}", m % 60),
        () => format!("{d}d {}h", h % 24),
    }
}
