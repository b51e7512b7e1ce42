//! Owns the top line: tallies, backends, the time. The tallies are the last to go.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::{Health, NodeState, Reach};
use crate::tui::theme::{Theme, Token};
use crate::world::{BackendView, Tally};

use super::format::{self, Zone, width};
use super::pen::{self, Pen};

/// Columns between tallies, backends and time, at least.
const GAP: usize = 2;

/// One piece of text with its style.
type Piece = (String, Style);

/// One backend in a few words.
#[derive(Clone, Debug)]
pub struct BackendChip<'a> {
    pub name: &'a str,
    /// The accent its config gives it.
    pub accent: Option<Style>,
    pub up: bool,
    /// "1s", "429, retry 12s", "connecting".
    pub note: String,
}

/// What the line shows.
pub struct Header<'a> {
    pub tally: Tally,
    pub backends: &'a [BackendChip<'a>],
    /// A word about the whole: "read only", "recording".
    pub mode: &'a str,
    /// That word is the last to go, and nobody can miss it.
    pub loud: bool,
    pub now: DateTime<Utc>,
    pub zone: Zone,
    /// The time to the second; else to the minute, for a screen that is drawn once a minute.
    pub seconds: bool,
}

impl<'a> BackendChip<'a> {
    /// How old its last answer is, or why it has none. `accent` is looked up by who knows the theme.
    pub fn of(view: &'a BackendView, now: DateTime<Utc>, accent: Option<Style>) -> Self {
        let note = match &view.status.reach {
            Reach::Connecting => match view.stale_since() {
                Some(at) => format!("connecting, as of {}", format::age(at, now)),
                None => "connecting".to_owned(),
            },
            Reach::Up => view
                .last_good
                .map(|at| format::duration(now - at))
                .unwrap_or_default(),
            Reach::Down { reason, retry_at } => {
                let why = format::fit(reason, 24, "");
                match retry_at {
                    Some(at) => format!("{why}, retry {}", format::duration(*at - now)),
                    None => why.into_owned(),
                }
            }
            Reach::Refused { reason } => format::fit(reason, 24, "").into_owned(),
        };
        Self {
            name: &view.info.name,
            accent,
            up: matches!(view.status.reach, Reach::Up),
            note,
        }
    }
}

