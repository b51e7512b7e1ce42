//! DOT, as far as it says which nodes, labels, clusters and edges there are
//! (grammar: <https://graphviz.org/doc/info/lang.html>). Attributes other than `label` are read over.

use super::ReadError;
use super::named::{Builder, Named};

/// Subgraphs inside each other, at most.
const DEPTH: usize = 200;

/// Whether the first words are those of a DOT file.
pub(super) fn looks_like(text: &str) -> bool {
    let mut lexer = Lexer::new(text);
    let mut words = Vec::new();
    while words.len() < 4 {
        match lexer.next() {
            Ok(Some(Token::Id(w) | Token::Text(w))) => words.push(w.to_ascii_lowercase()),
            Ok(Some(Token::Mark('{'))) => break,
            _ => return false,
        }
    }
    let first = words.iter().find(|w| *w != "strict");
    first.is_some_and(|w| w == "digraph" || w == "graph") && words.len() < 4
}

pub(super) fn read(text: &str) -> Result<Named, ReadError> {
    let mut p = Parser {
        lexer: Lexer::new(text),
        ahead: None,
        builder: Builder::default(),
    };
    loop {
        match p.next()? {
            Some(Token::Mark('{')) => break,
            Some(_) => {}
            None => return Err(p.wrong("expected `{`")),
        }
    }
    p.statements(None, 0)?;
    if p.next()?.is_some() {
        return Err(p.wrong("expected nothing after the closing `}`"));
    }
    Ok(p.builder.finish())
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Id(String),
    /// A quoted or HTML string: never a keyword.
    Text(String),
    Mark(char),
    Arrow,
    /// `--`
    Line,
}

struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    /// Line of the latest token.
    at: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.chars().peekable(),
            line: 1,
            at: 1,
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    fn skip_line(&mut self) {
        while self.rest.peek().is_some_and(|&c| c != '\n') {
            self.bump();
        }
    }

    fn next(&mut self) -> Result<Option<Token>, ReadError> {
        loop {
            let Some(&c) = self.rest.peek() else {
                return Ok(None);
            };
            match c {
                c if c.is_whitespace() => {
                    self.bump();
                }
                '#' => self.skip_line(),
                '/' => {
                    let line = self.line;
                    self.bump();
                    match self.rest.peek() {
                        Some('/') => self.skip_line(),
                        Some('*') => {
                            self.bump();
                            let mut before = ' ';
                            loop {
                                match self.bump() {
                                    Some('/') if before == '*' => break,
                                    Some(c) => before = c,
                                    None => return Err(ReadError::at(line, "comment without end")),
                                }
                            }
                        }
                        _ => return Err(ReadError::at(line, "unexpected `/`")),
                    }
                }
                _ => break,
            }
        }
        self.at = self.line;
        let Some(c) = self.bump() else {
            return Ok(None);
        };
        let token = match c {
            '{' | '}' | '[' | ']' | ';' | ',' | '=' | ':' | '+' => Token::Mark(c),
            '"' => Token::Text(self.quoted()?),
            '<' => Token::Text(self.html()?),
            '-' if self.rest.peek() == Some(&'>') => {
                self.bump();
                Token::Arrow
            }
            '-' if self.rest.peek() == Some(&'-') => {
                self.bump();
                Token::Line
            }
            c if word(c) || c == '-' || c == '.' => {
                let mut id = String::from(c);
                let number = c == '-' || c == '.' || c.is_ascii_digit();
                while let Some(&n) = self.rest.peek() {
                    if !(word(n) || (number && n == '.')) {
                        break;
                    }
                    id.push(n);
                    self.bump();
                }
                Token::Id(id)
            }
            c => return Err(ReadError::at(self.at, format!("unexpected {c:?}"))),
        };
        Ok(Some(token))
    }

    fn quoted(&mut self) -> Result<String, ReadError> {
        let line = self.line;
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => match self.bump() {
                    Some('"') => text.push('"'),
                    Some('\\') => text.push('\\'),
                    // line breaks of labels, and a line that goes on
                    Some('n' | 'l' | 'r') => text.push(' '),
                    Some('\n') => {}
                    Some(c) => text.extend(['\\', c]),
                    None => return Err(ReadError::at(line, "string without end")),
                },
                Some(c) => text.push(c),
                None => return Err(ReadError::at(line, "string without end")),
            }
        }
    }

    fn html(&mut self) -> Result<String, ReadError> {
        let line = self.line;
        let mut text = String::new();
        let mut depth = 1;
        loop {
            let Some(c) = self.bump() else {
                return Err(ReadError::at(line, "HTML string without end"));
            };
            match c {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(text);
            }
            text.push(c);
        }
    }
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_whitespace() && !c.is_control())
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    ahead: Option<Token>,
    builder: Builder,
}

