//! Reads `[[channel]]` and `[[route]]`.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;

use super::channel_types::*;
use super::reader::{Reader, Table, nearest};
use super::secret::Secret;
use super::sections::{Read, check_name, of_kind, small};
use super::server;
use super::source::{At, Span};
use super::types::{Config, Login};

pub(super) fn channels(tables: Vec<Table<'_>>, dir: &Path) -> Vec<Channel> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut channels = Vec::new();
    for mut table in tables {
        let reader = table.reader();
        let name = table.need_str("name");
        if let Some(name) = &name {
            check_name(reader, name, "channel");
            if let Some(first) = seen.insert(name.value.clone(), name.span) {
                let (line, _) = reader.position(first);
                reader.problem(
                    name.span,
                    format!("there are two channels called `{}`", name.value),
                    format!("the other is on line {line}"),
                );
            }
        }
        channels.extend(channel(
            table,
            name.map(|at| at.value).unwrap_or_default(),
            dir,
        ));
    }
    channels
}

const KINDS: &[(&str, Read<ChannelKind>)] = &[
    ("slack", slack),
    ("teams", teams),
    ("email", email),
    ("twilio", twilio),
    ("pagerduty", pagerduty),
    ("opsgenie", opsgenie),
    ("servicenow", servicenow),
    ("webhook", webhook),
    ("syslog", syslog),
    ("eventhubs", eventhubs),
    ("command", command),
    ("terminal", terminal),
];

fn channel(mut table: Table<'_>, name: String, dir: &Path) -> Option<Channel> {
    let enabled = table.take_bool("enabled").unwrap_or(true);
    let rate = table.take_u64("rate", 1..=60_000);
    let send_resolved = table.take_bool("send_resolved").unwrap_or(true);
    let timeout = match table.take_duration("timeout") {
        None => Duration::from_secs(15),
        Some(at) => {
            if at.value < Duration::from_millis(100) || at.value > Duration::from_secs(600) {
                let message = "`channel.timeout` must be between 100ms and 10m";
                table.reader().problem(at.span, message, None);
            }
            at.value
        }
    };
    let kind = of_kind(table, dir, KINDS)?;
    Some(Channel {
        name,
        enabled,
        rate: small(rate, ChannelKind::usual_rate(kind.name())),
        send_resolved,
        timeout,
        kind,
    })
}

fn slack(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let reader = table.reader();
    let span = table.span();
    let webhook = table.take("webhook");
    let token = table.take("token");
    let channel = table.take_str("channel");
    let base = base(&mut table, "https://slack.com/api");
    let way = way(&mut table, dir);
    table.finish();
    let login = match (webhook, token) {
        (Some(webhook), None) => {
            let webhook = secret_url(reader, &webhook, dir);
            if let Some(channel) = channel {
                let help = "a webhook has one channel; a bot's `token` can write to any".to_owned();
                reader.problem(channel.span, "`channel` without `token`", help);
            }
            SlackLogin::Webhook(webhook?)
        }
        (None, Some(token)) => {
            let token = server::secret(reader, &token, dir);
            if channel.is_none() {
                reader.problem(span, "missing key `channel`", None);
            }
            SlackLogin::Bot {
                url: base?,
                token: token?,
                channel: channel?.value,
            }
        }
        (Some(_), Some(token)) => {
            let help = "choose one".to_owned();
            reader.problem(token.span(), "both `webhook` and `token` are given", help);
            return None;
        }
        (None, None) => {
            reader.problem(span, "missing key `webhook`, or `token` of a bot", None);
            return None;
        }
    };
    Some(ChannelKind::Slack(Slack { way, login }))
}

fn teams(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let reader = table.reader();
    let webhook = table.need("webhook");
    let webhook = webhook.and_then(|value| secret_url(reader, &value, dir));
    let way = way(&mut table, dir);
    table.finish();
    Some(ChannelKind::Teams(Teams {
        way,
        webhook: webhook?,
    }))
}

