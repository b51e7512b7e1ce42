//! The whole screen, in-process: keys in, text and effects out; no terminal, no network, no clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asking;
mod audit;
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
/// `PLAN` stands for the backend's answer; with `PAST` there is a history. `SVG=file` gets the last screen as a picture.
#[test]
#[ignore = "prints for a person, asserts nothing"]
fn look() {
    let size = std::env::var("SIZE").unwrap_or_else(|_| "120x40".into());
    let (width, height) = size.split_once('x').unwrap();
    let size = (width.parse().unwrap(), height.parse().unwrap());
    let (_dir, mut s) = match std::env::var_os("PAST") {
        Some(_) => past_world::session(size),
        None => (
            tempfile::tempdir().unwrap(),
            session::Session::new(world::world(), size),
        ),
    };
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
    if let Some(path) = std::env::var_os("SVG") {
        let picture = dagtop::tui::svg::buffer_to_svg(&s.draw(), "dagtop");
        std::fs::write(path, picture).unwrap();
    }
}
