//! Owns reading a query: a recursive descent over `OR` of `AND` of `NOT` of an atom, `AND` by default.

use std::ops::{Bound, Range};

use super::error::QueryError;
use super::expr::{Expr, Key, Operand, Test, is_key};
use super::pattern::{Pattern, Piece, Scope, Source};

/// Parentheses and negations within each other.
const DEPTH: usize = 64;

type Parsed<T> = Result<T, QueryError>;

pub(super) fn parse(text: &str, facets: &[&str]) -> Parsed<Expr> {
    let mut parser = Parser {
        text,
        at: 0,
        facets,
        depth: 0,
        scope: None,
    };
    parser.space();
    if parser.peek().is_none() {
        return Ok(Expr::All);
    }
    let expr = parser.either()?;
    if parser.peek().is_some() {
        let at = parser.at;
        return Err(parser.wrong(
            at..at + 1,
            "this `)` closes nothing",
            "leave it out, or open it with `(`",
        ));
    }
    Ok(expr)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    facets: &'a [&'a str],
    depth: usize,
    /// Inside `facet:( … )`.
    scope: Option<Key>,
}

impl Parser<'_> {
    fn either(&mut self) -> Parsed<Expr> {
        let mut list = vec![self.all()?];
        while self.keyword("OR") {
            list.push(self.all()?);
        }
        Ok(flat(list, Expr::Or))
    }

    fn all(&mut self) -> Parsed<Expr> {
        let mut list = vec![self.negated()?];
        loop {
            self.space();
            if matches!(self.peek(), None | Some(')')) || self.at_keyword("OR") {
                return Ok(flat(list, Expr::And));
            }
            self.keyword("AND");
            list.push(self.negated()?);
        }
    }

    fn negated(&mut self) -> Parsed<Expr> {
        self.space();
        let start = self.at;
        if !self.keyword("NOT") && !self.take('-') {
            return self.atom();
        }
        self.deeper(start)?;
        let inner = self.negated()?;
        self.depth -= 1;
        Ok(match inner {
            // twice is not at all
            Expr::Not(inner) => *inner,
            inner => Expr::Not(Box::new(inner)),
        })
    }

    fn atom(&mut self) -> Parsed<Expr> {
        let start = self.at;
        for word in ["AND", "OR"] {
            if self.at_keyword(word) {
                return Err(self.wrong(
                    start..start + word.len(),
                    format!("`{word}` stands between two things, and one is missing"),
                    format!("write \"{word}\" in quotes to look for the word"),
                ));
            }
        }
        match self.peek() {
            None | Some(')') => Err(self.wrong(
                start..self.text.len().min(start + 1),
                "something to look for is missing here",
                "write a word, \"a phrase\", facet:value or @field:value",
            )),
            Some('(') => {
                self.deeper(start)?;
                self.at += 1;
                let inner = self.either()?;
                self.close(start)?;
                self.depth -= 1;
                Ok(inner)
            }
            Some(_) => match self.scope.clone() {
                Some(key) => self.value(key, start),
                None => self.term(start),
            },
        }
    }

    fn close(&mut self, open: usize) -> Parsed<()> {
        self.space();
        if self.take(')') {
            return Ok(());
        }
        Err(self.wrong(open..open + 1, "this `(` is never closed", "add a `)`"))
    }

    /// Without a scope: text, or a key with its test.
    fn term(&mut self, start: usize) -> Parsed<Expr> {
        if self.take('@') {
            let name = self.key();
            let key = Key { name, field: true };
            if key.name.is_empty() || !self.take(':') {
                let name = self.text.get(start..self.at).unwrap_or_default();
                return Err(self.wrong(
                    start..self.at,
                    format!("`{name}` is a field without a test"),
                    format!("write {name}:value, {name}:>5 or {name}:* (to look for the text: \"{name}\")"),
                ));
            }
            return self.tested(key, start);
        }
        let begins = self.peek().is_some_and(|c| c.is_alphabetic() || c == '_');
        if begins {
            let name = self.key();
            if !name.is_empty() && self.take(':') {
                if !self.facets.contains(&name.as_str()) {
                    return Err(self.no_facet(&name, start));
                }
                return self.tested(Key { name, field: false }, start);
            }
            self.at = start;
        }
        if self.is_star() {
            return Ok(Expr::All);
        }
        let source = self.pattern(start)?;
        self.compile(source, Scope::Text, start).map(Expr::Text)
    }

    fn tested(&mut self, key: Key, start: usize) -> Parsed<Expr> {
        if self.peek() == Some('(') && self.scope.is_none() {
            let open = self.at;
            self.deeper(open)?;
            self.at += 1;
            self.scope = Some(key);
            let inner = self.either();
            self.scope = None;
            let inner = inner?;
            self.close(open)?;
            self.depth -= 1;
            return Ok(inner);
        }
        self.value(key, start)
    }

    /// What stands after the colon.
    fn value(&mut self, key: Key, start: usize) -> Parsed<Expr> {
        let test = match self.peek() {
            Some('<' | '>') => self.comparison(&key)?,
            Some('[' | '{') => self.range(&key)?,
            _ if self.is_star() => Test::Exists,
            Some(c) if !c.is_whitespace() && c != ')' => {
                let at = self.at;
                let source = self.pattern(at)?;
                let ignore_case = !key.field;
                Test::Matches(self.compile(source, Scope::Value { ignore_case }, at)?)
            }
            _ => {
                return Err(self.wrong(
                    start..self.at,
                    format!("a value is missing after `{key}:`"),
                    format!(
                        "write {key}:value, or {key}:* for any (to look for the text: \"{key}:\")"
                    ),
                ));
            }
        };
        Ok(Expr::Is(key, test))
    }

    fn comparison(&mut self, key: &Key) -> Parsed<Test> {
        let start = self.at;
        let above = self.take('>');
        if !above {
            self.take('<');
        }
        let with = self.take('=');
        let operand = self.operand(key, start, &[])?;
        let bound = match with {
            true => Bound::Included(operand),
            false => Bound::Excluded(operand),
        };
        Ok(match above {
            true => Test::Range(bound, Bound::Unbounded),
            false => Test::Range(Bound::Unbounded, bound),
        })
    }

    fn range(&mut self, key: &Key) -> Parsed<Test> {
        let start = self.at;
        let open = self.peek();
        self.at += 1;
        let low = self.end(key, start)?;
        self.space();
        if !self.keyword("TO") {
            return Err(self.wrong(
                start..self.at,
                "`TO` is missing in this range",
                format!("write {key}:[10 TO 20], or {key}:{{10 TO 20}} without the ends"),
            ));
        }
        let high = self.end(key, start)?;
        self.space();
        let close = self.peek();
        if !matches!(close, Some(']' | '}')) {
            return Err(self.wrong(
                start..start + 1,
                "this range is never closed",
                "end it with `]`, or with `}` to leave its end out",
            ));
        }
        self.at += 1;
        let bound = |operand: Option<Operand>, inclusive: bool| match operand {
            None => Bound::Unbounded,
            Some(operand) if inclusive => Bound::Included(operand),
            Some(operand) => Bound::Excluded(operand),
        };
        let (low, high) = (
            bound(low, open == Some('[')),
            bound(high, close == Some(']')),
        );
        if let (Bound::Unbounded, Bound::Unbounded) = (&low, &high) {
            return Ok(Test::Exists);
        }
        Ok(Test::Range(low, high))
    }

    /// One end of a range; `None` for `*`.
    fn end(&mut self, key: &Key, start: usize) -> Parsed<Option<Operand>> {
        self.space();
        if self.rest().starts_with('*') {
            self.at += 1;
            return Ok(None);
        }
        self.operand(key, start, &[']', '}']).map(Some)
    }

    fn operand(&mut self, key: &Key, start: usize, ends: &[char]) -> Parsed<Operand> {
        let quoted = self.peek() == Some('"');
        let text = if quoted {
            self.phrase()?
        } else {
            let at = self.at;
            while let Some(c) = self.peek()
                && !c.is_whitespace()
                && !matches!(c, '(' | ')' | '"')
                && !ends.contains(&c)
            {
                self.at += c.len_utf8();
            }
            self.text.get(at..self.at).unwrap_or_default().to_owned()
        };
        if text.is_empty() && !quoted {
            return Err(self.wrong(
                start..self.at,
                "a number is missing here",
                format!("write for example {key}:>5, {key}:>=1.5h or {key}:[10 TO 20]"),
            ));
        }
        Ok(Operand::new(text))
    }

    /// A word with its wildcards, a phrase or a regular expression.
    fn pattern(&mut self, start: usize) -> Parsed<Source> {
        if self.peek() == Some('"') {
            return self.phrase().map(|text| Source::Glob(literal(text)));
        }
        if let Some(end) = self.regex_end() {
            let pattern = self.text.get(self.at + 1..end).unwrap_or_default();
            // only ours to escape
            let pattern = pattern.replace("\\/", "/");
            self.at = end + 1;
            let ignore_case = self.take('i');
            return Ok(Source::Regex {
                pattern,
                ignore_case,
            });
        }
        let pieces = self.word();
        if self.at == start {
            let c = self.peek().map_or(0, char::len_utf8);
            return Err(self.wrong(
                start..start + c,
                "this character means something else here",
                "put the text in quotes",
            ));
        }
        Ok(Source::Glob(pieces))
    }

    /// Where the `/` stands that ends a regular expression which begins here. A path is none.
    fn regex_end(&self) -> Option<usize> {
        let rest = self.rest().strip_prefix('/')?;
        let mut escaped = false;
        for (i, c) in rest.char_indices() {
            if c == '/' && !escaped {
                let after = rest.get(i + 1..)?;
                let after = after.strip_prefix('i').unwrap_or(after);
                let ends = after.is_empty() || after.starts_with([' ', '\t', ')']);
                return (ends && i > 0).then_some(self.at + 1 + i);
            }
            escaped = c == '\\' && !escaped;
        }
        None
    }

    fn phrase(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escaped()),
                c => out.push(c),
            }
        }
        Err(self.wrong(
            start..start + 1,
            "this `\"` is never closed",
            "add a `\"` at the end of the phrase",
        ))
    }

    fn word(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            if c.is_whitespace() || matches!(c, '(' | ')' | '"') {
                break;
            }
            self.at += c.len_utf8();
            let wild = match c {
                '*' => Piece::Any,
                '?' => Piece::One,
                '\\' => {
                    text.push(self.escaped());
                    continue;
                }
                c => {
                    text.push(c);
                    continue;
                }
            };
            if !text.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut text)));
            }
            if wild != Piece::Any || pieces.last() != Some(&Piece::Any) {
                pieces.push(wild);
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Literal(text));
        }
        pieces
    }

    /// The character after a backslash, as it is; a backslash at the end is itself.
    fn escaped(&mut self) -> char {
        let c = self.peek().unwrap_or('\\');
        self.at += self.peek().map_or(0, char::len_utf8);
        c
    }

    /// The name of a facet or a field, as far as it goes.
    fn key(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if is_key(c) {
                self.at += c.len_utf8();
                name.push(c);
            } else if c == '\\' {
                self.at += 1;
                name.push(self.escaped());
            } else {
                break;
            }
        }
        name
    }

    fn compile(&self, source: Source, scope: Scope, start: usize) -> Parsed<Pattern> {
        Pattern::new(source, scope).map_err(|why| {
            self.wrong(
                start..self.at,
                format!("not a regular expression: {why}"),
                "put it in quotes to look for it as text",
            )
        })
    }

    fn no_facet(&self, name: &str, start: usize) -> QueryError {
        let near = self
            .facets
            .iter()
            .filter(|known| close(name, known))
            .min_by_key(|known| known.len().abs_diff(name.len()));
        let near = near
            .map(|near| format!("did you mean {near}:? "))
            .unwrap_or_default();
        self.wrong(
            start..self.at,
            format!("there is no facet `{name}`"),
            format!("{near}A field of the record is @{name}:value; to look for the text write \"{name}:\" in quotes"),
        )
    }

    fn deeper(&mut self, at: usize) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong(
                at..at + 1,
                "too many parentheses within each other",
                format!("{DEPTH} is the most"),
            ));
        }
        Ok(())
    }

    fn wrong(
        &self,
        at: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> QueryError {
        QueryError::new(self.text, at, what, help)
    }

    /// A `*` that stands alone.
    fn is_star(&mut self) -> bool {
        let rest = self.rest();
        let alone = rest.strip_prefix('*').is_some_and(|after| {
            after.is_empty()
                || after.starts_with(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
        });
        if alone {
            self.at += 1;
        }
        alone
    }

    fn at_keyword(&self, word: &str) -> bool {
        self.rest().strip_prefix(word).is_some_and(|after| {
            after.is_empty()
                || after.starts_with(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
        })
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.space();
        let there = self.at_keyword(word);
        if there {
            self.at += word.len();
            self.space();
        }
        there
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        if there {
            self.at += c.len_utf8();
        }
        there
    }
}

fn literal(text: String) -> Vec<Piece> {
    if text.is_empty() {
        Vec::new()
    } else {
        vec![Piece::Literal(text)]
    }
}

/// One stays itself; lists of the same kind within each other are one list.
fn flat(mut list: Vec<Expr>, make: fn(Vec<Expr>) -> Expr) -> Expr {
    if list.len() == 1
        && let Some(only) = list.pop()
    {
        return only;
    }
    make(list)
}

/// Two names that a slip may have made of each other: one letter more, less, other, or two swapped.
fn close(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let swapped = a.len() >= 2 && b.len() >= 2 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
    swapped || a.get(1..) == b.get(1..) || a.get(1..) == Some(b) || b.get(1..) == Some(a)
}
