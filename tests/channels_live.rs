//! Channels against peers that others wrote: a mail server, a syslog server, and vendors' own libraries that judge the
//! requests. Run by `tests/run`; needs the variables that `tests/lab/channels/lab.sh env` prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dagtop::alerts::channels::{Channel, Retry, SendError};
use dagtop::config;
use dagtop::model::{Alert, AlertId, By, Message, Occasion, Priority, SafeText};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use tests/run"))
}

fn home() -> PathBuf {
    variable("DAGTOP_TEST_CHANNELS").into()
}

fn port(name: &str) -> u16 {
    let text = std::fs::read_to_string(home().join(name)).unwrap();
    text.trim().parse().unwrap()
}

async fn open(text: &str) -> Channel {
    let text = format!("[[channel]]\nname=\"c\"\n{text}");
    let loaded = config::load::parse(Path::new("/x/config.toml"), &text);
    let channel = &loaded.unwrap_or_else(|e| panic!("{e}")).config.channels[0];
    Channel::open(channel).await.unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn message(occasion: Occasion, title: &str) -> Message {
    let mut alert = Alert::new(AlertId::new("run-failing", title), Priority::P1, at(0));
    alert.title = SafeText::new(title);
    alert.reason = SafeText::new("failed at load: OutOfMemoryError");
    alert.fired = Some(at(30));
    alert.runbook = Some(SafeText::new("https://wiki.example.com/orders?x=1&y=2"));
    alert.behind = vec![SafeText::new("report")];
    alert.labels.push(("tag".to_owned(), "finance".to_owned()));
    if occasion == Occasion::Resolved {
        alert.resolved = Some(at(720));
    }
    if occasion == Occasion::Acknowledged {
        let who = SafeText::new("ann");
        alert.acked = Some(By { who, at: at(60) });
    }
    let mut message = Message::new(occasion, alert, at(720));
    message.backend = Some(SafeText::new("prod"));
    message.pipeline = Some(SafeText::new(title));
    message.error = Some(SafeText::new("java.lang.OutOfMemoryError: Java heap space"));
    message.cause = Some(SafeText::new("executor ran out of memory"));
    message.open = SafeText::new("dagtop open prod/orders_daily");
    message
}

/// Everything that means something somewhere.
const NASTY: &str = "\x1b[31m<b>&amp; |pipe| back\\slash = \"quote\" ] `tick` *b* [l](http://e)\r\nBcc: evil@example.com\r\n.\r\n\u{202e}\u{e9}\u{6f22}";

fn hostile(occasion: Occasion) -> Message {
    let mut message = message(occasion, NASTY);
    message.alert.reason = SafeText::new(format!("{NASTY}{}", "x".repeat(1 << 20)));
    message.alert.behind = vec![SafeText::new(NASTY); 300];
    message.error = Some(SafeText::new("\u{20ac}\u{6f22}`".repeat(1 << 17)));
    message.cause = Some(SafeText::new(NASTY.repeat(1000)));
    message.open = SafeText::new(NASTY);
    message
}

// ---- mail

fn mail(security: &str, port_of: &str, to: &str) -> String {
    let home = home();
    let password = std::fs::read_to_string(home.join("password")).unwrap();
    format!(
        "kind=\"email\"\nhost=\"127.0.0.1\"\nport={}\nsecurity=\"{security}\"\nuser=\"dagtop\"\npassword=\"{}\"\n\
         from=\"dagtop <dagtop@example.com>\"\nto=[{to}]\n[channel.tls]\nca=\"{}\"\n",
        port(port_of),
        password.trim(),
        home.join("ca.pem").display()
    )
}

fn mails() -> BTreeSet<PathBuf> {
    let files = std::fs::read_dir(home().join("mail")).unwrap();
    let files = files.map(|f| f.unwrap().path());
    files
        .filter(|f| f.extension().is_some_and(|e| e == "json"))
        .collect()
}

fn new_mails(before: &BTreeSet<PathBuf>) -> Vec<Value> {
    let new: Vec<PathBuf> = mails().difference(before).cloned().collect();
    let read = |file: &PathBuf| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    new.iter().map(read).collect()
}

/// The values of a header, unfolded, up to the first empty line.
fn header(content: &str, name: &str) -> Vec<String> {
    let head = content.split("\r\n\r\n").next().unwrap();
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    head.lines()
        .filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
        .collect()
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn mail_reaches_a_real_server_by_starttls_and_by_tls() {
    for (security, port_of) in [("starttls", "starttls"), ("tls", "smtps")] {
        let before = mails();
        let channel = open(&mail(
            security,
            port_of,
            "\"a@example.com\", \"B <b@example.com>\"",
        ))
        .await;
        channel
            .send(&message(Occasion::Fired, "orders_daily"), None)
            .await
            .unwrap();
        channel
            .send(&message(Occasion::Resolved, "orders_daily"), None)
            .await
            .unwrap();
        let got = new_mails(&before);
        assert_eq!(got.len(), 2);
        assert_eq!(got[0]["tls"], true, "{security}");
        assert_eq!(got[0]["to"], json!(["a@example.com", "b@example.com"]));
        let (first, second) = (
            got[0]["content"].as_str().unwrap(),
            got[1]["content"].as_str().unwrap(),
        );
        assert_eq!(
            header(first, "subject"),
            ["[dagtop] P1 orders_daily: failed at load: OutOfMemoryError"]
        );
        assert_eq!(header(second, "references"), header(first, "message-id"));
        assert_eq!(header(first, "auto-submitted"), ["auto-generated"]);
        assert!(header(first, "content-type")[0].starts_with("multipart/alternative"));
    }
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn a_hostile_alert_stays_one_mail_to_whom_it_was_meant() {
    let before = mails();
    let channel = open(&mail("starttls", "starttls", "\"a@example.com\"")).await;
    channel.send(&hostile(Occasion::Fired), None).await.unwrap();
    let got = new_mails(&before);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0]["to"], json!(["a@example.com"]));
    let content = got[0]["content"].as_str().unwrap();
    assert!(header(content, "bcc").is_empty(), "{content}");
    assert_eq!(header(content, "to").len(), 1);
    assert!(!content.contains('\x1b'));
    // the same message again has the same id
    let before = mails();
    channel.send(&hostile(Occasion::Fired), None).await.unwrap();
    let again = new_mails(&before);
    assert_eq!(
        header(again[0]["content"].as_str().unwrap(), "message-id"),
        header(content, "message-id")
    );
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn what_a_mail_server_refuses_is_told_apart() {
    let send = async |text: String| -> SendError {
        let channel = open(&text).await;
        channel
            .send(&message(Occasion::Fired, "a"), None)
            .await
            .unwrap_err()
    };
    let full = send(mail("starttls", "starttls", "\"full@example.com\"")).await;
    assert_eq!(full.retry, Retry::Later, "{full}");
    let nobody = send(mail("starttls", "starttls", "\"nobody@example.com\"")).await;
    assert_eq!(nobody.retry, Retry::Never, "{nobody}");
    assert!(nobody.what.contains("no such user"), "{nobody}");
    // one of two is none: the other has it, and the error says which
    let before = mails();
    let one = send(mail(
        "starttls",
        "starttls",
        "\"nobody@example.com\", \"a@example.com\"",
    ))
    .await;
    assert_eq!(one.retry, Retry::Never, "{one}");
    let got = new_mails(&before);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0]["to"], json!(["a@example.com"]));
    let good = mail("starttls", "starttls", "\"a@example.com\"");
    let password = std::fs::read_to_string(home().join("password")).unwrap();
    let login = send(good.replace(password.trim(), "wrong-password-1")).await;
    assert_eq!(login.retry, Retry::Later, "{login}");
    assert!(!login.to_string().contains("wrong-password-1"));
    // a certificate that nobody here trusts
    let ca = format!("ca=\"{}\"", home().join("ca.pem").display());
    let unknown = send(good.replace(&ca, "")).await;
    assert_eq!(unknown.retry, Retry::Later, "{unknown}");
    assert!(
        unknown.what.contains("ertificate") || unknown.what.contains("UnknownIssuer"),
        "{unknown}"
    );
    // TLS where STARTTLS is, and the other way round
    send("timeout=\"3s\"\n".to_owned() + &mail("tls", "starttls", "\"a@example.com\"")).await;
}

