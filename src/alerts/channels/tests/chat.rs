//! Where people talk.

use super::*;

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
