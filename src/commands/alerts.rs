//! `dagtop alerts`: what is wrong, as it was last written down, and what a person does about it.

use std::fmt::Write as _;

use anyhow::Context as _;
use chrono::Utc;
use serde::Serialize;

use crate::alerts::Life;
use crate::cli::{Alerts, AlertsWhat, Global};
use crate::engine::{Deed, Register, meant};
use crate::history;
use crate::history::audit::What;
use crate::model::{Alert, AlertDeed, AlertId, AlertOrder, By, SafeText};

use super::audit::audited;
use super::{Exit, open, print, print_json, say};

pub(super) fn run(global: &Global, args: &Alerts) -> anyhow::Result<Exit> {
    let mut register = Register::open(&open::history(global)?)?;
    let lives = register.lives()?;
    let (name, deed) = match &args.what {
        None => return list(global, &lives, args.all),
        Some(AlertsWhat::Ack(alert)) => (&alert.name, AlertDeed::Ack),
        Some(AlertsWhat::Unack(alert)) => (&alert.name, AlertDeed::Unack),
        Some(AlertsWhat::Resolve(alert)) => (&alert.name, AlertDeed::Resolve),
        Some(AlertsWhat::Note { alert, text }) => {
            (&alert.name, AlertDeed::Note(SafeText::new(text)))
        }
    };
    let id = match meant(&lives, name) {
        Ok(id) => id.clone(),
        Err(near) => {
            say(unclear(name, &near));
            return Ok(Exit::Bad);
        }
    };
    let order = AlertOrder {
        id,
        by: By {
            who: history::user(),
            at: Utc::now(),
        },
        deed,
    };
    let mut life = lives.iter().find(|l| l.alert.id == order.id).cloned();
    if !life.as_mut().is_some_and(|l| l.order(&order)) {
        say(format!(
            "nothing to be done: {} is {}",
            order.id.label(),
            life.map_or("gone", |l| l.alert.state.word())
        ));
        return Ok(Exit::Bad);
    }
    let done = format!("{} {}", order.deed.word(), order.id.label());
    let what = What::alert(&order);
    register
        .did(&Deed::Alert(order))
        .context("can't write it down")?;
    audited(global, Some(&mut register), what);
    print(format!("{done}\n"))?;
    Ok(Exit::Done)
}

fn unclear(name: &str, near: &[&AlertId]) -> String {
    if near.is_empty() {
        return format!("there is no alert `{name}`; `dagtop alerts` lists them");
    }
    let all: Vec<String> = near.iter().map(|id| id.label().to_string()).collect();
    format!("`{name}` may be any of: {}", all.join(", "))
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: SafeText,
    /// Told to these channels.
    told: &'a [String],
    #[serde(flatten)]
    alert: &'a Alert,
}

fn list(global: &Global, lives: &[Life], all: bool) -> anyhow::Result<Exit> {
    let mut shown: Vec<&Life> = lives
        .iter()
        .filter(|l| all || (l.active() && l.root.is_none()))
        .collect();
    shown.sort_by_key(|l| {
        let a = &l.alert;
        (
            a.resolved.is_some(),
            !a.open(),
            a.priority,
            std::cmp::Reverse(a.since),
        )
    });
    if global.json {
        let row = |life: &&'_ Life| -> serde_json::Value {
            let row = Row {
                name: life.alert.id.label(),
                told: &life.told,
                alert: &life.alert,
            };
            serde_json::to_value(&row).unwrap_or_default()
        };
        let rows: Vec<_> = shown.iter().map(row).collect();
        print_json(&rows)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for life in shown {
        line(&mut text, &life.alert);
    }
    if text.is_empty() {
        text.push_str("no alerts\n");
    }
    print(text)?;
    Ok(Exit::Done)
}

fn line(text: &mut String, alert: &Alert) {
    let since = alert.since.format("%m-%d %H:%M");
    let by = match (&alert.acked, &alert.silenced) {
        (Some(by), _) => format!(" by {}", by.who),
        (None, Some(silenced)) => format!(" ({})", silenced.name),
        (None, None) => String::new(),
    };
    // writing to a string can't fail
    let _ = writeln!(
        text,
        "{} {:<12} since {since} UTC  {}{by}\n   {}",
        alert.priority.word(),
        alert.state.word(),
        alert.id.label(),
        alert.reason,
    );
    if !alert.behind.is_empty() {
        let names: Vec<&str> = alert.behind.iter().map(SafeText::as_str).collect();
        let _ = writeln!(text, "   behind it: {}", names.join(", "));
    }
    for note in &alert.notes {
        let _ = writeln!(text, "   {}: {}", note.by.who, note.text);
    }
}
