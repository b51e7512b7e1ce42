//! A line in ArcSight's Common Event Format (revision 25), as SIEMs read it:
//! `CEF:0|Vendor|Product|Version|Class|Name|Severity|Extension`.

use std::fmt;

/// A line that is written from left to right, within a length.
#[derive(Debug)]
pub struct Cef {
    line: String,
    room: usize,
    first: bool,
}

impl Cef {
    /// `class`: which kind of event, at most 1023 characters; `name` in words, at most 512; `severity` from 0 to 10.
    /// Pairs that don't fit into `room` bytes are left out.
    pub fn new(class: &str, name: &str, severity: u8, room: usize) -> Self {
        let line = format!(
            "CEF:0|dagtop|dagtop|{}|{}|{}|{severity}|",
            env!("CARGO_PKG_VERSION"),
            header(class),
            header(name),
        );
        Self {
            line,
            room,
            first: true,
        }
    }

    /// Nothing is said about what is empty.
    pub fn pair(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.part(&format!("{name}={}", value(text)));
        }
    }

    fn part(&mut self, part: &str) {
        let space = if self.first { "" } else { " " };
        if self.line.len() + space.len() + part.len() <= self.room {
            self.line.push_str(space);
            self.line.push_str(part);
            self.first = false;
        }
    }

    /// A field of one's own and what it is called, or neither.
    pub fn labelled(&mut self, field: &str, label: &str, text: &str) {
        if !text.is_empty() {
            let (label, text) = (value(label), value(text));
            self.part(&format!("{field}Label={label} {field}={text}"));
        }
    }
}

impl fmt::Display for Cef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// A field of the header: pipe and backslash ("Character encoding").
fn header(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace(['\r', '\n'], " ")
}

/// A value of the extension: equals sign, backslash and line ends.
fn value(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('=', "\\=")
        .replace('\r', "\\r")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_more_than_text() {
        assert_eq!(header("a|b\\c\nd=e"), "a\\|b\\\\c d=e");
        assert_eq!(value("a=b\\c\nd|e"), "a\\=b\\\\c\\nd|e");
    }

    #[test]
    fn what_has_no_room_is_left_out_whole() {
        let mut cef = Cef::new("c", "n", 3, 60);
        let head = cef.to_string();
        cef.pair("empty", "");
        cef.pair("a", "1");
        cef.pair("long", &"x".repeat(60));
        cef.labelled("cs1", "l", &"x".repeat(15));
        cef.pair("b", "2");
        assert_eq!(cef.to_string(), format!("{head}a=1 b=2"));
    }
}
