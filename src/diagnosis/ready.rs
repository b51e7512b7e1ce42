//! Owns when patterns are made: thousands of words take longer than a frame, so a screen has them made beside it and
//! goes without them until they are there. Must not know who waits.

use std::sync::{Arc, OnceLock};

use super::Patterns;

/// Patterns that are made when they are first needed, or ahead on a thread of their own.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Those of a user; without them those that are shipped.
    own: OnceLock<Arc<Patterns>>,
    /// Somebody makes those that are shipped.
    begun: OnceLock<()>,
    shipped: OnceLock<Arc<Patterns>>,
}

impl From<Patterns> for Ready {
    fn from(patterns: Patterns) -> Self {
        let ready = Self::default();
        // it has just been made
        let _ = ready.0.own.set(Arc::new(patterns));
        ready
    }
}

impl Ready {
    /// Begins to make them; until they are there nothing waits for them.
    pub fn begin(&self) {
        if self.0.own.get().is_some() || self.0.begun.set(()).is_err() {
            return;
        }
        let inner = Arc::clone(&self.0);
        let made = std::thread::Builder::new()
            .name("patterns".to_owned())
            .spawn(move || {
                inner.shipped.get_or_init(Patterns::builtin);
            });
        if made.is_err() {
            self.0.shipped.get_or_init(Patterns::builtin);
        }
    }

    /// Begun and not there yet.
    pub fn pending(&self) -> bool {
        self.0.begun.get().is_some() && self.0.shipped.get().is_none()
    }

    /// `None` while they are being made; made here when nobody has begun.
    pub fn get(&self) -> Option<&Patterns> {
        if let Some(own) = self.0.own.get() {
            return Some(own);
        }
        if self.0.begun.get().is_some() {
            return self.0.shipped.get().map(Arc::as_ref);
        }
        Some(self.0.shipped.get_or_init(Patterns::builtin))
    }

    /// Waits for them.
    pub fn wait(&self) -> &Patterns {
        match self.0.own.get() {
            Some(own) => own,
            None => self.0.shipped.get_or_init(Patterns::builtin),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn they_are_made_when_needed_or_ahead() {
        let at_need = Ready::default();
        assert!(!at_need.pending());
        assert!(at_need.get().is_some());
        let ahead = Ready::default();
        ahead.begin();
        ahead.begin();
        ahead.wait();
        assert!(ahead.get().is_some() && !ahead.pending());
    }
}
