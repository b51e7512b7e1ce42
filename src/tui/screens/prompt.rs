//! A query that is being typed: what may follow, or what is wrong, at its right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_input::Input as TextInput;

use crate::model::SafeText;
use crate::query::QueryError;
use crate::tui::app::Completer;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format, input};

pub struct Asking<'a> {
    pub word: &'a str,
    pub hint: &'a str,
    pub line: &'a TextInput,
    pub mistake: Option<&'a QueryError>,
    pub completer: &'a Completer,
}

impl Asking<'_> {
    pub fn draw(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let typed = format::width(self.word) + format::width(self.line.value()) + 2;
        let room = usize::from(area.width).saturating_sub(typed);
        let (note, token) = match self.mistake {
            Some(mistake) => (SafeText::new(mistake.to_string()), Token::Danger),
            None if self.line.value().is_empty() => (SafeText::default(), Token::Muted),
            None => (self.offers(room), Token::Muted),
        };
        // what is wrong is told even when that hides the beginning of what was typed
        let least = match self.mistake {
            Some(_) => usize::from(area.width) / 2,
            None => 0,
        };
        let columns = format::width(&note).min(room.max(least));
        let line = Rect {
            width: area.width - (columns as u16).min(area.width),
            ..area
        };
        input::draw(buf, line, theme, self.word, self.line, self.hint);
        let rest = Rect {
            x: line.right(),
            width: area.width - line.width,
            ..area
        };
        let text = format::fit(&note, columns, theme.glyphs.ellipsis);
        Pen::new(buf, rest, 0, theme).put(&text, theme[token]);
    }

    /// What may stand at the cursor, the one that tab has put there first.
    fn offers(&self, room: usize) -> SafeText {
        let offers = &self.completer.offers;
        let first = self.completer.taken.unwrap_or_default();
        let mut text = String::new();
        for at in 0..offers.len() {
            let offer = &offers[(first + at) % offers.len()].text;
            if format::width(&text) + format::width(offer) + 6 > room {
                break;
            }
            text.push_str(if at == 0 { "tab " } else { "  " });
            text.push_str(offer);
        }
        SafeText::new(text)
    }
}
