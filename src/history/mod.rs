//! Owns what is kept on disk of what people did: the audit, and how they last looked at each pipeline.
//! Must not know backends, screens or alerts.

mod audit;
mod looks;

pub use audit::{Audit, AuditError, Entry, user};
pub use looks::{Look, Looks, LooksError};
