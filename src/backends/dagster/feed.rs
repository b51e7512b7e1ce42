//! The events of one run, read once for all who want them: the run in view takes the states of its steps from them,
//! logs take their lines. By subscription while the run goes (Dagster's only one: the old `graphql-ws` protocol), else
//! and before by asking from a cursor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backends::client::Trouble;
use crate::backends::poll::{Schedule, Urgency};
use crate::backends::ws::{Socket, SocketError};
use crate::model::SafeText;
use crate::net::http::HttpError;

use super::shared::Shared;
use super::tape::{Capture, Piece, Tape};
use super::wire::Events;
use super::{api, gql, run};

/// Events of one answer.
const PAGE: usize = 1000;
/// The name of the sub-protocol. `graphql-transport-ws`, which came after it, is answered and not spoken.
const PROTOCOL: &str = "graphql-ws";
/// Refreshes between two tries of the subscription.
const AGAIN: u32 = 8;
/// What arrives together is taken in together.
const GATHER: Duration = Duration::from_millis(40);
/// For so many refreshes words of the run's launcher may follow its end.
const AFTERWORDS: u32 = 2;

/// Dropping the last reference ends the reading.
pub struct Feed {
    tape: Mutex<Tape>,
    news: watch::Sender<u64>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Feed {
    /// The events of a run, which somebody may be reading already.
    pub fn of(shared: &Arc<Shared>, run: &str) -> Arc<Self> {
        let mut feeds = shared.feeds();
        feeds.retain(|_, feed| feed.strong_count() > 0);
        if let Some(feed) = feeds.get(run).and_then(Weak::upgrade) {
            return feed;
        }
        let feed = Arc::new(Self {
            tape: Mutex::default(),
            news: watch::Sender::new(0),
            task: Mutex::default(),
        });
        feeds.insert(run.to_owned(), Arc::downgrade(&feed));
        drop(feeds);
        let task = tokio::spawn(read(
            Arc::clone(shared),
            run.to_owned(),
            Arc::downgrade(&feed),
        ));
        *feed.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        feed
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes when there is something new.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    pub fn live(&self) -> bool {
        self.tape().live
    }

    /// What a step (none: the run itself) said in an attempt, behind what was read before.
    pub fn piece(&self, step: Option<&str>, attempt: u32, from: usize) -> Piece {
        self.tape().piece(step, attempt, from)
    }

    /// The outputs that a step's process wrote to, oldest first.
    pub fn captures(&self, step: &str) -> Vec<Capture> {
        let tape = self.tape();
        let of = |c: &&Capture| c.steps.iter().any(|s| s == step);
        tape.captures.iter().filter(of).cloned().collect()
    }

    fn change(&self, change: impl FnOnce(&mut Tape)) {
        change(&mut self.tape());
        self.news.send_modify(|n| *n += 1);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task.take() {
            task.abort();
        }
    }
}

/// Why the reading goes on another way.
enum Stop {
    Nobody,
    Trouble(Trouble),
}

impl<T: Into<Trouble>> From<T> for Stop {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

/// Reads until the run is over or nobody wants it any more.
async fn read(shared: Arc<Shared>, run: String, feed: Weak<Feed>) {
    let mut reader = Reader {
        shared: &shared,
        run: &run,
        feed,
        cursor: None,
        over: None,
    };
    let mut schedule = Schedule::new(shared.refresh, run.len() as u64);
    let mut socket_at = Instant::now();
    let mut urgency = Urgency::Now;
    loop {
        let began = Instant::now();
        match reader.ask(urgency).await {
            Ok(()) => schedule.succeeded(began.elapsed()),
            Err(Stop::Nobody) => return,
            Err(Stop::Trouble(Trouble::Gone(_))) => return,
            Err(Stop::Trouble(Trouble::Http(error))) => {
                schedule.failed(error.retry_after());
                let what = format!("events of run {run}: {error}");
                if shared.complain(what).await.is_err() {
                    return;
                }
                let said = SafeText::new(error.to_string());
                let gone = matches!(error, HttpError::NotFound { .. });
                if reader.tell(|tape| {
                    tape.trouble = Some(said);
                    tape.ended |= gone;
                }) || gone
                {
                    return;
                }
                tokio::time::sleep(schedule.wait()).await;
                continue;
            }
        }
        urgency = Urgency::WhenDue;
        if reader
            .over
            .is_some_and(|over| over.elapsed() >= shared.refresh * AFTERWORDS)
        {
            reader.tell(|tape| tape.ended = true);
            // an engine that is gone has nobody left to tell
            let _ = shared.well(&run).await;
            return;
        }
        if reader.over.is_none() && Instant::now() >= socket_at {
            let why = match reader.subscribe().await {
                Ok(()) => None,
                Err(Stop::Nobody) => return,
                Err(Stop::Trouble(Trouble::Gone(_))) => return,
                Err(Stop::Trouble(Trouble::Http(error))) => Some(error),
            };
            reader.tell(|tape| tape.live = false);
            if let Some(error) = why {
                let said = format!("run events by asking every few seconds: {error}");
                shared.memory().cut.insert(run.clone());
                if shared.degraded(said).await.is_err() {
                    return;
                }
                socket_at = Instant::now() + shared.refresh * AGAIN;
            }
            // what came between is asked for at once
            continue;
        }
        tokio::time::sleep(schedule.wait()).await;
    }
}

struct Reader<'a> {
    shared: &'a Arc<Shared>,
    run: &'a str,
    feed: Weak<Feed>,
    cursor: Option<String>,
    /// When it was seen to be over.
    over: Option<Instant>,
}

impl Reader<'_> {
    /// Says whether nobody is there to be told.
    fn tell(&self, change: impl FnOnce(&mut Tape)) -> bool {
        match self.feed.upgrade() {
            Some(feed) => {
                feed.change(change);
                false
            }
            None => true,
        }
    }

    /// Page after page to the end as it is now.
    async fn ask(&mut self, urgency: Urgency) -> Result<(), Stop> {
        let query = api::events();
        loop {
            let variables = json!({"run": self.run, "after": self.cursor, "limit": PAGE});
            let mut reply = gql::ask(self.shared, urgency, &query, variables).await?;
            let page: Events = reply.take("events")?;
            let more = page.has_more && !page.events.rows.is_empty();
            self.take(page, !more).await?;
            if !more {
                return Ok(());
            }
        }
    }

    async fn take(&mut self, page: Events, caught_up: bool) -> Result<(), Stop> {
        for bad in &page.events.bad {
            self.shared
                .complain(format!("an event of run {}: {bad}", self.run))
                .await?;
        }
        self.cursor = page.cursor.or(self.cursor.take());
        let rows = page.events.rows;
        if self.over.is_none() && rows.iter().any(run::ends) {
            self.over = Some(Instant::now());
        }
        let nobody = self.tell(|tape| {
            rows.iter().for_each(|event| tape.take(event));
            tape.caught_up = caught_up;
            tape.trouble = None;
        });
        if nobody {
            return Err(Stop::Nobody);
        }
        run::happened(self.shared, self.run, &rows).await?;
        Ok(())
    }

    /// Takes what the server tells by itself, until the run is over. An error is why it can't go on.
    async fn subscribe(&mut self) -> Result<(), Stop> {
        let shared = Arc::clone(self.shared);
        let mut socket = Socket::open(&shared.http, gql::PATH, PROTOCOL)
            .await
            .map_err(http_error)?;
        let init = json!({"type": "connection_init", "payload": {}});
        socket.send(&init).await.map_err(http_error)?;
        let start = json!({"type": "start", "id": "1", "payload": {
            "query": api::events_subscription(),
            "variables": {"run": self.run, "after": self.cursor}}});
        socket.send(&start).await.map_err(http_error)?;
        let mut told = false;
        loop {
            let batch = match self.over {
                None => socket.batch(256).await.map_err(http_error)?,
                // Dagster never says that a run's events are over
                Some(_) => {
                    match tokio::time::timeout(shared.refresh * AFTERWORDS, socket.batch(256)).await
                    {
                        Ok(batch) => batch.map_err(http_error)?,
                        Err(_) => return Ok(()),
                    }
                }
            };
            for text in &batch {
                match message(&shared, text)? {
                    Said::Nothing => {}
                    Said::Over => return Ok(()),
                    Said::Events(page) => {
                        let caught_up = !page.has_more_past_events;
                        self.take(page, caught_up).await?;
                        if !told {
                            told = true;
                            shared.well(self.run).await?;
                            self.tell(|tape| tape.live = true);
                        }
                    }
                }
            }
            tokio::time::sleep(GATHER).await;
        }
    }
}

enum Said {
    Nothing,
    Events(Events),
    Over,
}

/// One message of the protocol `subscriptions-transport-ws`.
fn message(shared: &Shared, text: &str) -> Result<Said, HttpError> {
    let place = || shared.http.place(&gql::call("", Value::Null));
    let bad = |problem: String| HttpError::BadAnswer {
        place: place(),
        path: SafeText::new("the subscription"),
        problem: SafeText::new(problem),
    };
    let mut message: Value = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
    let payload = message["payload"].take();
    match message["type"].as_str().unwrap_or_default() {
        "data" => {
            let mut reply = gql::Reply::of(place(), payload)?;
            reply.take("events").map(Said::Events)
        }
        "complete" => Ok(Said::Over),
        "error" | "connection_error" => Err(bad(format!(
            "refused: {}",
            payload["message"].as_str().unwrap_or("without a reason")
        ))),
        // "connection_ack", "ka"
        _ => Ok(Said::Nothing),
    }
}

fn http_error(error: SocketError) -> HttpError {
    match error {
        SocketError::Http(error) => error,
        SocketError::Closed { ref place, .. } | SocketError::Silent { ref place, .. } => {
            HttpError::Unreachable {
                place: place.clone(),
                why: SafeText::new(error.to_string()),
            }
        }
    }
}
