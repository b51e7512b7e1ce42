//! What the outbox holds, what is written down of it, and what it tells.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::channels;
use crate::config;
use crate::model::{Message, SafeText};

/// One message for one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Grows: the order in which they came.
    pub id: u64,
    pub channel: String,
    pub message: Message,
    /// How often it was tried, the try under way included.
    pub attempts: u32,
    pub created: DateTime<Utc>,
    /// Not before.
    pub next_at: DateTime<Utc>,
    pub state: DeliveryState,
    pub last_error: Option<SafeText>,
    /// What the channel needs to change what it said; see [`channels::Receipt`].
    pub thread: Option<String>,
    /// Its alert is over: to tell it now would start what nothing ends.
    #[serde(default)]
    pub over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    Waiting,
    Sending,
    /// Kept for its thread until the alert is over.
    Sent,
    Dead,
}

/// What must be written down before going on.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// New, or different from what is there under its id.
    Put(Box<Delivery>),
    Remove(u64),
}

/// Something of somebody else's that is true only together with what is to be told: it is written with it or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Whose it is.
    pub shelf: &'static str,
    pub key: String,
    /// `None`: it goes away.
    pub body: Option<String>,
}

/// Where deliveries are kept.
pub trait Ledger {
    /// All of it or nothing, on disk when it returns.
    fn write(&mut self, changes: &[Change], beside: &[Beside]) -> Result<(), LedgerError>;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is to be told can't be written down: {0}")]
pub struct LedgerError(pub SafeText);

/// What the outbox needs to know of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    pub name: String,
    /// Messages a minute, at least 1.
    pub rate: u32,
    pub send_resolved: bool,
    /// Whether messages that wait may become one.
    pub merges: bool,
}

impl LaneSettings {
    pub fn new(channel: &config::Channel) -> Self {
        Self {
            name: channel.name.clone(),
            rate: channel.rate,
            send_resolved: channel.send_resolved,
            merges: channels::merges(&channel.kind),
        }
    }
}

/// A channel that does not do what it is for. To be told on other channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub channel: String,
    pub since: DateTime<Utc>,
    pub why: SafeText,
    pub waiting: usize,
    pub dead: usize,
}

/// How one channel stands, for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCounts {
    pub channel: String,
    pub waiting: usize,
    pub sending: usize,
    /// Since the start.
    pub sent: u64,
    pub dead: usize,
    /// Left alone until then.
    pub held: Option<DateTime<Utc>>,
}

/// Why a dead letter can't be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRetry {
    #[error("there is no such dead letter")]
    Unknown,
    #[error("its alert is over; telling it now would open what nothing closes")]
    Over,
    #[error("its channel is not in the configuration any more")]
    NoChannel,
}
