//! Keys, pastes, sizes and focus in our own words.

use std::io;

use crossterm::event::{
    Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

/// A paste longer than this is cut: no text field takes more.
const MAX_PASTE: usize = 4096;

/// One key. `mods` never holds SHIFT for a character that already shows it (`R`, `?`) nor for `BackTab`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyPress {
    pub code: KeyCode,
    pub mods: KeyModifiers,
    /// Sent because the key is held; only terminals with the kitty protocol tell.
    pub repeat: bool,
}

impl KeyPress {
    pub fn new(code: KeyCode, mods: KeyModifiers) -> Self {
        let (code, mods) = normal(code, mods);
        Self {
            code,
            mods,
            repeat: false,
        }
    }

    pub fn char(c: char) -> Self {
        Self::new(KeyCode::Char(c), KeyModifiers::NONE)
    }

    pub fn ctrl(c: char) -> Self {
        Self::new(KeyCode::Char(c), KeyModifiers::CONTROL)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MouseKind {
    /// The left button went down.
    Press,
    WheelUp,
    WheelDown,
}

/// A click or a turn of the wheel; column and row count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mouse {
    pub kind: MouseKind,
    pub column: u16,
    pub row: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Key(KeyPress),
    /// Pasted text on one line, without control characters, at most 4096 bytes.
    Paste(String),
    /// New width and height in cells.
    Resize(u16, u16),
    FocusGained,
    FocusLost,
    Mouse(Mouse),
}

/// The terminal's input. An error means that it can't be read any more.
pub fn stream() -> BoxStream<'static, io::Result<Input>> {
    EventStream::new()
        .filter_map(|event| std::future::ready(event.map(from_event).transpose()))
        .boxed()
}

/// Our word for an event; `None` for what nobody needs (key releases, mouse motion).
pub fn from_event(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) => from_key(key).map(Input::Key),
        Event::Paste(text) => Some(Input::Paste(clean_paste(&text))),
        Event::Resize(width, height) => Some(Input::Resize(width, height)),
        Event::FocusGained => Some(Input::FocusGained),
        Event::FocusLost => Some(Input::FocusLost),
        Event::Mouse(mouse) => from_mouse(mouse).map(Input::Mouse),
    }
}

fn from_key(key: KeyEvent) -> Option<KeyPress> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    Some(KeyPress {
        repeat: key.kind == KeyEventKind::Repeat,
        ..KeyPress::new(key.code, key.modifiers)
    })
}

/// One spelling per key, whatever the terminal's protocol.
fn normal(code: KeyCode, mods: KeyModifiers) -> (KeyCode, KeyModifiers) {
    match code {
        KeyCode::Char(c) if mods.contains(KeyModifiers::CONTROL) => {
            (KeyCode::Char(c.to_ascii_lowercase()), mods)
        }
        KeyCode::Char(c) if mods.contains(KeyModifiers::SHIFT) => {
            let mut upper = c.to_uppercase();
            let upper = match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            };
            (KeyCode::Char(upper), mods - KeyModifiers::SHIFT)
        }
        KeyCode::BackTab => (code, mods - KeyModifiers::SHIFT),
        KeyCode::Tab if mods.contains(KeyModifiers::SHIFT) => {
            (KeyCode::BackTab, mods - KeyModifiers::SHIFT)
        }
        _ => (code, mods),
    }
}

fn from_mouse(mouse: MouseEvent) -> Option<Mouse> {
    let kind = match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Press,
        MouseEventKind::ScrollUp => MouseKind::WheelUp,
        MouseEventKind::ScrollDown => MouseKind::WheelDown,
        _ => return None,
    };
    Some(Mouse {
        kind,
        column: mouse.column,
        row: mouse.row,
    })
}

/// A pasted newline must not become an "enter": everything that is not text becomes a space.
fn clean_paste(text: &str) -> String {
    let mut clean = String::new();
    for c in text.trim_end_matches(['\r', '\n']).chars() {
        if clean.len() + c.len_utf8() > MAX_PASTE {
            break;
        }
        clean.push(if c.is_control() { ' ' } else { c });
    }
    clean
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn key(code: KeyCode, mods: KeyModifiers, kind: KeyEventKind) -> Option<Input> {
        from_event(Event::Key(KeyEvent::new_with_kind(code, mods, kind)))
    }

    #[test]
    fn releases_are_dropped_and_repeats_are_marked() {
        let j = KeyCode::Char('j');
        let none = KeyModifiers::NONE;
        assert_eq!(key(j, none, KeyEventKind::Release), None);
        for (kind, repeat) in [(KeyEventKind::Press, false), (KeyEventKind::Repeat, true)] {
            let Some(Input::Key(press)) = key(j, none, kind) else {
                panic!("a key")
            };
            assert_eq!((press.code, press.repeat), (j, repeat));
        }
    }

    #[test]
    fn a_key_has_one_spelling() {
        let (shift, ctrl, none) = (
            KeyModifiers::SHIFT,
            KeyModifiers::CONTROL,
            KeyModifiers::NONE,
        );
        let table = [
            (KeyCode::Char('R'), shift, KeyCode::Char('R'), none),
            (KeyCode::Char('r'), shift, KeyCode::Char('R'), none),
            (KeyCode::Char('?'), shift, KeyCode::Char('?'), none),
            (KeyCode::Char('ß'), shift, KeyCode::Char('ß'), none),
            (KeyCode::Char('C'), ctrl, KeyCode::Char('c'), ctrl),
            (KeyCode::BackTab, shift, KeyCode::BackTab, none),
            (KeyCode::Tab, shift, KeyCode::BackTab, none),
            (KeyCode::Up, shift, KeyCode::Up, shift),
        ];
        for (code, mods, to_code, to_mods) in table {
            let got = KeyPress::new(code, mods);
            assert_eq!(
                (got.code, got.mods),
                (to_code, to_mods),
                "{code:?} {mods:?}"
            );
        }
    }

    #[test]
    fn a_paste_is_one_line_of_text() {
        let pasted = |text: &str| from_event(Event::Paste(text.to_owned()));
        assert_eq!(
            pasted("rm\r\n\x1b[2Jx\u{9b}\n"),
            Some(Input::Paste("rm   [2Jx ".to_owned()))
        );
        let Some(Input::Paste(long)) = pasted(&"é".repeat(10_000)) else {
            panic!("a paste")
        };
        assert_eq!(long.len(), MAX_PASTE);
    }

    #[test]
    fn only_clicks_and_the_wheel_count() {
        let mouse = |kind| {
            from_event(Event::Mouse(MouseEvent {
                kind,
                column: 3,
                row: 4,
                modifiers: KeyModifiers::NONE,
            }))
        };
        assert_eq!(mouse(MouseEventKind::Moved), None);
        assert_eq!(mouse(MouseEventKind::Up(MouseButton::Left)), None);
        let wheel = Mouse {
            kind: MouseKind::WheelDown,
            column: 3,
            row: 4,
        };
        assert_eq!(mouse(MouseEventKind::ScrollDown), Some(Input::Mouse(wheel)));
    }
}
