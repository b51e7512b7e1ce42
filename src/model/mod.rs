//! Owns the vocabulary of the house: plain data, no I/O. Must not know any other room.
