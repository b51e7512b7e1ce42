//! Services that wake people.

use super::*;

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

/// No key of an object is there without a value.
fn full(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => false,
        serde_json::Value::Object(map) => map.values().all(full),
        serde_json::Value::Array(list) => list.iter().all(full),
        _ => true,
    }
}

/// PagerDuty's own description of its API takes no null.
#[tokio::test]
async fn what_is_not_known_is_left_out_of_what_paging_services_get() {
    use crate::model::{Alert, AlertId, Message, Occasion, Priority};
    let alert = Alert::new(AlertId::new("r", "s"), Priority::P2, at(0));
    for kind in [
        "kind=\"pagerduty\"\nrouting_key=\"R0SECRET\"",
        "kind=\"opsgenie\"\napi_key=\"R0SECRET\"",
    ] {
        let accepted = ResponseTemplate::new(202)
            .set_body_json(json!({"status": "success", "requestId": "1"}));
        let server = server(accepted).await;
        let channel = open(&format!("{kind}\nurl=\"{}\"", server.uri())).await;
        let message = Message::new(Occasion::Fired, alert.clone(), at(1));
        channel.send(&message, None).await.unwrap();
        let bodies = bodies(&server).await;
        assert!(!bodies.is_empty() && bodies.iter().all(full), "{bodies:?}");
    }
}
