//! Reads each section of the file into its type. Every check of one key stands beside its reading.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::{Reader, Table, Value, nearest};
use super::secret::Secret;
use super::source::{At, Span};
use super::types::*;

/// The whole file. `dir` is where relative paths start.
pub(super) fn config(reader: &Reader<'_>, dir: &Path) -> Config {
    let mut root = reader.root();
    let config = Config {
        ui: root.take_table("ui").map(ui).unwrap_or_default(),
        alerts: root.take_table("alerts").map(alerts).unwrap_or_default(),
        logs: root.take_table("logs").map(logs).unwrap_or_default(),
        backends: backends(root.take_tables("backend"), dir),
    };
    root.finish();
    config
}

fn ui(mut table: Table<'_>) -> Ui {
    let default = Ui::default();
    let ui = Ui {
        theme: table.take_str("theme"),
        color: table
            .take_choice("color", ColorDepth::CHOICES)
            .unwrap_or(default.color),
        ascii: switch(table.take("ascii"), default.ascii),
        max_fps: small(table.take_u64("max_fps", 1..=120), default.max_fps),
        mouse: table.take_bool("mouse").unwrap_or(default.mouse),
        utc: table.take_bool("utc").unwrap_or(default.utc),
        sync_output: switch(table.take("sync_output"), default.sync_output),
        bell: table.take_bool("bell").unwrap_or(default.bell),
        view: table
            .take_choice("view", RunView::CHOICES)
            .unwrap_or(default.view),
        keys: table.take_table("keys").map(keys).unwrap_or_default(),
    };
    table.finish();
    ui
}

/// `"auto"`, `"on"`, `"off"`, and the plain booleans people write for the last two.
fn switch(value: Option<Value<'_>>, default: Switch) -> Switch {
    let Some(value) = value else { return default };
    if value.kind() == "boolean" {
        return if value.bool() == Some(true) {
            Switch::On
        } else {
            Switch::Off
        };
    }
    value.choice(Switch::CHOICES).unwrap_or(default)
}

fn small(number: Option<u64>, default: u32) -> u32 {
    number
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(default)
}

fn keys(mut table: Table<'_>) -> Vec<(At<String>, Vec<At<String>>)> {
    let strings = |value: Value<'_>| {
        value
            .list()
            .unwrap_or_default()
            .iter()
            .filter_map(Value::str)
            .collect()
    };
    table
        .take_rest()
        .into_iter()
        .map(|(name, value)| (name, strings(value)))
        .collect()
}

fn alerts(mut table: Table<'_>) -> Alerts {
    let default = Alerts::default();
    let alerts = Alerts {
        failing: table.take_bool("failing").unwrap_or(default.failing),
        blocked: table.take_bool("blocked").unwrap_or(default.blocked),
        late: table.take_bool("late").unwrap_or(default.late),
        backend: table.take_bool("backend").unwrap_or(default.backend),
        import_error: table
            .take_bool("import_error")
            .unwrap_or(default.import_error),
        late_after: table
            .take_duration("late_after")
            .map_or(default.late_after, |at| at.value),
    };
    table.finish();
    alerts
}

fn logs(mut table: Table<'_>) -> Logs {
    let default = Logs::default();
    let memory = table.take_bytes("memory");
    if let Some(at) = memory.as_ref().filter(|at| at.value < 1_000_000) {
        table
            .reader()
            .problem(at.span, "`logs.memory` must be at least 1MB", None);
    }
    let logs = Logs {
        memory: memory.map_or(default.memory, |at| at.value),
        disk: table.take_bytes("disk").map_or(default.disk, |at| at.value),
        keep: table
            .take_duration("keep")
            .map_or(default.keep, |at| at.value),
    };
    table.finish();
    logs
}

fn backends(tables: Vec<Table<'_>>, dir: &Path) -> Vec<Backend> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut backends = Vec::new();
    for mut table in tables {
        let reader = table.reader();
        let name = table.need_str("name");
        if let Some(name) = &name {
            check_name(reader, name);
            if let Some(first) = seen.insert(name.value.clone(), name.span) {
                let (line, _) = reader.position(first);
                reader.problem(
                    name.span,
                    format!("there are two backends called `{}`", name.value),
                    format!("the other is on line {line}"),
                );
            }
        }
        backends.extend(backend(
            table,
            name.map(|name| name.value).unwrap_or_default(),
            dir,
        ));
    }
    backends
}

fn check_name(reader: &Reader<'_>, name: &At<String>) {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if name.value.len() > 64 || !name.value.bytes().all(fine) {
        let help = "use 1 to 64 letters, digits, `.`, `-` and `_`".to_owned();
        reader.problem(name.span, "not a name for a backend", help);
    }
}

