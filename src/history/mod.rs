//! Owns what is kept on disk of what people did: the audit.
//! Must not know backends, screens or alerts.

mod audit;

pub use audit::{Audit, AuditError, Entry};
