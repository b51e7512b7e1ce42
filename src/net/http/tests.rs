#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wiremock::matchers::{body_json, header, method, path as at, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

fn settings(base: &str) -> HttpSettings {
    HttpSettings {
        base: base.parse().unwrap(),
        tls: Tls::default(),
        proxy: None,
        headers: Vec::new(),
        connect_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_secs(2),
        max_body: 1 << 20,
        not_logged_in: |said| said.contains("Invalid JWT"),
    }
}

fn literal(text: &str) -> Secret {
    Secret::Literal(text.to_owned().into())
}

async fn client(server: &MockServer, auth: Auth) -> Http {
    Http::new(&settings(&server.uri()), auth).await.unwrap()
}

async fn answers(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

async fn error_of(template: ResponseTemplate) -> HttpError {
    let server = answers(template).await;
    let http = client(&server, Auth::None).await;
    http.bytes(&Call::get("/x").query("token", "s3cret"))
        .await
        .unwrap_err()
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A server of one answer: these bytes, then the connection is closed (or held).
async fn raw_server(bytes: Vec<u8>, hold: bool) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request).await;
                let _ = socket.write_all(&bytes).await;
                if hold {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    format!("http://{address}")
}

#[test]
fn paths_encode_everything_but_the_unreserved() {
    let run = "manual__2026-11-20T20:24:48+00:00/ä";
    assert_eq!(
        path(["api", "v2", "~", run]),
        "/api/v2/~/manual__2026-11-20T20%3A24%3A48%2B00%3A00%2F%C3%A4"
    );
}

#[tokio::test]
async fn the_path_of_the_base_stays_in_front() {
    let server = MockServer::start().await;
    Mock::given(at("/airflow/api/x"))
        .and(query_param("limit", "5"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"ok": true})))
        .expect(1)
        .mount(&server)
        .await;
    let base = format!("{}/airflow/", server.uri());
    let http = Http::new(&settings(&base), Auth::None).await.unwrap();
    let answer: Value = http
        .json(&Call::get("/api/x").query("limit", 5))
        .await
        .unwrap();
    assert_eq!(answer, json!({"ok": true}));
}

