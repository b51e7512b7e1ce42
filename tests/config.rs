//! The configuration file, good and bad, and the documented example.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dagtop::config::{self, BackendKind, Config, LoadError, Loaded, Login};

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/config")
        .join(kind);
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|ext| ext == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn parse(name: &str, text: &str) -> Result<Loaded, config::Problems> {
    config::load::parse(&Path::new("/etc/dagtop").join(name), text)
}

#[test]
fn good_files_load_without_a_word() {
    for file in fixtures("good") {
        let loaded =
            config::load(&file).unwrap_or_else(|error| panic!("{}\n{error}", file.display()));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}

#[test]
fn values_arrive_as_written() {
    let text = include_str!("fixtures/config/good/two_backends.toml");
    let Config {
        ui,
        alerts,
        backends,
        ..
    } = parse("config.toml", text).unwrap().config;
    assert_eq!(ui.theme.unwrap().value, "dark");
    assert_eq!(ui.color, config::ColorDepth::Ansi256);
    assert_eq!(
        (ui.ascii, ui.sync_output),
        (config::Switch::On, config::Switch::Off)
    );
    assert_eq!(
        ui.keys[0]
            .1
            .iter()
            .map(|key| key.value.as_str())
            .collect::<Vec<_>>(),
        ["q", "ctrl-c"]
    );
    assert_eq!(
        (alerts.late, alerts.failing, alerts.late_after),
        (false, true, Duration::from_secs(90))
    );
    let [airflow, local] = &backends[..] else {
        panic!("{backends:?}")
    };
    assert_eq!(
        (airflow.name.as_str(), airflow.protect, airflow.enabled),
        ("prod-airflow", true, true)
    );
    assert_eq!(airflow.accent, Some(config::Colour::Rgb(0xff, 0x88, 0)));
    let BackendKind::Airflow(airflow) = &airflow.kind else {
        panic!()
    };
    assert_eq!(
        airflow.server.url.as_str(),
        "https://airflow.example.com/base/path/"
    );
    assert!(
        matches!(&airflow.server.login, Login::Password { user, password: config::Secret::Env(name) }
        if user == "oncall" && name == "AIRFLOW_PASSWORD")
    );
    assert_eq!(
        airflow.server.tls.ca.as_deref(),
        Some(Path::new("/etc/dagtop/certs/ca.pem"))
    );
    let key = &airflow.server.tls.identity.as_ref().unwrap().key;
    assert!(key.is_absolute() && key.ends_with("c.key") && !key.starts_with("~"));
    assert_eq!(airflow.dags.exclude, ["example_*"]);
    assert!(!local.enabled);
    let BackendKind::Local(local) = &local.kind else {
        panic!()
    };
    assert_eq!(
        local.pipelines[0].value,
        Path::new("/etc/dagtop/pipes/*.toml")
    );
    assert_eq!(
        (local.parallelism, local.grace),
        (2, Duration::from_millis(500))
    );
}

#[test]
fn bad_files_tell_everything_at_once() {
    for file in fixtures("bad") {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let problems = parse("config.toml", &text).map(|_| ()).unwrap_err();
        let shown = problems.to_string();
        assert!(
            !shown.contains("hunter2") && !shown.contains("42424242"),
            "{name} gives a secret away:\n{shown}"
        );
        assert!(!format!("{problems:?}").contains("hunter2"));
        insta::with_settings!({ snapshot_path => "fixtures/config/bad", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}

#[test]
fn a_literal_secret_is_a_warning_that_does_not_show_it() {
    let text =
        "[[backend]]\nname = \"a\"\nkind = \"airflow\"\nurl = \"http://h\"\ntoken = \"hunter2\"\n";
    let loaded = parse("config.toml", text).unwrap();
    let [warning] = &loaded.warnings[..] else {
        panic!("{:?}", loaded.warnings)
    };
    assert_eq!((warning.line, warning.column), (5, 9));
    let shown = format!("{warning} {:?} {:?}", loaded.config, loaded);
    assert!(
        shown.contains("env:, file: or cmd:") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_secret_in_a_file_that_others_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(
        &file,
        "[[backend]]\nname = \"a\"\nkind = \"airflow\"\nurl = \"http://h\"\ntoken = \"x\"\n",
    )
    .unwrap();
    let warnings = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        config::load(&file).unwrap().warnings.len()
    };
    assert_eq!((warnings(0o600), warnings(0o644)), (1, 2));
}

#[test]
fn files_that_are_none_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let load = |name: &str| config::load(&dir.path().join(name)).unwrap_err();
    std::fs::write(dir.path().join("binary"), b"[ui]\n\xff\xfe").unwrap();
    std::fs::write(dir.path().join("huge"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(matches!(load("absent"), LoadError::NotFound(_)));
    assert!(matches!(
        config::load(dir.path()).unwrap_err(),
        LoadError::Directory(_)
    ));
    assert!(matches!(load("binary"), LoadError::NotUtf8 { line: 2, .. }));
    assert!(matches!(load("huge"), LoadError::TooLarge(_)));
    assert!(matches!(
        config::load(Path::new("/dev/null")).unwrap_err(),
        LoadError::NotAFile(_)
    ));
    assert!(matches!(load("binary/below"), LoadError::Unreadable { .. }));
}

/// The example with every switched-off setting switched on.
fn example_switched_on() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[') => {
            format!("{rest}\n")
        }
        _ => format!("{line}\n"),
    };
    config::EXAMPLE.lines().map(on).collect()
}

#[test]
fn the_example_holds_the_defaults() {
    let loaded = parse("config.toml", config::EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    let mut config = loaded.config;
    assert_eq!(config.ui.theme.take().unwrap().value, "terminal");
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn the_example_switched_on_documents_every_key() {
    let text = example_switched_on();
    let loaded = parse("config.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let widgets = loaded.config.dashboards.iter().map(|d| d.widgets.len());
    assert_eq!(
        loaded.config.backends.len() + loaded.config.channels.len() + widgets.sum::<usize>(),
        config::EXAMPLE.matches("\n#kind = ").count()
    );
    let document: toml::Table = text.parse().unwrap();
    let mut written = BTreeSet::new();
    gather("", &toml::Value::Table(document), &mut written);
    let missing: Vec<&String> = loaded
        .known_keys
        .iter()
        .filter(|key| !written.contains(*key))
        .collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
    assert!(loaded.known_keys.len() > 40, "{:?}", loaded.known_keys);
}

fn gather(path: &str, value: &toml::Value, out: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                gather(&path, value, out);
                out.insert(path);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| gather(path, item, out)),
        _ => {}
    }
}

/// So do those of a rule, and its query is one.
#[test]
fn the_example_rule_holds_the_defaults() {
    let loaded = parse("config.toml", &example_switched_on()).unwrap();
    let (book, problems) = dagtop::alerts::query::read(&loaded.config.rules, &loaded.source);
    assert_eq!((book.len(), problems.len()), (1, 0), "{problems:?}");
    let bare = parse("c.toml", "[[rule]]\nname=\"r\"\nquery=\"q\"\n").unwrap();
    let common = |rule: &config::Rule| {
        (
            rule.enabled,
            rule.priority,
            rule.hold,
            rule.full_window,
            rule.delay,
        )
    };
    assert_eq!(
        common(&loaded.config.rules[0]),
        common(&bare.config.rules[0])
    );
}

#[test]
fn a_rule_is_checked_key_by_key() {
    for (keys, want) in [
        ("query=\"q\"\n", "missing key `name`"),
        ("name=\"r\"\n", "missing key `query`"),
        ("name=\"a b\"\nquery=\"q\"\n", "not a name for a rule"),
        ("name=\"r\"\nquery=5\n", "must be a string"),
        (
            "name=\"r\"\nquery=\"q\"\nwarning=\"5\"\n",
            "`rule.warning` must be a number",
        ),
        (
            "name=\"r\"\nquery=\"q\"\nwarning=nan\n",
            "`rule.warning` must be a number",
        ),
        (
            "name=\"r\"\nquery=\"q\"\npriority=\"P9\"\n",
            "one of: P1, P2, P3, P4, P5",
        ),
        (
            "name=\"r\"\nquery=\"q\"\nfro=\"5m\"\n",
            "did you mean `for`?",
        ),
        (
            "name=\"r\"\nquery=\"q\"\n[[rule]]\nname=\"r\"\nquery=\"q\"\n",
            "two rules called `r`",
        ),
    ] {
        let problems = parse("config.toml", &format!("[[rule]]\n{keys}")).map(|_| ());
        let shown = problems.unwrap_err().to_string();
        assert!(shown.contains(want), "{keys}: {shown}");
    }
    let keys = "name=\"r\"\nquery=\"q\"\nwarning=2\ncritical=1_000.5\n";
    let loaded = parse("config.toml", &format!("[[rule]]\n{keys}")).unwrap();
    let rule = &loaded.config.rules[0];
    let number = |at: &Option<config::At<f64>>| at.as_ref().map(|at| at.value);
    assert_eq!(
        (number(&rule.warning), number(&rule.critical)),
        (Some(2.0), Some(1000.5))
    );
}

/// The defaults of a backend stand in the example too, and an absent key must mean the same.
#[test]
fn the_example_backends_hold_the_defaults() {
    let shown = parse("config.toml", &example_switched_on())
        .unwrap()
        .config
        .backends;
    let text = "[[backend]]\nname=\"a\"\nkind=\"airflow\"\nurl=\"http://h\"\n[[backend]]\nname=\"l\"\nkind=\"local\"\n[[backend]]\nname=\"d\"\nkind=\"dbt\"\nproject=\"/p\"\n";
    let bare = parse("config.toml", text).unwrap().config.backends;
    let shown_as = |name: &str| &shown.iter().find(|b| b.name == name).unwrap().kind;
    let common = |b: &config::Backend| {
        (
            b.enabled,
            b.read_only,
            b.protect,
            b.refresh,
            b.connect_timeout,
            b.read_timeout,
        )
    };
    assert_eq!(common(&shown[0]), common(&bare[0]));
    let (BackendKind::Airflow(shown_airflow), BackendKind::Airflow(bare_airflow)) =
        (&shown[0].kind, &bare[0].kind)
    else {
        panic!()
    };
    assert_eq!(
        (shown_airflow.api, shown_airflow.server.tls.insecure),
        (bare_airflow.api, bare_airflow.server.tls.insecure)
    );
    let (BackendKind::Local(shown_local), BackendKind::Local(bare_local)) =
        (shown_as("local"), &bare[1].kind)
    else {
        panic!()
    };
    assert_eq!(
        (shown_local.parallelism, shown_local.grace),
        (bare_local.parallelism, bare_local.grace)
    );
    let (BackendKind::Dbt(shown_dbt), BackendKind::Dbt(bare_dbt)) =
        (shown_as("shop"), &bare[2].kind)
    else {
        panic!()
    };
    assert_eq!(
        (&shown_dbt.command, shown_dbt.grace, &shown_dbt.exclude),
        (&bare_dbt.command, bare_dbt.grace, &bare_dbt.exclude)
    );
    assert_eq!(bare_dbt.dbt, Path::new("dbt"));
}

#[test]
fn a_dbt_project_is_checked_key_by_key() {
    let section = "[[backend]]\nname=\"d\"\nkind=\"dbt\"\n";
    for (keys, want) in [
        ("", "`project`"),
        (
            "project=\"p\"\ncommand=\"biuld\"\n",
            "did you mean `build`?",
        ),
        ("project=\"p\"\nselect=[\"--vars\"]\n", "not a selector"),
        ("project=\"$HOME/p\"\n", "variables are not expanded"),
        ("project=\"p\"\nprofile=\"x\"\n", "profile"),
    ] {
        let problems = parse("config.toml", &format!("{section}{keys}")).map(|_| ());
        let shown = problems.unwrap_err().to_string();
        assert!(shown.contains(want), "{keys}: {shown}");
    }
    let keys = "project=\"p\"\ndbt=\"venv/bin/dbt\"\n";
    let loaded = parse("/etc/dagtop/config.toml", &format!("{section}{keys}")).unwrap();
    let BackendKind::Dbt(dbt) = &loaded.config.backends[0].kind else {
        panic!()
    };
    assert_eq!(dbt.project, Path::new("/etc/dagtop/p"));
    assert_eq!(dbt.dbt, Path::new("/etc/dagtop/venv/bin/dbt"));
}

/// The reader must survive anything, and say at least one thing about what is not TOML.
mod any_text {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics(text in "(\\[\\[?|\\]\\]?|backend|name|kind|password|=|\"|\"\"\"|'|,|\\{|\\}|#|\n|\r\n|é|\u{202e}|[a-z0-9. ]){0,40}") {
            if let Err(problems) = parse("config.toml", &text) {
                prop_assert!(!problems.0.is_empty());
                let shown = problems.to_string();
                prop_assert!(!shown.contains('\u{202e}'), "bidi override shown");
            }
        }
    }
}

#[test]
fn channels_and_routes_arrive_as_written() {
    let text = "[[channel]]\nname=\"pager\"\nkind=\"pagerduty\"\nrouting_key=\"env:K\"\n\
        [[channel]]\nname=\"siem\"\nkind=\"syslog\"\nhost=\"h\"\ntransport=\"tls\"\n\
        [[route]]\nmatch=[\"priority<=P2\"]\nchannels=[\"pager\"]\ncontinue=true\n[[route]]\nchannels=[]\n";
    let config = parse("config.toml", text).unwrap().config;
    let [pager, siem] = &config.channels[..] else {
        panic!("{config:?}")
    };
    assert_eq!((pager.rate, siem.rate), (60, 6000));
    assert!(pager.send_resolved && pager.enabled);
    let config::ChannelKind::Syslog(syslog) = &siem.kind else {
        panic!()
    };
    assert_eq!((syslog.port, syslog.facility), (6514, 16));
    assert_eq!(config.routes[0].conditions[0].value, "priority<=P2");
    assert!(config.routes[0].onward && config.routes[1].channels.is_empty());
}

#[test]
fn a_channel_is_checked_key_by_key() {
    let slack = "[[channel]]\nname=\"slack\"\nkind=\"slack\"\nwebhook=\"env:W\"\n";
    for (text, want) in [
        (
            format!("{slack}[[route]]\nchannels=[\"slakc\"]\n"),
            "did you mean `slack`?",
        ),
        (
            format!("{slack}[[route]]\nchannels=[\"pager\"]\n"),
            "there are: slack",
        ),
        (format!("{slack}{slack}"), "two channels called `slack`"),
        (format!("{slack}token=\"env:T\"\n"), "choose one"),
        (
            "[[channel]]\nname=\"a\"\nkind=\"slack\"\ntoken=\"env:T\"\n".to_owned(),
            "missing key `channel`",
        ),
        (
            "[[channel]]\nname=\"a\"\nkind=\"pagrduty\"\nroutin_key=\"hunter2\"\n".to_owned(),
            "did you mean `pagerduty`?",
        ),
        (
            "[[channel]]\nname=\"a\"\nkind=\"teams\"\nwebhook=\"hunter2\"\n".to_owned(),
            "not a URL",
        ),
        (
            "[[channel]]\nname=\"a\"\nkind=\"email\"\nhost=\"h\"\nfrom=\"a@b\"\nto=[]\n".to_owned(),
            "nobody to write to",
        ),
        (
            "[[channel]]\nname=\"a\"\nkind=\"servicenow\"\nurl=\"https://h\"\n".to_owned(),
            "no login",
        ),
        (
            "[[channel]]\nname=\"a\"\nkind=\"command\"\ncommand=\"rm -rf\"\n".to_owned(),
            "put it in [ ]",
        ),
        (
            "[[channel]]\nname=\"a\"\nkind=\"syslog\"\nhost=\"h\"\nfacility=\"locl0\"\n".to_owned(),
            "did you mean `local0`?",
        ),
    ] {
        let problems = parse("config.toml", &text).map(|_| ());
        let shown = problems.unwrap_err().to_string();
        assert!(shown.contains(want), "{text}: {shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_wrong_query_of_a_dashboard_is_told_with_its_column() {
    let text = "[[dashboard]]\nname = \"a\"\n[[dashboard.widget]]\nkind = \"top\"\nquery = \"max(last_5m):sum:queue.lenght{*}\"\n";
    let loaded = parse("config.toml", text).unwrap();
    let problems = dagtop::alerts::query::dashboards(&loaded.config.dashboards, &loaded.source);
    let [problem] = &problems[..] else {
        panic!("{problems:?}")
    };
    assert_eq!((problem.line, problem.column), (5, 27));
}
