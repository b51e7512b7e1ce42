//! One write per frame, none for a frame that changed nothing, and honest counters.

use std::io::{self, Write};
use std::time::{Duration, Instant};

const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";

/// What has been sent since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteStats {
    /// Frames drawn, those that changed nothing included.
    pub frames: u64,
    /// Calls of `write` on the terminal.
    pub writes: u64,
    pub bytes: u64,
}

/// What one frame cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    pub bytes: usize,
    /// How long the terminal made us wait: the only sign of a slow link.
    pub blocked: Duration,
}

/// Collects a frame and sends it in one piece. `flush` does nothing; only `end` sends.
///
/// `W` must be unbuffered (`std::io::Stdout` cuts at every newline).
#[derive(Debug)]
pub struct FrameWriter<W> {
    out: W,
    buf: Vec<u8>,
    sync: bool,
    stats: WriteStats,
}

impl<W: Write> FrameWriter<W> {
    pub fn new(out: W, sync: bool) -> Self {
        Self {
            out,
            buf: Vec::with_capacity(16 * 1024),
            sync,
            stats: WriteStats::default(),
        }
    }

    /// Starts a frame: whatever an unfinished one left behind is dropped.
    pub fn begin(&mut self) {
        self.buf.clear();
        if self.sync {
            self.buf.extend_from_slice(SYNC_BEGIN);
        }
    }

    /// Sends the frame; zero bytes when nothing was written since `begin`.
    pub fn end(&mut self) -> io::Result<Sent> {
        self.stats.frames += 1;
        let head = if self.sync { SYNC_BEGIN.len() } else { 0 };
        if self.buf.len() <= head {
            self.buf.clear();
            return Ok(Sent::default());
        }
        if self.sync {
            self.buf.extend_from_slice(SYNC_END);
        }
        self.send()
    }

    /// Sends bytes that are not part of a frame (clipboard, bell).
    pub fn send_now(&mut self, bytes: &[u8]) -> io::Result<Sent> {
        self.buf.clear();
        self.buf.extend_from_slice(bytes);
        self.send()
    }

    fn send(&mut self) -> io::Result<Sent> {
        let bytes = self.buf.len();
        let start = Instant::now();
        let result = self.write_counted();
        self.buf.clear();
        result?;
        Ok(Sent {
            bytes,
            blocked: start.elapsed(),
        })
    }

    /// `write_all` that counts the calls.
    fn write_counted(&mut self) -> io::Result<()> {
        let mut rest = self.buf.as_slice();
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.stats.writes += 1;
                    self.stats.bytes += n as u64;
                    rest = rest.get(n..).unwrap_or_default();
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    pub fn stats(&self) -> WriteStats {
        self.stats
    }

    pub fn get_ref(&self) -> &W {
        &self.out
    }

    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// The frame under construction.
    pub(super) fn buf(&mut self) -> &mut Vec<u8> {
        &mut self.buf
    }
}

impl<W: Write> Write for FrameWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buf.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_frame_is_one_write_whatever_flushes_happen_inside() {
        let mut writer = FrameWriter::new(Vec::new(), true);
        writer.begin();
        writer.write_all(b"one").unwrap();
        writer.flush().unwrap();
        writer.write_all(b"two").unwrap();
        writer.flush().unwrap();
        assert!(writer.get_ref().is_empty());
        let sent = writer.end().unwrap();
        assert_eq!(writer.get_ref(), b"\x1b[?2026honetwo\x1b[?2026l");
        assert_eq!(sent.bytes, 22);
        assert_eq!(
            writer.stats(),
            WriteStats {
                frames: 1,
                writes: 1,
                bytes: 22
            }
        );
    }

    #[test]
    fn an_empty_frame_sends_nothing() {
        for sync in [true, false] {
            let mut writer = FrameWriter::new(Vec::new(), sync);
            writer.begin();
            assert_eq!(writer.end().unwrap().bytes, 0);
            assert_eq!(
                writer.stats(),
                WriteStats {
                    frames: 1,
                    writes: 0,
                    bytes: 0
                }
            );
        }
    }

    #[test]
    fn without_synchronized_output_only_the_frame_is_sent() {
        let mut writer = FrameWriter::new(Vec::new(), false);
        writer.begin();
        writer.write_all(b"x").unwrap();
        writer.end().unwrap();
        assert_eq!(writer.get_ref(), b"x");
    }

    /// Takes three bytes at a time and is interrupted once.
    struct Slow {
        got: Vec<u8>,
        interrupted: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.interrupted {
                self.interrupted = true;
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = bytes.len().min(3);
            self.got.extend_from_slice(&bytes[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn short_and_interrupted_writes_are_finished_and_counted() {
        let out = Slow {
            got: Vec::new(),
            interrupted: false,
        };
        let mut writer = FrameWriter::new(out, false);
        writer.begin();
        writer.write_all(b"12345678").unwrap();
        writer.end().unwrap();
        assert_eq!(writer.get_ref().got, b"12345678");
        assert_eq!(writer.stats().writes, 3);
    }

    #[test]
    fn a_failed_frame_is_not_sent_again_with_the_next() {
        struct Dead;
        impl Write for Dead {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = FrameWriter::new(Dead, false);
        writer.begin();
        writer.write_all(b"x").unwrap();
        assert!(writer.end().is_err());
        writer.begin();
        assert_eq!(writer.end().unwrap().bytes, 0);
    }
}