// ---- syslog

fn syslog(transport: &str, format: &str) -> String {
    format!(
        "kind=\"syslog\"\nhost=\"127.0.0.1\"\nport={}\ntransport=\"{transport}\"\nformat=\"{format}\"\nfacility=\"local3\"\n\
         [channel.tls]\nca=\"{}\"\n",
        port(transport),
        home().join("ca.pem").display()
    )
}

/// What rsyslog made of the message that holds this.
async fn logged(with: &str) -> Value {
    for _ in 0..100 {
        let all = std::fs::read_to_string(home().join("syslog.jsonl")).unwrap();
        let lines: Vec<&str> = all.lines().filter(|l| l.contains(with)).collect();
        if let Some(line) = lines.first() {
            assert_eq!(lines.len(), 1, "{lines:?}");
            return serde_json::from_str(line).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("rsyslog has nothing with {with}");
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn rsyslog_takes_apart_what_comes_by_udp_tcp_and_tls() {
    for transport in ["udp", "tcp", "tls"] {
        let name = format!("plain_{transport}");
        let channel = open(&syslog(transport, "rfc5424")).await;
        channel
            .send(&message(Occasion::Fired, &name), None)
            .await
            .unwrap();
        let line = logged(&name).await;
        assert_eq!(
            (&line["version"], &line["facility"]),
            (&json!("1"), &json!("local3"))
        );
        assert_eq!(
            (&line["severity"], &line["app"]),
            (&json!("crit"), &json!("dagtop"))
        );
        assert_eq!(
            (&line["msgid"], &line["time"]),
            (&json!("fired"), &json!("2027-01-15T08:12:00.000000Z"))
        );
        let words = line["msg"]
            .as_str()
            .unwrap()
            .trim_start_matches('\u{feff}')
            .trim();
        assert_eq!(
            words,
            format!("P1 {name}: failed at load: OutOfMemoryError")
        );
        let data = line["data"].as_str().unwrap();
        assert!(
            data.starts_with("[dagtop@32473 key=") && data.ends_with(']'),
            "{data}"
        );

        let mut wild = hostile(Occasion::Resolved);
        let mark = format!("wild_{transport}");
        wild.alert.id = AlertId::new("run-failing", &mark);
        channel.send(&wild, None).await.unwrap();
        let line = logged(&mark).await;
        assert_eq!(
            (&line["msgid"], &line["app"]),
            (&json!("resolved"), &json!("dagtop"))
        );
        let data = line["data"].as_str().unwrap();
        assert!(
            data.ends_with(']') && data.contains("back\\\\slash"),
            "{data}"
        );
    }
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn cef_comes_out_as_it_went_in() {
    let channel = open(&syslog("tcp", "cef")).await;
    let mut wild = hostile(Occasion::Fired);
    wild.alert.id = AlertId::new("rule|with\\both", "cef_wild");
    wild.error = Some(SafeText::new("a=b | c \\ d"));
    wild.cause = None;
    wild.alert.behind.clear();
    channel.send(&wild, None).await.unwrap();
    let mut read = Value::Null;
    for _ in 0..100 {
        let all = std::fs::read_to_string(home().join("cef.jsonl")).unwrap();
        if let Some(line) = all.lines().find(|l| l.contains("both")) {
            read = serde_json::from_str(line).unwrap();
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // as liblognorm has taken it apart
    let (cef, more) = (&read["cef"], &read["cef"]["Extensions"]);
    assert_eq!(
        (&cef["DeviceVendor"], &cef["Severity"]),
        (&json!("dagtop"), &json!("10")),
        "{read}"
    );
    assert_eq!(cef["SignatureID"], "rule|with\\both");
    assert!(
        cef["Name"]
            .as_str()
            .unwrap()
            .starts_with("P1 <b>&amp; |pipe| back\\slash = "),
        "{read}"
    );
    assert_eq!(
        (&more["cs1"], &more["cat"]),
        (&json!("P1"), &json!("fired")),
        "{read}"
    );
    assert_eq!(more["msg"], "a=b | c \\ d", "{read}");
    assert!(
        more["cs2"].as_str().unwrap().starts_with("prod / <b>"),
        "{read}"
    );
}

// ---- services that can't run here: what is sent is judged by their vendors' libraries

/// What a program says that reads this from its stdin.
fn ask(command: &str, arguments: &[&str], input: &Value) -> Value {
    let mut words = command.split_whitespace();
    let mut child = Command::new(words.next().unwrap())
        .args(words)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{arguments:?}: {said}\n{input}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn peer(kind: &str, request: &Value) -> Value {
    ask(
        &variable("DAGTOP_TEST_CHANNELS_PEER"),
        &["check", kind],
        request,
    )
}

/// What a channel sends for these messages.
async fn sent(text: &str, messages: &[Message], answer: Value) -> Vec<Value> {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let channel = open(&text.replace("SERVER", &server.uri())).await;
    for message in messages {
        channel.send(message, None).await.unwrap();
    }
    let all = server.received_requests().await.unwrap();
    all.iter()
        .map(|r| {
            let headers = r.headers.iter();
            let headers: serde_json::Map<String, Value> = headers
                .map(|(k, v)| (k.to_string(), json!(v.to_str().unwrap())))
                .collect();
            json!({
                "method": r.method.to_string(),
                "path": r.url.path(),
                "headers": headers,
                "body": String::from_utf8(r.body.clone()).unwrap(),
            })
        })
        .collect()
}

fn every_occasion() -> Vec<Message> {
    let all = [
        Occasion::Fired,
        Occasion::Escalated,
        Occasion::Acknowledged,
        Occasion::Resolved,
        Occasion::Test,
    ];
    let plain = all.map(|o| message(o, "orders_daily"));
    plain.into_iter().chain(all.map(hostile)).collect()
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn slacks_library_accepts_our_blocks_and_makes_the_same_call() {
    let hook = "kind=\"slack\"\nwebhook=\"SERVER/services/T/B/X\"";
    for request in sent(hook, &every_occasion(), json!({})).await {
        peer("slack", &request);
    }
    let bot = "kind=\"slack\"\ntoken=\"xoxb-1\"\nchannel=\"C1\"\nurl=\"SERVER/api\"";
    let answer = json!({"ok": true, "ts": "1.2", "channel": "C1"});
    for request in sent(bot, &every_occasion()[..2], answer).await {
        peer("slack", &request);
        peer("slack_call", &request);
    }
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn microsofts_library_accepts_our_card() {
    let hook = "kind=\"teams\"\nwebhook=\"SERVER/workflows/w\"";
    for request in sent(hook, &every_occasion(), json!({})).await {
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        let read = ask(&variable("DAGTOP_TEST_CHANNELS_CARD"), &[], &body);
        assert_eq!(read["problems"], json!([]), "{read}");
        let blocks = body["attachments"][0]["content"]["body"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(read["items"], blocks);
    }
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn pagerdutys_client_sends_nothing_that_we_do_not() {
    let text =
        "kind=\"pagerduty\"\nrouting_key=\"R0123456789012345678901234567890\"\nurl=\"SERVER\"";
    for request in sent(text, &every_occasion(), json!({"status": "success"})).await {
        peer("pagerduty", &request);
    }
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn opsgenies_model_accepts_our_alert() {
    let text = "kind=\"opsgenie\"\napi_key=\"k-1234567\"\nteam=\"data\"\nurl=\"SERVER\"";
    let mut created = 0;
    for request in sent(text, &every_occasion(), json!({})).await {
        if request["path"] == "/v2/alerts" {
            peer("opsgenie", &request);
            created += 1;
        }
    }
    assert_eq!(created, 6);
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn twilios_client_sends_the_same_message() {
    let text = "kind=\"twilio\"\naccount=\"AC1\"\ntoken=\"token\"\nfrom=\"+15550000001\"\nto=\"+15550000002\"\nurl=\"SERVER\"";
    for request in sent(text, &every_occasion(), json!({})).await {
        let read = peer("twilio", &request);
        assert!(read["length"].as_u64().unwrap() <= 306, "{read}");
    }
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn the_reference_library_verifies_our_webhooks() {
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let text = format!("kind=\"webhook\"\nurl=\"SERVER/hook\"\nsigning_key=\"{key}\"");
    for mut request in sent(&text, &every_occasion(), json!({})).await {
        request["secret"] = json!(key);
        peer("webhook", &request);
    }
}

#[tokio::test]
#[ignore = "needs the channels lab: tests/run"]
async fn microsofts_client_makes_the_same_signature() {
    let text = "kind=\"eventhubs\"\nurl=\"SERVER\"\nhub=\"alerts\"\nkey_name=\"send\"\nkey=\"c2VjcmV0LWtleQ==\"";
    for mut request in sent(text, &every_occasion()[..2], json!({})).await {
        request["secret"] = json!("c2VjcmV0LWtleQ==");
        peer("eventhubs", &request);
    }
}