fn backend(mut table: Table<'_>, name: String, dir: &Path) -> Option<Backend> {
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    Some(Backend {
        name,
        enabled: table.take_bool("enabled").unwrap_or(true),
        read_only: table.take_bool("read_only").unwrap_or(false),
        protect: table.take_bool("protect").unwrap_or(false),
        accent: accent(&mut table),
        tags: plain(table.take_strings("tags")),
        refresh: at_least(&mut table, "refresh", ms(200), s(2)),
        connect_timeout: at_least(&mut table, "connect_timeout", ms(100), s(5)),
        read_timeout: at_least(&mut table, "read_timeout", ms(100), s(30)),
        // last, because the keys left are those of the kind
        kind: kind(table, dir)?,
    })
}

fn plain(list: Option<Vec<At<String>>>) -> Vec<String> {
    list.unwrap_or_default()
        .into_iter()
        .map(|at| at.value)
        .collect()
}

fn at_least(
    table: &mut Table<'_>,
    key: &'static str,
    least: Duration,
    default: Duration,
) -> Duration {
    let Some(at) = table.take_duration(key) else {
        return default;
    };
    if at.value < least {
        table.reader().problem(
            at.span,
            format!("`backend.{key}` must be at least {}ms", least.as_millis()),
            None,
        );
    }
    at.value
}

fn accent(table: &mut Table<'_>) -> Option<Colour> {
    let at = table.take_str("accent")?;
    let colour = Colour::parse(&at.value);
    if colour.is_none() {
        let help = match nearest(&at.value, Colour::NAMES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write #rrggbb or one of: {}", Colour::NAMES.join(", ")),
        };
        table
            .reader()
            .problem(at.span, format!("unknown colour \"{}\"", at.value), help);
    }
    colour
}

fn kind(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    type Read = fn(Table<'_>, &Path) -> Option<BackendKind>;
    const KINDS: &[(&str, Read)] = &[("airflow", airflow), ("local", local)];
    let value = table.need("kind")?;
    if let Some(read) = value.choice(KINDS) {
        return read(table, dir);
    }
    if value.kind() != "string" {
        return None;
    }
    // the other keys are held against the kind that was meant, so that their mistakes are told at once as well
    let near = nearest(&value.str()?.value, KINDS.iter().map(|(word, _)| *word));
    if let Some((_, read)) = KINDS.iter().find(|(word, _)| near == Some(*word)) {
        read(table, dir);
    }
    None
}

fn local(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    let reader = table.reader();
    let pipelines = table.take_strings("pipelines").unwrap_or_default();
    let pipelines = pipelines
        .into_iter()
        .filter_map(|at| path(reader, at, dir))
        .collect();
    let parallelism = small(table.take_u64("parallelism", 1..=1024), 4);
    let grace = table
        .take_duration("grace")
        .map_or(Duration::from_secs(10), |at| at.value);
    table.finish();
    Some(BackendKind::Local(Local {
        pipelines,
        parallelism,
        grace,
    }))
}

fn airflow(mut table: Table<'_>, dir: &Path) -> Option<BackendKind> {
    let url = table
        .need("url")
        .and_then(|value| url(table.reader(), &value));
    let login = login(&mut table, dir);
    let api = table
        .take_choice("api", AirflowApi::CHOICES)
        .unwrap_or(AirflowApi::Auto);
    let tls = table
        .take_table("tls")
        .map(|table| tls(table, dir))
        .unwrap_or_default();
    let proxy = table
        .take("proxy")
        .and_then(|value| proxy(table.reader(), &value, dir));
    let headers = table
        .take_table("headers")
        .map(|table| headers(table, dir))
        .unwrap_or_default();
    let dags = table.take_table("dags").map(dags).unwrap_or_default();
    table.finish();
    Some(BackendKind::Airflow(Box::new(Airflow {
        url: url?,
        login,
        api,
        tls,
        proxy,
        headers,
        dags,
    })))
}

fn url(reader: &Reader<'_>, value: &Value<'_>) -> Option<reqwest::Url> {
    let at = value.str()?;
    // someone may have put the password in it
    if at.value.contains('@') {
        reader.hide(at.span);
    }
    let wrong = |message: &str, help: &str| {
        reader.problem(
            at.span,
            message.to_owned(),
            (!help.is_empty()).then(|| help.to_owned()),
        );
        None
    };
    let Ok(url) = reqwest::Url::parse(at.value.trim()) else {
        return wrong(
            "not a URL",
            "write for example \"https://airflow.example.com\"",
        );
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return wrong("the URL must begin with http:// or https://", "");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            "the URL must not hold a user or a password",
            "use the keys `user` and `password`",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("the URL must end with the path, without ? or #", "");
    }
    Some(url)
}

fn login(table: &mut Table<'_>, dir: &Path) -> Login {
    let reader = table.reader();
    let user = table.take_str("user");
    let password = table
        .take("password")
        .map(|value| (value.span(), secret(reader, &value, dir)));
    let token = table
        .take("token")
        .map(|value| (value.span(), secret(reader, &value, dir)));
    if let (Some(_), Some((span, _))) = (&token, &password) {
        reader.problem(
            *span,
            "both `password` and `token` are given",
            "choose one".to_owned(),
        );
    }
    match (user, password, token) {
        (_, _, Some((_, token))) => token.map_or(Login::None, Login::Token),
        (Some(user), Some((_, password)), _) => {
            password.map_or(Login::None, |password| Login::Password {
                user: user.value,
                password,
            })
        }
        (Some(user), None, None) => {
            reader.problem(user.span, "`user` without `password`", None);
            Login::None
        }
        (None, Some((span, _)), _) => {
            reader.problem(span, "`password` without `user`", None);
            Login::None
        }
        (None, None, None) => Login::None,
    }
}

fn secret(reader: &Reader<'_>, value: &Value<'_>, dir: &Path) -> Option<Secret> {
    let at = value.secret()?;
    match Secret::parse(&at.value, |text| expand(text, dir)) {
        Ok(secret) => {
            if let Some(weakness) = secret.weakness() {
                reader.warn(at.span, weakness, None);
            }
            Some(secret)
        }
        Err(message) => {
            reader.problem(at.span, message, None);
            None
        }
    }
}

/// A proxy is a plain URL most of the time; only one with a password in it is worth a warning.
fn proxy(reader: &Reader<'_>, value: &Value<'_>, dir: &Path) -> Option<Secret> {
    let at = value.secret()?;
    let parsed = Secret::parse(&at.value, |text| expand(text, dir));
    let Ok(Secret::Literal(_)) = parsed else {
        return secret(reader, value, dir);
    };
    match reqwest::Url::parse(at.value.trim()) {
        Ok(url) if url.host_str().is_some() => {
            if url.password().is_some() {
                reader.warn(at.span, "the proxy's password stands in the config file itself; use env:, file: or cmd:", None);
            }
            parsed.ok()
        }
        _ => {
            reader.problem(
                at.span,
                "not the URL of a proxy",
                "write for example \"http://proxy:3128\"".to_owned(),
            );
            None
        }
    }
}

fn headers(mut table: Table<'_>, dir: &Path) -> Vec<(String, Secret)> {
    let reader = table.reader();
    let mut headers = Vec::new();
    for (name, value) in table.take_rest() {
        if reqwest::header::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            reader.problem(name.span, "not the name of a header", None);
        }
        if let Some(secret) = secret(reader, &value, dir) {
            headers.push((name.value, secret));
        }
    }
    headers
}

