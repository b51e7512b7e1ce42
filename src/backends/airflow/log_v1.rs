//! Airflow 2's log: `{"content": "[('host', 'text')]", "continuation_token": "…"}`: the text is a Python
//! string inside a Python list inside a JSON string. Undone in one pass as it comes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Everything beside the content: the token.
const MOST_BESIDE: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Beside,
    Content,
}

/// Where in the Python text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Py {
    /// Between strings; how many strings of this tuple have passed.
    Outside(u8),
    /// In a string: which of its tuple, and its quote.
    Inside(u8, char),
}

/// Reads the text out of a body that comes in pieces.
#[derive(Debug)]
pub struct Text {
    at: At,
    depth: usize,
    in_string: bool,
    escaped: bool,
    string: Vec<u8>,
    beside: Vec<u8>,
    /// An escape of JSON or a character of UTF-8 that is not yet whole.
    json: Vec<u8>,
    /// A high surrogate that waits for its other half.
    high: Option<u32>,
    py: Py,
    /// An escape of Python that is not yet whole, without its backslash.
    py_escape: Option<String>,
    seen: bool,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            at: At::Beside,
            depth: 0,
            in_string: false,
            escaped: false,
            string: Vec::new(),
            beside: Vec::new(),
            json: Vec::new(),
            high: None,
            py: Py::Outside(0),
            py_escape: None,
            seen: false,
        }
    }
}

impl Text {
    /// Takes a piece of the body; adds the log's text in it to `out`.
    pub fn feed(&mut self, piece: &[u8], out: &mut String) {
        for &byte in piece {
            match self.at {
                At::Beside => self.beside(byte),
                At::Content => self.content(byte, out),
            }
        }
    }

    fn beside(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ if self.string.len() < 32 => self.string.push(byte),
                _ => {}
            }
        } else {
            match byte {
                b'"' if self.depth == 1 && self.string == b"content" => {
                    self.beside.extend_from_slice(b"null");
                    self.at = At::Content;
                    self.seen = true;
                    return;
                }
                b'"' => {
                    self.in_string = true;
                    self.string.clear();
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' => self.string.clear(),
                _ => {}
            }
        }
        if self.beside.len() < MOST_BESIDE {
            self.beside.push(byte);
        }
    }

    /// One byte of the JSON string.
    fn content(&mut self, byte: u8, out: &mut String) {
        if self.json.is_empty() {
            match byte {
                b'"' => {
                    self.at = At::Beside;
                    self.string.clear();
                }
                b'\\' => self.json.push(byte),
                0x80.. => self.json.push(byte),
                _ => self.python(char::from(byte), out),
            }
            return;
        }
        self.json.push(byte);
        if self.json[0] == b'\\' {
            let whole = if self.json[1] == b'u' { 6 } else { 2 };
            if self.json.len() == whole {
                self.json_escape(out);
                self.json.clear();
            }
            return;
        }
        match std::str::from_utf8(&self.json) {
            Ok(text) => {
                let c = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                self.python(c, out);
                self.json.clear();
            }
            Err(e) if e.error_len().is_some() || self.json.len() >= 4 => {
                self.python(char::REPLACEMENT_CHARACTER, out);
                self.json.clear();
            }
            Err(_) => {}
        }
    }

    fn json_escape(&mut self, out: &mut String) {
        let c = match self.json[1] {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let hex = std::str::from_utf8(&self.json[2..]).unwrap_or_default();
                let unit = u32::from_str_radix(hex, 16).unwrap_or(0xfffd);
                match (unit, self.high.take()) {
                    (0xd800..=0xdbff, _) => {
                        self.high = Some(unit);
                        return;
                    }
                    (0xdc00..=0xdfff, Some(high)) => {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
                        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                    }
                    _ => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            other => char::from(other),
        };
        self.python(c, out);
    }

    /// One character of the Python text `[('host', 'text'), ...]`: the second string of each tuple is log.
    fn python(&mut self, c: char, out: &mut String) {
        match self.py {
            Py::Outside(_) if c == '(' => self.py = Py::Outside(0),
            Py::Outside(n) if c == '\'' || c == '"' => self.py = Py::Inside(n, c),
            Py::Outside(_) => {}
            Py::Inside(n, quote) => {
                if let Some(escape) = &mut self.py_escape {
                    escape.push(c);
                    if let Some(c) = python_escape(escape) {
                        self.py_escape = None;
                        if n == 1 {
                            out.extend(c);
                        }
                    }
                } else if c == '\\' {
                    self.py_escape = Some(String::new());
                } else if c == quote {
                    self.py = Py::Outside(n + 1);
                    if n == 1 && !out.ends_with('\n') && !out.is_empty() {
                        out.push('\n');
                    }
                } else if n == 1 {
                    out.push(c);
                }
            }
        }
    }

    /// At the end of the body: the token to go on with, and whether it says that this was the end.
    /// v1's token is never null.
    pub fn token(self) -> Result<(Option<String>, bool), &'static str> {
        let beside: Value = serde_json::from_slice(&self.beside).map_err(|_| "it is no JSON")?;
        if !self.seen || self.at != At::Beside {
            return Err("it holds no log");
        }
        let token = beside["continuation_token"].as_str().map(str::to_owned);
        let ended = token.as_deref().is_none_or(end_of_log);
        Ok((token, ended))
    }
}

