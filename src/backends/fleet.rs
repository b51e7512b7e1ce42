//! The rhythm in which a fleet is read that can only be asked for: everything at the start and now and then, what changed
//! in between.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::EngineGone;
use super::act::Act;
use super::client::{Client, Trouble};
use super::follow::pause;
use super::poll::{Schedule, Urgency};

/// Looks that find no such server where one was, before it is asked again what it is.
const LOST: u32 = 5;

#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// Between two looks at what changed.
    pub look: Duration,
    /// Between two readings of everything, at least.
    pub resync: Duration,
    /// For each request that such a reading took.
    pub each: Duration,
}

pub trait Fleet: Act {
    fn rhythm(&self) -> Rhythm;

    /// Whether everything should be read again soon; says so once.
    fn asked(&self) -> bool;

    fn resync(&self, urgency: Urgency) -> impl Future<Output = Result<(), Trouble>> + Send;

    fn changes(&self) -> impl Future<Output = Result<(), Trouble>> + Send;
}

/// Looks at the fleet for ever; ends when the server seems to be another one than it was.
pub async fn watch<B: Fleet>(backend: &B) -> Result<(), EngineGone> {
    let client: &Client = backend.wire();
    let rhythm = backend.rhythm();
    let base = rhythm.look;
    let mut schedule = Schedule::new(base, u64::from(std::process::id()));
    let mut resync_at = Instant::now();
    let mut resynced = Instant::now();
    let mut first = true;
    let mut lost = 0;
    loop {
        schedule.set_base(if client.hidden() { base * 5 } else { base });
        let began = Instant::now();
        // what is asked for too soon is not forgotten
        let asked = (first || resynced.elapsed() > base * 3) && backend.asked();
        // what nobody asked for begins when nothing else is read beside the changes, but does not wait for ever
        let due = match began >= resync_at && !asked && !first {
            true if began >= resync_at + rhythm.resync => {
                drop(client.turns.wait().await);
                true
            }
            true => client.turns.now().is_some(),
            false => false,
        };
        let whole = asked || first || due;
        let before = client.http.stats().requests;
        let result = match (whole, first) {
            (true, true) => backend.resync(Urgency::Now).await,
            (true, false) if asked => backend.resync(Urgency::WhenDue).await,
            (true, false) => backend.resync(Urgency::Aside).await,
            (false, _) => backend.changes().await,
        };
        match result {
            Ok(()) => {
                if whole {
                    let used = client.http.stats().requests - before;
                    let used = u32::try_from(used).unwrap_or(u32::MAX);
                    resync_at = Instant::now() + rhythm.resync.max(rhythm.each * used);
                    resynced = Instant::now();
                    first = false;
                }
                lost = 0;
                schedule.succeeded(began.elapsed());
                client.up().await?;
            }
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => {
                if whole {
                    resync_at = began;
                }
                schedule.failed(error.retry_after());
                lost = if error.elsewhere() { lost + 1 } else { 0 };
                let wait = schedule.wait();
                client.fell(&error, wait).await?;
                if lost >= LOST {
                    return Ok(());
                }
                pause(client, wait).await;
                continue;
            }
        }
        let wait = schedule.wait();
        pause(client, wait).await;
    }
}

/// Looks at what surrounds the fleet for ever, every so often. What goes wrong shows in the backend's reach anyway.
pub async fn watch_system<L: Future<Output = Result<(), Trouble>>>(
    client: &Client,
    every: Duration,
    look: impl Fn() -> L,
) -> Result<Infallible, EngineGone> {
    // the fleet comes first
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut schedule = Schedule::new(every, 3);
    loop {
        let turn = client.turns.wait().await;
        let began = Instant::now();
        let looked = look().await;
        drop(turn);
        match looked {
            Ok(()) => schedule.succeeded(began.elapsed()),
            Err(Trouble::Gone(gone)) => return Err(gone),
            Err(Trouble::Http(error)) => schedule.failed(error.retry_after()),
        }
        tokio::time::sleep(schedule.wait()).await;
    }
}
