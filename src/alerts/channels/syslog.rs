//! Syslog for a SIEM: RFC 5424 over UDP (RFC 5426), TCP with octet counting (RFC 6587 section 3.4.1) or TLS (RFC 5425);
//! the message itself as RFC 5424 with structured data, or CEF in it.
//!
//! Syslog has no answer. Over TCP and TLS the connection is closed after the message and the peer's end of it is waited
//! for, which tells a peer that was not there; over UDP nothing tells.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio_rustls::TlsConnector;

use super::escape::sd_param;
use super::text::{Text, cut, cut_bytes, dedup_key, rule, urgency};
use super::{Receipt, SendError};
use crate::config::{self, SyslogFormat, Transport};
use crate::model::{Message, Occasion, Priority};
use crate::net::cef::Cef;
use crate::net::tls;

/// What receivers of datagrams should take at least (RFC 5426 section 3.2), in bytes.
const DATAGRAM: usize = 2048;
/// What rsyslog takes unless told otherwise, in bytes.
const STREAM: usize = 8192;
/// How long the peer's end of the connection is waited for.
const CLOSE: Duration = Duration::from_secs(2);
/// The number that RFC 5612 has for examples: dagtop has none of its own.
const SD_ID: &str = "dagtop@32473";

pub(super) struct Syslog {
    host: String,
    port: u16,
    transport: Transport,
    format: SyslogFormat,
    facility: u8,
    tls: Option<Arc<ClientConfig>>,
    hostname: String,
}

impl Syslog {
    pub(super) fn open(config: &config::Syslog) -> Result<Self, SendError> {
        let tls = match config.transport {
            Transport::Tls => {
                let made = tls::client_config(&config.tls);
                Some(made.map_err(|error| SendError::later(error.to_string()))?)
            }
            Transport::Udp | Transport::Tcp => None,
        };
        let uname = rustix::system::uname();
        Ok(Self {
            host: config.host.clone(),
            port: config.port,
            transport: config.transport,
            format: config.format,
            facility: config.facility,
            tls,
            hostname: word(&uname.nodename().to_string_lossy(), 255),
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let most = match self.transport {
            Transport::Udp => DATAGRAM,
            Transport::Tcp | Transport::Tls => STREAM,
        };
        let line = self.line(message, most);
        let sent = match self.transport {
            Transport::Udp => self.datagram(line.as_bytes()).await,
            Transport::Tcp | Transport::Tls => self.stream(&line).await,
        };
        match sent {
            Ok(()) => Ok(Receipt::default()),
            Err(error) => Err(SendError::later(format!(
                "syslog at {}:{}: {error}",
                self.host, self.port
            ))),
        }
    }

    async fn address(&self) -> std::io::Result<SocketAddr> {
        let mut found = lookup_host((self.host.as_str(), self.port)).await?;
        found.next().ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address")
        })
    }

    async fn datagram(&self, line: &[u8]) -> std::io::Result<()> {
        let to = self.address().await?;
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => ([0u16; 8], 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(to).await?;
        socket.send(line).await.map(|_| ())
    }

    async fn stream(&self, line: &str) -> std::io::Result<()> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let frame = format!("{} {line}", line.len());
        let Some(config) = &self.tls else {
            return write(tcp, frame.as_bytes()).await;
        };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, tcp)
            .await?;
        write(stream, frame.as_bytes()).await
    }

    /// RFC 5424 section 6: `<PRI>1 TIME HOST APP PROCID MSGID SD MSG`.
    fn line(&self, message: &Message, most: usize) -> String {
        let text = Text::of(message);
        let pri = u16::from(self.facility) * 8 + severity(message);
        let time = message.at.format("%Y-%m-%dT%H:%M:%S%.6fZ");
        let head = format!(
            "<{pri}>1 {time} {} dagtop {} {} ",
            self.hostname,
            std::process::id(),
            message.occasion.word()
        );
        match self.format {
            SyslogFormat::Rfc5424 => {
                let room = most.saturating_sub(head.len() + MARK.len() + 1);
                // a third for the words, which are also in the data
                let data = structured(message, &text, room / 3 * 2);
                let words = room.saturating_sub(data.len());
                format!("{head}{data} {MARK}{}", cut_bytes(&text.headline, words))
            }
            SyslogFormat::Cef => {
                let room = most.saturating_sub(head.len() + 2);
                format!("{head}- {}", cef(message, &text, room))
            }
        }
    }
}

