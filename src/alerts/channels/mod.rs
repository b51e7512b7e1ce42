//! Owns how somebody is told of an alert: one small file for each kind of channel, which makes its own form of the same
//! [`text`] and sends it once. Must not know when to send, when to try again or what was sent before: that is the outbox.
//!
//! No secret is in any error or `Debug`: addresses of webhooks are hidden, and whatever a peer says is searched for them.

mod command;
mod email;
pub mod escape;
mod eventhubs;
mod opsgenie;
mod pagerduty;
mod servicenow;
mod slack;
mod syslog;
mod teams;
mod terminal;
#[cfg(test)]
mod tests;
pub mod text;
mod twilio;
mod webhook;
mod wire;

use std::fmt;
use std::time::Duration;

use crate::config::{self, ChannelKind, Problem, Source};
use crate::model::{Message, SafeText};
use crate::net::http::HttpError;

pub use terminal::{Screen, ScreenNotice};
use wire::Secrets;

/// What a channel needs to change or close what it said: kept by the outbox, understood by the channel alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    pub thread: Option<String>,
    /// For the terminal, which a channel never writes to itself.
    pub screen: Option<Screen>,
}

impl Receipt {
    fn thread(thread: impl Into<String>) -> Self {
        Self {
            thread: Some(thread.into()),
            screen: None,
        }
    }
}

/// Why a message was not, or may not have been, taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SendError {
    pub what: SafeText,
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Later,
    /// Not before this time is over, says the peer.
    After(Duration),
    /// This message will never be taken.
    Never,
}

impl SendError {
    pub fn later(what: impl AsRef<str>) -> Self {
        Self {
            what: SafeText::new(what),
            retry: Retry::Later,
        }
    }

    pub fn never(what: impl AsRef<str>) -> Self {
        Self {
            what: SafeText::new(what),
            retry: Retry::Never,
        }
    }
}

impl From<HttpError> for SendError {
    /// Only what refuses this message is final. A login that is wrong or a page that is not there is the channel's
    /// trouble: a person mends it, and the message is still worth sending.
    fn from(error: HttpError) -> Self {
        let retry = match &error {
            HttpError::RateLimited { retry_after, .. } => {
                retry_after.map_or(Retry::Later, Retry::After)
            }
            // asked too slowly, or too early
            HttpError::Refused {
                status: 408 | 425, ..
            } => Retry::Later,
            HttpError::Refused { .. } => Retry::Never,
            _ => Retry::Later,
        };
        Self {
            what: SafeText::new(error.to_string()),
            retry,
        }
    }
}

/// What a terminal shows of a message, when the channel is one: every screen has its own, whoever tells people.
pub fn screen(channel: &config::Channel, message: &Message) -> Option<Screen> {
    match &channel.kind {
        ChannelKind::Terminal(terminal) if channel.enabled => {
            terminal::receipt(*terminal, message).screen
        }
        _ => None,
    }
}

/// One channel, ready to send.
pub struct Channel {
    name: String,
    kind: Kind,
    timeout: Duration,
    secrets: Secrets,
}