fn tls(mut table: Table<'_>, dir: &Path) -> Tls {
    let reader = table.reader();
    let mut file = |key| table.take_str(key).and_then(|at| path(reader, at, dir));
    let (ca, cert, key) = (file("ca"), file("cert"), file("key"));
    let insecure = table.take_bool("insecure").unwrap_or(false);
    table.finish();
    let identity = match (cert, key) {
        (Some(cert), Some(key)) => Some(ClientIdentity {
            cert: cert.value,
            key: key.value,
        }),
        (Some(one), None) => {
            reader.problem(one.span, "`cert` without `key`", None);
            None
        }
        (None, Some(one)) => {
            reader.problem(one.span, "`key` without `cert`", None);
            None
        }
        (None, None) => None,
    };
    Tls {
        ca: ca.map(|at| at.value),
        identity,
        insecure,
    }
}

fn dags(mut table: Table<'_>) -> DagFilter {
    let filter = DagFilter {
        include: plain(table.take_strings("include")),
        exclude: plain(table.take_strings("exclude")),
        tags: plain(table.take_strings("tags")),
    };
    table.finish();
    filter
}

fn path(reader: &Reader<'_>, at: At<String>, dir: &Path) -> Option<At<PathBuf>> {
    match expand(&at.value, dir) {
        Ok(value) => Some(At {
            value,
            span: at.span,
        }),
        Err(message) => {
            reader.problem(at.span, message, None);
            None
        }
    }
}

/// `~/x` from the home directory, anything relative from the directory of the file. Variables are not expanded.
fn expand(text: &str, dir: &Path) -> Result<PathBuf, String> {
    if text.trim().is_empty() {
        return Err("a path must not be empty".to_owned());
    }
    if text.contains('$') {
        return Err(
            "variables are not expanded in a path; write it out or begin it with ~".to_owned(),
        );
    }
    let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = home().ok_or("no home directory is known, so `~` means nothing")?;
            Ok(home.join(rest.trim_start_matches('/')))
        }
        Some(_) => Err("the home of another user can't be found; write the path out".to_owned()),
        None => Ok(dir.join(text)),
    }
}

/// Every secret of a backend.
pub(super) fn secrets(backend: &Backend) -> impl Iterator<Item = &Secret> {
    let BackendKind::Airflow(airflow) = &backend.kind else {
        return Vec::new().into_iter();
    };
    let login = match &airflow.login {
        Login::None => None,
        Login::Password { password, .. } => Some(password),
        Login::Token(token) => Some(token),
    };
    login
        .into_iter()
        .chain(airflow.headers.iter().map(|(_, secret)| secret))
        .collect::<Vec<_>>()
        .into_iter()
}
