//! Durations and sizes as people write them: `10s`, `1m30s`, `16MB`.

use std::time::Duration;

/// Reads `500ms`, `10s`, `1m30s`, `2h`, `1d` or a sum of them. No unit, no guess.
/// The error says what is wrong and is fit to be shown.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a duration, write for example \"10s\", \"1m30s\" or \"500ms\"");
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |at| digits + at);
        let amount: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let millis = match rest[digits..unit_end].trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        if millis >= last {
            return Err(wrong());
        }
        last = millis;
        let part = amount
            .checked_mul(millis)
            .map(Duration::from_millis)
            .ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    if last == u64::MAX {
        Err(wrong())
    } else {
        Ok(total)
    }
}

/// Reads `512kB`, `16MB`, `1GiB` or plain bytes `4096B`. `k`, `M`, `G` are powers of 1000, `Ki`, `Mi`, `Gi` of 1024.
/// The error says what is wrong and is fit to be shown.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size, write for example \"16MB\" or \"512KiB\"");
    let text_trimmed = text.trim();
    let digits = text_trimmed
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(wrong)?;
    let amount: u64 = text_trimmed[..digits].parse().map_err(|_| wrong())?;
    let factor: u64 = match text_trimmed[digits..].trim().to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    amount.checked_mul(factor).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations_people_write_are_understood() {
        let ms = |text| parse_duration(text).unwrap().as_millis();
        assert_eq!(ms("500ms"), 500);
        assert_eq!(ms("10s"), 10_000);
        assert_eq!(ms("1m30s"), 90_000);
        assert_eq!(ms("1d 2h"), 93_600_000);
        assert_eq!(ms("0"), 0);
        for bad in [
            "",
            "10",
            "s",
            "10x",
            "-1s",
            "1s1m",
            "1s1s",
            "99999999999999999999s",
            "18446744073709551615d",
            "1.5h",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn sizes_people_write_are_understood() {
        assert_eq!(parse_bytes("16MB").unwrap(), 16_000_000);
        assert_eq!(parse_bytes("512 KiB").unwrap(), 524_288);
        assert_eq!(parse_bytes("7b").unwrap(), 7);
        for bad in ["", "16", "MB", "1TBx", "-1MB", "18446744073709551615GB"] {
            assert!(parse_bytes(bad).is_err(), "{bad} was taken");
        }
    }
}
