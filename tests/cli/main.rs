//! The command line as a shell has it: real processes, a home of its own for each test, no terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../backends/airflow/fake.rs"]
#[allow(dead_code)]
mod fake;
#[path = "../support/mod.rs"]
mod support;

mod act;
mod diagnose;
mod doctor;
mod first;
mod graph;
mod help;
mod history;
mod logs;
mod notify;
mod plain;
mod run;
mod serve;
mod snapshot;
mod status;

/// Two nodes, the second shows what the parameters were.
pub const GOOD: &str = r#"
[params]
who = "you"
n = { default = 1, type = "integer" }
[[node]]
id = "make"
run = "echo made"
[[node]]
id = "greet"
needs = ["make"]
run = 'echo "hello $PARAM_WHO $PARAM_N"'
"#;

/// The second of three fails.
pub const BAD: &str = r#"
[[node]]
id = "make"
run = "echo made"
[[node]]
id = "load"
needs = ["make"]
run = "echo loading; echo 'ValueError: no such region' >&2; exit 3"
[[node]]
id = "report"
needs = ["load"]
run = "echo reported"
"#;

/// Fails once, then succeeds.
pub const FLAKY: &str = r#"
[[node]]
id = "fetch"
retries = 2
retry_delay = "100ms"
run = 'test "$DAGTOP_ATTEMPT" -ge 2 || { echo "ERROR not yet" >&2; exit 75; }; echo "fetched in attempt $DAGTOP_ATTEMPT"'
"#;

/// Goes on until it is ended; tells its process id in `pid`.
pub const ENDLESS: &str = r#"
[[node]]
id = "wait"
run = 'echo begun; echo $$ > pid; while :; do sleep 0.1; done'
[[node]]
id = "after"
needs = ["wait"]
run = "echo after"
"#;

/// Everything that can be seen at once is wrong with it.
pub const BROKEN: &str = r#"nam = "x"
[[node]]
id = "a"
run = 3
needs = ["zz"]
[[node]]
id = "a"
run = "echo"
"#;
