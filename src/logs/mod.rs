//! Owns the log store. Must not know backends or the terminal.
