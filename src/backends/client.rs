//! What every backend that asks a server needs: the client, the budget, the wire to the engine, and what it told of
//! itself so far.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::poll::{Pacer, Urgency};
use super::turns::Turns;
use super::{Emitter, EngineGone};
use crate::model::{BackendStatus, Event, PipelineKey, Reach, RunKey, SafeText};
use crate::net::http::{Call, Http, HttpError, Records};

/// So many different complaints about records are told; more would say nothing new.
const COMPLAINTS: usize = 200;

/// Between two turns of what is read beside the looks at changes, in times of `refresh`: longer than from one look to
/// the next, so that none falls into the same look as another.
const APART: f64 = 2.25;

/// Why a piece of work ended early.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Gone(#[from] EngineGone),
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// One connected backend. Its parts share it.
pub struct Client {
    pub http: Http,
    pub emitter: Emitter,
    pub pacer: Pacer,
    /// What is read again now and then, beside the looks at changes, takes turns.
    pub turns: Turns,
    /// Rows of a full page, for servers that don't say how many there are.
    page: usize,
    /// Time between two looks at what is on screen, as configured.
    pub refresh: Duration,
    /// Look at the fleet now.
    pub look: Notify,
    /// A run in view should be loaded again; which one stands in the backend's memory.
    pub reload: Notify,
    hidden: AtomicBool,
    status: Mutex<BackendStatus>,
    complaints: Mutex<HashSet<SafeText>>,
}

/// The rows of all pages of a list.
pub struct Pages<T> {
    pub rows: Vec<T>,
    /// How many there are, where the server says.
    pub total: usize,
    /// Every page was read, and every record in it.
    pub complete: bool,
}

impl Client {
    /// `version`: product and version as the server gives it.
    pub fn new(
        http: Http,
        emitter: Emitter,
        pacer: Pacer,
        page: usize,
        refresh: Duration,
        version: impl AsRef<str>,
    ) -> Self {
        Self {
            http,
            emitter,
            pacer,
            turns: Turns::new(refresh.mul_f64(APART)),
            page,
            refresh,
            look: Notify::new(),
            reload: Notify::new(),
            hidden: AtomicBool::new(false),
            status: Mutex::new(BackendStatus {
                version: SafeText::new(version),
                ..BackendStatus::default()
            }),
            complaints: Mutex::default(),
        }
    }

    pub fn pipeline_key(&self, pipeline: &str) -> PipelineKey {
        PipelineKey::new(self.emitter.backend(), pipeline)
    }

    pub fn run_key(&self, pipeline: &str, run: &str) -> RunKey {
        self.pipeline_key(pipeline).run(run)
    }

    pub async fn emit(&self, event: Event) -> Result<(), EngineGone> {
        self.emitter.emit(event).await
    }

    /// The server's time, as near as its `Date` tells.
    pub fn server_now(&self) -> DateTime<Utc> {
        Utc::now() + self.http.clock_skew().unwrap_or_default()
    }

    /// Whether nobody looks.
    pub fn hidden(&self) -> bool {
        self.hidden.load(Ordering::Relaxed)
    }

    pub fn hide(&self, hidden: bool) {
        // whoever comes back sees news at once
        if self.hidden.swap(hidden, Ordering::Relaxed) && !hidden {
            self.look.notify_one();
        }
    }

    // ---- asking ----

    pub async fn json<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        call: &Call,
    ) -> Result<T, HttpError> {
        self.pacer.turn(urgency).await;
        self.http.json(call).await
    }

    pub async fn records<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        call: &Call,
        list: &str,
    ) -> Result<Records<T>, Trouble> {
        self.pacer.turn(urgency).await;
        let records = self.http.records(call, list).await?;
        for what in &records.bad {
            self.complain(format!("{what} ({})", self.http.place(call)))
                .await?;
        }
        Ok(records)
    }

    /// Page after page until all is read or `most` rows are.
    pub async fn pages<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        list: &str,
        most: usize,
        call: impl Fn(usize) -> Call,
    ) -> Result<Pages<T>, Trouble> {
        self.pages_from(urgency, list, 0, most, call).await
    }

    /// As [`Client::pages`], without the first `offset` rows.
    pub async fn pages_from<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        list: &str,
        mut offset: usize,
        most: usize,
        call: impl Fn(usize) -> Call,
    ) -> Result<Pages<T>, Trouble> {
        let mut pages = Pages {
            rows: Vec::new(),
            total: 0,
            complete: true,
        };
        loop {
            let page = self.records::<T>(urgency, &call(offset), list).await?;
            offset += page.held;
            pages.total = page.total.unwrap_or(offset);
            pages.complete &= page.bad.is_empty();
            pages.rows.extend(page.rows);
            let over = match page.total {
                Some(total) => offset >= total,
                None => page.held < self.page,
            };
            if over || page.held == 0 {
                // some servers count more than they show; what can't be paged to is not there
                return Ok(pages);
            }
            if offset >= most {
                pages.complete = false;
                return Ok(pages);
            }
        }
    }

    /// Tells of a record that can't be read, once.
    pub async fn complain(&self, what: String) -> Result<(), EngineGone> {
        let what = SafeText::new(what);
        let new = {
            let mut known = self
                .complaints
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            known.len() < COMPLAINTS && known.insert(what.clone())
        };
        if new {
            self.emit(Event::BadRecord { what }).await?;
        }
        Ok(())
    }

    // ---- how well it answers ----

    pub async fn up(&self) -> Result<(), EngineGone> {
        self.tell(|status| status.reach = Reach::Up).await
    }

    async fn down(&self, reach: Reach) -> Result<(), EngineGone> {
        self.tell(|status| status.reach = reach).await
    }

    /// Says that it does not answer, and that it is asked again after this wait.
    pub async fn fell(&self, error: &HttpError, wait: Duration) -> Result<(), EngineGone> {
        let retry_at = Utc::now() + chrono::Duration::from_std(wait).unwrap_or_default();
        self.down(reach(error, retry_at)).await
    }

    pub async fn degraded(&self, why: impl AsRef<str>) -> Result<(), EngineGone> {
        let why = SafeText::new(why);
        self.tell(|status| status.degraded = Some(why)).await
    }

    /// What worked less well than it could works again.
    pub async fn restored(&self) -> Result<(), EngineGone> {
        self.tell(|status| status.degraded = None).await
    }

    /// Changes what is said of the backend, brings its counters up to date, and says it.
    pub async fn tell(&self, change: impl FnOnce(&mut BackendStatus)) -> Result<(), EngineGone> {
        let status = {
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut status);
            status.stats = self.http.stats();
            status.clock_skew_ms = self.http.clock_skew().map(|d| d.num_milliseconds());
            status.clone()
        };
        self.emit(Event::Status(status)).await
    }
}

/// What a failed look means for the backend as a whole.
pub fn reach(error: &HttpError, retry_at: DateTime<Utc>) -> Reach {
    let reason = SafeText::new(error.to_string());
    match error {
        HttpError::Unauthorised { .. } | HttpError::Forbidden { .. } | HttpError::Setup(_) => {
            Reach::Refused { reason }
        }
        _ => Reach::Down {
            reason,
            retry_at: Some(retry_at),
        },
    }
}
