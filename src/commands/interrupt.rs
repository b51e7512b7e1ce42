//! The signals that ask a command without a screen to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal came before the work was done. What runs here is ended, not left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ended by {name}")]
pub struct Interrupted {
    name: &'static str,
    number: u8,
}

impl Interrupted {
    /// What a shell would report.
    pub fn exit_code(self) -> u8 {
        128 + self.number
    }

    /// The terminal, or the session, is gone.
    pub fn is_hang_up(self) -> bool {
        self.name == "SIGHUP"
    }
}

const ALL: [(&str, u8); 3] = [("SIGINT", 2), ("SIGTERM", 15), ("SIGHUP", 1)];

/// From here on these signals no longer end the process by themselves.
#[derive(Debug)]
pub struct Interrupts(Vec<(Signal, Interrupted)>);

impl Interrupts {
    /// Must be called inside a tokio runtime. What the caller has us ignore (`nohup`) stays ignored.
    pub fn listen() -> io::Result<Self> {
        let ignored = ignored();
        ALL.into_iter()
            .filter(|(_, number)| ignored & (1 << (number - 1)) == 0)
            .map(|(name, number)| {
                let arrivals = signal(SignalKind::from_raw(i32::from(number)))?;
                Ok((arrivals, Interrupted { name, number }))
            })
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// The next of them; for ever when all are ignored.
    pub async fn next(&mut self) -> Interrupted {
        std::future::poll_fn(|cx| {
            for (arrivals, which) in &mut self.0 {
                if arrivals.poll_recv(cx).is_ready() {
                    return std::task::Poll::Ready(*which);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// The mask of signals that are ignored, as Linux tells it (`SigIgn` in proc_pid_status(5)).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
