//! The whole screen, in-process: keys in, text and effects out; no terminal, no network, no clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod session;
mod world;

#[test]
#[ignore = "for eyes"]
fn look() {
    let (w, h) = std::env::var("SIZE")
        .ok()
        .and_then(|s| {
            s.split_once('x')
                .map(|(w, h)| (w.parse().unwrap(), h.parse().unwrap()))
        })
        .unwrap_or((120, 40));
    let mut s = session::Session::new(world::world(), (w, h));
    println!("{}", s.screen());
    for step in std::env::var("KEYS")
        .unwrap_or_default()
        .split(',')
        .filter(|s| !s.is_empty())
    {
        if step == "PLAN" {
            s.planned(&["load", "report", "notify"]);
        } else {
            s.keys(step);
        }
        println!("=== {step}\n{}", s.screen());
    }
}
