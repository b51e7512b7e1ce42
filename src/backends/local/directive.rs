//! Lines by which a command talks to dagtop: `::progress 40`, `::progress 400/1000`,
//! `::metric rows=1234 bytes=99`. `::group::name` and `::endgroup::` are for the log's reader and
//! pass through.

use crate::model::Progress;

/// A longer line is no directive.
const MAX_LINE: usize = 512;
const PROGRESS: &[u8] = b"::progress ";
const METRIC: &[u8] = b"::metric ";

#[derive(Clone, Debug, PartialEq)]
pub enum Directive {
    Progress(Progress),
    Metrics(Vec<(String, f64)>),
}

/// Takes directives out of a stream of bytes that comes in pieces of any size.
#[derive(Debug, Default)]
pub struct Sieve {
    /// A beginning of a line that may yet become a directive.
    held: Vec<u8>,
    /// The present line is known not to be one.
    plain: bool,
}

impl Sieve {
    /// Everything that is no directive goes to `out`, directives to `found`.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>, found: &mut Vec<Directive>) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            let (piece, rest) = bytes.split_at(end);
            bytes = rest;
            let whole = piece.ends_with(b"\n");
            if self.plain {
                out.extend_from_slice(piece);
                self.plain = !whole;
                continue;
            }
            self.held.extend_from_slice(piece);
            if whole {
                match parse(&self.held) {
                    Some(directive) => found.push(directive),
                    None => out.extend_from_slice(&self.held),
                }
                self.held.clear();
            } else if self.held.len() > MAX_LINE || !may_be(&self.held) {
                out.append(&mut self.held);
                self.plain = true;
            }
        }
    }

    /// The stream has ended: what was held back is what it is.
    pub fn finish(&mut self, out: &mut Vec<u8>, found: &mut Vec<Directive>) {
        match parse(&self.held) {
            Some(directive) => found.push(directive),
            None => out.extend_from_slice(&self.held),
        }
        self.held.clear();
    }
}

fn may_be(held: &[u8]) -> bool {
    [PROGRESS, METRIC].iter().any(|word| {
        let n = word.len().min(held.len());
        word[..n] == held[..n]
    })
}

fn parse(line: &[u8]) -> Option<Directive> {
    if line.len() > MAX_LINE {
        return None;
    }
    if let Some(rest) = line.strip_prefix(PROGRESS) {
        let text = std::str::from_utf8(rest).ok()?.trim();
        let (done, total) = match text.split_once('/') {
            Some((done, total)) => (number(done)?, number(total)?),
            // tenths of a percent are worth keeping
            None => (number(text.trim_end_matches('%'))? * 10.0, 1000.0),
        };
        // more than all is all
        return Progress::new(done as u64, total as u64).map(Directive::Progress);
    }
    let text = std::str::from_utf8(line.strip_prefix(METRIC)?).ok()?;
    let metrics: Vec<_> = text
        .split_whitespace()
        .map(|word| {
            let (name, value) = word.split_once('=')?;
            (!name.is_empty())
                .then(|| value.parse::<f64>().ok())
                .flatten()
                .filter(|v| v.is_finite())
                .map(|v| (name.to_owned(), v))
        })
        .collect::<Option<_>>()?;
    (!metrics.is_empty()).then_some(Directive::Metrics(metrics))
}

/// Not negative, not huge.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (0.0..=1e15).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn sift(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Directive>) {
        let (mut out, mut found) = (Vec::new(), Vec::new());
        let mut sieve = Sieve::default();
        for piece in pieces {
            sieve.feed(piece, &mut out, &mut found);
        }
        sieve.finish(&mut out, &mut found);
        (out, found)
    }

    #[test]
    fn directives_are_taken_out_and_everything_else_passes() {
        let (out, found) = sift(&[
            b"a\n::progress 40\n::progress 400/1000\nb\n::metric rows=12 bytes=9.5\n::group::x\n::pro",
        ]);
        assert_eq!(out, b"a\nb\n::group::x\n::pro");
        assert_eq!(
            found,
            [
                Directive::Progress(Progress::new(400, 1000).unwrap()),
                Directive::Progress(Progress::new(400, 1000).unwrap()),
                Directive::Metrics(vec![("rows".into(), 12.0), ("bytes".into(), 9.5)]),
            ]
        );
    }

    #[test]
    fn what_only_looks_like_a_directive_stays_in_the_log() {
        for line in [
            "::progress many\n",
            "::progress 1/0\n",
            "::progress -1\n",
            "::progress NaN\n",
            "::metric rows\n",
            "::metric =1\n",
            "::metric rows=inf\n",
            " ::progress 1\n",
            "::metricrows=1\n",
        ] {
            let (out, found) = sift(&[line.as_bytes()]);
            assert_eq!(
                (out.as_slice(), found.len()),
                (line.as_bytes(), 0),
                "{line}"
            );
        }
    }

    #[test]
    fn a_prompt_without_a_newline_is_not_held_back() {
        let (mut out, mut found) = (Vec::new(), Vec::new());
        Sieve::default().feed(b"password: ", &mut out, &mut found);
        assert_eq!(out, b"password: ");
    }

    proptest! {
        #[test]
        fn cutting_the_stream_changes_nothing(
            lines in proptest::collection::vec("(::progress [0-9]{1,3}|::metric a=[0-9]|[:a-z\u{1b}]{0,9})\n?", 0..8),
            cut in 0usize..60,
        ) {
            let all = lines.concat().into_bytes();
            let (a, b) = all.split_at(cut.min(all.len()));
            prop_assert_eq!(sift(&[&all]), sift(&[a, b]));
        }
    }
}
