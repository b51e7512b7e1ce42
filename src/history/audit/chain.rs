//! What binds one line to the one before it: pure.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Before the hash, and after it.
const OPEN: &[u8] = b",\"hash\":\"";
const CLOSE: &[u8] = b"\"}";
const HEX: usize = 64;

/// SHA-256; written in lower hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Before the first line.
    pub const NONE: Self = Self([0; 32]);

    pub fn of(bytes: &[u8]) -> Self {
        Self::from(digest(&SHA256, bytes).as_ref())
    }

    fn from(bytes: &[u8]) -> Self {
        let mut hash = Self::NONE;
        // both are 32 bytes
        for (to, byte) in hash.0.iter_mut().zip(bytes) {
            *to = *byte;
        }
        hash
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no hash: 64 digits of 0-9a-f");
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let bytes = text.as_bytes();
        if bytes.len() != HEX {
            return Err(wrong());
        }
        let mut hash = Self::NONE;
        for (to, pair) in hash.0.iter_mut().zip(bytes.chunks_exact(2)) {
            let [high, low] = pair else {
                return Err(wrong());
            };
            let (high, low) = (digit(*high), digit(*low));
            *to = high.ok_or_else(wrong)? << 4 | low.ok_or_else(wrong)?;
        }
        Ok(hash)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A hash over what comes in pieces.
pub struct Hashing {
    context: Context,
    pub bytes: u64,
}

impl Hashing {
    pub fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            bytes: 0,
        }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
    }

    pub fn over(&self) -> Over {
        Over {
            bytes: self.bytes,
            sha256: Hash::from(self.context.clone().finish().as_ref()),
        }
    }
}

/// A line of the chain, by what the next one needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub n: u64,
    pub hash: Hash,
}

impl Link {
    pub const ROOT: Self = Self {
        n: 0,
        hash: Hash::NONE,
    };
}

/// Bytes between two lines that are no line of the chain (an older version's lines, a line that was cut off), bound by
/// the line that comes after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    pub bytes: u64,
    pub sha256: Hash,
}

#[derive(Serialize, Deserialize)]
struct Head {
    n: u64,
    prev: Hash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    over: Option<Over>,
}

/// What a line says of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub prev: Hash,
    pub over: Option<Over>,
    pub link: Link,
    /// Its hash is that of its bytes.
    pub right: bool,
}

/// The line after `last` that says `body`, an object, with its end of line.
pub fn seal(
    last: Link,
    over: Option<Over>,
    body: &impl Serialize,
) -> serde_json::Result<(Vec<u8>, Link)> {
    let n = last.n + 1;
    let head = Head {
        n,
        prev: last.hash,
        over,
    };
    let mut line = serde_json::to_vec(&head)?;
    line.pop();
    line.push(b',');
    let body = serde_json::to_vec(body)?;
    line.extend(body.strip_prefix(b"{").unwrap_or(&body));
    line.pop();
    let hash = Hash::of(&line);
    line.extend(OPEN);
    line.extend(hash.to_string().bytes());
    line.extend(CLOSE);
    line.push(b'\n');
    Ok((line, Link { n, hash }))
}

/// Reads a line without its end; `None`: it is no line of a chain.
pub fn unseal(line: &[u8]) -> Option<Sealed> {
    let rest = line.strip_suffix(CLOSE)?;
    let (rest, hex) = rest.split_at_checked(rest.len().checked_sub(HEX)?)?;
    let said = rest.strip_suffix(OPEN)?;
    let hash = std::str::from_utf8(hex).ok()?.parse().ok()?;
    let head: Head = serde_json::from_slice(line).ok()?;
    Some(Sealed {
        prev: head.prev,
        over: head.over,
        link: Link { n: head.n, hash },
        right: hash == Hash::of(said),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_line_before_it() {
        let body = serde_json::json!({"action": "pause"});
        let (line, link) = seal(Link::ROOT, None, &body).unwrap();
        let text = String::from_utf8(line).unwrap();
        let zeros = "0".repeat(64);
        let said = format!("{{\"n\":1,\"prev\":\"{zeros}\",\"action\":\"pause\"");
        assert_eq!(text, format!("{said},\"hash\":\"{}\"}}\n", link.hash));
        assert_eq!(link.hash, Hash::of(said.as_bytes()));
        let sealed = unseal(text.trim_end().as_bytes()).unwrap();
        assert!(sealed.right);
        assert_eq!(
            (sealed.prev, sealed.over, sealed.link),
            (Hash::NONE, None, link)
        );
        let (second, _) = seal(link, None, &body).unwrap();
        assert_eq!(unseal(&second[..second.len() - 1]).unwrap().prev, link.hash);
    }

    #[test]
    fn a_line_that_was_touched_is_not_right() {
        let body = serde_json::json!({"action": "pause", "target": "a"});
        let (line, _) = seal(Link::ROOT, None, &body).unwrap();
        let line = &line[..line.len() - 1];
        for at in 0..line.len() {
            let mut other = line.to_vec();
            other[at] ^= 1;
            assert!(unseal(&other).is_none_or(|s| !s.right), "byte {at}");
        }
    }

    #[test]
    fn the_hash_of_nothing_is_the_known_one() {
        let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::of(b"").to_string(), known);
        assert_eq!(known.parse::<Hash>().unwrap(), Hash::of(b""));
        assert!("e3".parse::<Hash>().is_err());
        assert!(known.to_uppercase().parse::<Hash>().is_err());
    }
}