/// The byte order mark that says that the words are UTF-8 (RFC 5424 section 6.4).
const MARK: &str = "\u{feff}";

async fn write(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    frame: &[u8],
) -> std::io::Result<()> {
    stream.write_all(frame).await?;
    stream.flush().await?;
    stream.shutdown().await?;
    let mut rest = [0; 64];
    let end = async {
        loop {
            match stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // a peer that ends TLS without saying so has still read all of it
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    };
    // one that keeps the connection open has it all the same
    tokio::time::timeout(CLOSE, end).await.unwrap_or(Ok(()))
}

/// RFC 5424 table 2.
fn severity(message: &Message) -> u16 {
    match urgency(message) {
        Some(Priority::P1) => 2,
        Some(Priority::P2) => 3,
        Some(Priority::P3) => 4,
        Some(Priority::P4) => 5,
        Some(Priority::P5) => 6,
        None => 5,
    }
}

/// Printable ASCII without blanks, as a name in a header must be; `-` for nothing.
fn word(text: &str, most: usize) -> String {
    let word: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(most)
        .collect();
    match word.is_empty() {
        true => "-".to_owned(),
        false => word,
    }
}

/// As many whole parameters as there is room for.
fn structured(message: &Message, text: &Text, room: usize) -> String {
    let alert = &message.alert;
    let own = [
        ("key", dedup_key(message)),
        ("priority", alert.priority.word().to_owned()),
        ("rule", cut(&rule(message), 200)),
        ("title", cut(&alert.title, 200)),
    ];
    let facts = text.facts.iter().map(|f| (f.key, cut(&f.value, 300)));
    let mut data = format!("[{SD_ID}");
    for (name, value) in own.into_iter().chain(facts) {
        let part = format!(" {name}=\"{}\"", sd_param(&value));
        if data.len() + part.len() < room {
            data.push_str(&part);
        }
    }
    data + "]"
}

fn cef(message: &Message, text: &Text, room: usize) -> String {
    let alert = &message.alert;
    let severity = match urgency(message) {
        Some(Priority::P1) => 10,
        Some(Priority::P2) => 8,
        Some(Priority::P3) => 6,
        Some(Priority::P4) => 4,
        Some(Priority::P5) => 2,
        None => 1,
    };
    let outcome = match message.occasion {
        Occasion::Resolved => "success",
        _ => "failure",
    };
    let mut line = Cef::new(
        &cut(&rule(message), 100),
        &cut(&text.headline, 200),
        severity,
        room,
    );
    let fact = |key: &str| text.get(key).map(|v| cut(v, 400)).unwrap_or_default();
    let pairs = [
        ("externalId", cut(&dedup_key(message), 200)),
        ("rt", message.at.timestamp_millis().to_string()),
        ("start", alert.since.timestamp_millis().to_string()),
        ("cat", message.occasion.word().to_owned()),
        ("outcome", outcome.to_owned()),
        ("cs1Label", "priority".to_owned()),
        ("cs1", alert.priority.word().to_owned()),
        ("cs2Label", "where".to_owned()),
        ("cs2", fact("where")),
        ("cs3Label", "diagnosis".to_owned()),
        ("cs3", fact("diagnosis")),
        ("cs4Label", "blastRadius".to_owned()),
        ("cs4", fact("blast_radius")),
        ("cs5Label", "open".to_owned()),
        ("cs5", fact("open")),
        ("request", fact("url")),
        ("msg", fact("error")),
    ];
    for (name, value) in pairs {
        line.pair(name, &value);
    }
    line.to_string()
}
