//! Metrics, minute by minute. The wider grains are made from these where they are kept.

use std::fmt::Write as _;

use chrono::{DateTime, Duration, Utc};

use crate::history::{Grain, Point, Write};
use crate::metrics::{self, Bucket, Name, Series, Store, Tags, Width, catalog};
use crate::model::SafeText;

/// Points taken of one minute at most, whatever is measured; the rest is counted.
const MOST: usize = 5_000;
/// Between two looks.
const EVERY: Duration = Duration::seconds(20);

#[derive(Debug, Default)]
pub(super) struct Points {
    looked: Option<DateTime<Utc>>,
    waiting: Vec<Write>,
    pub(super) lost: u64,
}

impl Points {
    pub(super) fn take(
        &mut self,
        store: &mut Store,
        now: DateTime<Utc>,
        room: usize,
        out: &mut Vec<Write>,
    ) {
        store.keep_news();
        if self.looked.is_none_or(|at| (now - at).abs() >= EVERY) {
            self.looked = Some(now);
            let news = store.take_news(now);
            let free = MOST.saturating_sub(self.waiting.len());
            self.lost += u64::try_from(news.len().saturating_sub(free)).unwrap_or(0);
            let known = news.into_iter().take(free);
            self.waiting.extend(known.filter_map(|(id, width, bucket)| {
                Some(Write::Point(point(store.get(id)?, width, &bucket)))
            }));
        }
        let many = self.waiting.len().min(room);
        out.extend(self.waiting.drain(..many));
    }
}

fn point(series: &Series, width: Width, bucket: &Bucket) -> Point {
    // a level that is over has no last value
    let last = match bucket.last.is_finite() {
        true => bucket.last,
        false => bucket.sum / f64::from(bucket.count.max(1)),
    };
    Point {
        series: text(series),
        grain: match width {
            Width::Minute => Grain::Minute,
            Width::Hour => Grain::Hour,
        },
        at: metrics::moment(bucket.start),
        count: u64::from(bucket.count),
        sum: bucket.sum,
        min: bucket.min,
        max: bucket.max,
        last,
    }
}

/// A point that was kept, as a bucket.
pub(in crate::engine) fn bucket(point: &Point) -> Bucket {
    Bucket {
        start: metrics::tick(point.at),
        count: u32::try_from(point.count).unwrap_or(u32::MAX),
        sum: point.sum,
        min: point.min,
        max: point.max,
        last: point.last,
    }
}

/// What a series' text says. Values are [plain](metrics::plain): no comma and no brace is in them.
pub(in crate::engine) fn read(series: &str) -> Option<(Name, Tags)> {
    let (name, tags) = series.strip_suffix('}')?.split_once('{')?;
    let meaning = catalog::find(name).filter(|m| m.native.is_none())?;
    let tags = tags.split(',').filter_map(|tag| tag.split_once(':'));
    let tags = tags.fold(Tags::new(), |all, (key, value)| {
        all.with(key, &SafeText::new(value))
    });
    Some((meaning.metric.id, tags))
}

/// The name and its tags, as rules write them.
fn text(series: &Series) -> String {
    let mut text = String::from(series.name.metric().name);
    text.push('{');
    for (at, tag) in series.tags.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // a String takes everything
        let _ = write!(text, "{comma}{}:{}", tag.key(), tag.plain());
    }
    text.push('}');
    text
}
