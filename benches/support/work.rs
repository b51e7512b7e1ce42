//! What a thread cost: a machine that has more to do takes longer, and works no more for it.

use std::time::Duration;

/// How long the processor has worked for this thread so far: the first number of schedstat, proc(5). Zero elsewhere.
pub fn worked() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}
