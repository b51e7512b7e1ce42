//! The signals the program answers to, as one stream.

use std::io;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::signal::unix::{self, SignalKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Please end.
    Terminate,
    Interrupt,
    /// The terminal, or the session, is gone.
    Hangup,
    /// Please stop (from outside: ctrl-z itself arrives as a key).
    Suspend,
    /// Continued after a stop.
    Continue,
}

impl Signal {
    /// The exit code a shell would report.
    pub fn exit_code(self) -> i32 {
        128 + self.kind().as_raw_value()
    }

    fn kind(self) -> SignalKind {
        use rustix::process::Signal as Raw;
        match self {
            Self::Terminate => SignalKind::terminate(),
            Self::Interrupt => SignalKind::interrupt(),
            Self::Hangup => SignalKind::hangup(),
            Self::Suspend => SignalKind::from_raw(Raw::TSTP.as_raw()),
            Self::Continue => SignalKind::from_raw(Raw::CONT.as_raw()),
        }
    }
}

const ALL: [Signal; 5] = [
    Signal::Terminate,
    Signal::Interrupt,
    Signal::Hangup,
    Signal::Suspend,
    Signal::Continue,
];

/// Registers all handlers at once; call it before raw mode. Inside a tokio runtime only.
pub fn listen() -> io::Result<BoxStream<'static, Signal>> {
    let mut streams = Vec::with_capacity(ALL.len());
    for signal in ALL {
        let mut arrivals = unix::signal(signal.kind())?;
        let stream = stream::poll_fn(move |cx| arrivals.poll_recv(cx)).map(move |()| signal);
        streams.push(stream.boxed());
    }
    Ok(stream::select_all(streams).boxed())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn exit_codes_are_the_shells() {
        assert_eq!(Signal::Hangup.exit_code(), 129);
        assert_eq!(Signal::Interrupt.exit_code(), 130);
        assert_eq!(Signal::Terminate.exit_code(), 143);
    }

    #[tokio::test]
    async fn signals_arrive_in_the_stream() {
        let mut signals = listen().unwrap();
        let me = rustix::process::getpid();
        // CONT: the only one whose default does no harm should the handler be missing.
        rustix::process::kill_process(me, rustix::process::Signal::CONT).unwrap();
        assert_eq!(signals.next().await, Some(Signal::Continue));
    }
}
