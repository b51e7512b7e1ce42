//! A line of the audit as SIEMs read it.

use std::net::IpAddr;

use crate::net::cef::Cef;

use super::entry::{Entry, Kind, Step, What};

/// What syslog servers take at least, with room for the header that they put before it.
const ROOM: usize = 7 * 1024;
/// Characters of the details: more than that has no room beside the rest.
const DETAILS: usize = 1_000;

/// `n`: the number of the line in the chain, where it has one.
pub fn line(n: Option<u64>, entry: &Entry) -> String {
    let Entry { at, who, what } = entry;
    let severity = match (what.kind, what.step) {
        (Kind::Config | Kind::History, _) => 5,
        (Kind::Action, Step::Approved | Step::Requested | Step::Confirmed) => 4,
        (Kind::Action, _) => 6,
        _ => 3,
    };
    let outcome = match what.step {
        Step::Confirmed | Step::Done => "success",
        Step::Refused => "failure",
        Step::Approved | Step::Requested | Step::Unconfirmed | Step::Other => "unknown",
    };
    let name = format!("{} {}", what.action, what.step.word());
    let mut cef = Cef::new(
        &format!("audit-{}", what.kind.word()),
        &name,
        severity,
        ROOM,
    );
    cef.pair("externalId", &n.map(|n| n.to_string()).unwrap_or_default());
    cef.pair("rt", &at.timestamp_millis().to_string());
    cef.pair("cat", "audit");
    cef.pair("act", &what.action);
    cef.pair("outcome", outcome);
    cef.pair("suser", &who.user);
    cef.pair(
        "suid",
        &who.uid.map(|uid| uid.to_string()).unwrap_or_default(),
    );
    if let Some(from) = &who.from {
        let field = match from.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => ("src", ""),
            Ok(IpAddr::V6(_)) => ("c6a2", "Source IPv6 Address"),
            Err(_) => ("shost", ""),
        };
        cef.pair(field.0, from);
        if !field.1.is_empty() {
            cef.pair("c6a2Label", field.1);
        }
    }
    cef.pair("dvchost", who.host.as_deref().unwrap_or_default());
    cef.pair(
        "dvcpid",
        &who.pid.map(|pid| pid.to_string()).unwrap_or_default(),
    );
    if let Some(hits) = what.hits {
        cef.labelled("cn1", "hits", &hits.to_string());
    }
    cef.labelled("cs1", "target", &what.target);
    cef.labelled("cs2", "backend", &what.backend);
    cef.labelled("cs3", "address", &what.address);
    cef.labelled("cs4", "summary", &what.summary);
    cef.labelled("cs5", "tty", who.tty.as_deref().unwrap_or_default());
    cef.pair("reason", &what.why);
    cef.pair("msg", &what.what);
    // the longest, and so the last: nothing else has to give way to it
    cef.labelled("cs6", "details", &details(what));
    cef.to_string()
}

/// Parameters, keys and what else there is, as much of it as has room.
fn details(what: &What) -> String {
    let with = what.with.iter().map(|(k, v)| format!("{k}: {v}"));
    let keys = what.keys.iter().map(ToString::to_string);
    let all: Vec<String> = with.chain(keys).collect();
    let all = all.join("; ");
    match all.char_indices().nth(DETAILS) {
        None => all,
        Some((at, _)) => format!("{}…", &all[..at]),
    }
}
