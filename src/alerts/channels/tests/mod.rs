//! Every channel against a server of our own: what it sends, how it takes answers, and what it never lets out. Real peers
//! are in `tests/channels_live.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use chrono::DateTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

mod chat;
mod machines;
mod paging;

use super::*;
use crate::model::{Alert, AlertId, By, Occasion, Priority};

fn config(text: &str) -> config::Channel {
    let text = format!("[[channel]]\nname=\"c\"\n{text}");
    let loaded = config::load::parse(Path::new("/x/config.toml"), &text);
    let loaded = loaded.unwrap_or_else(|e| panic!("{e}"));
    loaded.config.channels.into_iter().next().unwrap()
}

async fn open(text: &str) -> Channel {
    Channel::open(&config(text)).await.unwrap()
}

fn at(seconds: i64) -> chrono::DateTime<chrono::Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn message(occasion: Occasion) -> Message {
    let id = AlertId::new("run-failing", "prod/orders_daily");
    let mut alert = Alert::new(id, Priority::P1, at(0));
    alert.title = SafeText::new("orders_daily");
    alert.reason = SafeText::new("failed at load: OutOfMemoryError");
    alert.fired = Some(at(30));
    alert.behind = vec![SafeText::new("report"), SafeText::new("audit")];
    alert.runbook = Some(SafeText::new("https://wiki.example.com/orders?x=1&y=2"));
    alert.labels.push(("tag".to_owned(), "finance".to_owned()));
    if occasion == Occasion::Acknowledged {
        alert.acked = Some(By {
            who: SafeText::new("ann"),
            at: at(60),
        });
    }
    if occasion == Occasion::Resolved {
        alert.resolved = Some(at(720));
    }
    let mut message = Message::new(occasion, alert, at(720));
    message.backend = Some(SafeText::new("prod"));
    message.pipeline = Some(SafeText::new("orders_daily"));
    message.node = Some(SafeText::new("load"));
    message.error = Some(SafeText::new("java.lang.OutOfMemoryError: Java heap space"));
    message.cause = Some(SafeText::new("executor ran out of memory"));
    message.advice = Some(SafeText::new("retry with more memory"));
    message.last_success = Some(at(-86_400));
    message.sla = Some(SafeText::new("must be done by 04:00, 38 min left"));
    message.open = SafeText::new("dagtop open prod/orders_daily");
    message
}

/// What an alert looks like that somebody made to do harm.
fn hostile(occasion: Occasion) -> Message {
    let nasty = "\x1b]0;x\x07<!channel> <a href='x'>& |pipe| back\\slash = \"quote\" ] `tick` *b* [l](http://e)\r\nBcc: evil@example.com\n\u{202e}{{title}}";
    let mut message = message(occasion);
    message.alert.id = AlertId::new(nasty, nasty);
    message.alert.title = SafeText::new(nasty);
    message.alert.reason = SafeText::new(format!("{nasty} {}", "x".repeat(1 << 20)));
    message.alert.runbook = Some(SafeText::new("javascript:alert(1)"));
    message
        .alert
        .labels
        .push((nasty.to_owned(), nasty.to_owned()));
    message.alert.behind = vec![SafeText::new(nasty.repeat(100)); 500];
    message.error = Some(SafeText::new("€漢`".repeat(1 << 18)));
    message.cause = Some(SafeText::new(nasty.repeat(1000)));
    message.url = Some(SafeText::new("https://e.com/<b>|x>?a=\"&b"));
    message.open = SafeText::new(nasty);
    message
}

async fn server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

async fn bodies(server: &MockServer) -> Vec<Value> {
    let all = requests(server).await;
    all.iter().map(|r| r.body_json().unwrap()).collect()
}

const ALL: [Occasion; 5] = [
    Occasion::Fired,
    Occasion::Escalated,
    Occasion::Acknowledged,
    Occasion::Resolved,
    Occasion::Test,
];

