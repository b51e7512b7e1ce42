//! Owns how time lies on a row: straight, but for long stretches in which nothing happened, which are left out with a
//! visible break. Lengths are milliseconds of what is shown.

use chrono::{DateTime, Duration, Utc};

use super::format::{self, Zone};

/// A stretch shorter than this is never left out.
const LEAST_GAP: f64 = 60_000.0;
/// A stretch in which nothing happened longer than this part of all that happened can be left out.
const LONG: f64 = 0.125;
/// How long a break is drawn, as a part of all that is shown.
const BREAK: f64 = 0.05;
/// Room for a label and a space before the next.
const LABEL: f64 = 11.0;

/// Part of the axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Where it begins and how long it is drawn.
    at: f64,
    len: f64,
    left_out: bool,
}

/// The time of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    pieces: Vec<Piece>,
}

/// A label of the ruler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    pub column: usize,
    pub text: String,
}

fn ms(span: Duration) -> f64 {
    span.num_milliseconds() as f64
}

impl Axis {
    /// Over all `busy` stretches; `live`: something is still going, so there is room for what comes.
    pub fn of(busy: impl IntoIterator<Item = (DateTime<Utc>, DateTime<Utc>)>, live: bool) -> Self {
        let mut all: Vec<_> = busy.into_iter().map(|(a, b)| (a, b.max(a))).collect();
        all.sort_unstable();
        let mut merged: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
        for (from, to) in all {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        if let Some(last) = merged.last_mut().filter(|_| live) {
            let long = ms(last.1 - last.0).max(1_000.0);
            let step = nice(long / 8.0);
            let steps = (long / step).floor() + 1.0;
            last.1 = last.0 + Duration::milliseconds((step * steps) as i64);
        }
        let total: f64 = merged
            .iter()
            .map(|(a, b)| ms(*b - *a))
            .sum::<f64>()
            .max(1_000.0);
        let least = (total * LONG).max(LEAST_GAP);
        let gaps = || merged.windows(2).map(|p| ms(p[1].0 - p[0].1));
        let idle: f64 = gaps().filter(|g| *g > least).sum();
        let breaks = gaps().filter(|g| *g > least).count();
        // a run with some idle time is drawn as it was
        let squeezed = idle > total;
        let length = total * BREAK.min(0.4 / breaks.max(1) as f64);
        let mut axis = Self::default();
        let mut before: Option<DateTime<Utc>> = None;
        for (from, to) in merged {
            if let Some(before) = before {
                let gap = ms(from - before);
                let left_out = squeezed && gap > least;
                axis.push(before, from, if left_out { length } else { gap }, left_out);
            }
            axis.push(from, to, ms(to - from), false);
            before = Some(to);
        }
        if axis.len() < 1_000.0
            && let Some(last) = axis.pieces.last_mut()
        {
            last.to += Duration::seconds(1);
            last.len += 1_000.0;
        }
        axis
    }

    fn push(&mut self, from: DateTime<Utc>, to: DateTime<Utc>, len: f64, left_out: bool) {
        let at = self.len();
        // stretches that touch are one: fewer pieces to look through
        if let Some(last) = self.pieces.last_mut().filter(|l| !l.left_out && !left_out) {
            last.to = to;
            last.len += len;
            return;
        }
        self.pieces.push(Piece {
            from,
            to,
            at,
            len,
            left_out,
        });
    }

    pub fn len(&self) -> f64 {
        self.pieces.last().map_or(0.0, |p| p.at + p.len)
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Where a time lies; before the first and after the last it goes on straight.
    pub fn place(&self, time: DateTime<Utc>) -> f64 {
        let i = self.pieces.partition_point(|p| p.to < time);
        let Some(piece) = self.pieces.get(i).or(self.pieces.last()) else {
            return 0.0;
        };
        let within = ms(time - piece.from);
        if !piece.left_out {
            return piece.at + within;
        }
        let real = ms(piece.to - piece.from).max(1.0);
        piece.at + piece.len * (within / real)
    }

    /// The time at a place of the axis.
    pub fn time(&self, at: f64) -> DateTime<Utc> {
        let i = self.pieces.partition_point(|p| p.at + p.len < at);
        let Some(piece) = self.pieces.get(i).or(self.pieces.last()) else {
            return DateTime::UNIX_EPOCH;
        };
        let within = if piece.left_out {
            (at - piece.at) / piece.len.max(1.0) * ms(piece.to - piece.from)
        } else {
            at - piece.at
        };
        piece.from + Duration::milliseconds(within as i64)
    }

    /// What is in view: the whole at zoom 0, half of it at 1, and so on.
    pub fn window(&self, zoom: u32, centre: Option<DateTime<Utc>>) -> (f64, f64) {
        let len = self.len();
        let wide = len / f64::from(2u32.saturating_pow(zoom.min(31)));
        let middle = centre.map_or(len / 2.0, |c| self.place(c));
        let from = (middle - wide / 2.0).clamp(0.0, (len - wide).max(0.0));
        (from, from + wide)
    }

    /// Middles of the breaks in a window, and how much time is left out in them.
    pub fn breaks(&self, (from, to): (f64, f64)) -> impl Iterator<Item = (f64, Duration)> {
        self.pieces
            .iter()
            .filter(|p| p.left_out)
            .map(|p| (p.at + p.len / 2.0, p.to - p.from))
            .filter(move |(at, _)| *at >= from && *at < to)
    }

    /// The ruler of a window that is `columns` wide.
    pub fn ticks(
        &self,
        window: (f64, f64),
        columns: usize,
        now: DateTime<Utc>,
        zone: Zone,
    ) -> Vec<Tick> {
        let mut ticks: Vec<Tick> = Vec::new();
        let wide = window.1 - window.0;
        if columns == 0 || wide <= 0.0 {
            return ticks;
        }
        let step = nice(wide / columns as f64 * LABEL);
        let mut day = format::date(now, zone);
        let mut free = 0usize;
        let mut put = |at: f64, time: DateTime<Utc>, ticks: &mut Vec<Tick>| {
            if at < window.0 || at >= window.1 {
                return;
            }
            let column = ((at - window.0) / wide * columns as f64) as usize;
            let today = format::date(time, zone);
            let text = format::tick(time, zone, today != day, step < 60_000.0);
            if column >= free && column + text.len() <= columns {
                free = column + text.len() + 1;
                day = today;
                ticks.push(Tick { column, text });
            }
        };
        for piece in self.pieces.iter().filter(|p| !p.left_out) {
            let (first, last) = (piece.at.max(window.0), (piece.at + piece.len).min(window.1));
            if first >= last {
                continue;
            }
            // where time goes on after a break, the hour is said first
            if piece.at > 0.0 {
                put(piece.at, piece.from, &mut ticks);
            }
            let shift = ms(format::offset(piece.from, zone));
            let start = self.time(first).timestamp_millis() as f64 + shift;
            let mut at = (start / step).ceil() * step;
            while piece.at + (at - shift - piece.from.timestamp_millis() as f64) < last {
                let time =
                    DateTime::from_timestamp_millis((at - shift) as i64).unwrap_or(piece.from);
                put(piece.at + ms(time - piece.from), time, &mut ticks);
                at += step;
            }
        }
        ticks
    }
}

/// The next length of time that a clock is read in, in milliseconds.
fn nice(least: f64) -> f64 {
    const SECONDS: [f64; 21] = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        900.0,
        1_800.0,
        3_600.0,
        7_200.0,
        10_800.0,
        21_600.0,
        43_200.0,
        86_400.0,
        172_800.0,
        604_800.0,
        2_592_000.0,
    ];
    let found = SECONDS.iter().map(|s| s * 1_000.0).find(|s| *s >= least);
    found.unwrap_or_else(|| (least / 31_536_000_000.0).ceil().max(1.0) * 31_536_000_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(1_700_000_000 / 86_400 * 86_400 + seconds)
    }

    #[test]
    fn days_of_nothing_are_left_out() {
        let day = 86_400;
        let axis = Axis::of([(at(0), at(60)), (at(2 * day), at(2 * day + 120))], false);
        assert!(axis.len() < 200_000.0, "{}", axis.len());
        let window = axis.window(0, None);
        let breaks: Vec<_> = axis.breaks(window).map(|(_, d)| d.num_seconds()).collect();
        assert_eq!(breaks, [2 * day - 60]);
        let ticks = axis.ticks(window, 80, at(2 * day), Zone::Utc);
        assert!(
            ticks.iter().any(|t| t.text.starts_with("16 00:00")),
            "{ticks:?}"
        );
    }

    #[test]
    fn a_short_wait_is_drawn_as_long_as_it_was() {
        let axis = Axis::of([(at(0), at(300)), (at(400), at(500))], false);
        assert_eq!(axis.len(), 500_000.0);
        assert_eq!(axis.breaks(axis.window(0, None)).count(), 0);
    }

    proptest! {
        #[test]
        fn places_keep_the_order_of_times(
            busy in prop::collection::vec((0i64..1_000_000, 0i64..5_000), 1..9),
            zoom in 0u32..6, columns in 0usize..120, live in any::<bool>(),
        ) {
            let spans: Vec<_> = busy.iter().map(|(a, l)| (at(*a), at(a + l))).collect();
            let axis = Axis::of(spans.clone(), live);
            let mut times: Vec<_> = spans.iter().flat_map(|(a, b)| [*a, *b]).collect();
            times.sort_unstable();
            for pair in times.windows(2) {
                prop_assert!(axis.place(pair[0]) <= axis.place(pair[1]) + 1e-6);
            }
            for time in &times {
                let place = axis.place(*time);
                prop_assert!(place >= -1e-6 && place <= axis.len() + 1e-6);
                prop_assert!((axis.time(place) - *time).abs() <= Duration::seconds(40));
            }
            let window = axis.window(zoom, times.first().copied());
            prop_assert!(window.0 >= 0.0 && window.1 <= axis.len() + 1e-6);
            let mut free = 0;
            for tick in axis.ticks(window, columns, at(0), Zone::Utc) {
                prop_assert!(tick.column >= free && tick.column + tick.text.len() <= columns);
                free = tick.column + tick.text.len() + 1;
            }
        }
    }
}
