//! The courier with a ledger on disk: what is handed in is told, whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use dagtop::alerts::courier::Courier;
use dagtop::alerts::outbox::{Beside, Change, Delivery, DeliveryState, Ledger, LedgerError};
use dagtop::config::{self, Channel};
use dagtop::model::{Alert, AlertId, Message, Occasion, Priority, SafeText};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The rows as SQLite has them.
struct Sqlite(rusqlite::Connection);

impl Sqlite {
    fn open(path: &Path) -> Self {
        let db = rusqlite::Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        let table = "CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, row TEXT NOT NULL)";
        db.execute(table, []).unwrap();
        Self(db)
    }

    fn rows(&self) -> Vec<Delivery> {
        let mut query = self.0.prepare("SELECT row FROM outbox").unwrap();
        let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap())
            .collect()
    }
}

impl Ledger for Sqlite {
    fn write(&mut self, changes: &[Change], _: &[Beside]) -> Result<(), LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError(SafeText::new(e.to_string()));
        let all = self.0.transaction().map_err(failed)?;
        for change in changes {
            match change {
                Change::Put(delivery) => {
                    let row = serde_json::to_string(delivery).unwrap();
                    let put = "INSERT OR REPLACE INTO outbox (id, row) VALUES (?1, ?2)";
                    all.execute(put, (delivery.id as i64, row))
                        .map_err(failed)?
                }
                Change::Remove(id) => all
                    .execute("DELETE FROM outbox WHERE id = ?1", [*id as i64])
                    .map_err(failed)?,
            };
        }
        all.commit().map_err(failed)
    }
}

fn channels(text: &str) -> Vec<Channel> {
    let loaded = config::load::parse(Path::new("/x/config.toml"), text);
    loaded.unwrap_or_else(|e| panic!("{e}")).config.channels
}

fn message(occasion: Occasion, subject: &str) -> Message {
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut alert = Alert::new(AlertId::new("run-failing", subject), Priority::P2, at);
    alert.title = SafeText::new(subject);
    alert.fired = Some(at);
    Message::new(occasion, alert, at)
}

/// What a receiver heard: `webhook-id` and the body's alert and occasion, in order.
type Heard = Arc<Mutex<Vec<(String, String, String)>>>;

/// A receiver on loopback. Answers after a while that differs.
async fn receiver(heard: Heard) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut piece = [0; 8192];
                loop {
                    let request = loop {
                        if let Some(request) = whole(&mut bytes) {
                            break request;
                        }
                        match stream.read(&mut piece).await {
                            Ok(0) | Err(_) => return,
                            Ok(n) => bytes.extend_from_slice(&piece[..n]),
                        }
                    };
                    let count = {
                        let mut heard = heard.lock().unwrap();
                        heard.push(request);
                        heard.len()
                    };
                    // it has been heard, and the answer is still to come: a kill now makes a double
                    tokio::time::sleep(Duration::from_millis((count % 13) as u64)).await;
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// Takes one whole request out of what has come.
fn whole(bytes: &mut Vec<u8>) -> Option<(String, String, String)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length").unwrap().parse().unwrap();
    if bytes.len() < end + 4 + length {
        return None;
    }
    let body: serde_json::Value =
        serde_json::from_slice(&bytes[end + 4..end + 4 + length]).unwrap();
    bytes.drain(..end + 4 + length);
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    Some((
        header("webhook-id").unwrap(),
        text("title"),
        text("occasion"),
    ))
}

const CHILD: &str = "DAGTOP_TEST_COURIER_CHILD";
const ALERTS: usize = 1500;

fn hook(port: u16) -> String {
    format!(
        "[[channel]]\nname=\"hook\"\nkind=\"webhook\"\nurl=\"http://127.0.0.1:{port}/\"\nrate=60000\n"
    )
}

