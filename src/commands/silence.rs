//! `dagtop silence`: quiet, asked for and ended.

use std::fmt::Write as _;

use chrono::{DateTime, Duration, Utc};

use crate::alerts::Silences;
use crate::cli::{Global, Silence as Args, SilenceAdd, SilenceWhat};
use crate::engine::{Deed, Register};
use crate::history;
use crate::history::audit::What;
use crate::model::{By, SafeText, Silence, When};

use super::audit::audited;
use super::{Exit, Usage, open, print, print_json, say};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut register = Register::open(&open::history(global)?)?;
    let by = By {
        who: history::user(),
        at: Utc::now(),
    };
    match &args.what {
        None => list(global, &register.silences()?),
        Some(SilenceWhat::Add(add)) => {
            let silence = new(add, by);
            Silences::default()
                .put(silence.clone())
                .map_err(|error| Usage(error.to_string()))?;
            let id = silence.id.clone();
            let what = What::silence(&silence);
            register.did(&Deed::Silence(silence))?;
            audited(global, Some(&mut register), what);
            print(format!("{id}\n"))?;
            Ok(Exit::Done)
        }
        Some(SilenceWhat::End { id }) => {
            if !register.silences()?.iter().any(|s| &s.id == id) {
                say(format!(
                    "there is no silence `{id}`; `dagtop silence` lists them"
                ));
                return Ok(Exit::Bad);
            }
            let id = id.clone();
            let what = What::unsilence(&id);
            register.did(&Deed::Unsilence { id, by })?;
            audited(global, Some(&mut register), what);
            Ok(Exit::Done)
        }
    }
}

fn new(add: &SilenceAdd, by: By) -> Silence {
    let from = add.from.unwrap_or(by.at);
    let lasts = Duration::from_std(add.lasts).unwrap_or(Duration::zero());
    Silence {
        id: Silence::new_id(by.at),
        reason: SafeText::new(&add.reason),
        by,
        matchers: add.matchers.clone(),
        when: When::Once {
            from,
            until: from + lasts,
        },
    }
}

fn list(global: &Global, silences: &[Silence]) -> anyhow::Result<Exit> {
    let now = Utc::now();
    let over = |s: &&Silence| matches!(s.when, When::Once { until, .. } if until <= now);
    let going: Vec<&Silence> = silences.iter().filter(|s| !over(s)).collect();
    if global.json {
        print_json(&going)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    let time = |at: &DateTime<Utc>| at.format("%m-%d %H:%M UTC").to_string();
    for silence in &going {
        let when = match &silence.when {
            When::Once { from, until } if *from <= now => format!("until {}", time(until)),
            When::Once { from, until } => format!("from {} until {}", time(from), time(until)),
            When::Weekly { start, zone, .. } => format!("weekly at {start} {zone}"),
        };
        // writing to a string can't fail
        let _ = writeln!(
            text,
            "{}  {when}  {}\n   {}: {}",
            silence.id,
            silence.matchers.join(" "),
            silence.by.who,
            silence.reason
        );
    }
    if text.is_empty() {
        text.push_str("no silences; those of the configuration are in its file\n");
    }
    print(text)?;
    Ok(Exit::Done)
}
