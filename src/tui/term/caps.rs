//! What the terminal can do, from the environment and the user's wishes alone.

/// How many colours may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColorDepth {
    /// No colour at all (`NO_COLOR`, `TERM=dumb`); bold, dim and reversed stay.
    None,
    /// The sixteen colours of the user's own palette.
    Ansi16,
    /// The 256-colour table.
    Indexed256,
    /// 24-bit colour.
    Rgb,
}

/// What is known about the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    pub color: ColorDepth,
    /// The locale says UTF-8 and the font is likely to have the signs; otherwise the ASCII glyphs are used.
    pub unicode: bool,
    /// Frames may be wrapped in synchronized output (`CSI ?2026h/l`).
    pub sync_output: bool,
    /// The terminal is at the other end of an SSH connection: send less.
    pub ssh: bool,
    pub tmux: bool,
    /// No cursor addressing: the full-screen program must not start.
    pub dumb: bool,
}

/// What the user asked for on the command line or in the configuration; `None` means "find out".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    pub color: Option<ColorDepth>,
    pub unicode: Option<bool>,
    pub sync_output: Option<bool>,
    pub ssh: Option<bool>,
}

impl Caps {
    /// Reads the process environment.
    pub fn from_env(overrides: Overrides) -> Self {
        Self::detect(|name| std::env::var(name).ok(), overrides)
    }

    /// The same with any source of variables.
    ///
    /// `NO_COLOR` counts when not empty (<https://no-color.org>); it yields to an explicit override only.
    pub fn detect(lookup: impl Fn(&str) -> Option<String>, overrides: Overrides) -> Self {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let term = get("TERM").unwrap_or_default();
        let dumb = term.is_empty() || term == "dumb";
        let tmux = get("TMUX").is_some();
        // GNU screen prints unknown private modes on some versions, the Linux console has nothing to gain.
        let plain = dumb || term == "linux" || (term.starts_with("screen") && !tmux);
        Self {
            color: overrides
                .color
                .unwrap_or_else(|| color_depth(&get, &term, dumb)),
            // The Linux console speaks UTF-8, but its font has few of the signs.
            unicode: overrides
                .unicode
                .unwrap_or_else(|| term != "linux" && utf8_locale(&get)),
            sync_output: overrides.sync_output.unwrap_or(!plain),
            ssh: overrides
                .ssh
                .unwrap_or_else(|| get("SSH_TTY").is_some() || get("SSH_CONNECTION").is_some()),
            tmux,
            dumb,
        }
    }
}

fn color_depth(get: &impl Fn(&str) -> Option<String>, term: &str, dumb: bool) -> ColorDepth {
    if dumb || get("NO_COLOR").is_some() {
        return ColorDepth::None;
    }
    // The console claims COLORTERM in some login scripts but shows sixteen colours.
    if term == "linux" {
        return ColorDepth::Ansi16;
    }
    let colorterm = get("COLORTERM").unwrap_or_default().to_ascii_lowercase();
    if colorterm == "truecolor" || colorterm == "24bit" || term.ends_with("-direct") {
        return ColorDepth::Rgb;
    }
    if term.contains("256color") {
        return ColorDepth::Indexed256;
    }
    ColorDepth::Ansi16
}

/// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set decides, as in POSIX.
fn utf8_locale(get: &impl Fn(&str) -> Option<String>) -> bool {
    let Some(locale) = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(get) else {
        return false;
    };
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColorDepth::{Ansi16, Indexed256, None as NoColor, Rgb};

    fn caps(vars: &[(&str, &str)]) -> Caps {
        with(vars, Overrides::default())
    }

    fn with(vars: &[(&str, &str)], overrides: Overrides) -> Caps {
        let find = |name: &str| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Caps::detect(find, overrides)
    }

    #[test]
    fn color_depth_follows_the_environment() {
        let table: &[(&[(&str, &str)], ColorDepth)] = &[
            (&[], NoColor),
            (&[("TERM", "dumb")], NoColor),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], NoColor),
            (&[("TERM", "xterm")], Ansi16),
            (&[("TERM", "vt220")], Ansi16),
            (&[("TERM", "linux"), ("COLORTERM", "truecolor")], Ansi16),
            (&[("TERM", "screen")], Ansi16),
            (&[("TERM", "xterm-256color")], Indexed256),
            (&[("TERM", "tmux-256color")], Indexed256),
            (&[("TERM", "xterm-direct")], Rgb),
            (&[("TERM", "xterm"), ("COLORTERM", "truecolor")], Rgb),
            (&[("TERM", "xterm"), ("COLORTERM", "24bit")], Rgb),
            (
                &[("TERM", "xterm-256color"), ("COLORTERM", "yes")],
                Indexed256,
            ),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], NoColor),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Indexed256),
        ];
        for (vars, expected) in table {
            assert_eq!(caps(vars).color, *expected, "{vars:?}");
        }
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let table: &[(&[(&str, &str)], bool)] = &[
            (&[], false),
            (&[("LANG", "C")], false),
            (&[("LANG", "C.UTF-8"), ("TERM", "linux")], false),
            (&[("LANG", "C.UTF-8")], true),
            (&[("LANG", "de_DE.utf8")], true),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LANG", "C"), ("LC_CTYPE", "en_US.UTF-8")], true),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "")], true),
        ];
        for (vars, expected) in table {
            assert_eq!(caps(vars).unicode, *expected, "{vars:?}");
        }
    }

    #[test]
    fn synchronized_output_is_left_out_where_it_is_known_to_be_useless() {
        for (term, expected) in [
            ("xterm-256color", true),
            ("linux", false),
            ("dumb", false),
            ("screen-256color", false),
        ] {
            assert_eq!(caps(&[("TERM", term)]).sync_output, expected, "{term}");
        }
        let in_tmux = caps(&[("TERM", "screen-256color"), ("TMUX", "/tmp/t,1,0")]);
        assert!(in_tmux.sync_output && in_tmux.tmux);
    }

    #[test]
    fn ssh_and_dumb_are_seen() {
        assert!(caps(&[("SSH_TTY", "/dev/pts/1")]).ssh);
        assert!(caps(&[("SSH_CONNECTION", "a b c d")]).ssh);
        assert!(!caps(&[("TERM", "xterm")]).ssh);
        assert!(caps(&[]).dumb);
        assert!(!caps(&[("TERM", "xterm")]).dumb);
    }

    #[test]
    fn the_user_has_the_last_word() {
        let wishes = Overrides {
            color: Some(Rgb),
            unicode: Some(false),
            sync_output: Some(false),
            ssh: Some(true),
        };
        let got = with(
            &[("TERM", "xterm"), ("NO_COLOR", "1"), ("LANG", "C.UTF-8")],
            wishes,
        );
        assert_eq!(
            (got.color, got.unicode, got.sync_output, got.ssh),
            (Rgb, false, false, true)
        );
    }
}
