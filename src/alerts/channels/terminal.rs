//! The terminal itself. Only says what the screen should do: the screen owns the terminal and writes it between frames.

use super::Receipt;
use super::text::{Text, cut};
use crate::config::{Terminal, TerminalNotify};
use crate::model::{Message, Occasion, SafeText};

/// Longest text of a notification and of a title, in characters.
const LENGTH: usize = 200;

/// What the screen should do. Texts are free of controls, so none can end the sequence that they stand in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    pub bell: bool,
    /// Of the window.
    pub title: Option<SafeText>,
    pub notice: Option<ScreenNotice>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenNotice {
    /// `ESC ] 9 ; TEXT ST` (iTerm2)
    Osc9(SafeText),
    /// `ESC ] 777 ; notify ; TITLE ; BODY ST` (rxvt-unicode); semicolons divide, so there are none in the title.
    Osc777 { title: SafeText, body: SafeText },
}

impl ScreenNotice {
    /// As it is written to the terminal.
    pub fn sequence(&self) -> String {
        match self {
            Self::Osc9(text) => format!("\x1b]9;{text}\x1b\\"),
            Self::Osc777 { title, body } => format!("\x1b]777;notify;{title};{body}\x1b\\"),
        }
    }
}

pub(super) fn receipt(terminal: Terminal, message: &Message) -> Receipt {
    let headline = Text::of(message).headline;
    let headline = cut(&headline, LENGTH);
    let loud = !matches!(
        message.occasion,
        Occasion::Resolved | Occasion::Acknowledged
    );
    let notice = match terminal.notify {
        TerminalNotify::None => None,
        // a number first would be a command of ConEmu and Windows Terminal: `9;4;…` draws a progress bar
        TerminalNotify::Osc9 => Some(ScreenNotice::Osc9(SafeText::new(format!(
            "dagtop: {headline}"
        )))),
        TerminalNotify::Osc777 => Some(ScreenNotice::Osc777 {
            title: SafeText::new("dagtop"),
            body: SafeText::new(headline.replace(';', ",")),
        }),
    };
    let screen = Screen {
        bell: terminal.bell && loud,
        title: terminal.title.then(|| SafeText::new(&headline)),
        notice,
    };
    Receipt {
        thread: None,
        screen: Some(screen),
    }
}
