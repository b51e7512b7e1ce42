//! Whole worlds as lines of [`Log::Worlds`]: the lines that make one anew, packed. What the lines say is text here.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

/// Of the body.
const VERSION: u32 = 1;
/// A world that is larger unpacked is no world.
const MOST: u64 = 1 << 28;

/// The body of such a line.
#[derive(Debug, Serialize, Deserialize)]
struct Body<T> {
    version: u32,
    /// The last line of [`Log::Events`] that is in it.
    upto: i64,
    lines: u64,
    gzip: T,
}

/// A world that is being packed.
#[derive(Debug)]
pub struct Packing {
    upto: i64,
    lines: u64,
    packed: GzEncoder<Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    #[error("it was written by a newer dagtop")]
    Newer,
    #[error("it is damaged")]
    Damaged,
}

impl Packing {
    pub fn new(upto: i64) -> Self {
        Self {
            upto,
            lines: 0,
            packed: GzEncoder::new(Vec::new(), Compression::fast()),
        }
    }

    pub fn line(&mut self, line: &str) {
        self.lines += 1;
        // into memory
        let _ = self.packed.write_all(line.as_bytes());
        let _ = self.packed.write_all(b"\n");
    }

    pub fn finish(self) -> Option<String> {
        let body = Body {
            version: VERSION,
            upto: self.upto,
            lines: self.lines,
            gzip: STANDARD.encode(self.packed.finish().ok()?),
        };
        serde_json::to_string(&body).ok()
    }
}

/// The last event that is in a world.
pub fn upto(body: &str) -> Result<i64, WorldError> {
    Ok(open(body)?.upto)
}

/// A world with another last event: where its events have got other numbers.
pub fn moved(body: &str, upto: i64) -> Result<String, WorldError> {
    let body = Body {
        upto,
        ..open(body)?
    };
    serde_json::to_string(&body).map_err(|_| WorldError::Damaged)
}

/// The first line of a world: nothing else of it is unpacked.
pub fn head(body: &str) -> Result<String, WorldError> {
    let packed = packed(&open(body)?)?;
    let mut text = String::new();
    let mut lines = BufReader::new(GzDecoder::new(packed.as_slice()).take(MOST));
    lines
        .read_line(&mut text)
        .map_err(|_| WorldError::Damaged)?;
    Ok(text)
}

/// The lines of a world.
pub fn unpack(body: &str) -> Result<String, WorldError> {
    let body = open(body)?;
    let packed = packed(&body)?;
    let mut text = String::new();
    let mut lines = GzDecoder::new(packed.as_slice()).take(MOST);
    lines
        .read_to_string(&mut text)
        .map_err(|_| WorldError::Damaged)?;
    match text.bytes().filter(|b| *b == b'\n').count() as u64 == body.lines {
        true => Ok(text),
        false => Err(WorldError::Damaged),
    }
}

fn packed(body: &Body<&str>) -> Result<Vec<u8>, WorldError> {
    let packed = STANDARD.decode(body.gzip.as_bytes());
    packed.map_err(|_| WorldError::Damaged)
}

fn open(body: &str) -> Result<Body<&str>, WorldError> {
    let body: Body<&str> = serde_json::from_str(body).map_err(|_| WorldError::Damaged)?;
    match body.version {
        VERSION => Ok(body),
        _ => Err(WorldError::Newer),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_damage_is_noticed() {
        let mut packing = Packing::new(7);
        packing.line("{\"a\":1}");
        packing.line("{\"b\":2}");
        let body = packing.finish().unwrap();
        assert_eq!(upto(&body).unwrap(), 7);
        assert_eq!(unpack(&body).unwrap(), "{\"a\":1}\n{\"b\":2}\n");
        assert_eq!(head(&body).unwrap(), "{\"a\":1}\n");
        let other = moved(&body, 3).unwrap();
        assert_eq!(upto(&other).unwrap(), 3);
        assert_eq!(unpack(&other).unwrap(), unpack(&body).unwrap());
        let newer = body.replace("\"version\":1", "\"version\":2");
        assert!(matches!(unpack(&newer), Err(WorldError::Newer)));
        let short = body.replace("\"lines\":2", "\"lines\":3");
        assert!(matches!(unpack(&short), Err(WorldError::Damaged)));
        for at in [0, 20, body.len() / 2, body.len() - 1] {
            assert!(matches!(unpack(&body[..at]), Err(WorldError::Damaged)));
        }
    }
}
