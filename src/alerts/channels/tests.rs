//! Every channel against a server of our own: what it sends, how it takes answers, and what it never lets out. Real peers
//! are in `tests/channels_live.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use chrono::DateTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

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
async fn slack_by_webhook() {
    let server = server(ResponseTemplate::new(200).set_body_string("ok")).await;
    let text = format!(
        "kind=\"slack\"\nwebhook=\"{}/services/T0/B0/XXXXXXXX\"",
        server.uri()
    );
    let receipt = open(&text)
        .await
        .send(&message(Occasion::Fired), None)
        .await;
    assert_eq!(receipt.unwrap(), Receipt::default());
    assert_eq!(
        requests(&server).await[0].url.path(),
        "/services/T0/B0/XXXXXXXX"
    );
    let body = &bodies(&server).await[0];
    assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
    let section = body["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(section.contains("*error*  `java.lang.OutOfMemoryError: Java heap space`"));
    assert!(section.contains("<https://wiki.example.com/orders?x=1&amp;y=2>"));
}

#[tokio::test]
async fn slack_by_bot_keeps_one_thread_and_updates_its_first_message() {
    let server = server(
        ResponseTemplate::new(200)
            .set_body_json(json!({"ok": true, "ts": "12.34", "channel": "C9"})),
    )
    .await;
    let text = format!(
        "kind=\"slack\"\ntoken=\"xoxb-secret-1\"\nchannel=\"#alerts\"\nurl=\"{}/api\"",
        server.uri()
    );
    let slack = open(&text).await;
    let receipt = slack.send(&message(Occasion::Fired), None).await.unwrap();
    assert_eq!(receipt.thread.as_deref(), Some("C9 12.34"));
    let receipt = slack
        .send(&message(Occasion::Resolved), receipt.thread.as_deref())
        .await
        .unwrap();
    assert_eq!(receipt.thread.as_deref(), Some("C9 12.34"));
    let all = requests(&server).await;
    let calls: Vec<&str> = all.iter().map(|r| r.url.path()).collect();
    assert_eq!(
        calls,
        [
            "/api/chat.postMessage",
            "/api/chat.update",
            "/api/chat.postMessage"
        ]
    );
    assert!(
        all.iter()
            .all(|r| r.headers["authorization"] == "Bearer xoxb-secret-1")
    );
    let bodies = bodies(&server).await;
    assert_eq!(bodies[0]["channel"], "#alerts");
    assert_eq!(
        (&bodies[1]["channel"], &bodies[1]["ts"]),
        (&json!("C9"), &json!("12.34"))
    );
    assert!(
        bodies[1]["text"]
            .as_str()
            .unwrap()
            .starts_with("resolved: ")
    );
    assert_eq!(bodies[2]["thread_ts"], "12.34");
}

#[tokio::test]
async fn slack_says_no_with_200_and_what_it_says_counts() {
    for (why, retry) in [
        ("invalid_blocks", Retry::Never),
        ("channel_not_found", Retry::Later),
        ("ratelimited", Retry::Later),
    ] {
        let server =
            server(ResponseTemplate::new(200).set_body_json(json!({"ok": false, "error": why})))
                .await;
        let text = format!(
            "kind=\"slack\"\ntoken=\"xoxb-secret-1\"\nchannel=\"C\"\nurl=\"{}\"",
            server.uri()
        );
        let error = open(&text)
            .await
            .send(&message(Occasion::Fired), None)
            .await
            .unwrap_err();
        assert_eq!(error.retry, retry);
        assert_eq!(error.what, format!("Slack refused: {why}").as_str());
    }
    // the first message was deleted: the news is posted anew
    let server = MockServer::start().await;
    let gone = json!({"ok": false, "error": "message_not_found"});
    let fine = json!({"ok": true, "ts": "5.6", "channel": "C"});
    for (call, answer) in [("/chat.update", gone), ("/chat.postMessage", fine)] {
        let response = ResponseTemplate::new(200).set_body_json(answer);
        Mock::given(path(call))
            .respond_with(response)
            .mount(&server)
            .await;
    }
    let text = format!(
        "kind=\"slack\"\ntoken=\"xoxb-secret-1\"\nchannel=\"C\"\nurl=\"{}\"",
        server.uri()
    );
    let receipt = open(&text)
        .await
        .send(&message(Occasion::Resolved), Some("C 1.2"))
        .await;
    assert_eq!(receipt.unwrap().thread.as_deref(), Some("C 5.6"));
}

#[tokio::test]
async fn teams_gets_a_card_whose_text_is_only_text() {
    let server = server(ResponseTemplate::new(202)).await;
    let text = format!(
        "kind=\"teams\"\nwebhook=\"{}/workflows/w/run?api-version=1&sig=SECRETSIG\"",
        server.uri()
    );
    let teams = open(&text).await;
    teams.send(&message(Occasion::Fired), None).await.unwrap();
    assert_eq!(
        requests(&server).await[0].url.query(),
        Some("api-version=1&sig=SECRETSIG")
    );
    let body = &bodies(&server).await[0];
    assert_eq!(body["type"], "message");
    let card = &body["attachments"][0]["content"];
    assert_eq!(
        (&card["type"], &card["version"]),
        (&json!("AdaptiveCard"), &json!("1.4"))
    );
    teams.send(&hostile(Occasion::Fired), None).await.unwrap();
    let body = &bodies(&server).await[1];
    assert!(
        body.to_string().len() <= 28 * 1024,
        "{}",
        body.to_string().len()
    );
    let card = &body["attachments"][0]["content"];
    for block in card["body"].as_array().unwrap() {
        assert_eq!(block["type"], "RichTextBlock");
        for run in block["inlines"].as_array().unwrap() {
            assert_eq!(run["type"], "TextRun");
            let to = run["selectAction"]["url"].as_str().unwrap_or("https://");
            assert!(to.starts_with("https://"), "{to}");
        }
    }
}

#[tokio::test]
async fn pagerduty_has_one_key_for_one_firing() {
    let server =
        server(ResponseTemplate::new(202).set_body_json(json!({"status": "success"}))).await;
    let text = format!(
        "kind=\"pagerduty\"\nrouting_key=\"R0SECRET\"\nurl=\"{}\"",
        server.uri()
    );
    let pagerduty = open(&text).await;
    for occasion in ALL {
        pagerduty.send(&message(occasion), None).await.unwrap();
    }
    let bodies = bodies(&server).await;
    let actions: Vec<&str> = bodies
        .iter()
        .map(|b| b["event_action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "trigger",
            "trigger",
            "acknowledge",
            "resolve",
            "trigger",
            "resolve"
        ]
    );
    let key = "run-failing:prod/orders_daily@1800000030";
    assert!(
        bodies[..4].iter().all(|b| b["dedup_key"] == key),
        "{bodies:?}"
    );
    assert_ne!(bodies[4]["dedup_key"], key);
    assert_eq!(bodies[0]["payload"]["severity"], "critical");
    assert_eq!(bodies[0]["payload"]["source"], "prod / orders_daily / load");
    assert_eq!(
        bodies[0]["links"][0]["href"],
        "https://wiki.example.com/orders?x=1&y=2"
    );
    pagerduty
        .send(&hostile(Occasion::Fired), None)
        .await
        .unwrap();
    let body = &self::bodies(&server).await[6];
    assert!(body["dedup_key"].as_str().unwrap().len() <= 255);
    assert!(body["payload"]["summary"].as_str().unwrap().chars().count() <= 1024);
    assert!(body.to_string().len() < 512 * 1024);
    assert_eq!(
        body["links"].as_array().unwrap().len(),
        1,
        "javascript: is no link"
    );
}

#[tokio::test]
async fn opsgenie_creates_acknowledges_and_closes_by_alias() {
    let server = server(
        ResponseTemplate::new(202).set_body_json(json!({"result": "Request will be processed"})),
    )
    .await;
    let text = format!(
        "kind=\"opsgenie\"\napi_key=\"og-secret\"\nteam=\"data\"\nurl=\"{}\"",
        server.uri()
    );
    let opsgenie = open(&text).await;
    for occasion in [Occasion::Fired, Occasion::Acknowledged, Occasion::Resolved] {
        opsgenie.send(&message(occasion), None).await.unwrap();
    }
    let all = requests(&server).await;
    assert!(
        all.iter()
            .all(|r| r.headers["authorization"] == "GenieKey og-secret")
    );
    let alias = "run-failing%3Aprod%2Forders_daily%401800000030";
    let calls: Vec<String> = all
        .iter()
        .map(|r| format!("{}?{}", r.url.path(), r.url.query().unwrap_or("")))
        .collect();
    assert_eq!(calls[0], "/v2/alerts?");
    assert_eq!(
        calls[1],
        format!("/v2/alerts/{alias}/acknowledge?identifierType=alias")
    );
    assert_eq!(
        calls[2],
        format!("/v2/alerts/{alias}/close?identifierType=alias")
    );
    let body = &bodies(&server).await[0];
    assert_eq!(
        (&body["priority"], &body["responders"][0]["name"]),
        (&json!("P1"), &json!("data"))
    );
    assert_eq!(body["tags"], json!(["finance"]));
    opsgenie
        .send(&hostile(Occasion::Fired), None)
        .await
        .unwrap();
    let body = &bodies(&server).await[3];
    assert!(body["message"].as_str().unwrap().chars().count() <= 130);
    assert!(body["description"].as_str().unwrap().chars().count() <= 15_000);
    let details = body["details"].as_object().unwrap();
    let sum: usize = details
        .values()
        .map(|v| v.as_str().unwrap().chars().count())
        .sum();
    assert!(sum <= 8000, "{sum}");
}

#[tokio::test]
async fn twilio_sends_two_parts_at_most() {
    let server =
        server(ResponseTemplate::new(201).set_body_json(json!({"sid": "SM1", "status": "queued"})))
            .await;
    let text = format!(
        "kind=\"twilio\"\naccount=\"AC1\"\ntoken=\"tw-secret\"\nfrom=\"+1 5\"\nto=\"+49&7\"\nurl=\"{}\"",
        server.uri()
    );
    let twilio = open(&text).await;
    for message in [message(Occasion::Fired), hostile(Occasion::Fired)] {
        twilio.send(&message, None).await.unwrap();
    }
    for request in requests(&server).await {
        assert_eq!(request.url.path(), "/2010-04-01/Accounts/AC1/Messages.json");
        assert_eq!(
            request.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(
            request.headers["authorization"],
            "Basic QUMxOnR3LXNlY3JldA=="
        );
        let form = reqwest::Url::parse(&format!(
            "http://x/?{}",
            String::from_utf8(request.body).unwrap()
        ))
        .unwrap();
        let fields: Vec<(String, String)> = form.query_pairs().into_owned().collect();
        assert_eq!(fields[0], ("To".to_owned(), "+49&7".to_owned()));
        assert_eq!(fields[1], ("From".to_owned(), "+1 5".to_owned()));
        assert_eq!(fields[2].0, "Body");
        assert!(fields[2].1.chars().count() <= 306, "{}", fields[2].1.len());
    }
    let first = &requests(&server).await[0];
    let form = String::from_utf8(first.body.clone()).unwrap();
    assert!(
        form.ends_with("dagtop%20open%20prod%2Forders_daily"),
        "{form}"
    );
}

#[tokio::test]
async fn servicenow_opens_once_and_resolves_what_it_opened() {
    let server = MockServer::start().await;
    let none = ResponseTemplate::new(200).set_body_json(json!({"result": []}));
    Mock::given(method("GET"))
        .respond_with(none)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let one = ResponseTemplate::new(200).set_body_json(json!({"result": [{"sys_id": "abc"}]}));
    Mock::given(method("GET"))
        .respond_with(one)
        .with_priority(9)
        .mount(&server)
        .await;
    let made = ResponseTemplate::new(201)
        .set_body_json(json!({"result": {"sys_id": "abc", "number": "INC1"}}));
    Mock::given(method("POST"))
        .respond_with(made)
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let text = format!(
        "kind=\"servicenow\"\nurl=\"{}\"\nuser=\"u\"\npassword=\"sn-secret\"\n[channel.fields]\nassignment_group=\"Data\"",
        server.uri()
    );
    let servicenow = open(&text).await;
    let receipt = servicenow
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap();
    assert_eq!(receipt.thread.as_deref(), Some("abc"));
    // the same again, as after a crash: found, not opened twice
    servicenow
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap();
    servicenow
        .send(&message(Occasion::Resolved), Some("abc"))
        .await
        .unwrap();
    let all = requests(&server).await;
    let calls: Vec<String> = all
        .iter()
        .map(|r| format!("{} {}", r.method, r.url.path()))
        .collect();
    let table = "/api/now/table/incident";
    assert_eq!(
        calls,
        [
            format!("GET {table}"),
            format!("POST {table}"),
            format!("GET {table}"),
            format!("PATCH {table}/abc"),
        ]
    );
    let made: Value = all[1].body_json().unwrap();
    assert_eq!(
        (&made["urgency"], &made["impact"]),
        (&json!("1"), &json!("1"))
    );
    assert_eq!(made["assignment_group"], "Data");
    let key = made["correlation_id"].as_str().unwrap();
    assert_eq!(
        all[0].url.query_pairs().next().unwrap().1,
        format!("correlation_id={key}")
    );
    let over: Value = all[3].body_json().unwrap();
    assert_eq!(
        (&over["state"], &over["close_code"]),
        (&json!("6"), &json!("Solution provided"))
    );
}

#[tokio::test]
async fn a_webhook_is_signed_and_names_its_message() {
    let server = server(ResponseTemplate::new(204)).await;
    let text = format!(
        "kind=\"webhook\"\nurl=\"{}/hook?key=QUERYSECRET\"\nsigning_key=\"hook-signing-key\"\n[channel.headers]\nX-Api-Key=\"header-secret\"",
        server.uri()
    );
    let hook = open(&text).await;
    for occasion in [Occasion::Fired, Occasion::Fired, Occasion::Resolved] {
        hook.send(&message(occasion), None).await.unwrap();
    }
    hook.send(&hostile(Occasion::Fired), None).await.unwrap();
    let all = requests(&server).await;
    let header = |n: usize, name: &str| all[n].headers[name].to_str().unwrap().to_owned();
    assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"));
    assert_ne!(header(0, "webhook-id"), header(2, "webhook-id"));
    assert_eq!(header(0, "x-api-key"), "header-secret");
    use base64::Engine as _;
    for (n, request) in all.iter().enumerate() {
        let signed = format!(
            "{}.{}.{}",
            header(n, "webhook-id"),
            header(n, "webhook-timestamp"),
            String::from_utf8_lossy(&request.body)
        );
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"hook-signing-key");
        let given = header(n, "webhook-signature");
        let given = base64::engine::general_purpose::STANDARD
            .decode(given.strip_prefix("v1,").unwrap())
            .unwrap();
        ring::hmac::verify(&key, signed.as_bytes(), &given).unwrap();
    }
    let body: Value = all[0].body_json().unwrap();
    assert_eq!(
        body["dedup_key"],
        "run-failing:prod/orders_daily@1800000030"
    );
    assert_eq!(body["labels"], json!({"tag": ["finance"]}));
    let wild = String::from_utf8(all[3].body.clone()).unwrap();
    assert!(!wild.contains('\x1b') && !wild.contains('\u{202e}'));
}

#[tokio::test]
async fn event_hubs_get_one_signed_event() {
    let server = server(ResponseTemplate::new(201)).await;
    let text = format!(
        "kind=\"eventhubs\"\nurl=\"{}\"\nhub=\"alerts\"\nkey_name=\"send\"\nkey=\"sas-key-secret\"",
        server.uri()
    );
    open(&text)
        .await
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap();
    let all = requests(&server).await;
    assert_eq!(all[0].url.path(), "/alerts/messages");
    let auth = all[0].headers["authorization"].to_str().unwrap();
    let rest = auth
        .strip_prefix("SharedAccessSignature sr=http%3A%2F%2F127.0.0.1%3A")
        .unwrap();
    assert!(
        rest.contains("%2Falerts&sig=") && rest.ends_with("&skn=send"),
        "{auth}"
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
        let body = String::from_utf8(request.body).unwrap();
        for raw in [
            "\u{1b}",
            "\\u001b",
            "%1B",
            "\u{202e}",
            "%E2%80%AE",
            "\\u0007",
        ] {
            assert!(!body.contains(raw), "{}: {raw:?}", request.url);
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

#[tokio::test]
async fn a_command_gets_the_alert_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (script, out) = (dir.path().join("tell"), dir.path().join("out"));
    let text = format!(
        "#!/bin/sh\ncat > {0}.json\nenv > {0}.env\nprintf '%s' \"$1\" > {0}.arg\n",
        out.display()
    );
    write_script(&script, &text);
    let command = format!(
        "kind=\"command\"\ncommand=[\"{}\", \"a b; c\"]",
        script.display()
    );
    open(&command)
        .await
        .send(&hostile(Occasion::Fired), None)
        .await
        .unwrap();
    let read = |end: &str| std::fs::read_to_string(out.with_extension(end)).unwrap();
    let body: Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(body["occasion"], "fired");
    assert_eq!(read("arg"), "a b; c");
    let names: Vec<String> = read("env")
        .lines()
        .filter_map(|l| Some(l.split_once('=')?.0.to_owned()))
        .collect();
    // the shell adds its own
    let ours: Vec<&String> = names
        .iter()
        .filter(|n| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&n.as_str()))
        .collect();
    assert_eq!(ours.len(), 2, "{ours:?}");
    // a failure has the last line of what it said
    write_script(
        &script,
        "#!/bin/sh\necho first >&2\nprintf 'no \\033[31mroute\\n' >&2\nexit 3\n",
    );
    let error = open(&command)
        .await
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap_err();
    assert!(error.what.ends_with("exit status: 3: no route"), "{error}");
    let error = open("kind=\"command\"\ncommand=[\"/nowhere/at/all\"]")
        .await
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap_err();
    assert!(
        error.what.contains("can't start /nowhere/at/all"),
        "{error}"
    );
}

fn write_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    // a new file each time: one that another thread's child still has open for writing can't be run
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let command = format!(
        "kind=\"command\"\ntimeout=\"300ms\"\ncommand=[\"/bin/sh\", \"-c\", \"sleep 600 & echo $! > {}; wait\"]",
        pid.display()
    );
    let error = open(&command)
        .await
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap_err();
    assert_eq!(error.retry, Retry::Later);
    let child = std::fs::read_to_string(&pid).unwrap();
    gone(child.trim()).await;
    // one that ends and leaves a child behind which holds its stderr is done all the same
    let command = format!(
        "kind=\"command\"\ncommand=[\"/bin/sh\", \"-c\", \"sleep 600 & echo $! > {}\"]",
        pid.display()
    );
    open(&command)
        .await
        .send(&message(Occasion::Fired), None)
        .await
        .unwrap();
    let child = std::fs::read_to_string(&pid).unwrap();
    gone(child.trim()).await;
}

async fn gone(pid: &str) {
    for _ in 0..200 {
        match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            _ => return,
        }
    }
    panic!("{pid} still runs");
}

