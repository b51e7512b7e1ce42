//! WebSockets (RFC 6455): opened through the backend's own HTTP client, so that proxy, certificates, headers and
//! credentials are the same; JSON texts both ways; an end as soon as the other side has fallen silent.
//!
//! When to try again is for the caller, by a `Schedule` as for anything else that fails.

use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use reqwest::Upgraded;
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::model::SafeText;
use crate::net::http::{Http, HttpError, Place};

/// A larger message is no event.
const LARGEST: usize = 8 << 20;

/// Why a socket is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// It was never opened.
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the subscription was closed: {why} ({place})")]
    Closed {
        place: Place,
        /// Of the close frame, where there was one.
        code: Option<u16>,
        why: SafeText,
    },
    /// Half open: the network or the server is gone without a word.
    #[error("the subscription is silent: no sign of life for {} s ({place})", after.as_secs())]
    Silent { place: Place, after: Duration },
}

impl SocketError {
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http(error) => error.retry_after(),
            Self::Closed { .. } | Self::Silent { .. } => None,
        }
    }
}

/// An open socket.
pub struct Socket<'a> {
    http: &'a Http,
    place: Place,
    stream: WebSocketStream<Upgraded>,
    /// After so long a silence the other side is asked for a sign of life, and given half as long for it.
    quiet: Duration,
    asked: bool,
    /// What came after the last text that was given out.
    over: Option<SocketError>,
}

impl<'a> Socket<'a> {
    /// Opens `path` below the client's base. `protocol`: the sub-protocol, which the server must take.
    pub async fn open(
        http: &'a Http,
        path: &str,
        protocol: &'static str,
    ) -> Result<Self, SocketError> {
        let (upgraded, place) = http.upgrade(path, protocol).await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(LARGEST))
            .max_frame_size(Some(LARGEST));
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
        Ok(Self {
            http,
            place,
            stream,
            quiet: http.read_timeout(),
            asked: false,
            over: None,
        })
    }

    pub async fn send(&mut self, json: &Value) -> Result<(), SocketError> {
        self.write(Message::text(json.to_string())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), SocketError> {
        match tokio::time::timeout(self.quiet, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.closed(&error)),
            Err(_) => Err(self.silent(self.quiet)),
        }
    }

    /// The next text.
    pub async fn next(&mut self) -> Result<String, SocketError> {
        if let Some(over) = &self.over {
            return Err(over.clone());
        }
        loop {
            let patience = if self.asked {
                self.quiet / 2
            } else {
                self.quiet
            };
            let Ok(read) = tokio::time::timeout(patience, self.stream.next()).await else {
                if self.asked {
                    return Err(self.silent(self.quiet + patience));
                }
                self.asked = true;
                self.write(Message::Ping(Default::default())).await?;
                continue;
            };
            if let Some(text) = self.read(read)? {
                return Ok(text);
            }
        }
    }

    /// The next text, and with it those that are there already, `most` in all.
    pub async fn batch(&mut self, most: usize) -> Result<Vec<String>, SocketError> {
        let mut texts = vec![self.next().await?];
        while texts.len() < most
            && let Some(read) = self.stream.next().now_or_never()
        {
            match self.read(read) {
                Ok(text) => texts.extend(text),
                Err(error) => {
                    self.over = Some(error);
                    break;
                }
            }
        }
        Ok(texts)
    }

    fn read(
        &mut self,
        read: Option<Result<Message, Error>>,
    ) -> Result<Option<String>, SocketError> {
        self.asked = false;
        match read {
            Some(Ok(Message::Text(text))) => {
                self.http.count_bytes(text.len());
                Ok(Some(text.as_str().to_owned()))
            }
            Some(Ok(Message::Close(frame))) => Err(SocketError::Closed {
                place: self.place.clone(),
                code: frame.as_ref().map(|frame| frame.code.into()),
                why: match &frame {
                    Some(frame) if !frame.reason.is_empty() => SafeText::new(&*frame.reason),
                    Some(frame) => SafeText::new(format!("status {}", u16::from(frame.code))),
                    None => SafeText::new("without a reason"),
                },
            }),
            // pings are answered by the library
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(self.closed(&error)),
            None => Err(self.closed(&Error::ConnectionClosed)),
        }
    }

    fn closed(&self, error: &Error) -> SocketError {
        let why = match error {
            Error::ConnectionClosed | Error::AlreadyClosed => "the server went away".to_owned(),
            Error::Capacity(_) => format!("a message of more than {} MB", LARGEST >> 20),
            other => other.to_string(),
        };
        SocketError::Closed {
            place: self.place.clone(),
            code: None,
            why: SafeText::new(why),
        }
    }

    fn silent(&self, after: Duration) -> SocketError {
        SocketError::Silent {
            place: self.place.clone(),
            after,
        }
    }
}
