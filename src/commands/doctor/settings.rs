//! What can be said of the configuration without asking any server.

use std::path::Path;

use crate::config::secret::readable_by_others;
use crate::config::{Backend, BackendKind, Loaded, Local, Login, Paths, Secret, Server};

use super::report::Check;
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
    if let BackendKind::Local(local) = &backend.kind {
        self::local(local, &mut checks);
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

fn local(local: &Local, checks: &mut Vec<Check>) {
    if local.pipelines.is_empty() {
        checks.push(Check::warning(
            "`pipelines` is empty: there is nothing to run",
        ));
    }
}
