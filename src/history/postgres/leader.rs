//! Who of all programs on one server tells people: the one whose session holds a lock there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::address::Address;

/// Held by the one that leads.
const LEADING: i64 = 0x0064_6167_746f_7003;
/// Between two looks at it.
const LOOK: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// A server that could not be asked for so long can't say who leads: then everybody tells, rather than nobody.
const ALONE: Duration = Duration::from_secs(10);

/// What the thread knows that asks the server.
#[derive(Debug)]
pub(in crate::history) struct Vote {
    leads: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
}

impl Vote {
    pub fn start(address: &Address) -> Self {
        let vote = Self {
            leads: Arc::new(AtomicBool::new(false)),
            gone: Arc::new(AtomicBool::new(false)),
        };
        let (address, leads, gone) = (
            address.clone(),
            Arc::clone(&vote.leads),
            Arc::clone(&vote.gone),
        );
        // without the thread this program never leads
        let _ = std::thread::Builder::new()
            .name("history leader".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let Ok(runtime) = runtime else { return };
                let mut asked = Instant::now();
                while !gone.load(Ordering::Relaxed) {
                    runtime.block_on(stand(&address, &leads, &gone, &mut asked));
                    // who leads and can't reach the server goes on: nobody else can have been told to
                    if asked.elapsed() >= ALONE {
                        leads.store(true, Ordering::Relaxed);
                    }
                    std::thread::sleep(LOOK);
                }
            });
        vote
    }

    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }
}

impl Drop for Vote {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// Until the connection breaks. The lock goes with it.
async fn stand(address: &Address, leads: &AtomicBool, gone: &AtomicBool, asked: &mut Instant) {
    let Ok((client, _)) = address.connect(None).await else {
        return;
    };
    let mut held = false;
    while !gone.load(Ordering::Relaxed) {
        let ask = match held {
            true => "select true".to_owned(),
            false => format!("select pg_try_advisory_lock({LEADING})"),
        };
        let answer = tokio::time::timeout(ANSWER, client.query_one(&ask, &[])).await;
        let Ok(Ok(row)) = answer else { return };
        held = row.try_get(0).unwrap_or(false);
        leads.store(held, Ordering::Relaxed);
        *asked = Instant::now();
        tokio::time::sleep(LOOK).await;
    }
}
