//! ratatui's `Backend` over a `FrameWriter`.
//!
//! Differs from ratatui's own crossterm backend in what it sends (see `encode`): few bytes, nothing at all when nothing
//! changed, and no question to the terminal ever.
//! Sequences used: CUP, CUF, ED, EL, ECH, SGR, DECSTBM with SU and SD, `?25h/l`, CR, LF, BS (ECMA-48 and DEC, known to every terminal in use).

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Color;
use unicode_width::UnicodeWidthStr;

use super::caps::Caps;
use super::encode::{Changed, Encoder, Pen, SHOWS_ON_BLANK};
use super::shift::Shift;
use super::writer::FrameWriter;

/// Where the size of the screen comes from.
pub type SizeSource = Box<dyn Fn() -> Size + Send>;

/// With fewer changed cells than this nothing is gained by scrolling. Rows of a list that are alike change few of theirs.
const SCROLL_FROM: usize = 48;

pub struct TermBackend<W: Write> {
    writer: FrameWriter<W>,
    encoder: Encoder,
    size: SizeSource,
    /// What the terminal shows, when that is certain.
    shown: Option<Buffer>,
    /// Whether the cursor shows, when that is certain.
    visible: Option<bool>,
}

impl<W: Write> TermBackend<W> {
    pub fn new(writer: FrameWriter<W>, caps: &Caps, size: SizeSource) -> Self {
        Self {
            writer,
            encoder: Encoder::new(caps.color),
            shown: Some(blank(size())),
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
        self.shown = None;
        self.visible = None;
    }

    /// The frame with rows scrolled by the terminal, where that takes fewer bytes than sending them.
    fn scrolled(&self, cells: &[Changed], width: u16) -> Option<(Encoder, Vec<u8>)> {
        let before = self.shown.as_ref()?;
        if cells.len() < SCROLL_FROM {
            return None;
        }
        let mut wanted = before.clone();
        put(&mut wanted, cells);
        let shifts = Shift::find(before, &wanted).into_iter();
        let (encoder, bytes) = shifts
            .map(|shift| {
                let mut shown = before.clone();
                shift.apply(&mut shown);
                let (mut encoder, mut bytes) = (self.encoder, Vec::new());
                shift.write(&mut bytes);
                encoder.frame(&mut bytes, &bridged(&shown.diff(&wanted), &wanted), width);
                (encoder, bytes)
            })
            .min_by_key(|(_, bytes)| bytes.len())?;
        let (mut plain, mut all) = (self.encoder, Vec::new());
        plain.frame(&mut all, cells, width);
        (bytes.len() < all.len()).then_some((encoder, bytes))
    }
}

/// With the blank between two changed cells: to write it takes less than to go around it.
fn bridged<'a>(cells: &[Changed<'a>], wanted: &'a Buffer) -> Vec<Changed<'a>> {
    let mut out: Vec<Changed> = Vec::with_capacity(cells.len() * 5 / 4);
    for (x, y, cell) in cells {
        if let Some((before, row, last)) = out.last().copied()
            && row == *y
            && before + 2 == *x
            // what a wide character covers is no blank of its own
            && last.symbol().width() == 1
            && let Some(between) = wanted.cell((before + 1, row))
            && between.symbol() == " "
            && between.bg == Color::Reset
            && !between.modifier.intersects(SHOWS_ON_BLANK)
        {
            out.push((before + 1, row, between));
        }
        out.push((*x, *y, cell));
    }
    out
}

fn blank(size: Size) -> Buffer {
    Buffer::empty(Rect::new(0, 0, size.width, size.height))
}

fn put(shown: &mut Buffer, cells: &[Changed]) {
    for (x, y, cell) in cells {
        if let Some(place) = shown.cell_mut((*x, *y)) {
            place.clone_from(cell);
        }
        // what a wide character covers is blank, as in every buffer
        for covered in 1..u16::try_from(cell.symbol().width()).unwrap_or(1) {
            if let Some(place) = shown.cell_mut((x + covered, *y)) {
                place.reset();
            }
        }
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
        match self.scrolled(&cells, width) {
            Some((encoder, bytes)) => {
                self.encoder = encoder;
                self.writer.buf().extend_from_slice(&bytes);
            }
            None => self.encoder.frame(self.writer.buf(), &cells, width),
        }
        if let Some(shown) = &mut self.shown {
            put(shown, &cells);
        }
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
                self.shown = Some(blank((self.size)()));
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