/// Not a test by itself: what the one below starts and kills. Hands in alert after alert, notes each that the courier has
/// taken, and ends when all are told.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else {
        return;
    };
    let dir = PathBuf::from(dir);
    let port = std::fs::read_to_string(dir.join("port")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let ledger = Sqlite::open(&dir.join("outbox.db"));
        let rows = ledger.rows();
        let channels = channels(&hook(port.parse().unwrap()));
        let (courier, _screens) = Courier::start(&channels, rows, Box::new(ledger));
        let noted = std::fs::read_to_string(dir.join("taken")).unwrap_or_default();
        // a line may have been cut off by the kill
        let begin = noted.matches('\n').count();
        let append = |name: &str| {
            let mut options = std::fs::OpenOptions::new();
            options
                .append(true)
                .create(true)
                .open(dir.join(name))
                .unwrap()
        };
        // what was handed in last may have been taken without our having heard of it
        let mut again = append("again");
        again.write_all(format!("{begin}\n").as_bytes()).unwrap();
        let mut taken = append("taken");
        for n in begin..ALERTS {
            let name = format!("p{n}");
            let to = vec!["hook".to_owned()];
            let mut letters = vec![(message(Occasion::Fired, &name), to.clone())];
            // every third of those before is over
            if n >= 20 && n % 3 == 0 {
                let over = format!("p{}", n - 20);
                letters.push((message(Occasion::Resolved, &over), to));
            }
            courier.tell(letters).await.unwrap().unwrap();
            taken.write_all(format!("{name}\n").as_bytes()).unwrap();
        }
        let mut status = courier.status();
        let idle = status.wait_for(|s| {
            !s.channels.is_empty() && s.channels.iter().all(|c| c.waiting + c.sending == 0)
        });
        idle.await.unwrap();
        courier.stop().await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_it_is_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let heard: Heard = Heard::default();
    let port = receiver(Arc::clone(&heard)).await;
    std::fs::write(dir.path().join("port"), port.to_string()).unwrap();
    let mut seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .subsec_nanos() as u64;
    println!("seed {seed}");
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "courier::child", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut kills = 0;
    let begin = Instant::now();
    let ended = loop {
        let mut child = start();
        if kills == 40 {
            break tokio::task::spawn_blocking(move || child.wait())
                .await
                .unwrap()
                .unwrap();
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let wait = 10 + (seed >> 33) % 50;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    };
    assert!(ended.success(), "{ended}");
    let taken = std::fs::read_to_string(dir.path().join("taken")).unwrap();
    let taken: BTreeSet<&str> = taken.lines().collect();
    assert_eq!(taken.len(), ALERTS);
    let again = std::fs::read_to_string(dir.path().join("again")).unwrap();
    let again: BTreeSet<usize> = again.lines().map(|n| n.parse().unwrap()).collect();
    let heard = heard.lock().unwrap().clone();
    let mut times: BTreeMap<(&str, &str), (BTreeSet<&str>, usize, usize)> = BTreeMap::new();
    for (place, (id, title, occasion)) in heard.iter().enumerate() {
        let entry = times.entry((title, occasion)).or_default();
        entry.0.insert(id);
        entry.1 += 1;
        entry.2 = if entry.1 == 1 { place } else { entry.2 };
    }
    let (mut lost, mut dropped, mut doubles) = (Vec::new(), 0, 0);
    for ((title, occasion), (ids, count, _)) in &times {
        assert_eq!(ids.len(), 1, "{title} {occasion}: a double has another key");
        doubles += count - 1;
    }
    for name in &taken {
        let n: usize = name[1..].parse().unwrap();
        // its end was handed in with the alert twenty after it
        let over = n + 20 < ALERTS && (n + 20).is_multiple_of(3);
        let fired = times.get(&(*name, "fired"));
        let ended = times.get(&(*name, "resolved"));
        match (fired, over, ended) {
            (Some(_), false, None) => {}
            (Some(fired), true, Some(ended)) => {
                assert!(fired.2 < ended.2, "{name} was over before it began");
            }
            // over before it was tried: there was nothing to tell
            (None, true, None) => dropped += 1,
            // its end was handed in twice, the second time when nothing was known of it any more
            (None, true, Some(_)) if again.contains(&(n + 20)) => dropped += 1,
            _ => lost.push((name, fired.is_some(), over, ended.is_some())),
        }
    }
    println!(
        "{kills} kills in {:?}, {} heard, {doubles} doubles, {dropped} over before they were told",
        begin.elapsed(),
        heard.len()
    );
    assert!(lost.is_empty(), "lost or half told: {lost:?}");
    assert!(kills >= 30, "only {kills} kills: too few to prove anything");
    let rows = Sqlite::open(&dir.path().join("outbox.db")).rows();
    let open = rows
        .iter()
        .filter(|d| d.state != DeliveryState::Sent)
        .count();
    assert_eq!(open, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_are_ten_thousand_posts_and_one_line_of_chat() {
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let chat = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&chat)
        .await;
    let dir = tempfile::tempdir().unwrap();
    let heard: Heard = Heard::default();
    let port = receiver(Arc::clone(&heard)).await;
    let text = format!(
        "{}[[channel]]\nname=\"chat\"\nkind=\"slack\"\nwebhook=\"{}/services/x\"\n",
        hook(port),
        chat.uri()
    );
    let ledger = Sqlite::open(&dir.path().join("outbox.db"));
    let (courier, _screens) = Courier::start(&channels(&text), Vec::new(), Box::new(ledger));
    let letter = |n: usize| {
        let to = vec!["hook".to_owned(), "chat".to_owned()];
        (message(Occasion::Fired, &format!("p{n}")), to)
    };
    let begin = Instant::now();
    courier
        .tell((0..10_000).map(letter).collect())
        .await
        .unwrap()
        .unwrap();
    let kept = begin.elapsed();
    let mut status = courier.status();
    let done = |s: &dagtop::alerts::courier::Status| {
        s.channels.iter().any(|c| c.sent > 0)
            && s.channels.iter().all(|c| c.waiting + c.sending == 0)
    };
    status.wait_for(done).await.unwrap();
    println!(
        "10,000 alerts: on disk after {kept:?}, told after {:?}",
        begin.elapsed()
    );
    courier.stop().await;
    let (all, ids) = {
        let heard = heard.lock().unwrap();
        let ids: BTreeSet<String> = heard.iter().map(|(id, ..)| id.clone()).collect();
        (heard.len(), ids.len())
    };
    assert_eq!((all, ids), (10_000, 10_000));
    let said = chat.received_requests().await.unwrap();
    assert_eq!(said.len(), 1);
    assert!(String::from_utf8_lossy(&said[0].body).contains("P2 10000 alerts: 10000 P2"));
}

/// Fails for a while.
struct Moody {
    inner: Sqlite,
    failures: usize,
}

impl Ledger for Moody {
    fn write(&mut self, changes: &[Change], beside: &[Beside]) -> Result<(), LedgerError> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(LedgerError(SafeText::new("disk full")));
        }
        self.inner.write(changes, beside)
    }
}

