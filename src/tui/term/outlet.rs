//! The way out to the terminal, on a thread of its own: a link that stalls must stop neither alerts nor signals.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

/// Something frames are written to, perhaps later.
pub trait Outlet: Write {
    /// A frame is still on its way: the next one would only queue up behind it.
    fn is_busy(&self) -> bool {
        false
    }

    /// Ready when nothing is on its way, with the time the last frame took; or with what went wrong.
    fn poll_done(&self, _cx: &mut Context<'_>) -> Poll<io::Result<Duration>> {
        Poll::Ready(Ok(Duration::ZERO))
    }
}

impl Outlet for Vec<u8> {}

/// Hands each frame to a thread that may block.
#[derive(Debug)]
pub struct ThreadOutlet {
    frames: Sender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    took: Duration,
    failed: Option<io::Error>,
}

impl ThreadOutlet {
    /// `send` writes one frame to the end, or fails; it runs on the thread.
    pub fn start(send: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let (frames, arriving) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("terminal".to_owned())
            .spawn(move || write_all(&arriving, &theirs, send))?;
        Ok(Self { frames, shared })
    }
}

fn write_all(
    arriving: &Receiver<Vec<u8>>,
    shared: &Shared,
    mut send: impl FnMut(&[u8]) -> io::Result<()>,
) {
    for frame in arriving {
        let start = Instant::now();
        let result = send(&frame);
        shared.with(|state| {
            state.waiting = state.waiting.saturating_sub(1);
            state.took = start.elapsed();
            if let Err(e) = result {
                state.failed = Some(e);
            }
        });
        shared.waker.wake();
    }
}

impl Shared {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for ThreadOutlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared.with(|state| match state.failed.take() {
            Some(e) => Err(e),
            None => {
                state.waiting += 1;
                Ok(())
            }
        })?;
        self.frames
            .send(bytes.to_vec())
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Outlet for ThreadOutlet {
    fn is_busy(&self) -> bool {
        // A failure is told by `poll_done` too.
        self.shared
            .with(|state| state.waiting > 0 || state.failed.is_some())
    }

    fn poll_done(&self, cx: &mut Context<'_>) -> Poll<io::Result<Duration>> {
        self.shared.waker.register(cx.waker());
        self.shared.with(|state| match state.failed.take() {
            Some(e) => Poll::Ready(Err(e)),
            None if state.waiting == 0 => Poll::Ready(Ok(state.took)),
            None => Poll::Pending,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use std::future::poll_fn;
    use std::sync::mpsc::sync_channel;

    #[tokio::test]
    async fn a_write_that_blocks_does_not_block_the_writer() {
        let (release, gate) = sync_channel::<()>(0);
        let written = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&written);
        let mut outlet = ThreadOutlet::start(move |bytes| {
            gate.recv().unwrap();
            theirs.lock().unwrap().push(bytes.to_vec());
            Ok(())
        })
        .unwrap();
        outlet.write_all(b"one").unwrap();
        assert!(outlet.is_busy());
        let done = tokio::spawn(async move {
            poll_fn(|cx| outlet.poll_done(cx)).await.unwrap();
            outlet.is_busy()
        });
        tokio::task::yield_now().await;
        assert!(!done.is_finished() && written.lock().unwrap().is_empty());
        release.send(()).unwrap();
        assert!(!done.await.unwrap());
        assert_eq!(*written.lock().unwrap(), [b"one"]);
    }

    #[tokio::test]
    async fn a_failed_write_is_told_once() {
        let mut outlet = ThreadOutlet::start(|_| Err(io::Error::other("gone"))).unwrap();
        outlet.write_all(b"x").unwrap();
        assert!(poll_fn(|cx| outlet.poll_done(cx)).await.is_err());
        assert!(!outlet.is_busy());
    }
}
