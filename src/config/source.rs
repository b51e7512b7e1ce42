//! Where something stands in a file, and what is wrong there.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthStr as _;

use crate::model::SafeText;

/// A stretch of a file, in bytes from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// A value together with the place it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

impl<T> At<T> {
    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: change(self.value),
            span: self.span,
        }
    }
}

/// The text of a file, able to point at any span of it.
///
/// Other values of the line never appear in an excerpt: a password may stand on the same line.
#[derive(Clone)]
pub struct Source {
    file: PathBuf,
    text: String,
    /// Every scalar of the document, in order of place.
    scalars: Vec<Span>,
    /// The scalars that must not be shown even when the problem is about them.
    secrets: Vec<Span>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Source {
    pub(super) fn new(file: &Path, text: &str, mut scalars: Vec<Span>) -> Self {
        scalars.sort_by_key(|span| span.start);
        Self {
            file: file.to_owned(),
            text: text.to_owned(),
            scalars,
            secrets: Vec::new(),
        }
    }

    /// From now on no problem shows what stands at this span.
    pub(super) fn hide(&mut self, span: Span) {
        self.secrets.push(span);
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }

    /// The place of a part of a string, in bytes of its value. The whole string where escapes hide the part.
    pub fn within(&self, string: Span, value: &str, part: std::ops::Range<usize>) -> Span {
        let raw = self.text.get(string.start..string.end).unwrap_or_default();
        let Some(offset) = raw.find(value).filter(|_| !value.is_empty()) else {
            return string;
        };
        let at = |byte: usize| (string.start + offset + byte).min(string.end);
        Span {
            start: at(part.start),
            end: at(part.end),
        }
    }

    /// A problem at a span, with the line it stands on. `help` is a short continuation: ``did you mean `color`?``
    pub fn problem(
        &self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) -> Problem {
        let mut problem = self.problem_without_excerpt(span, message, help);
        problem.excerpt = self.excerpt(span);
        problem
    }

    pub(super) fn problem_without_excerpt(
        &self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) -> Problem {
        let (line, column) = self.position(span.start);
        Problem {
            file: self.file.clone(),
            line,
            column,
            message: SafeText::new(message.into()),
            help: help.into().map(SafeText::new),
            excerpt: None,
        }
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    fn excerpt(&self, span: Span) -> Option<Excerpt> {
        let start = self.boundary(span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        let end = self.boundary(span.end).clamp(start, line_end);
        let before = tail(&self.masked(line_start, start, span), 60);
        let marked = head(&self.masked(start, end, span), 60);
        if marked.is_empty() {
            return None;
        }
        let rest = self.text[end..line_end].trim();
        Some(Excerpt {
            width: marked.width().max(1),
            indent: before.width(),
            text: format!(
                "{before}{marked}{}",
                if rest.is_empty() || marked.ends_with('…') {
                    ""
                } else {
                    " …"
                }
            ),
        })
    }

    /// The text from `start` to `end`, with every scalar but the one the problem is about replaced by `…`.
    fn masked(&self, start: usize, end: usize, about: Span) -> String {
        let mut out = String::new();
        let mut at = start;
        for scalar in &self.scalars {
            let inside = scalar.start <= about.start && about.end <= scalar.end;
            let shown = inside
                && !self
                    .secrets
                    .iter()
                    .any(|s| s.start <= about.start && about.end <= s.end);
            if shown || scalar.end <= at || scalar.start >= end {
                continue;
            }
            if scalar.start > at {
                out.push_str(&self.text[at..self.boundary(scalar.start)]);
            }
            out.push('…');
            at = self.boundary(scalar.end).min(end);
        }
        out.push_str(&self.text[at..end]);
        SafeText::new(out).to_string()
    }
}

fn head(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn tail(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    format!("…{}", text.chars().skip(count - limit).collect::<String>())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// Columns before the marked part, and columns of it.
    indent: usize,
    width: usize,
}

/// One thing wrong in a file. `line` and `column` count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
    pub message: SafeText,
    pub help: Option<SafeText>,
    excerpt: Option<Excerpt>,
}

impl Problem {
    /// The problem on one line, without the excerpt.
    pub fn headline(&self) -> String {
        let place = format!(
            "{}:{}:{}",
            SafeText::from_bytes(self.file.as_os_str().as_bytes()),
            self.line,
            self.column
        );
        match &self.help {
            Some(help) => format!("{place}: {}; {help}", self.message),
            None => format!("{place}: {}", self.message),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let Some(Excerpt {
            text,
            indent,
            width,
        }) = &self.excerpt
        {
            let line = self.line;
            let gutter = line.to_string().len();
            write!(
                f,
                "\n  {line} | {text}\n  {:gutter$} | {:indent$}{:^<width$}",
                "", "", ""
            )?;
        }
        Ok(())
    }
}

/// Everything wrong in a file, in order of place. Never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