#[tokio::test]
async fn gzip_is_asked_for_undone_and_counted_as_it_came() {
    let text = "{\"list\":[".to_owned() + &"1,".repeat(50_000) + "1]}";
    let packed = gzipped(text.as_bytes());
    let template = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_raw(packed.clone(), "application/json");
    let server = MockServer::start().await;
    Mock::given(header("accept-encoding", "gzip"))
        .respond_with(template)
        .mount(&server)
        .await;
    let http = client(&server, Auth::None).await;
    assert_eq!(http.bytes(&Call::get("/x")).await.unwrap(), text.as_bytes());
    let stats = http.stats();
    assert_eq!((stats.requests, stats.failures), (1, 0));
    let wire = packed.len() as u64;
    assert!(
        stats.bytes >= wire && stats.bytes < wire + 400,
        "{stats:?} for {wire}"
    );
    assert!(stats.latency_us > 0);
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_no_message_holds_the_query() {
    type Is = fn(&HttpError) -> bool;
    let cases: [(u16, Is); 9] = [
        (401, |e| matches!(e, HttpError::Unauthorised { .. })),
        (403, |e| matches!(e, HttpError::Forbidden { .. })),
        (404, |e| matches!(e, HttpError::NotFound { .. })),
        (409, |e| matches!(e, HttpError::Refused { status: 409, .. })),
        (422, |e| matches!(e, HttpError::Refused { status: 422, .. })),
        (429, |e| matches!(e, HttpError::RateLimited { .. })),
        (500, |e| matches!(e, HttpError::Server { status: 500, .. })),
        (502, |e| matches!(e, HttpError::Server { status: 502, .. })),
        (302, |e| matches!(e, HttpError::Redirected { .. })),
    ];
    for (status, is) in cases {
        let template = ResponseTemplate::new(status)
            .insert_header("location", "https://sso.example/login?state=s3cret")
            .set_body_json(json!({"detail": "because\u{1b}[31m"}));
        let error = error_of(template).await;
        assert!(is(&error), "{status}: {error:?}");
        let text = error.to_string();
        assert!(
            !text.contains("s3cret") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(
            text.contains("GET 127.0.0.1:") && text.contains("/x"),
            "{text}"
        );
        assert!(
            status == 302 || status == 429 || text.contains("because"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_sentence_is_found_in_each_shape_of_error_body() {
    let cases = [
        (
            json!({"detail": [{"loc": ["body", "conf", 0], "msg": "Field required"}]}),
            "conf.0: Field required",
        ),
        (
            json!({"detail": {"reason": "Unique constraint violation", "message": "see ID 7"}}),
            "Unique constraint violation: see ID 7",
        ),
        (
            json!({"detail": null, "title": "Bad Request"}),
            "Bad Request",
        ),
        (json!({"message": "no"}), "no"),
        (json!("plain"), ""),
    ];
    for (body, want) in cases {
        let error = error_of(ResponseTemplate::new(400).set_body_json(body)).await;
        assert_eq!(error.said(), want);
    }
    let error = error_of(ResponseTemplate::new(500).set_body_string("Traceback\nsecret")).await;
    assert_eq!(error.said(), "Traceback");
}

#[tokio::test]
async fn retry_after_is_read_as_seconds_and_as_a_date() {
    let error = error_of(ResponseTemplate::new(429).insert_header("retry-after", "17")).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));
    let then = (Utc::now() + chrono::Duration::seconds(90)).to_rfc2822();
    let error = error_of(ResponseTemplate::new(503).insert_header("retry-after", &*then)).await;
    let wait = error.retry_after().unwrap().as_secs();
    assert!((85..=90).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_web_page_is_not_an_answer() {
    let page =
        ResponseTemplate::new(200).set_body_raw("<html>login</html>", "text/html; charset=utf-8");
    assert!(matches!(error_of(page).await, HttpError::Html { .. }));
    // a page that says it is JSON
    let liar =
        answers(ResponseTemplate::new(200).set_body_raw(" <!doctype html>", "application/json"))
            .await;
    let http = client(&liar, Auth::None).await;
    let error = http.json::<Value>(&Call::get("/x")).await.unwrap_err();
    assert!(matches!(error, HttpError::Html { .. }), "{error:?}");
}

#[tokio::test]
async fn too_large_a_body_is_not_read_plain_or_packed() {
    let error = error_of(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 2 << 20])).await;
    assert!(matches!(error, HttpError::TooLarge { limit, .. } if limit == 1 << 20));
    let bomb = gzipped(&vec![b'x'; 200 << 20]);
    assert!(bomb.len() < 1 << 20);
    let template = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_bytes(bomb);
    let error = error_of(template).await;
    assert!(matches!(error, HttpError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_cut_off_body_is_an_error_plain_packed_or_chunked() {
    let cut =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":";
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n";
    let mut packed =
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n".to_vec();
    let whole = gzipped(b"{\"a\": 1}");
    packed.extend(&whole[..whole.len() - 6]);
    for bytes in [cut.to_vec(), chunked.to_vec(), packed] {
        let http = Http::new(&settings(&raw_server(bytes, false).await), Auth::None)
            .await
            .unwrap();
        let error = http.bytes(&Call::get("/x")).await.unwrap_err();
        assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
        assert_eq!(http.stats().failures, 1);
    }
    // whole in the transport's eyes, cut in JSON's
    let short =
        answers(ResponseTemplate::new(200).set_body_raw("{\"a\": [1", "application/json")).await;
    let error = client(&short, Auth::None)
        .await
        .json::<Value>(&Call::get("/x"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ends in the middle"), "{error}");
}

#[tokio::test]
async fn silence_ends_in_a_timeout_and_nobody_there_says_so() {
    let mut slow = settings(&raw_server(Vec::new(), true).await);
    slow.read_timeout = Duration::from_millis(200);
    let http = Http::new(&slow, Auth::None).await.unwrap();
    let error = http.bytes(&Call::get("/x")).await.unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error:?}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let http = Http::new(&settings(&nobody), Auth::None).await.unwrap();
    let error = http
        .bytes(&Call::get("/x").query("token", "s3cret"))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert!(
        text.contains("refused") && !text.contains("s3cret"),
        "{text}"
    );
}

#[tokio::test]
async fn basic_and_bearer_are_sent_and_never_shown() {
    let server = MockServer::start().await;
    let auth = "Basic YWRtaW46czNjcmV0";
    Mock::given(header("authorization", auth))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let basic = Auth::Basic {
        user: "admin".to_owned(),
        password: literal("s3cret"),
    };
    let http = client(&server, basic.clone()).await;
    http.bytes(&Call::get("/x")).await.unwrap();
    assert!(!format!("{basic:?} {http:?} {:?}", http.keyring).contains("s3cret"));
    assert!(!format!("{:?}", http.keyring).contains("YWRtaW4"));

    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer t0ken"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let http = client(&server, Auth::Token(literal("t0ken"))).await;
    http.bytes(&Call::get("/x")).await.unwrap();
}

fn login() -> Auth {
    Auth::Login {
        path: "/auth/token",
        user: "admin".to_owned(),
        password: literal("s3cret"),
    }
}

#[tokio::test]
async fn a_login_is_made_once_for_many_and_again_when_the_token_is_old() {
    let server = MockServer::start().await;
    let logins = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&logins);
    Mock::given(at("/auth/token"))
        .and(body_json(
            json!({"username": "admin", "password": "s3cret"}),
        ))
        .respond_with(move |_: &wiremock::Request| {
            let n = counter.fetch_add(1, Ordering::SeqCst);
            ResponseTemplate::new(201).set_body_json(json!({"access_token": format!("t{n}")}))
        })
        .mount(&server)
        .await;
    Mock::given(at("/x"))
        .and(header("authorization", "Bearer t0"))
        .respond_with(ResponseTemplate::new(200))
        .up_to_n_times(3)
        .mount(&server)
        .await;
    Mock::given(at("/x"))
        .and(header("authorization", "Bearer t0"))
        .respond_with(
            ResponseTemplate::new(403).set_body_json(json!({"detail": "Invalid JWT token"})),
        )
        .mount(&server)
        .await;
    Mock::given(at("/x"))
        .and(header("authorization", "Bearer t1"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let http = client(&server, login()).await;
    let call = Call::get("/x");
    let all = futures_util::future::join_all((0..3).map(|_| http.bytes(&call))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    // the first login counts as the last renewal: pretend that it was long ago
    http.keyring.forget_time().await;
    let all = futures_util::future::join_all((0..4).map(|_| http.bytes(&call))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_not_asked_for_a_login_each_time() {
    let server = MockServer::start().await;
    Mock::given(at("/auth/token"))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"access_token": "t"})))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(at("/x"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    let http = client(&server, login()).await;
    for _ in 0..5 {
        let error = http.bytes(&Call::get("/x")).await.unwrap_err();
        assert!(matches!(error, HttpError::Unauthorised { .. }));
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_what_it_is_and_not_hammered() {
    let server = MockServer::start().await;
    Mock::given(at("/auth/token"))
        .respond_with(
            ResponseTemplate::new(401).set_body_json(json!({"detail": "Invalid credentials"})),
        )
        .expect(1)
        .mount(&server)
        .await;
    let http = client(&server, login()).await;
    for _ in 0..3 {
        let text = http.bytes(&Call::get("/x")).await.unwrap_err().to_string();
        assert!(
            text.contains("Invalid credentials") && !text.contains("s3cret"),
            "{text}"
        );
    }
}

#[derive(Debug, Deserialize)]
struct Row {
    id: u32,
}

#[tokio::test]
async fn one_bad_record_does_not_hide_the_others() {
    let body = json!({"total_entries": 9, "rows": [{"id": 1}, {"id": "two"}, {}, 7, {"id": 3}]});
    let server = answers(ResponseTemplate::new(200).set_body_json(body)).await;
    let http = client(&server, Auth::None).await;
    let page = http.records::<Row>(&Call::get("/x"), "rows").await.unwrap();
    assert_eq!(page.rows.iter().map(|r| r.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((page.held, page.total, page.bad.len()), (5, Some(9), 3));
    assert!(
        page.bad[0].starts_with("rows[1].id: invalid type"),
        "{:?}",
        page.bad
    );
    assert!(
        page.bad[1].contains("rows[2]: missing field `id`"),
        "{:?}",
        page.bad
    );
    let error = http
        .records::<Row>(&Call::get("/x"), "lines")
        .await
        .unwrap_err();
    assert!(
        matches!(error, HttpError::BadAnswer { ref path, .. } if *path == "lines"),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_servers_clock_is_noticed() {
    let late = (Utc::now() - chrono::Duration::minutes(10)).to_rfc2822();
    let server = answers(ResponseTemplate::new(200).insert_header("date", &*late)).await;
    let http = client(&server, Auth::None).await;
    assert_eq!(http.clock_skew(), None);
    http.bytes(&Call::get("/x")).await.unwrap();
    let skew = http.clock_skew().unwrap().num_seconds();
    assert!((-602..=-598).contains(&skew), "{skew}");
}

#[tokio::test]
async fn settings_that_cannot_work_say_which() {
    let mut wrong = settings("https://example.invalid");
    wrong.tls.ca = Some("/nonexistent/ca.pem".into());
    let error = Http::new(&wrong, Auth::None).await.unwrap_err().to_string();
    assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    let mut wrong = settings("http://127.0.0.1:1");
    wrong.headers = vec![(
        "x-key".to_owned(),
        Secret::Env("DAGTOP_NO_SUCH_VARIABLE".to_owned()),
    )];
    let error = Http::new(&wrong, Auth::None).await.unwrap_err().to_string();
    assert!(error.contains("DAGTOP_NO_SUCH_VARIABLE"), "{error}");
}

#[tokio::test]
async fn a_proxy_is_asked_in_the_servers_place() {
    let proxy = answers(ResponseTemplate::new(200).set_body_string("by proxy")).await;
    let wanted = HttpSettings {
        proxy: Some(literal(&proxy.uri())),
        ..settings("http://airflow.invalid:8080")
    };
    let http = Http::new(&wanted, Auth::None).await.unwrap();
    let body = http.bytes(&Call::get("/x")).await.unwrap();
    assert_eq!(body, b"by proxy");
    assert_eq!(proxy.received_requests().await.unwrap().len(), 1);
}

/// A server that shows a certificate of its own authority and asks for one of the same.
mod private_tls {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::server::WebPkiClientVerifier;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::config::ClientIdentity;

    pub struct Server {
        pub base: String,
        pub dir: tempfile::TempDir,
    }

    impl Server {
        pub async fn start() -> Self {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let authority =
                CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            let issue = |name: &str| {
                let key = KeyPair::generate().unwrap();
                let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
                (params.signed_by(&key, &authority).unwrap(), key)
            };
            let dir = tempfile::tempdir().unwrap();
            let (cert, key) = issue("client");
            std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
            std::fs::write(dir.path().join("cert.pem"), cert.pem()).unwrap();
            std::fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();

            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let asks = WebPkiClientVerifier::builder(Arc::new(roots))
                .build()
                .unwrap();
            let (cert, key) = issue("localhost");
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let config = rustls::ServerConfig::builder()
                .with_client_cert_verifier(asks)
                .with_single_cert(vec![cert.der().clone()], key)
                .unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        continue;
                    };
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let answer =
                        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            });
            Self {
                base: format!("https://localhost:{port}"),
                dir,
            }
        }

        pub async fn ask(&self, ca: bool, identity: bool) -> Result<String, HttpError> {
            let file = |name: &str| self.dir.path().join(name);
            let tls = Tls {
                ca: ca.then(|| file("ca.pem")),
                identity: identity.then(|| ClientIdentity {
                    cert: file("cert.pem"),
                    key: file("key.pem"),
                }),
                insecure: false,
            };
            let wanted = HttpSettings {
                tls,
                ..settings(&self.base)
            };
            let http = Http::new(&wanted, Auth::None).await.unwrap();
            let body = http.bytes(&Call::get("/x")).await?;
            Ok(String::from_utf8_lossy(&body).into_owned())
        }
    }
}

#[tokio::test]
async fn a_private_authority_and_a_client_certificate_are_used() {
    let server = private_tls::Server::start().await;
    assert_eq!(server.ask(true, true).await.unwrap(), "secret");
    let unknown = server.ask(false, true).await.unwrap_err();
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
    assert!(
        server.ask(true, false).await.is_err(),
        "the server asks for a certificate"
    );
}
