//! Owns the order of several logs: by time, each log in its own order.

use super::log::Log;
use super::matches::Matches;
use super::time::Micros;

/// One of the logs that are merged, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub log: &'a Log,
    /// Only these records; all without it.
    pub only: Option<&'a Matches>,
    /// Records from this line on are left for later.
    pub until: u64,
}

/// A walk through several logs at once, record by record. It holds nothing of them and goes on when they have grown;
/// what comes late, with a time that has passed, comes where the walk is then.
#[derive(Clone, Debug, Default)]
pub struct Merge {
    /// For each log the next line to look at, and the record found there with its time.
    cursors: Vec<(u64, Option<Head>)>,
}

/// A record by the number of its first line, and its time.
type Head = (u64, Option<Micros>);

impl Merge {
    /// The next record: which log it is of, and the number of its first line. `parts` are the same logs in the same
    /// order every time.
    pub fn next(&mut self, parts: &[Part<'_>]) -> Option<(usize, u64)> {
        self.cursors.resize(parts.len(), (0, None));
        let mut first: Option<(usize, u64, Option<Micros>)> = None;
        for (index, (part, (from, head))) in parts.iter().zip(&mut self.cursors).enumerate() {
            if head.is_none() {
                *head = part
                    .next(*from)
                    .map(|number| (number, part.log.micros_of(number)));
            }
            if let Some((number, at)) = *head
                && first.is_none_or(|(_, _, known)| at < known)
            {
                first = Some((index, number, at));
            }
        }
        let (index, number, _) = first?;
        self.cursors[index] = (number + 1, None);
        Some((index, number))
    }
}

impl Part<'_> {
    fn next(&self, from: u64) -> Option<u64> {
        let next = match self.only {
            Some(only) => only.next(from),
            None => self.log.bit_from(from, |block| block.starts),
        };
        next.filter(|number| *number < self.until)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::logs::LogStore;

    fn line(second: u32, text: &str) -> String {
        format!("2026-11-20T03:11:{second:02}Z INFO x - {text}\n")
    }

    #[test]
    fn records_come_by_time_and_logs_keep_their_order() {
        let mut store = LogStore::default();
        let a = [
            line(1, "a1"),
            line(4, "a4"),
            "  and more\n".into(),
            line(2, "a2 late"),
            "odd\n".into(),
        ]
        .concat();
        store.append(&0, a.as_bytes());
        store.append(
            &1,
            [line(1, "b1"), line(3, "b3"), line(5, "b5")]
                .concat()
                .as_bytes(),
        );
        store.append(&2, b"");
        let mut merge = Merge::default();
        let mut walk = |store: &LogStore<i32>| {
            let logs: Vec<&Log> = [0, 1, 2]
                .iter()
                .map(|key| store.get(key).unwrap())
                .collect();
            let parts: Vec<Part> = logs
                .into_iter()
                .map(|log| Part {
                    log,
                    only: None,
                    until: log.numbers().end,
                })
                .collect();
            let mut seen = Vec::new();
            while let Some((index, number)) = merge.next(&parts) {
                let record = parts[index].log.record_of(number).unwrap();
                seen.push(format!("{index} {}", record.message()));
            }
            seen
        };
        assert_eq!(
            walk(&store),
            ["0 a1", "1 b1", "1 b3", "0 a4", "0 a2 late", "0 odd", "1 b5"]
        );
        store.append(&2, line(1, "c1").as_bytes());
        assert_eq!(walk(&store), ["2 c1"]);
    }
}
