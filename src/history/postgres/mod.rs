//! The store on a PostgreSQL that several programs share, in a schema of its own. A connection that breaks is made anew;
//! a batch whose end nobody heard of is looked up by its number before it is written again.

mod address;
mod audit;
mod error;
mod leader;
mod listen;
mod put;
mod records;
mod room;
mod tables;
#[cfg(test)]
pub(super) mod tests;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use crate::model::{LogKey, NodeId, PastNode, PastRun, RunKey, SafeText};

use super::audit::{Copied, CopiedAsk};
use super::store::{
    Ask, Day, Grain, Kind, Line, Log, Point, Shelf, Size, Store, StoreError, Tail, Write,
};
use put::{Sorted, WRITING};
use wire::{Answer, Session, Wire, get};

pub use address::Address;
pub(super) use leader::Vote;

/// Rows that are fetched at once.
const PORTION: usize = 2_000;
/// So long a write looks for its own end when nobody told it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The channel on which programs tell each other that there is something to see.
const CHANNEL: &str = "dagtop";

pub struct Postgres {
    address: Address,
    wire: Wire,
    /// Who we are to the other programs.
    writer: i64,
    /// The number of the last batch.
    batch: i64,
    /// How many changes of others there had been when last asked.
    seen: i64,
    /// A batch of which nobody knows whether it is there.
    doubt: Option<Doubt>,
    gone: Arc<AtomicBool>,
}

struct Doubt {
    number: i64,
    batch: Vec<Write>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Postgres({})", self.wire.shown())
    }
}

impl Postgres {
    /// Connects, and makes or brings forward the schema.
    pub fn open(address: &Address) -> Result<Self, StoreError> {
        let mut store = Self {
            address: address.clone(),
            wire: Wire::new(address)?,
            writer: random(),
            batch: 0,
            seen: 0,
            doubt: None,
            gone: Arc::new(AtomicBool::new(false)),
        };
        store.changed()?;
        Ok(store)
    }

    /// A question; asked again on a new connection when the old one is found broken.
    fn read<T: Send>(
        &mut self,
        ask: impl AsyncFn(&mut Session) -> Answer<T> + Send + Sync,
    ) -> Answer<T> {
        let before = self.wire.connected();
        match self.wire.run(async |session| ask(session).await) {
            Err(StoreError::Away { .. }) if before => {
                self.wire.run(async |session| ask(session).await)
            }
            done => done,
        }
    }

    /// Hands the rows of a question over one by one, a portion in memory at a time.
    fn each(&mut self, ask: &str, row: &mut dyn FnMut(&Row) -> Answer<bool>) -> Answer<()> {
        self.read(async |session| {
            let begin = "begin isolation level repeatable read read only";
            session.batch(begin).await?;
            session
                .batch(&format!("declare portion no scroll cursor for {ask}"))
                .await
        })?;
        loop {
            let rows = self.wire.run(async |session| {
                session
                    .ask(&format!("fetch {PORTION} from portion"), &[])
                    .await
            })?;
            for one in &rows {
                match row(one) {
                    Ok(true) => {}
                    Ok(false) => return self.end(),
                    Err(error) => {
                        self.end()?;
                        return Err(error);
                    }
                }
            }
            if rows.len() < PORTION {
                return self.end();
            }
        }
    }

    fn end(&mut self) -> Answer<()> {
        self.wire.run(async |session| session.batch("commit").await)
    }

    fn write_batch(&mut self, batch: &[Write]) -> Answer<()> {
        self.batch += 1;
        let (number, writer) = (self.batch, self.writer);
        let sorted = Sorted::of(batch);
        self.wire.run(async |session| {
            session.batch(&begin()).await?;
            session
                .execute(
                    NUMBER,
                    &[
                        &writer,
                        &number,
                        &i64::from(sorted.shared),
                        &Utc::now().timestamp_millis(),
                    ],
                )
                .await?;
            sorted.write(session).await?;
            if sorted.shared {
                let who = writer.to_string();
                let tell = "select pg_notify($1, $2)";
                session.query(tell, &[&CHANNEL, &who]).await?;
            }
            Ok(())
        })?;
        let ended = self.wire.run(async |session| session.batch("commit").await);
        if ended.is_err() {
            // whatever the server says now, it may have done it before
            self.doubt = Some(Doubt {
                number,
                batch: batch.to_vec(),
            });
        }
        ended
    }

