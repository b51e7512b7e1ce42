//! The whole screen, in-process: keys in, text and effects out; no terminal, no network, no clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asking;
mod beside;
mod boards;
mod budget;
mod drawing;
mod frames;
mod logs;
mod monkey;
mod past;
mod past_world;
mod places;
mod session;
mod sizes;
mod views;
mod walking;
mod world;

/// `SIZE=80x24 KEYS='enter,v,j j' cargo test --test tui_app -- --ignored --nocapture look` shows it to a person;
/// `PLAN` stands for the backend's answer.
#[test]
#[ignore = "prints for a person, asserts nothing"]
fn look() {
    let size = std::env::var("SIZE").unwrap_or_else(|_| "120x40".into());
    let (width, height) = size.split_once('x').unwrap();
    let mut s = session::Session::new(
        world::world(),
        (width.parse().unwrap(), height.parse().unwrap()),
    );
    println!("{}", s.screen());
    let keys = std::env::var("KEYS").unwrap_or_default();
    for step in keys.split(',').filter(|s| !s.is_empty()) {
        if step == "PLAN" {
            s.planned(&["load", "report", "notify"]);
        } else if let Some(text) = step.strip_prefix('=') {
            s.text(text);
        } else {
            s.keys(step);
        }
        println!("=== {step}\n{}", s.screen());
    }
}
