//! Every screen and every question, and the keys that lead there.

use crate::session::Session;
use crate::world;
use dagtop::model::{Reach, SafeText};

/// Name, keys; `PLAN` stands for the backend's answer, `=text` is typed.
pub const PLACES: &[(&str, &str)] = &[
    ("fleet", ""),
    ("fleet_filter", "/,=prod fail"),
    ("fleet_filter_none", "/,=zzzz,enter"),
    ("fleet_marked", "space space"),
    ("run_graph", "enter"),
    ("run_list", "enter,v"),
    ("run_expanded", "enter,v,O"),
    ("run_sorted", "enter,v,o"),
    ("run_timeline", "enter,v v"),
    ("run_timeline_zoomed", "enter,v v + +"),
    ("run_grid", "enter,v v v"),
    ("run_grid_past", "enter,v v v h h h"),
    ("log", "enter,enter"),
    ("log_search", "enter,enter,/,=rows"),
    ("node", "enter,d"),
    ("pipeline", "i"),
    ("alerts", "2"),
    ("system", "3"),
    ("actions_empty", "4"),
    ("actions", "r,PLAN,y,4"),
    ("help", "?"),
    ("palette", ":"),
    ("palette_found", ":,=paus"),
    ("confirm_planning", "r"),
    ("confirm", "r,PLAN"),
    ("confirm_node", "enter,r,PLAN"),
    ("confirm_instead", "p,PLAN"),
    ("confirm_marked", "space space space r,PLAN"),
    ("confirm_named", "! ,PLAN,y"),
    ("trigger", "t"),
    ("set_state", "enter,m"),
    ("note", "c"),
];

pub fn go(session: &mut Session, keys: &str) {
    for step in keys.split(',').map(str::trim).filter(|s| !s.is_empty()) {
        if step == "PLAN" {
            session.planned(&["load", "report", "notify"]);
        } else if let Some(text) = step.strip_prefix('=') {
            session.text(text);
        } else {
            session.keys(step);
        }
    }
    // the cursor comes to rest: what is selected is what the pane below speaks of
    session.wait(400);
}

pub fn at(keys: &str, size: (u16, u16)) -> Session {
    let mut session = Session::new(world::world(), size);
    go(&mut session, keys);
    session
}

/// Worlds in which there is no pipeline yet.
pub fn empty_worlds() -> Vec<(&'static str, Session)> {
    let down = Reach::Down {
        reason: SafeText::new("connection refused by 127.0.0.1:8080"),
        retry_at: None,
    };
    let refused = Reach::Refused {
        reason: SafeText::new("401: the password for user 'ops' is wrong"),
    };
    [
        ("connecting", None),
        ("up", Some(Reach::Up)),
        ("down", Some(down)),
        ("refused", Some(refused)),
    ]
    .map(|(name, reach)| (name, Session::new(world::empty(reach), (80, 24))))
    .into()
}
