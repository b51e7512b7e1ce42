//! Owns the search language, one for logs and for the fleet: words, `"phrases"`, `facet:value`, `@field:>5`, ranges,
//! wildcards, `/regex/`, `AND OR NOT ( )`. The syntax is that of Datadog's log search.
//! Must not know what is searched: whatever answers [`Document`] can be.
//!
//! Case never matters, except in the value of an `@field` and in a `/regex/` (`/regex/i` ignores it).
//! A word is found inside longer words too; Datadog wants `*word*` for that.
//! Errors quote what was typed: they pass through `SafeText` like any text before they are shown.

mod complete;
mod error;
mod expr;
mod judge;
mod literals;
mod needles;
mod number;
mod parse;
mod pattern;

pub use complete::{Completion, Facet, complete};
pub use error::QueryError;
pub use expr::{Expr, Key, Operand, Test};
pub use judge::{Document, Value};
pub use pattern::{Pattern, Piece};

use std::fmt;

/// A query that can be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    expr: Expr,
}

impl Query {
    /// `facets` are the names that may stand before a colon. An empty text holds for everything.
    pub fn parse(text: &str, facets: &[&str]) -> Result<Self, QueryError> {
        parse::parse(text, facets).map(|expr| Self { expr })
    }

    /// Holds where all of them hold; none of them: everywhere.
    pub fn all(queries: impl IntoIterator<Item = Self>) -> Self {
        let mut list: Vec<Expr> = queries.into_iter().map(|query| query.expr).collect();
        list.retain(|expr| *expr != Expr::All);
        let expr = match list.len() {
            0 => Expr::All,
            1 => list.remove(0),
            _ => Expr::And(list),
        };
        Self { expr }
    }

    /// Holds where this one does not.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            expr: Expr::Not(Box::new(self.expr)),
        }
    }

    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Holds for everything.
    pub fn is_all(&self) -> bool {
        self.expr == Expr::All
    }

    /// Whether it holds for a document; `None` when that hangs on something the document does not know (yet).
    pub fn judge(&self, document: &dyn Document) -> Option<bool> {
        judge::judge(&self.expr, document)
    }

    pub fn matches(&self, document: &dyn Document) -> bool {
        self.judge(document) == Some(true)
    }

    /// Every text the query holds for contains one of these, in any case, where fields are read from the text
    /// itself. `None` where that can't be told. None of them holds white space.
    pub fn needles(&self) -> Option<Vec<&str>> {
        needles::needles(&self.expr)
    }

    /// The word that is all there is to the query: a text holds it exactly when the query holds.
    pub fn sole_needle(&self) -> Option<&str> {
        needles::sole(&self.expr)
    }

    /// What is looked for in the text itself, for highlighting. What must not be there is left out.
    pub fn highlights(&self) -> Vec<&Pattern> {
        let mut found = Vec::new();
        needles::wanted(&self.expr, &mut found);
        found
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

#[cfg(test)]
mod tests;
