//! Owns the configuration file as plain data: types, loading, validation, secrets, paths.
//! Must not know the rooms that use it: a theme or a key name is text here, and whoever knows better
//! hands a [`Problem`] back through [`load::Loaded::source`].
//!
//! [`reader`] reads any TOML document with good messages and is used for pipeline files as well.

mod alert_types;
mod alerts;
mod channel_types;
mod channels;
pub mod dashboards;
mod history;
mod keep;
pub mod load;
pub mod paths;
pub mod reader;
pub mod secret;
mod sections;
mod server;
mod source;
pub mod types;
mod units;

pub use alert_types::*;
pub use channel_types::*;
pub use dashboards::{Dashboard, Widget, WidgetKind, WidgetSpan};
pub use history::{AUDIT_FILE, History};
pub use keep::Keep;
pub use load::{LoadError, Loaded, load};
pub use paths::Paths;
pub use secret::Secret;
pub use source::{At, Problem, Problems, Source, Span};
pub use types::*;
pub use units::{parse_bytes, parse_duration};

/// The documented configuration file with every key, as it is shipped.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");