fn email(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let reader = table.reader();
    let host = table.need_str("host");
    let security = table
        .take_choice("security", MailSecurity::CHOICES)
        .unwrap_or(MailSecurity::Starttls);
    let port = port(&mut table, security.port());
    let user = table.take_str("user");
    let password = secret(&mut table, "password", dir);
    let tls = table
        .take_table("tls")
        .map(|table| server::tls(table, dir))
        .unwrap_or_default();
    let from = table.need_str("from");
    let to = table.need("to").and_then(|value| value.list());
    let to: Vec<_> = to.iter().flatten().filter_map(|v| v.str()).collect();
    let span = table.span();
    table.finish();
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user.value, password)),
        (Some(user), None) => {
            reader.problem(user.span, "`user` without `password`", None);
            None
        }
        (None, Some(_)) => {
            reader.problem(span, "`password` without `user`", None);
            None
        }
        (None, None) => None,
    };
    if security == MailSecurity::None && login.is_some() {
        let help = "use security = \"starttls\" or \"tls\"".to_owned();
        reader.warn(
            span,
            "the password of this channel is sent unencrypted",
            help,
        );
    }
    if to.is_empty() {
        reader.problem(span, "nobody to write to", "add to `to`".to_owned());
    }
    Some(ChannelKind::Email(Box::new(Email {
        host: host?.value,
        port,
        security,
        login,
        tls,
        from: from?,
        to,
    })))
}

fn twilio(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let url = base(&mut table, "https://api.twilio.com");
    let account = table.need_str("account");
    let token = need_secret(&mut table, "token", dir);
    let from = table.need_str("from");
    let to = table.need_str("to");
    let way = way(&mut table, dir);
    table.finish();
    Some(ChannelKind::Twilio(Twilio {
        way,
        url: url?,
        account: account?.value,
        token: token?,
        from: from?.value,
        to: to?.value,
    }))
}

fn pagerduty(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let url = base(&mut table, "https://events.pagerduty.com");
    let routing_key = need_secret(&mut table, "routing_key", dir);
    let way = way(&mut table, dir);
    table.finish();
    Some(ChannelKind::Pagerduty(Pagerduty {
        way,
        url: url?,
        routing_key: routing_key?,
    }))
}

fn opsgenie(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let url = base(&mut table, "https://api.opsgenie.com");
    let api_key = need_secret(&mut table, "api_key", dir);
    let team = table.take_str("team").map(|at| at.value);
    let way = way(&mut table, dir);
    table.finish();
    Some(ChannelKind::Opsgenie(Opsgenie {
        way,
        url: url?,
        api_key: api_key?,
        team,
    }))
}

fn servicenow(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let reader = table.reader();
    let span = table.span();
    let url = table.need("url");
    let url = url.and_then(|value| server::url(reader, &value));
    let login = server::login(&mut table, dir);
    if matches!(login, Login::None) {
        let help = "give `user` and `password`, or `token`".to_owned();
        reader.problem(span, "no login for the instance", help);
    }
    let close_code = table.take_str("close_code").map(|at| at.value);
    let fields = table.take_table("fields").map(|mut table| {
        let fields = table.take_rest().into_iter();
        fields
            .filter_map(|(name, value)| Some((name.value, value.scalar()?.value)))
            .collect()
    });
    let way = way(&mut table, dir);
    table.finish();
    Some(ChannelKind::Servicenow(Box::new(Servicenow {
        way,
        url: url?,
        login,
        close_code: close_code.unwrap_or_else(|| "Solution provided".to_owned()),
        fields: fields.unwrap_or_default(),
    })))
}

