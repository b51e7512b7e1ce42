//! The order in which people list names: runs of digits by their number, "part-9" before "part-10".

use std::cmp::Ordering;

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    while let (Some(p), Some(q)) = (x.first(), y.first()) {
        if p.is_ascii_digit() && q.is_ascii_digit() {
            let (m, n) = (number(&mut x), number(&mut y));
            // without zeros before it, the longer number is the greater one
            match m.len().cmp(&n.len()).then_with(|| m.cmp(n)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        } else {
            match p.cmp(q) {
                Ordering::Equal => (x, y) = (&x[1..], &y[1..]),
                unequal => return unequal,
            }
        }
    }
    // "a1" and "a01" are different names
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

/// Takes the digits at the begin away; gives them without zeros before them.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = (text.iter()).position(|b| !b.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_and_no_two_names_are_the_same() {
        let mut names = [
            "b", "a10", "a9", "a09", "a", "a9b", "", "a010", "9", "10", "é",
        ];
        names.sort_by(|a, b| compare(a, b));
        let want = [
            "", "9", "10", "a", "a09", "a9", "a9b", "a010", "a10", "b", "é",
        ];
        assert_eq!(names, want);
        let huge = "1".repeat(500);
        assert_eq!(compare(&huge, &format!("{huge}0")), Ordering::Less);
        assert_eq!(compare("x", "x"), Ordering::Equal);
    }
}
