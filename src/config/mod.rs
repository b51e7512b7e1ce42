//! Owns the configuration file as plain data. Must not know the rooms that use it.
