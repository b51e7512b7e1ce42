//! The local backend with real processes, driven through its link as the engine would.

mod acting;
mod driver;
mod files;
mod lasting;
mod running;
