//! Owns numbers as queries and fields write them, with the units of durations and sizes.

/// `5`, `-1.5e3`, `250ms`, `1.5h`, `10kb`, `4GiB`, `50%`. Durations come in seconds, sizes in bytes, a percentage as
/// the number before its sign.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = plain(text) {
        return Some(number);
    }
    let end = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphabetic() || *c == '%')
        .last()
        .map(|(at, _)| at)?;
    let (digits, unit) = text.split_at_checked(end)?;
    let factor = factor(unit)?;
    plain(digits.trim_end()).ok().map(|number| number * factor)
}

/// Not `inf`, `nan` and the like: those are words.
fn plain(text: &str) -> Result<f64, ()> {
    let numeric = text.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if numeric {
        text.parse().map_err(|_| ())
    } else {
        Err(())
    }
}

fn factor(unit: &str) -> Option<f64> {
    // a capital M is a size's, and `Ms` is nothing
    Some(match unit {
        "%" => 1.0,
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => match unit.to_ascii_lowercase().as_str() {
            "b" => 1.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "tb" => 1e12,
            "kib" => f64::from(1 << 10),
            "mib" => f64::from(1 << 20),
            "gib" => f64::from(1 << 30),
            "tib" => 1024.0 * f64::from(1 << 30),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_words_are_none() {
        for (text, number) in [
            ("5", 5.0),
            ("-1.5e3", -1500.0),
            ("250ms", 0.25),
            ("1.5h", 5400.0),
            ("10kb", 10_000.0),
            ("4 GiB", 4_294_967_296.0),
            ("50%", 50.0),
            ("3MB", 3e6),
        ] {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in [
            "",
            "s",
            "five",
            "inf",
            "nan",
            "1.2.3",
            "10x",
            "2026-01-01",
            "e",
            "%",
            "1e999x",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
