//! One connection with the small runtime that carries it. Whoever asks waits for the answer, not for ever, and may be
//! anywhere: inside another runtime the work is done on a thread beside it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::history::store::StoreError;
use crate::model::SafeText;

use super::address::Address;
use super::error::{Shown, away, told};
use super::tables;

/// How long an answer may take that should come at once; a little more than the server's own limit.
const ANSWER: Duration = Duration::from_secs(15);
/// For what reads or changes everything.
const LONG: Duration = Duration::from_secs(3_600);
/// Between two tries to connect: from, to.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Ends what a failure left open.
const UNDO: &str = "rollback; set statement_timeout = '10s'";

pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];
pub(super) type Answer<T> = Result<T, StoreError>;

/// A session on the server.
pub(super) struct Session {
    client: Client,
    pub shown: Shown,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    async fn statement(&mut self, text: &'static str) -> Answer<Statement> {
        if let Some(known) = self.statements.get(text) {
            return Ok(known.clone());
        }
        let made = self.client.prepare(text).await;
        let made = made.map_err(|e| told(&e, &self.shown))?;
        self.statements.insert(text, made.clone());
        Ok(made)
    }

    pub async fn execute(&mut self, text: &'static str, params: Params<'_>) -> Answer<u64> {
        let statement = self.statement(text).await?;
        let done = self.client.execute(&statement, params).await;
        done.map_err(|e| told(&e, &self.shown))
    }

    pub async fn query(&mut self, text: &'static str, params: Params<'_>) -> Answer<Vec<Row>> {
        let statement = self.statement(text).await?;
        let rows = self.client.query(&statement, params).await;
        rows.map_err(|e| told(&e, &self.shown))
    }

    /// A text that is put together, and not prepared.
    pub async fn ask(&mut self, text: &str, params: Params<'_>) -> Answer<Vec<Row>> {
        let rows = self.client.query(text, params).await;
        rows.map_err(|e| told(&e, &self.shown))
    }

    /// A change without parameters that is put together; says how many rows it changed.
    pub async fn change(&mut self, text: &str) -> Answer<u64> {
        let done = self.client.execute(text, &[]).await;
        done.map_err(|e| told(&e, &self.shown))
    }

    /// Several statements without parameters.
    pub async fn batch(&mut self, text: &str) -> Answer<()> {
        let done = self.client.batch_execute(text).await;
        done.map_err(|e| told(&e, &self.shown))
    }

    pub async fn number(&mut self, text: &'static str, params: Params<'_>) -> Answer<i64> {
        let rows = self.query(text, params).await?;
        match rows.first() {
            Some(row) => get(row, 0),
            None => Ok(0),
        }
    }
}

/// A column of a row, which may be of another type than we think when others made the table.
pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, at: usize) -> Answer<T> {
    row.try_get(at)
        .map_err(|e| StoreError::Other(SafeText::new(e.to_string())))
}

/// A runtime that may end inside another.
struct Carrier(Option<Runtime>);

impl Carrier {
    fn block_on<T>(&self, work: impl Future<Output = Answer<T>>) -> Answer<T> {
        match &self.0 {
            Some(runtime) => runtime.block_on(work),
            None => Err(StoreError::Other(SafeText::new("the history is closed"))),
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) struct Wire {
    address: Address,
    runtime: Carrier,
    session: Option<Session>,
    /// Its address, once it has been read.
    shown: Shown,
    /// Not before then, and what was said last.
    pause: Option<(Instant, Duration, String)>,
}

impl Wire {
    pub fn new(address: &Address) -> Answer<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| StoreError::Other(SafeText::new(e.to_string())))?;
        Ok(Self {
            address: address.clone(),
            runtime: Carrier(Some(runtime)),
            session: None,
            shown: SafeText::new("PostgreSQL"),
            pause: None,
        })
    }

    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Does something on a session; after a failure there is a new one, if there must be.
    pub fn run<T: Send>(
        &mut self,
        work: impl AsyncFnOnce(&mut Session) -> Answer<T> + Send,
    ) -> Answer<T> {
        self.within(ANSWER, work)
    }

    /// The same for what may take long.
    pub fn run_long<T: Send>(
        &mut self,
        work: impl AsyncFnOnce(&mut Session) -> Answer<T> + Send,
    ) -> Answer<T> {
        self.within(LONG, async |session| {
            session.batch("set statement_timeout = 0").await?;
            let done = work(session).await;
            let limited = session.batch("set statement_timeout = '10s'").await;
            done.and_then(|done| limited.map(|()| done))
        })
    }

    fn within<T: Send>(
        &mut self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Session) -> Answer<T> + Send,
    ) -> Answer<T> {
        apart(|| {
            self.ready()?;
            let Self {
                runtime,
                session: held,
                shown,
                ..
            } = self;
            let Some(session) = held.as_mut() else {
                return Err(away(shown, "there is no connection"));
            };
            let done = runtime.block_on(async {
                let done = tokio::time::timeout(limit, work(session)).await;
                let done = done.unwrap_or_else(|_| Err(away(&session.shown, "it does not answer")));
                // whatever was begun must not stay open
                let whole = match &done {
                    Ok(_) => true,
                    Err(StoreError::Away { .. }) => false,
                    Err(_) => {
                        let undone = tokio::time::timeout(ANSWER, session.batch(UNDO)).await;
                        matches!(undone, Ok(Ok(())))
                    }
                };
                Ok((done, whole))
            });
            let (done, whole) = done?;
            if !whole {
                *held = None;
            }
            done
        })
    }

    /// Whether the session is there without a new connection.
    pub fn connected(&self) -> bool {
        self.session.as_ref().is_some_and(|s| !s.client.is_closed())
    }

    fn ready(&mut self) -> Answer<()> {
        // lets the connection see that the other side has gone
        self.runtime.block_on(async {
            tokio::task::yield_now().await;
            Ok(())
        })?;
        if self.connected() {
            return Ok(());
        }
        self.session = None;
        if let Some((until, _, why)) = &self.pause
            && Instant::now() < *until
        {
            return Err(away(&self.shown, why));
        }
        let address = &self.address;
        let made = self.runtime.block_on(async {
            let (client, shown) = address.connect(None).await?;
            let mut session = Session {
                client,
                shown,
                statements: HashMap::new(),
            };
            tables::prepare(&mut session).await?;
            Ok::<_, StoreError>(session)
        });
        match made {
            Ok(session) => {
                self.shown = session.shown.clone();
                self.session = Some(session);
                self.pause = None;
                Ok(())
            }
            Err(error) => {
                let waited = self
                    .pause
                    .as_ref()
                    .map_or(RETRY.0, |(_, waited, _)| *waited * 2);
                let waited = waited.min(RETRY.1);
                let why = match &error {
                    StoreError::Away { place, why } => {
                        self.shown = place.clone();
                        why.to_string()
                    }
                    other => other.to_string(),
                };
                self.pause = Some((Instant::now() + waited, waited, why));
                Err(error)
            }
        }
    }
}

/// Runs here, or on a thread beside a runtime that would not let us wait.
fn apart<T: Send>(work: impl FnOnce() -> Answer<T> + Send) -> Answer<T> {
    if tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    // a panic of it has been told where it happened
    done.unwrap_or_else(|_| {
        Err(StoreError::Other(SafeText::new(
            "the history's thread broke",
        )))
    })
}
