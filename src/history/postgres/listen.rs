//! The thread that hears what other programs wrote, on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::CHANNEL;
use super::address::Address;

/// So often it is looked whether anybody still wants to know.
const LOOK: Duration = Duration::from_millis(500);
/// And whether the server is still there.
const ALIVE: Duration = Duration::from_secs(15);
/// Between two tries to connect.
const AGAIN: Duration = Duration::from_secs(1);
/// News that wait; one is as good as many.
const NEWS: usize = 64;

/// Calls `wake` for every change of others, until it answers false or `gone` is set.
pub(super) fn start(
    address: &Address,
    writer: i64,
    gone: Arc<AtomicBool>,
    wake: Box<dyn Fn() -> bool + Send>,
) {
    let address = address.clone();
    // without the thread others are seen a little later
    let _ = std::thread::Builder::new()
        .name("history listener".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            let own = writer.to_string();
            while !gone.load(Ordering::Relaxed) {
                runtime.block_on(hear(&address, &own, &gone, &wake));
                std::thread::sleep(AGAIN);
            }
        });
}

/// Until the connection breaks, or nobody wants to know any more.
async fn hear(address: &Address, own: &str, gone: &AtomicBool, wake: &dyn Fn() -> bool) {
    let (ear, mut news) = mpsc::channel(NEWS);
    let Ok((client, _)) = address.connect(Some(ear)).await else {
        return;
    };
    if client
        .batch_execute(&format!("listen {CHANNEL}"))
        .await
        .is_err()
    {
        return;
    }
    // whatever was told while nobody listened
    if !wake() {
        gone.store(true, Ordering::Relaxed);
    }
    let mut quiet = Duration::ZERO;
    while !gone.load(Ordering::Relaxed) {
        match tokio::time::timeout(LOOK, news.recv()).await {
            Ok(Some(who)) => {
                if who != own && !wake() {
                    gone.store(true, Ordering::Relaxed);
                }
            }
            Ok(None) => return,
            Err(_) => quiet += LOOK,
        }
        if quiet >= ALIVE {
            quiet = Duration::ZERO;
            let asked = tokio::time::timeout(ALIVE, client.batch_execute("select 1")).await;
            if !matches!(asked, Ok(Ok(()))) {
                return;
            }
        }
    }
}
