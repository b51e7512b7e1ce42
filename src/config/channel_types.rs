//! Who is told of alerts, and of which: `[[channel]]` and `[[route]]` as plain data.

use std::time::Duration;

use reqwest::Url;

use super::secret::Secret;
use super::source::At;
use super::types::Tls;

/// One `[[channel]]`
#[derive(Clone, Debug)]
pub struct Channel {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`
    pub name: String,
    pub enabled: bool,
    /// Messages a minute at most, at least 1.
    pub rate: u32,
    /// Whether it is told that an alert is over.
    pub send_resolved: bool,
    /// For one message as a whole.
    pub timeout: Duration,
    pub kind: ChannelKind,
}

#[derive(Clone, Debug)]
pub enum ChannelKind {
    Slack(Slack),
    Teams(Teams),
    Email(Box<Email>),
    Twilio(Twilio),
    Pagerduty(Pagerduty),
    Opsgenie(Opsgenie),
    Servicenow(Box<Servicenow>),
    Webhook(Box<Webhook>),
    Syslog(Syslog),
    Eventhubs(Eventhubs),
    Command(Vec<String>),
    Terminal(Terminal),
}

impl ChannelKind {
    /// The words that stand in the file.
    pub const NAMES: [&str; 12] = [
        "slack",
        "teams",
        "email",
        "twilio",
        "pagerduty",
        "opsgenie",
        "servicenow",
        "webhook",
        "syslog",
        "eventhubs",
        "command",
        "terminal",
    ];

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Slack(_) => "slack",
            Self::Teams(_) => "teams",
            Self::Email(_) => "email",
            Self::Twilio(_) => "twilio",
            Self::Pagerduty(_) => "pagerduty",
            Self::Opsgenie(_) => "opsgenie",
            Self::Servicenow(_) => "servicenow",
            Self::Webhook(_) => "webhook",
            Self::Syslog(_) => "syslog",
            Self::Eventhubs(_) => "eventhubs",
            Self::Command(_) => "command",
            Self::Terminal(_) => "terminal",
        }
    }

    /// Messages a minute when the file doesn't say: what people or a service bear, or a machine takes.
    pub const fn usual_rate(name: &str) -> u32 {
        match name.as_bytes() {
            b"twilio" => 10,
            b"syslog" | b"eventhubs" => 6000,
            _ => 60,
        }
    }
}

/// Certificates and proxy of a channel that speaks HTTP.
#[derive(Clone, Debug, Default)]
pub struct Way {
    pub tls: Tls,
    pub proxy: Option<Secret>,
}

#[derive(Clone, Debug)]
pub struct Slack {
    pub way: Way,
    pub login: SlackLogin,
}

#[derive(Clone, Debug)]
pub enum SlackLogin {
    /// The address is the secret.
    Webhook(Secret),
    Bot {
        /// `https://slack.com/api`
        url: Url,
        token: Secret,
        /// `C0123456789` or `#alerts`
        channel: String,
    },
}

#[derive(Clone, Debug)]
pub struct Teams {
    pub way: Way,
    /// Address of a workflow; holds its signature.
    pub webhook: Secret,
}

#[derive(Clone, Debug)]
pub struct Email {
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    pub login: Option<(String, Secret)>,
    pub tls: Tls,
    pub from: At<String>,
    /// At least one.
    pub to: Vec<At<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// Plain at first, then TLS or nothing.
    Starttls,
    Tls,
    None,
}

impl MailSecurity {
    pub const CHOICES: &[(&str, Self)] = &[
        ("starttls", Self::Starttls),
        ("tls", Self::Tls),
        ("none", Self::None),
    ];

    pub const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Twilio {
    pub way: Way,
    /// `https://api.twilio.com`
    pub url: Url,
    /// Account SID: `AC…`
    pub account: String,
    pub token: Secret,
    /// A number, or the SID of a messaging service: `MG…`
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug)]
pub struct Pagerduty {
    pub way: Way,
    /// `https://events.pagerduty.com`
    pub url: Url,
    pub routing_key: Secret,
}

#[derive(Clone, Debug)]
pub struct Opsgenie {
    pub way: Way,
    /// `https://api.opsgenie.com`
    pub url: Url,
    pub api_key: Secret,
    /// Name of the team that is responsible.
    pub team: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Servicenow {
    pub way: Way,
    pub url: Url,
    pub login: super::types::Login,
    /// Of a resolved incident: an instance may want its own word.
    pub close_code: String,
    /// More fields of a new incident.
    pub fields: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Webhook {
    pub way: Way,
    pub url: Secret,
    pub content_type: String,
    /// The body with `{{fields}}`; our own JSON without one.
    pub template: Option<At<String>>,
    /// Key of the signature by Standard Webhooks.
    pub signing_key: Option<Secret>,
    pub headers: Vec<(String, Secret)>,
}

#[derive(Clone, Debug)]
pub struct Syslog {
    pub host: String,
    pub port: u16,
    pub transport: Transport,
    pub format: SyslogFormat,
    /// 0 to 23
    pub facility: u8,
    pub tls: Tls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    pub const CHOICES: &[(&str, Self)] =
        &[("udp", Self::Udp), ("tcp", Self::Tcp), ("tls", Self::Tls)];

    /// RFC 5426 and RFC 5425; RFC 6587 names none, and 514 is what receivers listen on.
    pub const fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 514,
            Self::Tls => 6514,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogFormat {
    Rfc5424,
    Cef,
}

impl SyslogFormat {
    pub const CHOICES: &[(&str, Self)] = &[("rfc5424", Self::Rfc5424), ("cef", Self::Cef)];
}

/// RFC 5424 table 1, by the names of syslog.conf(5).
pub const FACILITIES: &[(&str, u8)] = &[
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

#[derive(Clone, Debug)]
pub struct Eventhubs {
    pub way: Way,
    /// `https://NAMESPACE.servicebus.windows.net`
    pub url: Url,
    pub hub: String,
    /// Name of the shared access policy.
    pub key_name: String,
    pub key: Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub bell: bool,
    pub title: bool,
    pub notify: TerminalNotify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalNotify {
    None,
    Osc9,
    Osc777,
}

impl TerminalNotify {
    pub const CHOICES: &[(&str, Self)] = &[
        ("none", Self::None),
        ("osc9", Self::Osc9),
        ("osc777", Self::Osc777),
    ];
}

/// One `[[route]]`: who is told of which alerts. The alerts know what a condition means.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// All must hold; none holds always.
    pub conditions: Vec<At<String>>,
    /// Names of channels.
    pub channels: Vec<At<String>>,
    /// Go on with the routes below.
    pub onward: bool,
}
