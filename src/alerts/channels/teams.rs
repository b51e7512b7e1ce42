//! Microsoft Teams, by the address of a workflow "When a Teams webhook request is received": an Adaptive Card, which is
//! all that workflows take
//! (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>).
//!
//! Text stands in `TextRun`s, which know no markdown, so nothing in it can become a link or a mention. A message is at most
//! 28 KB. There is no way to change a message later: what becomes of an alert is a new one.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::text::{Form, Text, cut, link};
use super::wire::Wire;
use super::{Receipt, SendError};
use crate::config;
use crate::model::{Message, Occasion, Priority};
use crate::net::http::Call;

/// 28 KB, less what the workflow puts around it.
const LIMIT: usize = 27_000;

pub(super) struct Teams {
    wire: Wire,
    url: Url,
}

impl Teams {
    pub(super) async fn open(config: &config::Teams, timeout: Duration) -> Result<Self, SendError> {
        let (wire, url) = Wire::hidden(&config.webhook, &config.way, &[], timeout).await?;
        Ok(Self { wire, url })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let call = Call::hidden(Method::POST, &self.url).body(body(message));
        self.wire.tell(&call).await?;
        Ok(Receipt::default())
    }
}

/// The card, with shorter values when it would be too large: a character may take six bytes in JSON.
fn body(message: &Message) -> Value {
    let whole = card(message, usize::MAX);
    let mut most = 400;
    let mut card_of = whole;
    while card_of.to_string().len() > LIMIT && most > 10 {
        card_of = card(message, most);
        most /= 2;
    }
    card_of
}

fn card(message: &Message, most: usize) -> Value {
    let text = Text::of(message);
    let colour = match (message.occasion, message.alert.priority) {
        (Occasion::Resolved, _) => "Good",
        (Occasion::Test | Occasion::Acknowledged, _) => "Accent",
        (_, Priority::P1 | Priority::P2) => "Attention",
        (_, Priority::P3 | Priority::P4) => "Warning",
        (_, Priority::P5) => "Default",
    };
    let mut blocks = vec![json!({
        "type": "RichTextBlock",
        "inlines": [{
            "type": "TextRun",
            "text": cut(&text.headline, most),
            "size": "Large",
            "weight": "Bolder",
            "color": colour,
        }],
    })];
    for fact in &text.facts {
        let mut value = json!({"type": "TextRun", "text": cut(&fact.value, most)});
        if fact.form == Form::Code {
            value["fontType"] = json!("Monospace");
        }
        if fact.form == Form::Link
            && let Some(url) = link(&fact.value)
            && url.as_str().len() <= most
        {
            value["selectAction"] = json!({"type": "Action.OpenUrl", "url": url.as_str()});
        }
        let name =
            json!({"type": "TextRun", "text": format!("{}  ", fact.name), "weight": "Bolder"});
        blocks.push(json!({
            "type": "RichTextBlock",
            "spacing": "Small",
            "inlines": [name, value],
        }));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": blocks,
            },
        }],
    })
}