async fn datagram(keys: &str, message: &Message) -> String {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let text = format!("kind=\"syslog\"\nhost=\"127.0.0.1\"\nport={port}\n{keys}");
    open(&text).await.send(message, None).await.unwrap();
    let mut bytes = vec![0; 1 << 16];
    let n = socket.recv(&mut bytes).await.unwrap();
    String::from_utf8(bytes[..n].to_vec()).unwrap()
}

#[tokio::test]
async fn syslog_fits_a_datagram_and_can_be_taken_apart() {
    let line = datagram("", &message(Occasion::Fired)).await;
    // local0, critical
    assert!(
        line.starts_with("<130>1 2027-01-15T08:12:00.000000Z "),
        "{line}"
    );
    let (data, words) = line.split_once("] \u{feff}").unwrap();
    assert_eq!(words, "P1 orders_daily: failed at load: OutOfMemoryError");
    assert!(data.contains(
        " fired [dagtop@32473 key=\"run-failing:prod/orders_daily@1800000030\" priority=\"P1\""
    ));
    let line = datagram("", &hostile(Occasion::Resolved)).await;
    assert!(
        line.len() <= 2048 && line.starts_with("<133>1 "),
        "{}",
        line.len()
    );
    assert!(!line.contains('\n') && !line.contains('\x1b'));
    let cef = datagram(
        "format=\"cef\"\nfacility=\"auth\"",
        &hostile(Occasion::Fired),
    )
    .await;
    assert!(cef.len() <= 2048 && cef.starts_with("<34>1 "), "{cef}");
    let (_, cef) = cef.split_once(" - CEF:").unwrap();
    let mut bars = 0;
    let mut escaped = false;
    for c in cef.chars() {
        bars += usize::from(c == '|' && !escaped);
        escaped = c == '\\' && !escaped;
    }
    // six in the header and its end; in the extension a bar means nothing
    assert!(bars >= 7, "{cef}");
}

