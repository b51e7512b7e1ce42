//! The address of a server: read, made safe to be shown, and turned into a connection.

use std::time::Duration;

use futures_util::StreamExt as _;
use secrecy::ExposeSecret as _;
use tokio_postgres::config::Host;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{Secret, Tls};
use crate::history::store::StoreError;
use crate::model::SafeText;
use crate::net::tls;

use super::error::{Shown, away, told};

/// How long a server may take to let us in.
const CONNECT: Duration = Duration::from_secs(5);
/// What every connection has: nobody waits for ever, and what is left open in a broken network ends.
const SESSION: &str =
    "set search_path = dagtop; set statement_timeout = '10s'; set lock_timeout = '4s';
    set idle_in_transaction_session_timeout = '30s'; set client_min_messages = 'warning'";

/// Where the server is; the password in it is read anew for every connection, and shown nowhere.
#[derive(Clone, Debug)]
pub struct Address {
    pub url: Secret,
    pub tls: Tls,
}

/// Hears what the server sends unasked: the payload of each notification.
pub(super) type Ear = tokio::sync::mpsc::Sender<String>;

impl Address {
    /// A new connection. Its task ends with it.
    pub(super) async fn connect(&self, ear: Option<Ear>) -> Result<(Client, Shown), StoreError> {
        let (config, shown) = self.read().await?;
        let connecting = self.enter(&config, &shown, ear);
        match tokio::time::timeout(CONNECT * 2, connecting).await {
            Ok(client) => Ok((client?, shown)),
            Err(_) => Err(away(&shown, "it does not answer")),
        }
    }

    async fn enter(
        &self,
        config: &Config,
        shown: &Shown,
        ear: Option<Ear>,
    ) -> Result<Client, StoreError> {
        use tokio_postgres::config::SslMode;
        let client = if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(|e| told(&e, shown))?;
            carry(connection, ear);
            client
        } else {
            let tls = tls::client_config(&self.tls)
                .map_err(|e| unusable(shown.as_str(), &e.to_string()))?;
            let tls = MakeRustlsConnect::new((*tls).clone());
            let (client, connection) = config.connect(tls).await.map_err(|e| told(&e, shown))?;
            carry(connection, ear);
            client
        };
        client
            .batch_execute(SESSION)
            .await
            .map_err(|e| told(&e, shown))?;
        Ok(client)
    }

    async fn read(&self) -> Result<(Config, Shown), StoreError> {
        let text = self.url.resolve().await;
        let text = text.map_err(|e| unusable(&self.url.to_string(), &e.to_string()))?;
        let mut config = parse(text.expose_secret())
            .map_err(|why| unusable(&format!("of {}", self.url), &why))?;
        if config.get_application_name().is_none() {
            config.application_name("dagtop");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.tcp_user_timeout(Duration::from_secs(15));
        config.keepalives_idle(Duration::from_secs(15));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        let shown = shown(&config);
        Ok((config, shown))
    }
}

fn unusable(place: &str, why: &str) -> StoreError {
    StoreError::Open {
        path: place.into(),
        why: SafeText::new(why),
    }
}

/// Never says what stands in the text: a password may be anywhere in it.
fn parse(text: &str) -> Result<Config, String> {
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err("it does not begin with postgres://".to_owned());
    }
    // certificates are always verified, so these ask for what is done anyway
    let text = text.replace("sslmode=verify-full", "sslmode=require");
    let text = text.replace("sslmode=verify-ca", "sslmode=require");
    let config: Config = text.parse().map_err(|_| {
        "the URL can't be understood; it is postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, with % escapes".to_owned()
    })?;
    let strange = |host: &Host| match host {
        Host::Tcp(name) => name.is_empty() || name.contains('@'),
        Host::Unix(_) => false,
    };
    if config.get_hosts().is_empty() || config.get_hosts().iter().any(strange) {
        return Err(
            "the URL names no server; an `@` in a password is written %40 in it".to_owned(),
        );
    }
    Ok(config)
}

/// Everything but the password.
fn shown(config: &Config) -> Shown {
    let user = config.get_user().map(|user| format!("{user}@"));
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| {
            let ports = config.get_ports();
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        })
        .collect();
    let name = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or_default();
    SafeText::new(format!(
        "postgres://{}{}/{name}",
        user.unwrap_or_default(),
        hosts.join(",")
    ))
}

/// Carries the connection until its client is gone.
fn carry<S, T>(mut connection: tokio_postgres::Connection<S, T>, ear: Option<Ear>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
        // what broke it is told to whoever asks something on it
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notice) = message
                && let Some(ear) = &ear
            {
                // one that is full has enough to do
                let _ = ear.try_send(notice.payload().to_owned());
            }
        }
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let shown = |text: &str| shown(&parse(text).unwrap()).to_string();
        assert_eq!(
            shown("postgres://ann:hunter2@db.example.com/past?sslmode=verify-full"),
            "postgres://ann@db.example.com:5432/past"
        );
        assert_eq!(
            shown("postgresql://db:5433/past?user=ann&password=hunter2"),
            "postgres://ann@db:5433/past"
        );
        for wrong in [
            "postgres://ann:hun@ter2@db/past",
            "postgres://ann:hunter2@/past",
            "postgres://ann:hunter2@db/past?sslmode=hunter2",
            "postgres://ann:hunter2@db/past?hunter2=1",
            "postgres://ann@db:hunter2/past",
            "mysql://ann:hunter2@db/past",
        ] {
            let why = parse(wrong).unwrap_err();
            assert!(!why.contains("hun") && !why.contains("ter2"), "{why}");
        }
    }
}
