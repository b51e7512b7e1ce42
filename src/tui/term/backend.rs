//! ratatui's `Backend` over a `FrameWriter`.
//!
//! Differs from ratatui's own crossterm backend in what it sends (see `encode`): few bytes, nothing at all when nothing
//! changed, and no question to the terminal ever.
//! Sequences used: CUP, CUF, ED, EL, ECH, SGR, `?25h/l`, CR, LF, BS (ECMA-48 and DEC, known to every terminal in use).

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::caps::Caps;
use super::encode::{Changed, Encoder, Pen};
use super::writer::FrameWriter;

/// Where the size of the screen comes from.
pub type SizeSource = Box<dyn Fn() -> Size + Send>;

pub struct TermBackend<W: Write> {
    writer: FrameWriter<W>,
    encoder: Encoder,
    size: SizeSource,
    /// Whether the cursor shows, when that is certain.
    visible: Option<bool>,
}

impl<W: Write> TermBackend<W> {
    pub fn new(writer: FrameWriter<W>, caps: &Caps, size: SizeSource) -> Self {
        Self {
            writer,
            encoder: Encoder::new(caps.color),
            size,
            visible: None,
        }
    }

    pub fn writer(&self) -> &FrameWriter<W> {
        &self.writer
    }

    pub fn writer_mut(&mut self) -> &mut FrameWriter<W> {
        &mut self.writer
    }

    /// Forgets what the terminal was last told: somebody else has written to it.
    pub fn forget(&mut self) {
        self.encoder.forget();
        self.visible = None;
    }
}

impl<W: Write> Backend for TermBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let cells: Vec<Changed> = content.collect();
        let width = (self.size)().width;
        self.encoder.frame(self.writer.buf(), &cells, width);
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.visible != Some(false) {
            self.writer.buf().extend_from_slice(b"\x1b[?25l");
            self.visible = Some(false);
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.visible != Some(true) {
            self.writer.buf().extend_from_slice(b"\x1b[?25h");
            self.visible = Some(true);
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.encoder.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let to = position.into();
        if self.encoder.cursor != Some(to) {
            self.encoder.move_to(self.writer.buf(), to, false);
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.encoder.set_pen(self.writer.buf(), Pen::PLAIN);
        let bytes: &[u8] = match clear_type {
            ClearType::All => {
                self.encoder.blank = true;
                b"\x1b[2J"
            }
            ClearType::AfterCursor => b"\x1b[J",
            ClearType::BeforeCursor => b"\x1b[1J",
            ClearType::CurrentLine => b"\x1b[2K",
            ClearType::UntilNewLine => b"\x1b[K",
        };
        self.writer.buf().extend_from_slice(bytes);
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok((self.size)())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: (self.size)(),
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "backend_tests.rs"]
mod tests;