/// What an escape (without its backslash) stands for; `None`: not yet whole.
fn python_escape(escape: &str) -> Option<Option<char>> {
    let hex = |len: usize| {
        let digits = &escape[1..];
        (digits.chars().count() >= len).then(|| {
            let code = u32::from_str_radix(digits, 16).ok();
            code.and_then(char::from_u32)
                .or(Some(char::REPLACEMENT_CHARACTER))
        })
    };
    match escape.chars().next()? {
        'n' => Some(Some('\n')),
        't' => Some(Some('\t')),
        'r' => Some(Some('\r')),
        'x' => hex(2),
        'u' => hex(4),
        'U' => hex(8),
        c => Some(Some(c)),
    }
}

/// `base64({"end_of_log": bool, "log_pos": n}).signature`
fn end_of_log(token: &str) -> bool {
    let payload = token
        .trim_start_matches('.')
        .split('.')
        .next()
        .unwrap_or_default();
    URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .is_some_and(|json| json["end_of_log"] == true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn read(body: &[u8], piece: usize) -> (String, Result<(Option<String>, bool), &'static str>) {
        let (mut text, mut out) = (Text::default(), String::new());
        for piece in body.chunks(piece) {
            text.feed(piece, &mut out);
        }
        (out, text.token())
    }

    #[test]
    fn the_text_comes_out_the_same_however_the_body_is_cut() {
        let python = r#"[('vm', ' INFO - ::group::x\n[2026] it\'s "so"\tA\x1b[31m\u2713 \U0001f600 \\n'), ('b', "it's é 😀\n")]"#;
        let token = URL_SAFE_NO_PAD.encode(r#"{"end_of_log":true,"log_pos":9}"#) + ".sig";
        let want = " INFO - ::group::x\n[2026] it's \"so\"\tA\u{1b}[31m✓ 😀 \\n\nit's é 😀\n";
        let plain = json!({"content": python, "continuation_token": token}).to_string();
        // Python's json.dumps writes what is not ASCII as \u escapes, in surrogate pairs
        let escaped = plain
            .replace('é', "\\u00e9")
            .replace('😀', "\\ud83d\\ude00");
        for body in [plain, escaped] {
            for piece in [1, 2, 3, 5, 1000] {
                let (text, end) = read(body.as_bytes(), piece);
                assert_eq!(text, want, "{piece}");
                assert_eq!(end, Ok((Some(token.clone()), true)));
            }
        }
    }

    #[test]
    fn an_open_log_says_so_and_what_is_no_log_is_an_error() {
        let token = URL_SAFE_NO_PAD.encode(r#"{"end_of_log":false,"log_pos":9}"#) + ".sig";
        let body = json!({"content": "[('vm', '')]", "continuation_token": token}).to_string();
        assert_eq!(
            read(body.as_bytes(), 7),
            (String::new(), Ok((Some(token), false)))
        );
        assert!(read(br#"{"content": "[('a"#, 7).1.is_err());
        assert!(read(br#"{"detail": "content"}"#, 7).1.is_err());
        assert_eq!(
            read(br#"{"content": "", "continuation_token": null}"#, 7).1,
            Ok((None, true))
        );
    }
}
