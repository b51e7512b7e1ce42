//! Owns the past as it can be shown again: lines of what happened, whole worlds between them, and the way to any
//! moment: the world before it and the lines since.
//! Must not know screens. Writes nothing but what the duty hands to the history.

mod export;
mod keeping;
mod line;
mod live;
mod recording;
mod reel;
mod scene;
mod story;
#[cfg(test)]
mod tests;

pub use export::{export, failed};
pub(super) use keeping::acted;
pub use keeping::{Keeping, beside, head};
pub use line::{Acted, Line, Lives};
pub use live::Live;
pub use recording::{Loaded, Recorder, RecordingError, load};
pub use reel::{Answer, Ask, Moved, Reel, ReelError, Sought, Span};
pub use scene::{Scene, Shapes};
pub use story::{Entry, Story, What};