    /// What of a batch is not there yet, after one whose end nobody heard of.
    fn undone(&mut self, batch: &[Write]) -> Answer<Option<Vec<Write>>> {
        let Some(doubt) = &self.doubt else {
            return Ok(None);
        };
        let (number, writer) = (doubt.number, self.writer);
        let there = self.wire.run(async |session| {
            // waits for the end of the one in doubt, if the server still has it before it
            session.batch(&begin()).await?;
            let ask = "select coalesce(max(batch), 0) from writers where writer = $1";
            let last = session.number(ask, &[&writer]).await?;
            session.batch("commit").await?;
            Ok(last == number)
        })?;
        let left = there.then(|| rest(&doubt.batch, batch));
        self.doubt = None;
        Ok(left)
    }
}

/// Begins a transaction that writes.
fn begin() -> String {
    format!("begin; select pg_advisory_xact_lock({WRITING})")
}

const NUMBER: &str = "insert into writers as w (writer, batch, shared, at) values ($1, $2, $3, $4)
    on conflict (writer) do update set batch = excluded.batch, shared = w.shared + excluded.shared, at = excluded.at";

/// What of a batch is not among what is done: who tries again may have dropped something meanwhile, and added at the end.
fn rest(done: &[Write], batch: &[Write]) -> Vec<Write> {
    let mut done = done.iter();
    let new = |write: &&Write| !done.any(|known| known == *write);
    batch.iter().filter(new).cloned().collect()
}

