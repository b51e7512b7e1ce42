//! Other systems: webhooks, commands, syslog, the terminal.

use super::*;

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