#[tokio::test]
async fn syslog_over_tcp_counts_its_octets_and_notices_nobody() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!("kind=\"syslog\"\nhost=\"127.0.0.1\"\nport={port}\ntransport=\"tcp\"");
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        stream.shutdown().await.unwrap();
        all
    };
    let message = message(Occasion::Fired);
    let channel = open(&text).await;
    let (sent, all) = tokio::join!(channel.send(&message, None), peer);
    sent.unwrap();
    let (count, frame) = all.split_once(' ').unwrap();
    assert_eq!(count.parse::<usize>().unwrap(), frame.len());
    drop(listener);
    let error = channel.send(&message, None).await.unwrap_err();
    assert_eq!(error.retry, Retry::Later);
}

#[tokio::test]
async fn the_terminal_is_told_what_the_screen_should_do() {
    for (notify, begin) in [
        ("osc9", "\x1b]9;dagtop: P1 "),
        ("osc777", "\x1b]777;notify;dagtop;P1 "),
    ] {
        let terminal = open(&format!("kind=\"terminal\"\nnotify=\"{notify}\"")).await;
        let screen = terminal
            .send(&message(Occasion::Fired), None)
            .await
            .unwrap()
            .screen
            .unwrap();
        assert!(screen.bell && screen.title.is_some());
        assert!(screen.notice.unwrap().sequence().starts_with(begin));
        let screen = terminal
            .send(&hostile(Occasion::Resolved), None)
            .await
            .unwrap()
            .screen
            .unwrap();
        assert!(!screen.bell, "an end rings nobody");
        let sequence = screen.notice.unwrap().sequence();
        let inside = sequence
            .strip_prefix('\x1b')
            .unwrap()
            .strip_suffix("\x1b\\")
            .unwrap();
        assert!(inside.chars().all(|c| !c.is_control()), "{sequence:?}");
    }
}

#[test]
fn a_template_with_an_unknown_field_and_a_wrong_address_are_told_with_their_place() {
    let text = "[[channel]]\nname=\"a\"\nkind=\"webhook\"\nurl=\"http://h\"\ntemplate='{{titel}}'\n\
        [[channel]]\nname=\"b\"\nkind=\"email\"\nhost=\"h\"\nfrom=\"a@b.c\"\nto=[\"x@y.z\", \"nobody\"]\n";
    let loaded = config::load::parse(Path::new("/x/config.toml"), text).unwrap();
    let found = problems(&loaded.config, &loaded.source);
    let shown: Vec<String> = found.iter().map(|p| p.headline()).collect();
    assert_eq!(
        shown,
        [
            "/x/config.toml:5:10: a template has no field `titel`; did you mean `title`?",
            "/x/config.toml:11:14: \"nobody\" is no mail address; write \"name@example.com\" or \"Name <name@example.com>\"",
        ]
    );
}
