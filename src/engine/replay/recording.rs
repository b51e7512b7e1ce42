//! The file of a recording: lines of JSON, packed with gzip, the oldest first.
//!
//! The first line says what it is: `{"dagtop_recording":1,"by":"0.1.0","from":…,"to":…}`. Then, each on a line of its
//! own: `{"shape":HASH,"topology":…}` before it is referred to, `{"world":…}` a whole world as the history keeps them
//! (all events before it are in it), `{"event":…,"at":MILLISECONDS}` a line of the history, `{"tail":KEY,"text":…}` the
//! end of a failed attempt's log. The last line, `{"end":…,"to":…}`, says how many events there were, and until when: without it the file was
//! cut off. A reader skips lines whose first word it doesn't know.

use std::collections::HashSet;
use std::io::{self, BufRead, Read, Write};

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::history::{self, Log, Store, StoreError, worlds};
use crate::model::{LogKey, SafeText, Topology};

use super::reel::Span;

/// Of the file.
pub const VERSION: u32 = 1;
/// A longer line is no line of a recording.
const LONGEST: u64 = 64 << 20;
/// Of all lines together, unpacked.
const MOST: u64 = 16 << 30;
/// Written to the store at once.
const BATCH: usize = 1024;
/// Bytes of a log's end.
const TAIL: usize = 256 << 10;