fn webhook(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let reader = table.reader();
    let url = table.need("url");
    let url = url.and_then(|value| maybe_secret_url(reader, &value, dir));
    let content_type = table.take_str("content_type");
    if let Some(at) = &content_type
        && reqwest::header::HeaderValue::from_str(&at.value).is_err()
    {
        reader.problem(at.span, "not a content type", None);
    }
    let template = table.take_str("template");
    let signing_key = secret(&mut table, "signing_key", dir);
    let headers = table
        .take_table("headers")
        .map(|table| server::headers(table, dir))
        .unwrap_or_default();
    let way = way(&mut table, dir);
    table.finish();
    Some(ChannelKind::Webhook(Box::new(Webhook {
        way,
        url: url?,
        content_type: content_type.map_or_else(|| "application/json".to_owned(), |at| at.value),
        template,
        signing_key,
        headers,
    })))
}

fn syslog(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let host = table.need_str("host");
    let transport = table
        .take_choice("transport", Transport::CHOICES)
        .unwrap_or(Transport::Udp);
    let port = port(&mut table, transport.port());
    let format = table
        .take_choice("format", SyslogFormat::CHOICES)
        .unwrap_or(SyslogFormat::Rfc5424);
    let facility = table.take_choice("facility", FACILITIES).unwrap_or(16);
    let tls = table
        .take_table("tls")
        .map(|table| server::tls(table, dir))
        .unwrap_or_default();
    table.finish();
    Some(ChannelKind::Syslog(Syslog {
        host: host?.value,
        port,
        transport,
        format,
        facility,
        tls,
    }))
}

fn eventhubs(mut table: Table<'_>, dir: &Path) -> Option<ChannelKind> {
    let reader = table.reader();
    let url = table.need("url");
    let url = url.and_then(|value| server::url(reader, &value));
    let hub = table.need_str("hub");
    let key_name = table.need_str("key_name");
    let key = need_secret(&mut table, "key", dir);
    let way = way(&mut table, dir);
    table.finish();
    Some(ChannelKind::Eventhubs(Eventhubs {
        way,
        url: url?,
        hub: hub?.value,
        key_name: key_name?.value,
        key: key?,
    }))
}

fn command(mut table: Table<'_>, _: &Path) -> Option<ChannelKind> {
    let command = table.need("command").and_then(|value| value.list());
    let command: Option<Vec<String>> = command.map(|items| {
        let items = items.iter().filter_map(|item| item.str());
        items.map(|at| at.value).collect()
    });
    if command.as_ref().is_some_and(Vec::is_empty) {
        let span = table.span();
        let message = "`command` must name a program";
        table.reader().problem(span, message, None);
    }
    table.finish();
    Some(ChannelKind::Command(command?))
}

fn terminal(mut table: Table<'_>, _: &Path) -> Option<ChannelKind> {
    let terminal = Terminal {
        bell: table.take_bool("bell").unwrap_or(true),
        title: table.take_bool("title").unwrap_or(true),
        notify: table
            .take_choice("notify", TerminalNotify::CHOICES)
            .unwrap_or(TerminalNotify::None),
    };
    table.finish();
    Some(ChannelKind::Terminal(terminal))
}

fn port(table: &mut Table<'_>, default: u16) -> u16 {
    let port = table.take_u64("port", 1..=65_535);
    port.and_then(|port| u16::try_from(port).ok())
        .unwrap_or(default)
}

/// A service's address, which tests and clouds of governments have otherwise.
fn base(table: &mut Table<'_>, default: &str) -> Option<Url> {
    match table.take("url") {
        Some(value) => server::url(table.reader(), &value),
        None => Url::parse(default).ok(),
    }
}

fn way(table: &mut Table<'_>, dir: &Path) -> Way {
    let reader = table.reader();
    Way {
        tls: table
            .take_table("tls")
            .map(|table| server::tls(table, dir))
            .unwrap_or_default(),
        proxy: table
            .take("proxy")
            .and_then(|value| server::proxy(reader, &value, dir)),
    }
}

fn secret(table: &mut Table<'_>, key: &'static str, dir: &Path) -> Option<Secret> {
    let reader = table.reader();
    let value = table.take(key)?;
    server::secret(reader, &value, dir)
}

fn need_secret(table: &mut Table<'_>, key: &'static str, dir: &Path) -> Option<Secret> {
    let reader = table.reader();
    let value = table.need(key)?;
    server::secret(reader, &value, dir)
}

