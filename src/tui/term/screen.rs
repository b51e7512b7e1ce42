//! The terminal as something to draw on: ratatui's `Terminal` with frames that are sent whole.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use ratatui::backend::Backend as _;
use ratatui::layout::Size;
use ratatui::{Frame, Terminal};

use super::backend::{SizeSource, TermBackend};
use super::caps::Caps;
use super::outlet::Outlet;
use super::writer::{FrameWriter, Sent, WriteStats};

pub struct Screen<W: io::Write> {
    terminal: Terminal<TermBackend<W>>,
    repaint: bool,
}

impl<W: Outlet> Screen<W> {
    /// `out` must pass every write on at once, as it is. Nothing is sent before the first `draw`.
    pub fn new(out: W, caps: &Caps, size: SizeSource) -> io::Result<Self> {
        let writer = FrameWriter::new(out, caps.sync_output);
        let terminal = Terminal::new(TermBackend::new(writer, caps, size))?;
        Ok(Self {
            terminal,
            repaint: false,
        })
    }

    /// Draws one frame and sends what differs from the last one, in one write.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> io::Result<Sent> {
        self.terminal.backend_mut().writer_mut().begin();
        if std::mem::take(&mut self.repaint) {
            self.terminal.backend_mut().forget();
            self.terminal.clear()?;
        }
        self.terminal.draw(render)?;
        self.terminal.backend_mut().writer_mut().end()
    }

    /// The next frame is painted from nothing (after resume, on ctrl-l).
    pub fn repaint(&mut self) {
        self.repaint = true;
    }

    /// Sends something that is not a frame: a bell, a clipboard sequence.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<Sent> {
        self.terminal.backend_mut().writer_mut().send_now(bytes)
    }

    /// The last frame is still on its way: drawing another would only queue it up.
    pub fn is_busy(&self) -> bool {
        self.terminal.backend().writer().get_ref().is_busy()
    }

    /// Waits until the terminal has taken everything; gives the time the last frame took.
    pub async fn done(&self) -> io::Result<Duration> {
        let out = self.terminal.backend().writer().get_ref();
        poll_fn(|cx| out.poll_done(cx)).await
    }

    pub fn size(&self) -> io::Result<Size> {
        self.terminal.backend().size()
    }

    pub fn stats(&self) -> WriteStats {
        self.terminal.backend().writer().stats()
    }

    /// The writer underneath, for tests.
    pub fn get_mut(&mut self) -> &mut W {
        self.terminal.backend_mut().writer_mut().get_mut()
    }
}