/// Not guessed, and not twice the same.
fn random() -> i64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    i64::from_ne_bytes(RandomState::new().build_hasher().finish().to_ne_bytes())
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl Store for Postgres {
    fn shelf(&mut self, shelf: Shelf) -> Result<Vec<(String, String)>, StoreError> {
        self.read(async |session| {
            let ask = "select key, body from documents where shelf = $1 order by key";
            let rows = session.query(ask, &[&shelf.word()]).await?;
            rows.iter()
                .map(|row| Ok((get(row, 0)?, get(row, 1)?)))
                .collect()
        })
    }

    fn document(&mut self, shelf: Shelf, key: &str) -> Result<Option<String>, StoreError> {
        self.read(async |session| {
            let ask = "select body from documents where shelf = $1 and key = $2";
            let rows = session.query(ask, &[&shelf.word(), &key]).await?;
            rows.first().map(|row| get(row, 0)).transpose()
        })
    }

    fn write(&mut self, batch: &[Write]) -> Result<(), StoreError> {
        let left = self.undone(batch)?;
        let batch = left.as_deref().unwrap_or(batch);
        if batch.is_empty() {
            return Ok(());
        }
        // a connection may have gone unnoticed since the last time: nothing has been done on it then
        let stale = self.wire.connected();
        let mut ended = self.write_batch(batch);
        if stale && self.doubt.is_none() && matches!(ended, Err(StoreError::Away { .. })) {
            ended = self.write_batch(batch);
        }
        let begun = Instant::now();
        while ended.is_err() && self.doubt.is_some() && begun.elapsed() < PATIENCE {
            match self.undone(batch) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => ended = self.write_batch(batch),
                Err(_) => std::thread::sleep(Duration::from_millis(250)),
            }
        }
        ended
    }

    fn after(&mut self, log: Log, seq: i64, most: usize) -> Result<Vec<Line>, StoreError> {
        self.read(async |session| records::after(session, log, seq, most).await)
    }

    fn since(
        &mut self,
        log: Log,
        from: DateTime<Utc>,
        each: &mut dyn FnMut(Line) -> bool,
    ) -> Result<(), StoreError> {
        self.each(&records::since(log, from), &mut |row| {
            Ok(each(records::line(row)?))
        })
    }

    fn last(&mut self, log: Log) -> Result<i64, StoreError> {
        self.read(async |session| {
            let ask = format!("select coalesce(max(seq), 0) from {}", log.word());
            let rows = session.ask(&ask, &[]).await?;
            rows.first().map_or(Ok(0), |row| get(row, 0))
        })
    }

    fn forget(&mut self, what: Kind, before: DateTime<Utc>) -> Result<usize, StoreError> {
        self.wire
            .run_long(async |session| room::forget(session, what, before).await)
    }

    fn runs(&mut self, ask: &Ask, each: &mut dyn FnMut(PastRun) -> bool) -> Result<(), StoreError> {
        self.each(&records::runs(ask), &mut |row| Ok(each(records::run(row)?)))
    }

    fn recent(&mut self, each: usize) -> Result<Vec<PastRun>, StoreError> {
        self.read(async |session| records::recent(session, each).await)
    }

    fn days(&mut self, ask: &Ask) -> Result<Vec<Day>, StoreError> {
        self.read(async |session| records::days(session, ask).await)
    }

    fn run(&mut self, run: &RunKey) -> Result<Option<PastRun>, StoreError> {
        self.read(async |session| records::one_run(session, run).await)
    }

    fn nodes_of(&mut self, run: &RunKey) -> Result<Vec<PastNode>, StoreError> {
        self.read(async |session| records::nodes_of(session, run).await)
    }

    fn nodes(
        &mut self,
        ask: &Ask,
        node: Option<&NodeId>,
        each: &mut dyn FnMut(PastNode) -> bool,
    ) -> Result<(), StoreError> {
        self.each(&records::nodes(ask, node), &mut |row| {
            Ok(each(records::node(row)?))
        })
    }

    fn each_point(
        &mut self,
        series: &str,
        grain: Grain,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        each: &mut dyn FnMut(Point) -> bool,
    ) -> Result<(), StoreError> {
        let ask = records::points(series, grain, from, to);
        self.each(&ask, &mut |row| Ok(each(records::point(row, grain)?)))
    }

    fn tail(&mut self, log: &LogKey) -> Result<Option<String>, StoreError> {
        self.read(async |session| records::tail(session, log).await)
    }

    fn tails(&mut self, before: DateTime<Utc>, most: usize) -> Result<Vec<Tail>, StoreError> {
        self.read(async |session| records::tails(session, before, most).await)
    }

    fn audit(
        &mut self,
        ask: &CopiedAsk,
        each: &mut dyn FnMut(i64, Copied) -> bool,
    ) -> Result<(), StoreError> {
        self.each(&audit::lines(ask), &mut |row| {
            Ok(each(audit::seq(row)?, audit::line(row)?))
        })
    }

    fn audit_of(
        &mut self,
        chain: &str,
        each: &mut dyn FnMut(Copied) -> bool,
    ) -> Result<(), StoreError> {
        self.each(&audit::of(chain), &mut |row| Ok(each(audit::line(row)?)))
    }

    fn audit_end(&mut self, chain: &str) -> Result<Option<(u64, String)>, StoreError> {
        self.read(async |session| audit::end(session, chain).await)
    }

    fn audit_chains(&mut self) -> Result<Vec<String>, StoreError> {
        self.read(async |session| audit::chains(session).await)
    }

    fn size(&mut self) -> Result<Size, StoreError> {
        self.wire
            .run_long(async |session| room::size(session).await)
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        self.read(async |session| room::bytes(session).await)
    }

    fn vacuum(&mut self) -> Result<(), StoreError> {
        self.wire
            .run_long(async |session| room::vacuum(session).await)
    }

    fn check(&mut self) -> Result<u64, StoreError> {
        self.wire
            .run_long(async |session| room::check(session).await)?;
        // the types of its columns let nothing else in
        Ok(0)
    }

    fn about(&mut self) -> Result<SafeText, StoreError> {
        let version = self.read(async |session| {
            let rows = session.ask("show server_version", &[]).await?;
            rows.first().map_or(Ok(String::new()), |row| get(row, 0))
        })?;
        let shown = self.wire.shown();
        Ok(SafeText::new(format!("PostgreSQL {version}, {shown}")))
    }

    fn changed(&mut self) -> Result<bool, StoreError> {
        let writer = self.writer;
        let now = self.read(async |session| {
            let ask = "select coalesce(sum(shared), 0)::int8 from writers where writer <> $1";
            session.number(ask, &[&writer]).await
        })?;
        let before = std::mem::replace(&mut self.seen, now);
        Ok(before != now)
    }

    fn listen(&mut self, wake: Box<dyn Fn() -> bool + Send>) {
        listen::start(&self.address, self.writer, Arc::clone(&self.gone), wake);
    }
}