/// Every kind of line; which one it is shows in what it has.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    dagtop_recording: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<DateTime<Utc>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    world: Option<&'a RawValue>,
    /// Milliseconds since 1970, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topology: Option<Topology>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tail: Option<LogKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("it can't be read: {0}")]
    Read(#[source] io::Error),
    #[error("it can't be written: {0}")]
    Write(#[from] io::Error),
    #[error("it is no recording of dagtop: {0}")]
    Other(&'static str),
    #[error("it was made by a newer dagtop ({0}); use that one")]
    Newer(SafeText),
    #[error("line {line}: {why}")]
    Damaged { line: u64, why: SafeText },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder<W: Write> {
    out: GzEncoder<W>,
    events: u64,
    shapes: HashSet<String>,
    tails: HashSet<LogKey>,
}

impl<W: Write> Recorder<W> {
    pub fn new(out: W, span: Span) -> Result<Self, RecordingError> {
        let mut recorder = Self {
            out: GzEncoder::new(out, Compression::default()),
            events: 0,
            shapes: HashSet::new(),
            tails: HashSet::new(),
        };
        recorder.line(&Entry {
            dagtop_recording: Some(VERSION),
            by: Some(env!("CARGO_PKG_VERSION").to_owned()),
            from: Some(span.from),
            to: Some(span.to),
            ..Entry::default()
        })?;
        Ok(recorder)
    }

    fn line(&mut self, entry: &Entry<'_>) -> Result<(), RecordingError> {
        serde_json::to_writer(&mut self.out, entry).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// A line of the history's events.
    pub fn event(&mut self, at: DateTime<Utc>, body: &str) -> Result<(), RecordingError> {
        let Ok(raw) = serde_json::from_str(body) else {
            // it is as unreadable there
            return Ok(());
        };
        self.events += 1;
        self.line(&Entry {
            event: Some(raw),
            at: Some(at.timestamp_millis()),
            ..Entry::default()
        })
    }

    /// A line of the history's worlds: all events so far are in it.
    pub fn world(&mut self, at: DateTime<Utc>, body: &str) -> Result<(), RecordingError> {
        let Ok(raw) = serde_json::from_str(body) else {
            return Ok(());
        };
        self.line(&Entry {
            world: Some(raw),
            at: Some(at.timestamp_millis()),
            ..Entry::default()
        })
    }

    /// A shape, once, before something refers to it. `false`: it was there already.
    pub fn needs_shape(&self, hash: &str) -> bool {
        !self.shapes.contains(hash)
    }

    pub fn shape(&mut self, hash: &str, topology: Topology) -> Result<(), RecordingError> {
        self.shapes.insert(hash.to_owned());
        self.line(&Entry {
            shape: Some(hash.to_owned()),
            topology: Some(topology),
            ..Entry::default()
        })
    }

    pub fn needs_tail(&self, key: &LogKey) -> bool {
        !self.tails.contains(key)
    }

    pub fn tail(&mut self, key: LogKey, text: String) -> Result<(), RecordingError> {
        self.tails.insert(key.clone());
        self.line(&Entry {
            tail: Some(key),
            text: Some(text),
            ..Entry::default()
        })
    }

    pub fn events(&self) -> u64 {
        self.events
    }

    /// Says that this is all, up to this time, and gives back what was written to.
    pub fn finish(mut self, to: DateTime<Utc>) -> Result<W, RecordingError> {
        self.line(&Entry {
            end: Some(self.events),
            to: Some(to),
            ..Entry::default()
        })?;
        Ok(self.out.finish()?)
    }
}

/// What was read of a recording.
#[derive(Debug)]
pub struct Loaded {
    pub span: Span,
    pub events: u64,
    /// Why that is not all of it.
    pub trouble: Option<RecordingError>,
}

/// Reads a recording into a store that has nothing in it. What could be read before something was wrong is there.
pub fn load(file: impl Read, store: &mut dyn Store) -> Result<Loaded, RecordingError> {
    let mut lines = Lines {
        inner: io::BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)).take(MOST),
        number: 0,
        text: String::new(),
    };
    let Some(first) = lines.next()? else {
        return Err(RecordingError::Other("it is empty"));
    };
    let head: Entry<'_> = serde_json::from_str(first)
        .map_err(|_| RecordingError::Other("its first line is another"))?;
    let Some(version) = head.dagtop_recording else {
        return Err(RecordingError::Other("its first line does not say so"));
    };
    if version > VERSION {
        let by = SafeText::new(head.by.unwrap_or_default());
        return Err(RecordingError::Newer(by));
    }
    let (Some(from), Some(to)) = (head.from, head.to) else {
        return Err(RecordingError::Other("its first line names no time"));
    };
    let mut loading = Loading {
        store,
        batch: Vec::new(),
        events: 0,
        to: None,
        last: None,
        far: Regex::new(r#""[+-]\d{4,}-\d\d-\d\d[T ]"#).ok(),
    };
    let trouble = match loading.all(&mut lines) {
        Ok(()) => None,
        Err(error @ RecordingError::Store(_)) => return Err(error),
        Err(error) => Some(error),
    };
    loading.flush()?;
    let events = loading.events;
    // one that was cut off ends with its last line
    let to = loading.to.or(loading.last).unwrap_or(to).max(from);
    match trouble {
        Some(error) if events == 0 => Err(error),
        trouble => Ok(Loaded {
            span: Span { from, to },
            events,
            trouble,
        }),
    }
}

struct Loading<'a> {
    store: &'a mut dyn Store,
    batch: Vec<history::Write>,
    events: u64,
    to: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    /// Years of which nobody can reckon.
    far: Option<Regex>,
}

impl Loading<'_> {
    fn all<R: BufRead>(&mut self, lines: &mut Lines<R>) -> Result<(), RecordingError> {
        loop {
            let number = lines.number + 1;
            let damaged = |why: &str| RecordingError::Damaged {
                line: number,
                why: SafeText::new(why),
            };
            let Some(text) = lines.next()? else {
                return Err(damaged(
                    "the file ends here, before its end: it was cut off",
                ));
            };
            if self.far.as_ref().is_some_and(|far| far.is_match(text)) {
                return Err(damaged("it names a time that can't be"));
            }
            let entry: Entry<'_> =
                serde_json::from_str(text).map_err(|e| damaged(&e.to_string()))?;
            if let Some(told) = entry.end {
                self.to = entry.to;
                if told != self.events {
                    let why = "the file holds another number of events than it says";
                    return Err(damaged(why));
                }
                // only at its very end it shows whether the whole was damaged
                return match lines.next()? {
                    None => Ok(()),
                    Some(_) => Err(damaged("something follows its end")),
                };
            }
            let at = entry.at.and_then(DateTime::from_timestamp_millis);
            self.last = self.last.max(at);
            let write = match (entry.event, entry.world, at) {
                (Some(raw), _, Some(at)) => {
                    self.events += 1;
                    Some(history::Write::Append {
                        log: Log::Events,
                        at,
                        body: raw.get().to_owned(),
                    })
                }
                (_, Some(raw), Some(at)) => {
                    let upto = i64::try_from(self.events).unwrap_or(i64::MAX);
                    // one that can't be read is left out: the one before it will do
                    let body = worlds::moved(raw.get(), upto).ok();
                    body.map(|body| history::Write::Append {
                        log: Log::Worlds,
                        at,
                        body,
                    })
                }
                (Some(_), ..) | (_, Some(_), _) => return Err(damaged("it has no time")),
                _ => match (entry.shape, entry.topology, entry.tail, entry.text) {
                    (Some(hash), Some(topology), ..) => {
                        history::put_shape(&hash, &topology, DateTime::UNIX_EPOCH)
                    }
                    (_, _, Some(log), Some(text)) if text.len() <= TAIL => {
                        Some(history::Write::Tail {
                            log,
                            at: DateTime::UNIX_EPOCH,
                            text,
                        })
                    }
                    // a newer one may say more
                    _ => None,
                },
            };
            self.batch.extend(write);
            if self.batch.len() >= BATCH {
                self.flush()?;
            }
        }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.store.write(&self.batch)?;
        self.batch.clear();
        Ok(())
    }
}

/// Lines of bounded length, counted from 1.
struct Lines<R> {
    inner: R,
    number: u64,
    text: String,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<&str>, RecordingError> {
        self.text.clear();
        self.number += 1;
        let line = self.number;
        let damaged = |why: &str| RecordingError::Damaged {
            line,
            why: SafeText::new(why),
        };
        let read = self.inner.by_ref().take(LONGEST).read_line(&mut self.text);
        match read {
            Ok(0) => Ok(None),
            Ok(_) if self.text.ends_with('\n') => Ok(Some(self.text.trim_end())),
            Ok(n) if n as u64 >= LONGEST => {
                Err(damaged("it is longer than any line of a recording"))
            }
            Ok(_) => Err(damaged("the file ends within it: it was cut off")),
            Err(error) if line == 1 && error.kind() == io::ErrorKind::InvalidInput => {
                Err(RecordingError::Other("it is not packed with gzip"))
            }
            Err(error)
                if line == 1
                    && error.kind() == io::ErrorKind::UnexpectedEof
                    && self.text.is_empty() =>
            {
                Err(RecordingError::Other(
                    "it is empty, or was cut off at its start",
                ))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(damaged("the file ends within it: it was cut off"))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
                ) =>
            {
                Err(damaged("the file is damaged here"))
            }
            Err(error) => Err(RecordingError::Read(error)),
        }
    }
}