#[test]
fn a_message_says_all_that_somebody_needs_who_was_asleep() {
    let text = text::Text::of(&message(Occasion::Fired));
    assert_eq!(
        text.plain(),
        "P1 orders_daily: failed at load: OutOfMemoryError\n\
         where: prod / orders_daily / load\n\
         since: 2027-01-15 08:00:00 UTC (12 min ago)\n\
         error: java.lang.OutOfMemoryError: Java heap space\n\
         diagnosis: executor ran out of memory. Try: retry with more memory\n\
         last success: 2027-01-14 08:00:00 UTC (24 h 12 min ago)\n\
         waits behind it: 2: report, audit\n\
         SLA: must be done by 04:00, 38 min left\n\
         runbook: https://wiki.example.com/orders?x=1&y=2\n\
         open: dagtop open prod/orders_daily"
    );
    let over = text::Text::of(&message(Occasion::Resolved));
    assert!(over.headline.starts_with("resolved: P1 orders_daily"));
    assert_eq!(
        over.get("resolved").unwrap().as_str(),
        "2027-01-15 08:12:00 UTC, after 12 min"
    );
}

#[tokio::test]
async fn answers_say_when_to_try_again() {
    let text = |uri: &str| format!("kind=\"pagerduty\"\nrouting_key=\"R0SECRET\"\nurl=\"{uri}\"");
    for (status, retry) in [
        (400, Retry::Never),
        (401, Retry::Later),
        (403, Retry::Later),
        (404, Retry::Later),
        (408, Retry::Later),
        (413, Retry::Never),
        (500, Retry::Later),
        (302, Retry::Later),
    ] {
        let server = server(ResponseTemplate::new(status)).await;
        let error = open(&text(&server.uri()))
            .await
            .send(&message(Occasion::Fired), None)
            .await
            .unwrap_err();
        assert_eq!(error.retry, retry, "{status}: {error}");
    }
    for status in [429, 503] {
        let server = server(ResponseTemplate::new(status).insert_header("retry-after", "17")).await;
        let error = open(&text(&server.uri()))
            .await
            .send(&message(Occasion::Fired), None)
            .await
            .unwrap_err();
        assert_eq!(error.retry, Retry::After(Duration::from_secs(17)));
    }
    let error = open(&text("http://127.0.0.1:1"))
        .await
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap_err();
    assert_eq!(error.retry, Retry::Later);
    let slow = server(ResponseTemplate::new(202).set_delay(Duration::from_secs(30))).await;
    let limited = format!("{}\ntimeout=\"200ms\"", text(&slow.uri()));
    let error = open(&limited)
        .await
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap_err();
    assert_eq!(error.retry, Retry::Later, "{error}");
}

/// Nothing of an alert gets out with its controls, by whatever way.
#[tokio::test]
async fn nothing_goes_out_that_is_not_safe_text() {
    let server = server(
        ResponseTemplate::new(200).set_body_json(json!({"ok": true, "result": {"sys_id": "1"}})),
    )
    .await;
    let uri = server.uri();
    for kind in [
        format!("kind=\"slack\"\nwebhook=\"{uri}/x\""),
        format!("kind=\"teams\"\nwebhook=\"{uri}/x\""),
        format!("kind=\"pagerduty\"\nrouting_key=\"hunter2\"\nurl=\"{uri}\""),
        format!("kind=\"opsgenie\"\napi_key=\"hunter2\"\nurl=\"{uri}\""),
        format!(
            "kind=\"twilio\"\naccount=\"AC1\"\ntoken=\"hunter2\"\nfrom=\"1\"\nto=\"2\"\nurl=\"{uri}\""
        ),
        format!("kind=\"servicenow\"\nuser=\"u\"\npassword=\"hunter2\"\nurl=\"{uri}\""),
        format!("kind=\"webhook\"\nurl=\"{uri}/x\""),
        format!("kind=\"eventhubs\"\nhub=\"h\"\nkey_name=\"k\"\nkey=\"hunter2\"\nurl=\"{uri}\""),
    ] {
        let channel = open(&kind).await;
        for occasion in ALL {
            channel.send(&hostile(occasion), None).await.unwrap();
        }
    }
    let all = requests(&server).await;
    assert!(all.len() >= 40, "{}", all.len());
    for request in all {
        assert!(std::str::from_utf8(&request.body).is_ok());
        for raw in [
            "\u{1b}",
            "\\u001b",
            "%1B",
            "\u{202e}",
            "%E2%80%AE",
            "\\u0007",
        ] {
            let found = memchr::memmem::find(&request.body, raw.as_bytes());
            assert_eq!(found, None, "{}: {raw:?}", request.url);
        }
    }
}

