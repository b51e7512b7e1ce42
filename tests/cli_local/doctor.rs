//! `dagtop doctor` on backends that are up, down and wrong.

use crate::support::home::Home;
use crate::{BROKEN, GOOD};

#[test]
fn a_local_backend_is_up_and_its_broken_file_is_a_problem() {
    let home = Home::new();
    home.here("");
    home.pipeline("good", GOOD);
    home.dagtop(&["doctor"]).code(0).says(&[
        "config.toml: 1 backend\n",
        "here\n",
        "✓ up",
        "✓ 1 pipeline\n",
        "every action is possible",
    ]);
    home.pipeline("broken", BROKEN);
    home.dagtop(&["doctor"]).code(1).says(&[
        "✗ problem: can't be loaded: ",
        "broken.toml:1:1: unknown key `nam`",
    ]);
    let json = home.dagtop(&["doctor", "--json", "here"]).code(1).json();
    let sections = json["sections"].as_array().unwrap();
    assert!(sections.iter().any(|s| s["about"] == "here"), "{json:#}");
}

#[test]
fn one_backend_that_is_down_hides_no_other() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    home.pipeline("good", GOOD);
    home.config(&format!(
        "[[backend]]\nname = \"down\"\nkind = \"airflow\"\nurl = \"http://127.0.0.1:{port}\"\ntoken = \"env:HOME\"\n\
         [[backend]]\nname = \"here\"\nkind = \"local\"\npipelines = [\"{}/*.toml\"]\nread_only = true\n",
        home.path().join("p").display()
    ));
    let done = home.dagtop(&["doctor"]).code(1);
    done.says(&[
        "Connection refused",
        "check the address",
        "✓ up",
        "read_only: no action is possible",
    ]);
    home.dagtop(&["doctor", "here"]).code(0);
    home.dagtop(&["doctor", "her"])
        .code(2)
        .complains(&["did you mean `here`?"]);
}

#[test]
fn a_secret_is_told_by_where_it_is_never_by_what_it_is() {
    let home = Home::new();
    home.config(
        "[[backend]]\nname = \"a\"\nkind = \"airflow\"\nurl = \"http://127.0.0.1:9\"\nuser = \"u\"\npassword = \"hunter2\"\n",
    );
    for args in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["status"],
        &["status", "--json"],
    ] {
        let done = home.dagtop(args);
        assert!(
            !done.out.contains("hunter2") && !done.err.contains("hunter2"),
            "{done:?}"
        );
    }
    home.dagtop(&["doctor"]).says(&[
        "config.toml:6:12: a secret stands in the config file itself",
        "chmod 600",
    ]);
}