impl Parser<'_> {
    fn next(&mut self) -> Result<Option<Token>, ReadError> {
        match self.ahead.take() {
            Some(t) => Ok(Some(t)),
            None => self.lexer.next(),
        }
    }

    fn peek(&mut self) -> Result<Option<&Token>, ReadError> {
        if self.ahead.is_none() {
            self.ahead = self.lexer.next()?;
        }
        Ok(self.ahead.as_ref())
    }

    fn take(&mut self, mark: char) -> Result<bool, ReadError> {
        let found = self.peek()? == Some(&Token::Mark(mark));
        if found {
            self.ahead = None;
        }
        Ok(found)
    }

    fn wrong(&self, reason: &str) -> ReadError {
        ReadError::at(self.lexer.at, reason)
    }

    /// Statements up to the closing brace; the nodes that they name.
    fn statements(&mut self, group: Option<usize>, depth: usize) -> Result<Vec<usize>, ReadError> {
        if depth > DEPTH {
            return Err(self.wrong("more than 200 subgraphs inside each other"));
        }
        let mut all = Vec::new();
        loop {
            let Some(token) = self.next()? else {
                return Err(self.wrong("expected `}` before the end"));
            };
            let first = match token {
                Token::Mark('}') => return Ok(all),
                Token::Mark(';' | ',') => continue,
                Token::Id(w)
                    if is(&w, &["graph", "node", "edge"])
                        && self.peek()? == Some(&Token::Mark('[')) =>
                {
                    let label = self.attributes()?;
                    if let (true, Some(g)) = (is(&w, &["graph"]), group) {
                        self.builder.named.groups[g].label = label;
                    }
                    continue;
                }
                token => self.operand(token, group, depth)?,
            };
            if let (Operand::Name(name), true) = (&first, self.take('=')?) {
                let value = self.text()?;
                if let (Some(g), "label") = (group, name.as_str()) {
                    self.builder.named.groups[g].label = Some(value);
                }
                continue;
            }
            let single = matches!(first, Operand::Name(_));
            let mut left = self.nodes(first, group, &mut all)?;
            let mut chain = false;
            loop {
                match self.peek()? {
                    Some(Token::Arrow) => {}
                    Some(Token::Line) => {
                        return Err(self.wrong("`--` has no direction: use a digraph and `->`"));
                    }
                    _ => break,
                }
                self.ahead = None;
                chain = true;
                let Some(token) = self.next()? else {
                    return Err(self.wrong("expected a node after `->`"));
                };
                let right = self.operand(token, group, depth)?;
                let right = self.nodes(right, group, &mut all)?;
                for &a in &left {
                    for &b in &right {
                        self.builder
                            .edge(super::named::End::Node(a), super::named::End::Node(b));
                    }
                }
                left = right;
            }
            while self.peek()? == Some(&Token::Mark('[')) {
                let label = self.attributes()?;
                if let (true, false, Some(label), Some(&n)) = (single, chain, label, left.first()) {
                    self.builder.named.nodes[n].label = Some(label);
                }
            }
        }
    }

    /// A node name, or a subgraph with its nodes.
    fn operand(
        &mut self,
        token: Token,
        group: Option<usize>,
        depth: usize,
    ) -> Result<Operand, ReadError> {
        match token {
            Token::Mark('{') => Ok(Operand::Nodes(self.statements(group, depth + 1)?)),
            Token::Id(w) if is(&w, &["subgraph"]) => {
                let mut inner = group;
                if !self.take('{')? {
                    let name = self.text()?;
                    if name.starts_with("cluster") {
                        let g = self.builder.group(&name);
                        if Some(g) != group {
                            self.builder.named.groups[g].parent = group;
                        }
                        inner = Some(g);
                    }
                    if !self.take('{')? {
                        // a subgraph named without a body has no nodes of its own
                        return Ok(Operand::Nodes(Vec::new()));
                    }
                }
                Ok(Operand::Nodes(self.statements(inner, depth + 1)?))
            }
            Token::Id(name) => self.name(name),
            Token::Text(name) => {
                let name = self.joined(name)?;
                self.name(name)
            }
            Token::Mark(c) => Err(self.wrong(&format!("expected a node, found `{c}`"))),
            Token::Arrow | Token::Line => Err(self.wrong("expected a node before the arrow")),
        }
    }

    fn name(&mut self, name: String) -> Result<Operand, ReadError> {
        // ports do not matter here
        while self.take(':')? {
            self.text()?;
        }
        Ok(Operand::Name(name))
    }

    fn nodes(
        &mut self,
        operand: Operand,
        group: Option<usize>,
        all: &mut Vec<usize>,
    ) -> Result<Vec<usize>, ReadError> {
        let nodes = match operand {
            Operand::Nodes(nodes) => nodes,
            Operand::Name(name) => {
                let n = self.builder.node(&name);
                let place = &mut self.builder.named.nodes[n].group;
                if group.is_some() && place.is_none() {
                    *place = group;
                }
                vec![n]
            }
        };
        all.extend(&nodes);
        Ok(nodes)
    }

    /// `[...]`, any number of pairs; the label if there is one.
    fn attributes(&mut self) -> Result<Option<String>, ReadError> {
        self.ahead = None;
        let mut label = None;
        loop {
            if self.take(']')? {
                return Ok(label);
            }
            if self.take(',')? || self.take(';')? {
                continue;
            }
            let key = self.text()?;
            if self.take('=')? {
                let value = self.text()?;
                if key == "label" {
                    label = Some(value);
                }
            }
        }
    }

    fn text(&mut self) -> Result<String, ReadError> {
        match self.next()? {
            Some(Token::Id(t)) => Ok(t),
            Some(Token::Text(t)) => self.joined(t),
            Some(Token::Mark(c)) => Err(self.wrong(&format!("expected a name, found `{c}`"))),
            Some(_) => Err(self.wrong("expected a name, found an arrow")),
            None => Err(self.wrong("expected a name before the end")),
        }
    }

    /// `"a" + "b"`
    fn joined(&mut self, mut text: String) -> Result<String, ReadError> {
        while self.take('+')? {
            match self.next()? {
                Some(Token::Text(more)) => text.push_str(&more),
                _ => return Err(self.wrong("expected a string after `+`")),
            }
        }
        Ok(text)
    }
}

enum Operand {
    Name(String),
    Nodes(Vec<usize>),
}

fn is(word: &str, any: &[&str]) -> bool {
    any.iter().any(|a| word.eq_ignore_ascii_case(a))
}
