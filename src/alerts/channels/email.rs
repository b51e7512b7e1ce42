//! E-mail by SMTP: text and HTML of the same, one thread for each firing of an alert (RFC 5322 `References`), a
//! `Message-ID` that is the same when it is sent again.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Identity, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::ExposeSecret as _;

use super::escape::html as escape;
use super::text::{Form, Text, hashed_key, link};
use super::wire::resolve;
use super::{Receipt, Retry, SendError};
use crate::config::{self, At, MailSecurity, Problem, Source};
use crate::model::{Message, Occasion, Priority};

/// Longest subject, in characters.
const SUBJECT: usize = 150;

pub(super) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    place: String,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub(super) async fn open(config: &config::Email, timeout: Duration) -> Result<Self, SendError> {
        let tls = match config.security {
            MailSecurity::None => Tls::None,
            MailSecurity::Starttls => Tls::Required(parameters(config).await?),
            MailSecurity::Tls => Tls::Wrapper(parameters(config).await?),
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.as_str())
                .port(config.port)
                .timeout(Some(timeout))
                .tls(tls);
        if let Some((user, password)) = &config.login {
            let password = resolve(password).await?;
            let login = Credentials::new(user.clone(), password.expose_secret().to_owned());
            builder = builder.credentials(login);
        }
        let mailbox = |at: &At<String>| {
            let why = |_| SendError::later(format!("\"{}\" is no mail address", at.value));
            at.value.parse::<Mailbox>().map_err(why)
        };
        Ok(Self {
            transport: builder.build(),
            place: format!("{}:{}", config.host, config.port),
            from: mailbox(&config.from)?,
            to: config.to.iter().map(mailbox).collect::<Result<_, _>>()?,
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let mail = self.mail(message)?;
        let (envelope, bytes) = (mail.envelope().clone(), mail.formatted());
        let sent = self.transport.send_raw(&envelope, &bytes).await;
        let error = match sent.map_err(|error| self.refused(&error)) {
            Ok(_) => return Ok(Receipt::default()),
            Err(error) => error,
        };
        // one address that is none must not keep it from the others; the refusal is told all the same
        if error.retry == Retry::Never && envelope.to().len() > 1 {
            for to in envelope.to() {
                let one = Envelope::new(envelope.from().cloned(), vec![to.clone()]);
                if let Ok(one) = one {
                    // each that fails has been told by the first error, or will be by a dead letter
                    let _ = self.transport.send_raw(&one, &bytes).await;
                }
            }
        }
        Err(error)
    }

    /// 5xx about the mail is final; about who we are it is the channel's trouble (RFC 4954 section 6).
    fn refused(&self, error: &lettre::transport::smtp::Error) -> SendError {
        let what = format!("SMTP at {}: {}", self.place, causes(error));
        let code = error.status().map(u16::from);
        let login = matches!(code, Some(530 | 534 | 535 | 538));
        match error.is_permanent() && !login {
            true => SendError::never(what),
            false => SendError::later(what),
        }
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, SendError> {
        let text = Text::of(message);
        let key = hashed_key(message);
        let domain = self.from.email.domain();
        let id = |occasion: Occasion| format!("<{key}.{}@{domain}>", occasion.word());
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(super::text::cut(
                &format!("[dagtop] {}", text.headline),
                SUBJECT,
            ))
            .date(message.at.into())
            // a machine wrote it: no answer of a machine to it (RFC 3834)
            .header(AutoSubmitted);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder = match message.occasion {
            Occasion::Fired | Occasion::Test => builder.message_id(Some(id(message.occasion))),
            Occasion::Acknowledged | Occasion::Resolved => builder
                .message_id(Some(id(message.occasion)))
                .in_reply_to(id(Occasion::Fired))
                .references(id(Occasion::Fired)),
            // there may be several
            Occasion::Escalated => builder
                .message_id(Some(format!(
                    "<{key}.escalated.{}@{domain}>",
                    message.at.timestamp()
                )))
                .in_reply_to(id(Occasion::Fired))
                .references(id(Occasion::Fired)),
        };
        let urgent = matches!(message.alert.priority, Priority::P1 | Priority::P2);
        if urgent && matches!(message.occasion, Occasion::Fired | Occasion::Escalated) {
            builder = builder.header(Importance);
        }
        let body = MultiPart::alternative_plain_html(text.plain(), html(&text));
        let mail = builder.multipart(body);
        mail.map_err(|error| SendError::never(format!("the mail can't be written: {error}")))
    }
}

#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[derive(Clone)]
struct Importance;

impl Header for Importance {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Importance")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "high".to_owned())
    }
}

fn html(text: &Text) -> String {
    let mut rows = String::new();
    for fact in &text.facts {
        let value = escape(&fact.value);
        let value = match (fact.form, link(&fact.value)) {
            (Form::Code, _) => format!("<code>{value}</code>"),
            (Form::Link, Some(url)) => {
                format!("<a href=\"{}\">{value}</a>", escape(url.as_str()))
            }
            _ => value,
        };
        rows.push_str(&format!(
            "<tr><td style=\"padding-right:1em;vertical-align:top\"><b>{}</b></td><td>{value}</td></tr>\n",
            escape(fact.name)
        ));
    }
    format!(
        "<!doctype html>\n<html><body style=\"font-family:sans-serif\">\n<h3>{}</h3>\n<table>\n{rows}</table>\n</body></html>\n",
        escape(&text.headline)
    )
}

async fn parameters(config: &config::Email) -> Result<TlsParameters, SendError> {
    let tls = &config.tls;
    let read = async |path: &std::path::Path| {
        let read = tokio::fs::read(path).await;
        read.map_err(|e| SendError::later(format!("can't read {}: {e}", path.display())))
    };
    let setup = |e: lettre::transport::smtp::Error| {
        SendError::later(format!("can't set up TLS: {}", causes(&e)))
    };
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &tls.ca {
        let pem = read(path).await?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(setup)?);
    }
    if let Some(identity) = &tls.identity {
        let (cert, key) = (read(&identity.cert).await?, read(&identity.key).await?);
        builder = builder.identify_with(Identity::from_pem(&cert, &key).map_err(setup)?);
    }
    if tls.insecure {
        builder = builder.dangerous_accept_invalid_certs(true);
    }
    builder.build().map_err(setup)
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(&format!(": {more}"));
        }
        cause = inner.source();
    }
    text
}

/// Addresses that are none.
pub(super) fn problems(config: &config::Email, source: &Source) -> Vec<Problem> {
    let all = [&config.from].into_iter().chain(&config.to);
    let wrong = all.filter(|at| at.value.parse::<Mailbox>().is_err());
    let help = "write \"name@example.com\" or \"Name <name@example.com>\"";
    wrong
        .map(|at| {
            let message = format!("\"{}\" is no mail address", at.value);
            source.problem(at.span, message, help.to_owned())
        })
        .collect()
}