/// An address that is a secret itself.
fn secret_url(reader: &Reader<'_>, value: &super::reader::Value<'_>, dir: &Path) -> Option<Secret> {
    let secret = server::secret(reader, value, dir)?;
    checked_url(reader, value.span(), secret)
}

/// An address that may be one: hidden, but nobody is told to write it elsewhere.
fn maybe_secret_url(
    reader: &Reader<'_>,
    value: &super::reader::Value<'_>,
    dir: &Path,
) -> Option<Secret> {
    let at = value.secret()?;
    match Secret::parse(&at.value, |text| super::sections::expand(text, dir)) {
        Ok(secret) => checked_url(reader, at.span, secret),
        Err(message) => {
            reader.problem(at.span, message, None);
            None
        }
    }
}

fn checked_url(reader: &Reader<'_>, span: Span, secret: Secret) -> Option<Secret> {
    use secrecy::ExposeSecret as _;
    if let Secret::Literal(text) = &secret {
        let url = Url::parse(text.expose_secret());
        let fine = url.is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        if !fine {
            let help =
                "it begins with https://, or env:, file: or cmd: says where it is".to_owned();
            reader.problem(span, "not a URL", help);
            return None;
        }
    }
    Some(secret)
}

pub(super) fn routes(tables: Vec<Table<'_>>) -> Vec<Route> {
    let route = |mut table: Table<'_>| {
        let conditions = table.take_strings("match").unwrap_or_default();
        let channels = table.need("channels").and_then(|value| value.list());
        let channels = channels.iter().flatten().filter_map(|v| v.str()).collect();
        let onward = table.take_bool("continue").unwrap_or(false);
        table.finish();
        Route {
            conditions,
            channels,
            onward,
        }
    };
    tables.into_iter().map(route).collect()
}

/// Every name in a route is that of a channel.
pub(super) fn check(reader: &Reader<'_>, config: &Config) {
    let known: Vec<&str> = config.channels.iter().map(|c| c.name.as_str()).collect();
    let named = config.routes.iter().flat_map(|route| &route.channels);
    let named = named.chain(super::alerts::named(config));
    for At { value, span } in named {
        if known.contains(&value.as_str()) {
            continue;
        }
        let help = match nearest(value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there is no [[channel]]".to_owned(),
            None => format!("there are: {}", known.join(", ")),
        };
        reader.problem(*span, format!("there is no channel `{value}`"), help);
    }
}

impl Channel {
    /// Every secret that it shows to whom it tells. Not that of its proxy, and not the address of a webhook of one's own,
    /// which need not be one.
    pub fn secrets(&self) -> Vec<&Secret> {
        let of_login = |login| match login {
            &Login::None => Vec::new(),
            Login::Password { password, .. } => vec![password],
            Login::Token(token) => vec![token],
        };
        match &self.kind {
            ChannelKind::Slack(slack) => match &slack.login {
                SlackLogin::Webhook(url) => vec![url],
                SlackLogin::Bot { token, .. } => vec![token],
            },
            ChannelKind::Teams(teams) => vec![&teams.webhook],
            ChannelKind::Email(email) => email.login.iter().map(|(_, secret)| secret).collect(),
            ChannelKind::Twilio(twilio) => vec![&twilio.token],
            ChannelKind::Pagerduty(pagerduty) => vec![&pagerduty.routing_key],
            ChannelKind::Opsgenie(opsgenie) => vec![&opsgenie.api_key],
            ChannelKind::Servicenow(servicenow) => of_login(&servicenow.login),
            ChannelKind::Webhook(webhook) => {
                let headers = webhook.headers.iter().map(|(_, secret)| secret);
                let key = &webhook.signing_key;
                headers.chain(key).collect()
            }
            ChannelKind::Eventhubs(eventhubs) => vec![&eventhubs.key],
            ChannelKind::Syslog(_) | ChannelKind::Command(_) | ChannelKind::Terminal(_) => {
                Vec::new()
            }
        }
    }
}