/// Servers that repeat everything they were told, as badly as they can: nothing of it comes out.
#[tokio::test]
async fn no_secret_comes_out_of_anything() {
    let echo = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(|request: &Request| {
            let headers: Vec<String> = request
                .headers
                .iter()
                .map(|(k, v)| format!("{k}={}", v.to_str().unwrap_or("")))
                .collect();
            let said = format!(
                "{} {} {}",
                request.url,
                headers.join(" "),
                String::from_utf8_lossy(&request.body)
            );
            ResponseTemplate::new(400)
                .set_body_json(json!({"message": said.chars().take(3000).collect::<String>()}))
        })
        .mount(&echo)
        .await;
    let uri = echo.uri();
    let kinds = [
        format!("kind=\"slack\"\nwebhook=\"{uri}/services/TSECRET0/BSECRET0/hunter2hunter2\""),
        format!("kind=\"slack\"\ntoken=\"xoxb-hunter2hunter2\"\nchannel=\"C\"\nurl=\"{uri}\""),
        format!("kind=\"teams\"\nwebhook=\"{uri}/workflows/x?sig=hunter2hunter2%2Babc\""),
        format!("kind=\"pagerduty\"\nrouting_key=\"hunter2hunter2\"\nurl=\"{uri}\""),
        format!("kind=\"opsgenie\"\napi_key=\"hunter2hunter2\"\nurl=\"{uri}\""),
        format!("kind=\"twilio\"\naccount=\"AC1\"\ntoken=\"hunter2hunter2\"\nfrom=\"1\"\nto=\"2\"\nurl=\"{uri}\""),
        format!("kind=\"servicenow\"\nuser=\"u\"\npassword=\"hunter2hunter2\"\nurl=\"{uri}\""),
        format!("kind=\"webhook\"\nurl=\"{uri}/hunter2hunter2?k=hunter2hunter2\"\nsigning_key=\"hunter2hunter2\"\n[channel.headers]\nX-Key=\"hunter2hunter2\""),
        format!("kind=\"eventhubs\"\nhub=\"h\"\nkey_name=\"k\"\nkey=\"hunter2hunter2\"\nurl=\"{uri}\""),
        "kind=\"email\"\nhost=\"127.0.0.1\"\nport=1\nsecurity=\"none\"\nuser=\"u\"\npassword=\"hunter2hunter2\"\nfrom=\"a@b.c\"\nto=[\"a@b.c\"]".to_owned(),
    ];
    for kind in kinds {
        let config = config(&kind);
        let channel = Channel::open(&config).await.unwrap();
        let error = channel
            .send(&message(Occasion::Fired), None)
            .await
            .unwrap_err();
        let shown = format!("{error} {error:?} {channel:?} {config:?}");
        for secret in [
            "hunter2",
            "TSECRET0",
            "BSECRET0",
            "SharedAccessSignature sr=x",
        ] {
            assert!(!shown.contains(secret), "{}: {shown}", config.kind.name());
        }
    }
    // what can't be an address of a webhook is not shown either
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hook");
    std::fs::write(&file, "hunter2hunter2").unwrap();
    let error = Channel::open(&config(&format!(
        "kind=\"teams\"\nwebhook=\"file:{}\"",
        file.display()
    )))
    .await
    .unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
