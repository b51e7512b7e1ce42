//! Owns the wire to servers: the HTTP client with its time limits, caps, credentials and errors, and TLS as the
//! configuration says. Must not know who asks or what the answers mean.

pub mod http;
pub mod tls;
