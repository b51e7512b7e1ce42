//! Notices that the terminal is gone.
//!
//! crossterm's event source does not see a dead terminal: with SIGHUP ignored (nohup, some supervisors) it reads for ever
//! and takes a whole core. `poll` with no events asked for still reports hang-up and error.

use std::os::fd::{AsFd, OwnedFd};
use std::{io, thread};

use rustix::event::{PollFd, PollFlags};
use tokio::sync::oneshot;

/// The usual exit code for "killed by SIGHUP".
pub const EXIT_CODE: i32 = 129;

/// Ready when the terminal behind `fd` has hung up. The watching thread sleeps until then.
pub fn watch(fd: impl AsFd) -> io::Result<oneshot::Receiver<()>> {
    let fd = rustix::io::dup(fd)?;
    let (gone, watcher) = oneshot::channel();
    thread::Builder::new()
        .name("hangup".to_owned())
        .spawn(move || {
            if wait(&fd) {
                let _ = gone.send(());
            }
        })?;
    Ok(watcher)
}

/// Blocks until hang-up (`true`); `false` when the descriptor can't be watched.
fn wait(fd: &OwnedFd) -> bool {
    loop {
        let mut fds = [PollFd::new(fd, PollFlags::empty())];
        match rustix::event::poll(&mut fds, None) {
            Ok(_) => {
                let got = fds[0].revents();
                if got.contains(PollFlags::NVAL) {
                    return false;
                }
                if !got.is_empty() {
                    return true;
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use portable_pty::{PtySize, native_pty_system};

    #[tokio::test]
    async fn closing_the_other_end_is_noticed() {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let path = pair.master.tty_name().unwrap();
        let tty = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let mut gone = watch(&tty).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(gone.try_recv().is_err(), "still there");
        drop(pair);
        tokio::time::timeout(std::time::Duration::from_secs(5), gone)
            .await
            .expect("noticed")
            .expect("sent");
    }
}
