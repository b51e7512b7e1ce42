//! Owns the line at the bottom: which keys do what here.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::format::width;
use super::pen::{self, Pen};
use crate::tui::theme::{Theme, Token};

/// Key and label. In order of worth: the last ones go first when it gets narrow, but the very last one (help) stays
/// as long as anything does.
pub fn draw<'a>(buf: &mut Buffer, area: Rect, theme: &Theme, hints: &[(&'a str, &'a str)]) {
    let area = pen::clip(area, buf);
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.skip(1);
    let room = pen.room();
    let cost = |(key, label): &(&str, &str)| width(key) + 1 + width(label);
    let Some((last, others)) = hints.split_last() else {
        return;
    };
    let mut used = cost(last);
    let mut chosen = Vec::new();
    for hint in others {
        if used + cost(hint) + 2 > room {
            break;
        }
        used += cost(hint) + 2;
        chosen.push(hint);
    }
    for (key, label) in chosen.into_iter().chain([last]) {
        if pen.room() < width(key) {
            break;
        }
        pen.put(key, theme[Token::HintKey])
            .skip(1)
            .put(label, theme[Token::Muted])
            .skip(2);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, theme};
    use super::*;

    const HINTS: [(&str, &str); 6] = [
        ("enter", "open"),
        ("r", "retry failed"),
        ("p", "pause"),
        ("/", "filter"),
        (":", "command"),
        ("?", "help"),
    ];

    #[test]
    fn help_stays_to_the_end() {
        let shown = |columns| {
            testing::text(columns, 1, |buf, area| {
                draw(buf, area, theme(false), &HINTS)
            })
        };
        assert_eq!(
            shown(80),
            " enter open  r retry failed  p pause  / filter  : command  ? help"
        );
        assert_eq!(shown(40), " enter open  r retry failed  ? help");
        assert_eq!(shown(8), " ? help");
        assert_eq!(shown(3), " ?");
        assert_eq!(shown(1), "");
    }

    #[test]
    fn any_size() {
        testing::every_size(|buf, area| draw(buf, area, theme(false), &HINTS));
    }
}
