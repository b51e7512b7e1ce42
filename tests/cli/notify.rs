//! `dagtop notify` as a shell sees it.

use crate::support::home::Home;

const CHANNELS: &str = "[[channel]]\nname = \"good\"\nkind = \"command\"\ncommand = [\"true\"]\n\
    [[channel]]\nname = \"bad\"\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"echo no route >&2; exit 3\"]\n\
    [[channel]]\nname = \"screen\"\nkind = \"terminal\"\nenabled = false\n";

fn home() -> Home {
    let home = Home::new();
    home.config(CHANNELS);
    home
}

#[test]
fn channels_are_listed() {
    let home = home();
    let text = home.dagtop(&["notify", "list"]);
    assert_eq!(text.code, Some(0), "{}", text.err);
    let lines: Vec<&str> = text.out.lines().collect();
    assert_eq!(
        lines,
        [
            "good    command        60/min",
            "bad     command        60/min",
            "screen  terminal       60/min  off",
        ]
    );
    let json = home.dagtop(&["notify", "list", "--json"]).json();
    assert_eq!(json[2]["enabled"], false);
}

#[test]
fn a_test_says_what_came_of_it() {
    let home = home();
    let good = home.dagtop(&["notify", "test", "good"]);
    assert_eq!(good.code, Some(0), "{}", good.err);
    assert!(
        good.out
            .starts_with("good (command) took the test message in "),
        "{}",
        good.out
    );
    let bad = home.dagtop(&["notify", "test", "bad"]);
    assert_eq!(bad.code, Some(1));
    assert!(
        bad.err.contains("sh: exit status: 3: no route"),
        "{}",
        bad.err
    );
    // one that is off can be tried, and nothing is written to what is no terminal
    let screen = home.dagtop(&["notify", "test", "screen"]);
    assert_eq!(screen.code, Some(0));
    assert!(
        !screen.out.contains('\x1b') && !screen.out.contains('\x07'),
        "{:?}",
        screen.out
    );
    let none = home.dagtop(&["notify", "test", "god"]);
    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("did you mean `good`?"), "{}", none.err);
}

#[test]
fn what_is_wrong_in_routes_and_channels_is_told_with_its_place() {
    let home = home();
    let more = "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://h\"\ntemplate = \"{{titel}}\"\n\
        [[route]]\nmatch = [\"priority<=high\"]\nchannels = [\"good\"]\n";
    home.config(&format!("{CHANNELS}{more}"));
    let wrong = home.dagtop(&["notify", "list"]);
    assert_eq!(wrong.code, Some(2));
    for part in [
        "did you mean `title`?",
        "P1 to P5",
        "config.toml:17:12",
        "config.toml:19:10",
    ] {
        assert!(wrong.err.contains(part), "{part}: {}", wrong.err);
    }
}
