//! Owns how things look: styles by meaning, glyphs by meaning. Must not know screens, widgets or where a thing stands.
//!
//! A style is never the only sign of a state: a glyph, a word or a place says the same.

mod convert;
mod glyphs;
mod palette;
mod token;

use std::ops::Index;

use ratatui::style::{Modifier, Style};

use crate::model::{Health, NodeState, Priority};

use super::term::{Caps, ColorDepth};
pub use convert::{accent_color, config_color, span_style};
pub use glyphs::Glyphs;
pub use palette::Palette;
pub use token::{Hue, Token};

/// Styles and glyphs for one terminal. `theme[Token::Muted]` is a `Style`.
#[derive(Debug, Clone)]
pub struct Theme {
    pub name: &'static str,
    pub glyphs: &'static Glyphs,
    styles: [Style; Token::ALL.len()],
}

impl Theme {
    /// Names that `named` knows; the first is the default.
    pub const NAMES: [&'static str; 4] = ["terminal", "night", "day", "blue-orange"];

    /// The theme of that name, if there is one.
    pub fn named(name: &str, depth: ColorDepth, unicode: bool) -> Option<Self> {
        let palette = Palette::ALL.iter().find(|palette| palette.name == name)?;
        Some(Self::of(palette, depth, unicode))
    }

    /// The default theme: the terminal's own sixteen colours.
    pub fn terminal(depth: ColorDepth, unicode: bool) -> Self {
        Self::of(&Palette::TERMINAL, depth, unicode)
    }

    /// The theme of that name for this terminal, the default one if there is none.
    pub fn for_terminal(name: Option<&str>, caps: &Caps) -> Self {
        name.and_then(|name| Self::named(name, caps.color, caps.unicode))
            .unwrap_or_else(|| Self::terminal(caps.color, caps.unicode))
    }

    fn of(palette: &Palette, depth: ColorDepth, unicode: bool) -> Self {
        Self {
            name: palette.name,
            glyphs: Glyphs::choose(unicode),
            styles: Token::ALL.map(|token| style_of(token, palette, depth)),
        }
    }

    pub fn state(&self, state: NodeState) -> Style {
        self[Token::State(state)]
    }

    pub fn health(&self, health: Health) -> Style {
        self[token::of_health(health)]
    }

    pub fn priority(&self, priority: Priority) -> Style {
        self[token::of_priority(priority)]
    }

    /// One column.
    pub fn state_glyph(&self, state: NodeState) -> &'static str {
        self.glyphs.state(state)
    }

    /// One column.
    pub fn health_glyph(&self, health: Health) -> &'static str {
        self.glyphs.health(health)
    }
}

impl Index<Token> for Theme {
    type Output = Style;

    fn index(&self, token: Token) -> &Style {
        &self.styles[token.index()]
    }
}

fn style_of(token: Token, palette: &Palette, depth: ColorDepth) -> Style {
    let (hue, modifier) = token.look();
    let color = palette.ink(hue).at(depth);
    let style = Style::new().add_modifier(modifier);
    match (color, hue) {
        // Muted without a colour of its own is dim: bright black is invisible in some palettes.
        (None, Hue::Muted) => style.add_modifier(Modifier::DIM),
        (None, _) => style,
        (Some(color), _) => style.fg(color),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::tui::term::color::{ansi_index, fit};
    use ratatui::style::Color;

    const DEPTHS: [ColorDepth; 4] = [
        ColorDepth::None,
        ColorDepth::Ansi16,
        ColorDepth::Indexed256,
        ColorDepth::Rgb,
    ];

    #[test]
    fn every_token_of_every_theme_fits_every_depth() {
        for name in Theme::NAMES {
            for depth in DEPTHS {
                let theme = Theme::named(name, depth, true).unwrap();
                for token in Token::ALL {
                    let style = theme[token];
                    let place = format!("{name} {depth:?} {token:?}");
                    let fg = style.fg.unwrap_or(Color::Reset);
                    assert_eq!(
                        fit(fg, depth),
                        fg,
                        "{place}: picked by hand, not by rounding"
                    );
                    assert_eq!(style.bg, None, "{place}: only REVERSED sets a background");
                    assert_ne!(fg, Color::DarkGray, "{place}: invisible in some palettes");
                    if depth == ColorDepth::None {
                        assert_eq!(style.fg, None, "{place}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_default_theme_sends_the_same_sixteen_colours_at_every_depth() {
        let sixteen = Theme::terminal(ColorDepth::Ansi16, true);
        let rgb = Theme::terminal(ColorDepth::Rgb, true);
        for token in Token::ALL {
            assert_eq!(sixteen[token], rgb[token]);
            let fg = sixteen[token].fg;
            assert!(fg.is_none_or(|c| ansi_index(c).is_some()), "{token:?}");
        }
    }

    #[test]
    fn without_colour_what_matters_still_stands_out() {
        let theme = Theme::terminal(ColorDepth::None, true);
        let plain = theme[Token::Text];
        for token in [
            Token::Selection,
            Token::Danger,
            Token::Title,
            Token::HintKey,
            Token::Match,
            Token::State(NodeState::Failed),
            Token::BorderFocused,
        ] {
            assert_ne!(theme[token], plain, "{token:?}");
        }
        assert_ne!(theme[Token::Border], theme[Token::BorderFocused]);
        assert_ne!(theme[Token::Selection], theme[Token::SelectionBlurred]);
    }

    #[test]
    fn selection_is_reversed_in_every_theme() {
        for name in Theme::NAMES {
            let theme = Theme::named(name, ColorDepth::Rgb, true).unwrap();
            assert!(
                theme[Token::Selection]
                    .add_modifier
                    .contains(Modifier::REVERSED)
            );
        }
    }

    #[test]
    fn problems_never_look_like_success() {
        for name in Theme::NAMES {
            for depth in [ColorDepth::Ansi16, ColorDepth::Indexed256, ColorDepth::Rgb] {
                let theme = Theme::named(name, depth, true).unwrap();
                for state in NodeState::ALL.into_iter().filter(|state| state.problem()) {
                    assert_ne!(
                        theme.state(state).fg,
                        theme.state(NodeState::Succeeded).fg,
                        "{name} {depth:?} {state:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_is_told_and_the_default_stands_in() {
        assert!(Theme::named("nope", ColorDepth::Rgb, true).is_none());
        let caps = Caps {
            color: ColorDepth::Rgb,
            unicode: false,
            sync_output: true,
            ssh: false,
            tmux: false,
            dumb: false,
        };
        let theme = Theme::for_terminal(Some("nope"), &caps);
        assert_eq!((theme.name, theme.glyphs.ellipsis), ("terminal", "~"));
    }
}
