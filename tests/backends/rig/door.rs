//! A door before a fake HTTP server: WebSockets are ours and say what the test says, stay silent, or break off; anything
//! else goes on to the server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

#[derive(Clone, Debug)]
pub enum Say {
    Text(String),
    Close(u16, &'static str),
    /// The connection breaks off without a word.
    Cut,
    /// Nothing is read or said any more, and the connection stays.
    Freeze,
}

/// What a socket answers to a frame; `usize`: how many it has heard before.
pub type Hear = dyn Fn(usize, &Value) -> Vec<Say> + Send + Sync;

#[derive(Clone)]
pub struct Door {
    pub url: String,
    /// To all sockets that are open.
    pub say: broadcast::Sender<Say>,
    /// Whether there are sockets at all.
    pub sockets: Arc<AtomicBool>,
    /// Sockets whose first frame was answered with a text so far.
    pub opened: Arc<AtomicUsize>,
    /// Frames that clients sent.
    pub heard: Arc<Mutex<Vec<Value>>>,
    http: SocketAddr,
    paths: &'static [&'static str],
    protocol: &'static str,
    hear: Arc<Hear>,
}

impl Door {
    /// Sockets are requests (GET) of a path that begins with one of `paths`.
    pub async fn open(
        http: SocketAddr,
        paths: &'static [&'static str],
        protocol: &'static str,
        hear: impl Fn(usize, &Value) -> Vec<Say> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            say: broadcast::channel(4096).0,
            sockets: Arc::new(AtomicBool::new(true)),
            opened: Arc::default(),
            heard: Arc::default(),
            http,
            paths,
            protocol,
            hear: Arc::new(hear),
        };
        let each = door.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let door = each.clone();
                tokio::spawn(async move { door.enter(stream).await });
            }
        });
        door
    }

    /// One request of a connection goes on to the server, and the connection ends with its answer: the next one may be
    /// for a socket, and comes to us.
    async fn forward(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(stream.read_u8().await?);
        }
        let mut http = TcpStream::connect(self.http).await?;
        http.write_all(&line).await?;
        http.write_all(b"connection: close\r\n").await?;
        tokio::io::copy_bidirectional(&mut stream, &mut http).await?;
        Ok(())
    }

    async fn enter(self, stream: TcpStream) {
        let mut head = [0; 64];
        let read = stream.peek(&mut head).await.unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        let asked = head.strip_prefix("GET ").unwrap_or_default();
        let socket = self.paths.iter().any(|path| asked.starts_with(path));
        if !socket || !self.sockets.load(Ordering::SeqCst) {
            let _ = self.forward(stream).await;
            return;
        }
        let name = self.protocol;
        #[allow(clippy::result_large_err)]
        let protocol = move |_: &Request, mut response: Response| {
            let headers = response.headers_mut();
            headers.insert("sec-websocket-protocol", name.parse().unwrap());
            Ok(response)
        };
        let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, protocol).await else {
            return;
        };
        let mut say = self.say.subscribe();
        let mut frames = 0;
        loop {
            let answers = tokio::select! {
                said = say.recv(), if frames > 0 => match said {
                    Ok(said) => vec![said],
                    Err(_) => return,
                },
                heard = socket.next() => match heard {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        let answers = (self.hear)(frames, &frame);
                        self.heard.lock().unwrap().push(frame);
                        if frames == 0 && answers.iter().all(|a| matches!(a, Say::Text(_))) {
                            self.opened.fetch_add(1, Ordering::SeqCst);
                        }
                        frames += 1;
                        answers
                    }
                    Some(Ok(_)) => continue,
                    _ => return,
                },
            };
            for answer in answers {
                match answer {
                    Say::Text(text) => {
                        let _ = socket.send(Message::text(text)).await;
                    }
                    Say::Close(code, why) => {
                        let _ = socket.send(close(code, why)).await;
                        return;
                    }
                    Say::Cut => return,
                    Say::Freeze => std::future::pending().await,
                }
            }
        }
    }
}

fn close(code: u16, why: &'static str) -> Message {
    Message::Close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: code.into(),
        reason: why.into(),
    }))
}
