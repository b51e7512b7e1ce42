//! Slack: an incoming webhook, or a bot's token with a thread for each alert.
//!
//! Limits (<https://docs.slack.dev/reference/block-kit/blocks>): a header has 150 characters of plain text, a section 3000 of
//! mrkdwn. A webhook answers `ok` as text; the Web API answers 200 with `"ok": false` for what it refuses.

use std::time::Duration;

use reqwest::Method;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::escape::{slack as escape, slack_code};
use super::text::{Form, Text, cut, dedup_key, link};
use super::wire::{Wire, authorised, post, resolve};
use super::{Receipt, SendError};
use crate::config::{self, SlackLogin};
use crate::model::{Message, Occasion};
use crate::net::http::{Auth, Call, HttpError};

const HEADER: usize = 150;
const SECTION: usize = 3000;

pub(super) struct Slack {
    wire: Wire,
    way: Way,
}

enum Way {
    Webhook(Url),
    Bot {
        token: SecretString,
        channel: String,
    },
}

/// Where a message stands: `CHANNEL TS`.
struct Thread<'a> {
    channel: &'a str,
    ts: &'a str,
}

impl<'a> Thread<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (channel, ts) = text.split_once(' ')?;
        Some(Self { channel, ts })
    }
}

impl Slack {
    pub(super) async fn open(config: &config::Slack, timeout: Duration) -> Result<Self, SendError> {
        match &config.login {
            SlackLogin::Webhook(address) => {
                let (wire, url) = Wire::hidden(address, &config.way, &[], timeout).await?;
                Ok(Self {
                    wire,
                    way: Way::Webhook(url),
                })
            }
            SlackLogin::Bot {
                url,
                token,
                channel,
            } => Ok(Self {
                wire: Wire::open(url, &config.way, &[], Auth::None, timeout).await?,
                way: Way::Bot {
                    token: resolve(token).await?,
                    channel: channel.clone(),
                },
            }),
        }
    }

    pub(super) async fn send(
        &self,
        message: &Message,
        thread: Option<&str>,
    ) -> Result<Receipt, SendError> {
        let body = body(message);
        let Way::Bot { channel, .. } = &self.way else {
            return self.hook(body).await;
        };
        let Some(place) = thread.and_then(Thread::parse) else {
            let mut first = body;
            first["channel"] = json!(channel);
            return self.post(first).await;
        };
        // the first message always says how things are; the thread says how they came to be
        let mut update = body.clone();
        update["channel"] = json!(place.channel);
        update["ts"] = json!(place.ts);
        match self.ask("/chat.update", update).await {
            Ok(_) => {}
            Err(Refused::Gone) => {
                let mut again = body;
                again["channel"] = json!(channel);
                return self.post(again).await;
            }
            Err(Refused::Because(error)) => return Err(error),
        }
        let mut reply = json!({
            "channel": place.channel,
            "thread_ts": place.ts,
            "text": escape(&Text::of(message).headline),
            "unfurl_links": false,
        });
        if message.occasion == Occasion::Escalated {
            reply["reply_broadcast"] = json!(true);
        }
        match self.ask("/chat.postMessage", reply).await {
            Ok(_) | Err(Refused::Gone) => Ok(Receipt::thread(thread.unwrap_or_default())),
            Err(Refused::Because(error)) => Err(error),
        }
    }

    async fn hook(&self, body: Value) -> Result<Receipt, SendError> {
        let Way::Webhook(url) = &self.way else {
            return Ok(Receipt::default());
        };
        let call = Call::hidden(Method::POST, url).body(body);
        self.wire.tell(&call).await.map_err(|error| match error {
            // a webhook that was revoked says so with 403, 404 or 410, and that is not this message's fault
            HttpError::Refused { status: 410, .. } => SendError::later(error.to_string()),
            error => error.into(),
        })?;
        Ok(Receipt::default())
    }

    async fn post(&self, body: Value) -> Result<Receipt, SendError> {
        match self.ask("/chat.postMessage", body).await {
            Ok(answer) => {
                let (channel, ts) = (answer["channel"].as_str(), answer["ts"].as_str());
                Ok(match (channel, ts) {
                    (Some(channel), Some(ts)) => Receipt::thread(format!("{channel} {ts}")),
                    _ => Receipt::default(),
                })
            }
            Err(Refused::Gone) => Err(SendError::later("Slack does not know the channel")),
            Err(Refused::Because(error)) => Err(error),
        }
    }

    async fn ask(&self, path: &str, body: Value) -> Result<Value, Refused> {
        let Way::Bot { token, .. } = &self.way else {
            return Ok(Value::Null);
        };
        let call = authorised(post(path).body(body), token, "Bearer")?;
        let answer = self.wire.json(&call).await?;
        if answer["ok"] == true {
            return Ok(answer);
        }
        let why = answer["error"].as_str().unwrap_or("an answer without `ok`");
        let what = format!("Slack refused: {why}");
        Err(match why {
            "message_not_found"
            | "cant_update_message"
            | "edit_window_closed"
            | "thread_not_found" => Refused::Gone,
            "msg_too_long"
            | "msg_blocks_too_long"
            | "invalid_blocks"
            | "invalid_blocks_format"
            | "no_text"
            | "invalid_arguments"
            | "metadata_too_large" => Refused::Because(SendError::never(what)),
            _ => Refused::Because(SendError::later(what)),
        })
    }
}

enum Refused {
    /// The message that was to be changed is not there any more.
    Gone,
    Because(SendError),
}

impl From<SendError> for Refused {
    fn from(error: SendError) -> Self {
        Self::Because(error)
    }
}

impl From<HttpError> for Refused {
    fn from(error: HttpError) -> Self {
        Self::Because(error.into())
    }
}

/// What a message looks like. Colour alone says nothing: the headline has the words.
fn body(message: &Message) -> Value {
    let text = Text::of(message);
    let lines = text.facts.iter().map(|fact| {
        let value = match (fact.form, link(&fact.value)) {
            (Form::Code, _) => slack_code(&fact.value),
            (Form::Link, Some(url)) => {
                format!("<{}>", escape(url.as_str()).replace('|', "%7C"))
            }
            _ => escape(&fact.value),
        };
        format!("*{}*  {value}", fact.name)
    });
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(&text.headline, HEADER), "emoji": false},
    })];
    // whole lines: a cut in the middle of an escape would show its pieces
    let mut section = String::new();
    for line in lines {
        if section.chars().count() + line.chars().count() + 1 > SECTION {
            blocks.push(mrkdwn(&std::mem::take(&mut section)));
        }
        if !section.is_empty() {
            section.push('\n');
        }
        section.push_str(&line);
    }
    if !section.is_empty() {
        blocks.push(mrkdwn(&section));
    }
    json!({
        "text": escape(&text.headline),
        "blocks": blocks,
        "unfurl_links": false,
        "metadata": {
            "event_type": "dagtop_alert",
            "event_payload": {"dedup_key": dedup_key(message), "occasion": message.occasion.word()},
        },
    })
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}
