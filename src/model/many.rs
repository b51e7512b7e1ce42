//! Numbers of things, in words.

use std::fmt::Display;

/// "1 task", "3 tasks"
pub fn many<N: Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    match count == N::from(1) {
        true => format!("1 {what}"),
        false => format!("{count} {what}s"),
    }
}
