//! Keys as they are written: `ctrl-r`, `shift-tab`, `pgdn`, `G`.

use std::fmt;

use crossterm::event::{KeyCode, KeyModifiers};

use crate::tui::term::KeyPress;

/// One key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    mods: KeyModifiers,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a key: write a character, or one of {names}, with ctrl-, alt- or shift- before it", names = names())]
pub struct KeyParseError(pub String);

const NAMES: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("del", KeyCode::Delete),
    ("ins", KeyCode::Insert),
];

fn names() -> String {
    let mut all: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    all.push("f1 to f12");
    all.join(" ")
}

impl Key {
    pub fn of(press: &KeyPress) -> Self {
        Self {
            code: press.code,
            mods: press.mods,
        }
    }

    pub fn parse(text: &str) -> Result<Self, KeyParseError> {
        let wrong = || KeyParseError(text.to_owned());
        let mut rest = text;
        let mut mods = KeyModifiers::NONE;
        // "-" alone is a key, "ctrl--" is one with a modifier
        while let Some((word, tail)) = rest
            .split_once('-')
            .filter(|(w, t)| !w.is_empty() && !t.is_empty())
        {
            mods |= match word {
                "ctrl" => KeyModifiers::CONTROL,
                "alt" => KeyModifiers::ALT,
                "shift" => KeyModifiers::SHIFT,
                _ => return Err(wrong()),
            };
            rest = tail;
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() => KeyCode::Char(c),
            _ => NAMES
                .iter()
                .find(|(name, _)| *name == rest)
                .map(|(_, code)| *code)
                .or_else(|| function_key(rest))
                .ok_or_else(wrong)?,
        };
        let press = KeyPress::new(code, mods);
        Ok(Self::of(&press))
    }

    /// The press of this key, for tests and scripts.
    pub fn press(self) -> KeyPress {
        KeyPress::new(self.code, self.mods)
    }
}

fn function_key(text: &str) -> Option<KeyCode> {
    let number: u8 = text.strip_prefix('f')?.parse().ok()?;
    (1..=12).contains(&number).then_some(KeyCode::F(number))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (flag, word) in [
            (KeyModifiers::CONTROL, "ctrl-"),
            (KeyModifiers::ALT, "alt-"),
            (KeyModifiers::SHIFT, "shift-"),
        ] {
            if self.mods.contains(flag) {
                f.write_str(word)?;
            }
        }
        if let Some((name, _)) = NAMES.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "f{n}"),
            KeyCode::BackTab => f.write_str("shift-tab"),
            other => write!(f, "{other:?}"),
        }
    }
}
