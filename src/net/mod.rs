//! Owns the wire to servers: the HTTP client with its time limits, caps, credentials and errors, and TLS as the
//! configuration says, and the words that SIEMs read. Must not know who asks or what the answers mean.

pub mod cef;
pub mod http;
pub mod tls;
