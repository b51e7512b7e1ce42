//! What can be said of the configuration without asking any server.

use std::path::Path;

use crate::config::secret::readable_by_others;
use crate::config::{Backend, BackendKind, Dbt, Loaded, Local, Login, Paths, Secret, Server};

use super::report::Check;
use crate::backends::dbt::find_program;
use crate::commands::chain;

pub(super) fn file(paths: &Paths, loaded: &Loaded) -> Vec<Check> {
    let backends = &loaded.config.backends;
    let off = backends.iter().filter(|backend| !backend.enabled).count();
    let mut text = match backends.len() {
        1 => format!("{}: 1 backend", paths.config_file.display()),
        n => format!("{}: {n} backends", paths.config_file.display()),
    };
    if off > 0 {
        text.push_str(&format!(", {off} of them not enabled"));
    }
    let mut checks = vec![if backends.is_empty() {
        Check::warning(format!("{text}: there is nothing to watch")).help("add a [[backend]]")
    } else {
        Check::ok(text)
    }];
    checks.extend(
        loaded
            .warnings
            .iter()
            .map(|warning| Check::warning(warning.headline())),
    );
    checks
}

pub(super) async fn backend(backend: &Backend) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(server) = backend.kind.server() {
        self::server(server, &mut checks).await;
    }
    match &backend.kind {
        BackendKind::Local(local) => self::local(local, &mut checks),
        BackendKind::Dbt(dbt) => self::dbt(dbt, &mut checks),
        BackendKind::Airflow(_) | BackendKind::Prefect(_) | BackendKind::Dagster(_) => {}
    }
    checks
}

async fn server(server: &Server, checks: &mut Vec<Check>) {
    match &server.login {
        Login::None => checks.push(
            Check::warning("neither user nor token is given")
                .help("add `user` and `password`, or `token`"),
        ),
        Login::Password { password, .. } => secret("password", password, checks).await,
        Login::Token(token) => secret("token", token, checks).await,
    }
    if let Some(proxy) = &server.proxy {
        secret("proxy", proxy, checks).await;
    }
    for (name, value) in &server.headers {
        secret(&format!("header {name}"), value, checks).await;
    }
    let plain = server.url.scheme() == "http" && !loopback(&server.url);
    if plain && !matches!(server.login, Login::None) {
        checks.push(Check::warning("the credentials go over plain http").help("use https"));
    }
    if server.tls.insecure {
        checks.push(
            Check::warning("`tls.insecure` trusts any certificate")
                .help("give the certificate authority as `tls.ca`"),
        );
    }
    if let Some(ca) = &server.tls.ca {
        pem("tls.ca", ca, checks);
    }
    if let Some(identity) = &server.tls.identity {
        pem("tls.cert", &identity.cert, checks);
        pem("tls.key", &identity.key, checks);
        if readable_by_others(&identity.key) {
            let help = format!("run chmod 600 {}", identity.key.display());
            checks.push(
                Check::warning("the key of the client certificate can be read by other users")
                    .help(help),
            );
        }
    }
}

fn loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

async fn secret(what: &str, secret: &Secret, checks: &mut Vec<Check>) {
    match secret.resolve().await {
        Ok(_) => checks.push(Check::ok(format!("{what} from {secret}"))),
        Err(error) => checks.push(Check::problem(format!("{what}: {}", chain(&error)))),
    }
}

fn pem(what: &str, path: &Path, checks: &mut Vec<Check>) {
    match std::fs::read_to_string(path) {
        Ok(text) if text.contains("-----BEGIN ") => {}
        Ok(_) => checks.push(Check::problem(format!(
            "{what}: {} is not a PEM file",
            path.display()
        ))),
        Err(error) => checks.push(Check::problem(format!(
            "{what}: {}: {error}",
            path.display()
        ))),
    }
}

fn dbt(dbt: &Dbt, checks: &mut Vec<Check>) {
    match find_program(&dbt.dbt) {
        Some(path) => checks.push(Check::ok(format!("dbt is {}", path.display()))),
        None => checks.push(
            Check::warning(format!(
                "{} is not installed here: the project can only be watched",
                dbt.dbt.display()
            ))
            .help("give the path of dbt as `dbt`, for example \"~/venv/bin/dbt\""),
        ),
    }
    if let Some(profiles) = &dbt.profiles
        && !profiles.join("profiles.yml").is_file()
    {
        let text = format!("`profiles`: {} has no profiles.yml", profiles.display());
        checks.push(Check::problem(text));
    }
}

fn local(local: &Local, checks: &mut Vec<Check>) {
    if local.pipelines.is_empty() {
        checks.push(Check::warning(
            "`pipelines` is empty: there is nothing to run",
        ));
    }
}