enum Kind {
    Slack(slack::Slack),
    Teams(teams::Teams),
    Email(Box<email::Email>),
    Twilio(twilio::Twilio),
    Pagerduty(pagerduty::Pagerduty),
    Opsgenie(opsgenie::Opsgenie),
    Servicenow(Box<servicenow::Servicenow>),
    Webhook(Box<webhook::Webhook>),
    Syslog(syslog::Syslog),
    Eventhubs(eventhubs::Eventhubs),
    Command(command::Command),
    Terminal(config::Terminal),
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Channel {
    /// Fetches the secrets and sets up the client; asks nothing of the peer.
    pub async fn open(config: &config::Channel) -> Result<Self, SendError> {
        let secrets = Secrets::of(config).await?;
        let kind = kind(config).await.map_err(|e| secrets.hide(e))?;
        Ok(Self {
            name: config.name.clone(),
            kind,
            timeout: config.timeout,
            secrets,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends one message, once. `thread` is what the last message about the same alert left behind.
    pub async fn send(
        &self,
        message: &Message,
        thread: Option<&str>,
    ) -> Result<Receipt, SendError> {
        let sent = tokio::time::timeout(self.timeout, self.deliver(message, thread)).await;
        match sent {
            Ok(sent) => sent.map_err(|error| self.secrets.hide(error)),
            Err(_) => Err(SendError::later(format!(
                "not done within {:?}; whether it was taken is not known",
                self.timeout
            ))),
        }
    }

    async fn deliver(&self, message: &Message, thread: Option<&str>) -> Result<Receipt, SendError> {
        match &self.kind {
            Kind::Slack(slack) => slack.send(message, thread).await,
            Kind::Teams(teams) => teams.send(message).await,
            Kind::Email(email) => email.send(message).await,
            Kind::Twilio(twilio) => twilio.send(message).await,
            Kind::Pagerduty(pagerduty) => pagerduty.send(message).await,
            Kind::Opsgenie(opsgenie) => opsgenie.send(message).await,
            Kind::Servicenow(servicenow) => servicenow.send(message, thread).await,
            Kind::Webhook(webhook) => webhook.send(message).await,
            Kind::Syslog(syslog) => syslog.send(message).await,
            Kind::Eventhubs(eventhubs) => eventhubs.send(message).await,
            Kind::Command(command) => command.send(message).await,
            Kind::Terminal(terminal) => Ok(terminal::receipt(*terminal, message)),
        }
    }
}

async fn kind(config: &config::Channel) -> Result<Kind, SendError> {
    let timeout = config.timeout;
    Ok(match &config.kind {
        ChannelKind::Slack(c) => Kind::Slack(slack::Slack::open(c, timeout).await?),
        ChannelKind::Teams(c) => Kind::Teams(teams::Teams::open(c, timeout).await?),
        ChannelKind::Email(c) => Kind::Email(Box::new(email::Email::open(c, timeout).await?)),
        ChannelKind::Twilio(c) => Kind::Twilio(twilio::Twilio::open(c, timeout).await?),
        ChannelKind::Pagerduty(c) => Kind::Pagerduty(pagerduty::Pagerduty::open(c, timeout).await?),
        ChannelKind::Opsgenie(c) => Kind::Opsgenie(opsgenie::Opsgenie::open(c, timeout).await?),
        ChannelKind::Servicenow(c) => {
            Kind::Servicenow(Box::new(servicenow::Servicenow::open(c, timeout).await?))
        }
        ChannelKind::Webhook(c) => {
            Kind::Webhook(Box::new(webhook::Webhook::open(c, timeout).await?))
        }
        ChannelKind::Syslog(c) => Kind::Syslog(syslog::Syslog::open(c)?),
        ChannelKind::Eventhubs(c) => Kind::Eventhubs(eventhubs::Eventhubs::open(c, timeout).await?),
        ChannelKind::Command(c) => Kind::Command(command::Command::open(c)),
        ChannelKind::Terminal(c) => Kind::Terminal(*c),
    })
}

/// What only a channel can tell about its section, each with its place in the file.
pub fn problems(config: &config::Config, source: &Source) -> Vec<Problem> {
    let each = config
        .channels
        .iter()
        .flat_map(|channel| match &channel.kind {
            ChannelKind::Webhook(webhook) => webhook::problems(webhook, source),
            ChannelKind::Email(email) => email::problems(email, source),
            _ => Vec::new(),
        });
    each.collect()
}

/// Whether messages that wait there may become one: where people read, not where each has its own key.
pub const fn merges(kind: &ChannelKind) -> bool {
    matches!(
        kind,
        ChannelKind::Slack(_)
            | ChannelKind::Teams(_)
            | ChannelKind::Email(_)
            | ChannelKind::Twilio(_)
    )
}
