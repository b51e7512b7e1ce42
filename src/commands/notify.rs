//! `dagtop notify test CHANNEL`, `dagtop notify list`

use std::io::IsTerminal as _;
use std::time::Instant;

use chrono::Utc;

use crate::alerts::channels::{Channel, Receipt};
use crate::cli::{Global, Notify, NotifyWhat};
use crate::config::{self, Config};
use crate::model::{Alert, AlertId, Message, Occasion, Priority, SafeText};

use super::{Exit, Usage, did_you_mean, open, print, print_json, runtime};

pub(super) fn run(global: &Global, args: &Notify) -> anyhow::Result<Exit> {
    let (config, _) = open::config(global)?;
    match &args.what {
        NotifyWhat::List => list(global, &config),
        NotifyWhat::Test { channel } => test(global, &config, channel),
    }
}

fn list(global: &Global, config: &Config) -> anyhow::Result<Exit> {
    if global.json {
        let rows = config.channels.iter().map(|channel| {
            serde_json::json!({
                "name": channel.name,
                "kind": channel.kind.name(),
                "enabled": channel.enabled,
                "rate": channel.rate,
                "send_resolved": channel.send_resolved,
            })
        });
        print_json(&rows.collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    let width = config.channels.iter().map(|c| c.name.len()).max();
    for channel in &config.channels {
        let off = if channel.enabled { "" } else { "  off" };
        text.push_str(&format!(
            "{:width$}  {:<10}  {:>5}/min{off}\n",
            channel.name,
            channel.kind.name(),
            channel.rate,
            width = width.unwrap_or_default(),
        ));
    }
    if text.is_empty() {
        text.push_str("no [[channel]] in the configuration\n");
    }
    print(text)?;
    Ok(Exit::Done)
}

fn test(global: &Global, config: &Config, name: &str) -> anyhow::Result<Exit> {
    let channels = &config.channels;
    let Some(channel) = channels.iter().find(|c| c.name == name) else {
        let near = did_you_mean(name, channels.iter().map(|c| c.name.as_str()));
        let message = format!("there is no channel `{name}` in the configuration{near}");
        return Err(Usage(message).into());
    };
    let begin = Instant::now();
    let receipt = runtime()?.block_on(async {
        let open = Channel::open(channel).await?;
        open.send(&message(channel), None).await
    })?;
    let took = begin.elapsed();
    on_screen(&receipt)?;
    if global.json {
        print_json(&serde_json::json!({
            "channel": channel.name,
            "kind": channel.kind.name(),
            "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "thread": receipt.thread,
        }))?;
    } else {
        print(format!(
            "{} ({}) took the test message in {} ms\n",
            channel.name,
            channel.kind.name(),
            took.as_millis()
        ))?;
    }
    Ok(Exit::Done)
}

fn message(channel: &config::Channel) -> Message {
    let now = Utc::now();
    let host = rustix::system::uname();
    let host = SafeText::new(host.nodename().to_string_lossy());
    let id = AlertId::new("test", &channel.name);
    let mut alert = Alert::new(id, Priority::P5, now);
    alert.title = SafeText::new("dagtop");
    alert.reason = SafeText::new(format!("a test of channel {} from {host}", channel.name));
    Message::new(Occasion::Test, alert, now)
}

/// There is no screen here to do it.
fn on_screen(receipt: &Receipt) -> anyhow::Result<()> {
    let Some(screen) = &receipt.screen else {
        return Ok(());
    };
    if !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let mut out = String::new();
    if let Some(notice) = &screen.notice {
        out.push_str(&notice.sequence());
    }
    if let Some(title) = &screen.title {
        out.push_str(&format!("\x1b]2;{title}\x1b\\"));
    }
    if screen.bell {
        out.push('\x07');
    }
    print(out)
}