#[tokio::test]
async fn a_ledger_that_fails_is_told_and_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let heard: Heard = Heard::default();
    let port = receiver(Arc::clone(&heard)).await;
    let ledger = Moody {
        inner: Sqlite::open(&dir.path().join("outbox.db")),
        failures: 2,
    };
    let (courier, _screens) = Courier::start(&channels(&hook(port)), Vec::new(), Box::new(ledger));
    let letter = |name: &str| vec![(message(Occasion::Fired, name), vec!["hook".to_owned()])];
    let first = courier.tell(letter("a")).await.unwrap();
    assert_eq!(first.unwrap_err().0, "disk full");
    let mut status = courier.status();
    let sent =
        |n| move |s: &dagtop::alerts::courier::Status| s.channels.iter().any(|c| c.sent == n);
    status.wait_for(sent(1)).await.unwrap();
    assert_eq!(courier.tell(letter("b")).await.unwrap(), Ok(()));
    let last = status.wait_for(sent(2)).await.unwrap().clone();
    assert_eq!(last.ledger, None);
    courier.stop().await;
    let rows = Sqlite::open(&dir.path().join("outbox.db")).rows();
    let told: Vec<&str> = rows
        .iter()
        .map(|d| d.message.alert.title.as_str())
        .collect();
    assert_eq!(told, ["a", "b"]);
    assert!(rows.iter().all(|d| d.state == DeliveryState::Sent));
}

#[tokio::test]
async fn a_screen_is_told_what_to_do_and_dead_letters_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[[channel]]\nname=\"terminal\"\nkind=\"terminal\"\nnotify=\"osc9\"\n\
        [[channel]]\nname=\"off\"\nkind=\"terminal\"\nenabled=false\n";
    let ledger = Sqlite::open(&dir.path().join("outbox.db"));
    // one of a channel that has gone since
    let orphan = Delivery {
        id: 7,
        channel: "gone".to_owned(),
        message: message(Occasion::Fired, "old"),
        attempts: 0,
        created: Utc::now(),
        next_at: Utc::now(),
        state: DeliveryState::Waiting,
        last_error: None,
        thread: None,
        over: false,
    };
    let (courier, mut screens) = Courier::start(&channels(text), vec![orphan], Box::new(ledger));
    let to = vec!["terminal".to_owned(), "off".to_owned()];
    let letter = (message(Occasion::Fired, "a\x1b]9;b\x07"), to);
    courier.tell(vec![letter]).await.unwrap().unwrap();
    let (name, screen) = screens.recv().await.unwrap();
    assert_eq!((name.as_str(), screen.bell), ("terminal", true));
    let sequence = screen.notice.unwrap().sequence();
    assert_eq!(sequence.matches('\x1b').count(), 2, "{sequence:?}");
    let status = courier.status().borrow().clone();
    assert_eq!(status.channels.len(), 1);
    assert_eq!(status.dead.len(), 1);
    assert!(courier.retry(7).await.unwrap().is_err());
    courier.stop().await;
}

/// A key that was replaced while dagtop runs: the channel is opened anew after a failure.
#[tokio::test]
async fn a_new_secret_is_used_without_a_restart() {
    use wiremock::matchers::{header, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("authorization", "GenieKey new-key-0002"))
        .respond_with(ResponseTemplate::new(202))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&server)
        .await;
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "old-key-0001\n").unwrap();
    let text = format!(
        "[[channel]]\nname=\"og\"\nkind=\"opsgenie\"\napi_key=\"file:{}\"\nurl=\"{}\"\n",
        key.display(),
        server.uri()
    );
    let ledger = Sqlite::open(&dir.path().join("outbox.db"));
    let (courier, _screens) = Courier::start(&channels(&text), Vec::new(), Box::new(ledger));
    let letter = (message(Occasion::Fired, "a"), vec!["og".to_owned()]);
    courier.tell(vec![letter]).await.unwrap().unwrap();
    let mut status = courier.status();
    let held = status.wait_for(|s| s.channels.iter().any(|c| c.held.is_some()));
    held.await.unwrap();
    std::fs::write(&key, "new-key-0002\n").unwrap();
    let sent = status.wait_for(|s| s.channels.iter().any(|c| c.sent == 1));
    let sent = tokio::time::timeout(Duration::from_secs(30), sent).await;
    sent.expect("not sent with the new key").unwrap();
    courier.stop().await;
}