impl Header<'_> {
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let area = pen::clip(area, buf);
        let room = usize::from(area.width);
        let left = self.left(room, theme);
        let time = match self.seconds {
            true => format::clock_with_zone(self.now, self.zone),
            false => format::minute_with_zone(self.now, self.zone),
        };
        // from here on only what fits whole is shown; a backend in trouble matters more than the time
        let spare = room.saturating_sub(1 + columns(&left) + GAP);
        let beside = spare.saturating_sub(width(&time) + GAP);
        let middle = self
            .middle(beside, theme)
            .or_else(|| self.middle(spare, theme).filter(|_| self.trouble()))
            .unwrap_or_default();
        let show_time = columns(&middle) + width(&time) < spare;
        let mut pen = Pen::new(buf, area, 0, theme);
        pen.skip(1);
        for (text, style) in &left {
            pen.put(text, *style);
        }
        // right beside the time: what changes width least stands outermost
        let tail = columns(&middle) + if show_time { width(&time) + 1 } else { 0 };
        let gap = pen.room().saturating_sub(tail);
        pen.skip(gap);
        for (text, style) in &middle {
            pen.put(text, *style);
        }
        if show_time {
            let gap = pen.room().saturating_sub(width(&time) + 1);
            pen.skip(gap).put(&time, theme[Token::Muted]);
        }
    }

    /// The name and the tallies; words go before figures do, zeros go before all.
    fn left(&self, room: usize, theme: &Theme) -> Vec<Piece> {
        let t = self.tally;
        let all = [
            (t.failing, Health::Failing),
            (t.running, Health::Running),
            (t.queued, Health::Queued),
            (t.late, Health::Late),
        ];
        let tallies = |words: bool, zeros: bool| -> Vec<Piece> {
            let mut pieces = Vec::new();
            for (n, health) in all.iter().filter(|(n, _)| zeros || *n > 0) {
                if !pieces.is_empty() {
                    pieces.push(("  ".to_owned(), theme[Token::Text]));
                }
                let style = match n {
                    0 => theme[Token::Muted],
                    _ => theme.health(*health),
                };
                let text = format!(
                    "{} {}",
                    theme.health_glyph(*health),
                    format::count(*n as u64)
                );
                pieces.push((text, style));
                if words {
                    pieces.push((format!(" {}", health.word()), style));
                }
            }
            if pieces.is_empty() {
                let text = format!("{} all well", theme.health_glyph(Health::Succeeded));
                pieces.push((text, theme.health(Health::Succeeded)));
            }
            pieces
        };
        let mut name = vec![("dagtop".to_owned(), theme[Token::Title])];
        if !self.mode.is_empty() {
            let token = if self.loud {
                Token::MatchCurrent
            } else {
                Token::Warning
            };
            name.push((" ".to_owned(), theme[Token::Text]));
            name.push((self.mode.to_owned(), theme[token]));
        }
        name.push(("   ".to_owned(), theme[Token::Text]));
        let named = |rest: Vec<Piece>| name.iter().cloned().chain(rest).collect::<Vec<_>>();
        let forms = [
            named(tallies(true, true)),
            named(tallies(true, false)),
            named(tallies(false, false)),
        ];
        forms
            .into_iter()
            .find(|form| columns(form) < room)
            .unwrap_or_else(|| match self.loud {
                true => vec![(self.mode.trim().to_owned(), theme[Token::MatchCurrent])],
                false => tallies(false, false),
            })
    }

    fn trouble(&self) -> bool {
        self.backends.iter().any(|b| !b.up)
    }

    /// As much about the backends as fits; `None` when nothing does.
    fn middle(&self, room: usize, theme: &Theme) -> Option<Vec<Piece>> {
        let chip = |b: &BackendChip, note: bool| -> Vec<Piece> {
            let (glyph, style) = match (b.up, b.note.as_str()) {
                (true, _) => (theme.glyphs.up, theme[Token::Good]),
                (false, "connecting") => {
                    (theme.state_glyph(NodeState::Queued), theme[Token::Muted])
                }
                (false, _) => (theme.state_glyph(NodeState::Warned), theme[Token::Warning]),
            };
            let mut pieces = vec![
                (b.name.to_owned(), b.accent.unwrap_or(theme[Token::Text])),
                (format!(" {glyph}"), style),
            ];
            if note && !b.note.is_empty() {
                let style = if b.up { theme[Token::Muted] } else { style };
                pieces.push((format!(" {}", b.note), style));
            }
            pieces
        };
        let line = |chosen: &dyn Fn(&BackendChip) -> Option<bool>| -> Vec<Piece> {
            let mut pieces = Vec::new();
            for b in self.backends {
                if let Some(note) = chosen(b) {
                    pieces.extend(chip(b, note));
                    pieces.push(("   ".to_owned(), theme[Token::Text]));
                }
            }
            pieces
        };
        let up = self.backends.iter().filter(|b| b.up).count();
        let count = vec![(
            format!("backends {up}/{}  ", self.backends.len()),
            match up == self.backends.len() {
                true => theme[Token::Muted],
                false => theme[Token::Warning],
            },
        )];
        let forms = [
            line(&|_| Some(true)),
            line(&|b| Some(!b.up)),
            line(&|b| (!b.up).then_some(true)),
            line(&|b| (!b.up).then_some(false)),
            if self.backends.is_empty() {
                Vec::new()
            } else {
                count
            },
        ];
        forms
            .into_iter()
            // "only those in trouble" says nothing when there are none
            .filter(|form| !form.is_empty())
            .find(|form| columns(form) <= room)
    }
}

fn columns(pieces: &[Piece]) -> usize {
    pieces.iter().map(|(text, _)| width(text)).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{self, theme};
    use super::*;
    use chrono::TimeZone;

    fn chips() -> Vec<BackendChip<'static>> {
        let chip = |name, up, note: &str| BackendChip {
            name,
            accent: None,
            up,
            note: note.to_owned(),
        };
        vec![
            chip("prod-airflow", true, "1s"),
            chip("dbx", true, "4s"),
            chip("adf", false, "429, retry 12s"),
        ]
    }

    fn draw(buf: &mut Buffer, area: Rect, ascii: bool, tally: Tally) {
        let backends = chips();
        Header {
            tally,
            backends: &backends,
            mode: "",
            loud: false,
            now: Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap(),
            zone: Zone::Utc,
            seconds: true,
        }
        .draw(buf, area, theme(ascii));
    }

    const BUSY: Tally = Tally {
        total: 277,
        failing: 2,
        running: 9,
        queued: 14,
        late: 3,
    };

    #[test]
    fn looks() {
        let mut all = Vec::new();
        for columns in [160, 120, 100, 80, 70, 60, 50, 40, 30, 20, 10, 5] {
            all.push(testing::text(columns, 1, |buf, area| {
                draw(buf, area, false, BUSY);
            }));
        }
        all.push(testing::text(120, 1, |buf, area| {
            draw(buf, area, true, BUSY)
        }));
        all.push(testing::text(80, 1, |buf, area| {
            draw(buf, area, false, Tally::default());
        }));
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn any_size() {
        testing::every_size(|buf, area| draw(buf, area, false, BUSY));
    }
}
