//! The first start, when there is no configuration: in a terminal and without one.

use std::path::PathBuf;

use crate::support::home::Home;
use crate::support::pty::{Pty, command};

fn welcome(home: &Home) -> Pty {
    let mut dagtop = command(env!("CARGO_BIN_EXE_dagtop"));
    dagtop.env("HOME", home.path());
    dagtop.cwd(home.path());
    let pty = Pty::spawn(dagtop, 100, 30);
    pty.wait_text("There is no configuration yet");
    pty
}

fn config(home: &Home) -> PathBuf {
    home.path().join(".config/dagtop/config.toml")
}

#[test]
fn a_starting_configuration_is_written_and_can_be_used() {
    let home = Home::new();
    let mut pty = welcome(&home);
    pty.send("c");
    assert_eq!(pty.wait_exit().exit_code(), 0);
    pty.assert_restored();
    pty.wait_text("Wrote ");
    let text = std::fs::read_to_string(config(&home)).unwrap();
    assert!(text.contains("#[[backend]]"), "{text}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(config(&home))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}: secrets may be put there");
    home.dagtop(&["doctor"])
        .code(0)
        .says(&["there is nothing to watch"]);
    home.dagtop(&["status"])
        .code(3)
        .says(&["there is no backend in the configuration"]);
}

#[test]
fn quitting_writes_nothing() {
    for key in ["q", "\x1b", "\x03"] {
        let home = Home::new();
        let mut pty = welcome(&home);
        pty.send(key);
        assert_eq!(pty.wait_exit().exit_code(), 0);
        pty.assert_restored();
        assert!(!config(&home).exists() && !home.state().exists());
    }
}

#[test]
fn the_demo_needs_no_configuration_and_writes_none() {
    let home = Home::new();
    let mut pty = welcome(&home);
    pty.send("\r");
    pty.wait_text("billing_close");
    pty.send("q");
    assert_eq!(pty.wait_exit().exit_code(), 0);
    pty.assert_restored();
    assert!(!config(&home).exists());
}

#[test]
fn without_a_terminal_it_ends_at_once_and_says_what_there_is() {
    let home = Home::new();
    let done = home.dagtop(&[]).code(1).complains(&[
        "there is no configuration at ",
        "config.toml",
        "a screen needs a terminal",
        "offers to write a configuration",
    ]);
    assert_eq!(done.out, "");
    home.dagtop(&["demo"])
        .code(1)
        .complains(&["a screen needs a terminal", "dagtop snapshot --demo"]);
    assert!(!home.state().exists(), "nothing was started");
    home.here("");
    home.dagtop(&[])
        .code(1)
        .complains(&["a screen needs a terminal", "dagtop status"]);
    home.dagtop(&["--config", "none.toml"])
        .code(2)
        .complains(&["there is no configuration at", "none.toml"]);
    home.config("[ui]\nmouse = 1\n");
    home.dagtop(&[])
        .code(2)
        .complains(&["config.toml:2:9", "  2 | mouse = 1"]);
}
