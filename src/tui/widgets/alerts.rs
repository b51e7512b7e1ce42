//! Owns the list of alerts beside a screen: one line each, its reason on the next two.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Alert, AlertId, NodeState, Priority, SafeText};
use crate::tui::theme::{Theme, Token};

use super::format;
use super::panel::Panel;
use super::pen::{self, Pen};
use super::scroll;
use super::table::selection;

/// Lines of reason below the title.
const REASON_LINES: usize = 2;
/// From so many columns on a list has a screen of its own.
const WIDE: usize = 70;
/// Columns the reason is indented.
const INDENT: usize = 3;

/// The list as it is drawn now.
pub struct AlertList<'a> {
    /// The most urgent first.
    pub alerts: &'a [Alert],
    pub selected: Option<&'a AlertId>,
    pub focused: bool,
    pub now: DateTime<Utc>,
}

impl AlertList<'_> {
    /// Draws frame and alerts. `top` is the first alert in view; it moves as little as possible to keep the selected
    /// one in view. Returns how many alerts are in view, whole or in part.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, top: &mut usize) -> usize {
        let title = self.title(theme);
        let title: Vec<_> = title.iter().map(|(t, s)| (t.as_str(), *s)).collect();
        let inner = Panel {
            title: &title,
            note: "",
            focused: self.focused,
        }
        .draw(buf, area, theme);
        self.rows(buf, inner, theme, top)
    }

    /// The alerts without a frame.
    pub fn rows(&self, buf: &mut Buffer, area: Rect, theme: &Theme, top: &mut usize) -> usize {
        let area = pen::clip(area, buf);
        if self.alerts.is_empty() {
            let text = format!(
                "{} nothing needs you",
                theme.state_glyph(NodeState::Succeeded)
            );
            Pen::new(buf, area, 0, theme)
                .skip(1)
                .put(&text, theme[Token::Muted]);
            return 0;
        }
        self.keep_visible(top, area);
        let mut y = 0;
        let mut shown = 0;
        for alert in &self.alerts[*top..] {
            if y >= usize::from(area.height) {
                break;
            }
            y += self.item(buf, area, y, theme, alert);
            shown += 1;
        }
        let column = Rect {
            x: area.right().saturating_sub(1),
            width: area.width.min(1),
            ..area
        };
        if shown < self.alerts.len() {
            let marks = std::iter::empty();
            scroll::bar(
                buf,
                column,
                theme,
                *top,
                self.alerts.len().max(usize::from(area.height) + 1),
                marks,
            );
        }
        shown
    }

    /// "alerts 3  P1 1  P3 2".
    fn title(&self, theme: &Theme) -> Vec<(String, ratatui::style::Style)> {
        let mut pieces = vec![(format!("alerts {}", self.alerts.len()), theme[Token::Title])];
        for priority in [
            Priority::P1,
            Priority::P2,
            Priority::P3,
            Priority::P4,
            Priority::P5,
        ] {
            let n = self
                .alerts
                .iter()
                .filter(|a| a.priority == priority && a.open())
                .count();
            if n > 0 {
                pieces.push(("  ".to_owned(), theme[Token::Text]));
                pieces.push((format!("{} {n}", priority.word()), theme.priority(priority)));
            }
        }
        pieces
    }

    fn reason(&self, alert: &Alert, area: Rect) -> Vec<String> {
        let columns = usize::from(area.width).saturating_sub(INDENT + 1);
        let words = words(alert);
        if columns < 4 || words.is_empty() {
            return Vec::new();
        }
        let lines = format::wrap(&words, columns).into_iter();
        lines.map(str::to_owned).collect()
    }

    /// Lines of reason that there is room for: beside a screen fewer than on one of its own.
    fn lines(&self, area: Rect) -> usize {
        if usize::from(area.width) >= WIDE {
            REASON_LINES * 2
        } else {
            REASON_LINES
        }
    }

    fn height(&self, alert: &Alert, area: Rect) -> usize {
        1 + self.reason(alert, area).len().min(self.lines(area))
    }

    fn keep_visible(&self, top: &mut usize, area: Rect) {
        let selected = self
            .selected
            .and_then(|id| self.alerts.iter().position(|a| &a.id == id));
        *top = (*top).min(self.alerts.len() - 1);
        let room = usize::from(area.height);
        let height = |range: std::ops::Range<usize>| -> usize {
            self.alerts[range]
                .iter()
                .map(|a| self.height(a, area))
                .sum()
        };
        if let Some(selected) = selected {
            *top = (*top).min(selected);
            while *top < selected && height(*top..selected + 1) > room {
                *top += 1;
            }
        }
        // no empty space below as long as there is something above
        while *top > 0 && height(*top - 1..self.alerts.len()) <= room {
            *top -= 1;
        }
    }

    /// Draws one alert from line `y` and returns how many lines it took.
    fn item(&self, buf: &mut Buffer, area: Rect, y: usize, theme: &Theme, alert: &Alert) -> usize {
        let selected = self.selected == Some(&alert.id);
        let acked = !alert.open();
        let quiet = |style| if acked { theme[Token::Muted] } else { style };
        let age = format::duration(self.now - alert.since);
        let mark = if acked {
            theme.state_glyph(NodeState::Succeeded)
        } else {
            theme.state_glyph(NodeState::Warned)
        };
        let mut pen = Pen::new(buf, area, y as u16, theme);
        pen.skip(1)
            .put(alert.priority.word(), quiet(theme.priority(alert.priority)))
            .skip(1);
        // age and mark stand at the right, the title takes what is between
        let room = pen.room().saturating_sub(age.len() + 4);
        if room >= 4 {
            pen.cell(&alert.title, room, quiet(theme[Token::Title]))
                .skip(1)
                .put(&age, theme[Token::Muted])
                .skip(1)
                .put(mark, quiet(theme[Token::Warning]));
        } else {
            pen.middle(&alert.title, quiet(theme[Token::Title]));
        }
        if selected {
            let at = pen::row(area, y as u16);
            buf.set_style(at, selection(theme, self.focused));
        }
        let lines = self.reason(alert, area);
        let shown = lines.len().min(self.lines(area));
        for (i, line) in lines.iter().take(shown).enumerate() {
            let mut pen = Pen::new(buf, area, (y + 1 + i) as u16, theme);
            pen.skip(INDENT).put(line, quiet(theme[Token::Text]));
            if i + 1 == shown && lines.len() > shown {
                pen.put(theme.glyphs.ellipsis, theme[Token::Muted]);
            }
        }
        1 + shown
    }
}

/// The reason, and what has been done and said about it.
fn words(alert: &Alert) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !alert.reason.is_empty() {
        parts.push(alert.reason.to_string());
    }
    if alert.flapping {
        parts.push("it comes and goes".to_owned());
    }
    if let Some(by) = &alert.acked {
        parts.push(format!("acknowledged by {}", by.who));
    }
    if let Some(silenced) = &alert.silenced {
        let until = silenced
            .until
            .map(|at| at.format(" until %H:%M UTC").to_string());
        parts.push(format!(
            "silenced{}: {}",
            until.unwrap_or_default(),
            silenced.name
        ));
    }
    let names = |all: &[SafeText]| {
        all.iter()
            .map(SafeText::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !alert.escalation.told.is_empty() {
        parts.push(format!("told {}", names(&alert.escalation.told)));
    }
    if let Some((at, channels)) = &alert.escalation.next {
        let who = match channels.as_slice() {
            [] => "escalates".to_owned(),
            channels => names(channels),
        };
        let at = at.format("%H:%M UTC");
        parts.push(format!("{who} at {at} unless acknowledged"));
    }
    if let Some(note) = alert.notes.last() {
        parts.push(format!("{}: {}", note.by.who, note.text));
    }
    if !alert.behind.is_empty() {
        let names: Vec<&str> = alert.behind.iter().map(|b| b.as_str()).collect();
        parts.push(format!("{} behind it: {}", names.len(), names.join(", ")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{self, theme};
    use super::*;
    use crate::model::{AlertState, By, Escalation};
    use chrono::{Duration, TimeZone};

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 20, 3, 14, 7).unwrap()
    }

    fn alerts() -> Vec<Alert> {
        let alert = |priority, title: &str, reason: &str, minutes, acked: bool| Alert {
            title: SafeText::new(title),
            reason: SafeText::new(reason),
            state: match acked {
                true => AlertState::Acknowledged,
                false => AlertState::Firing,
            },
            acked: acked.then(|| By {
                who: SafeText::new("ann"),
                at: now(),
            }),
            ..Alert::new(
                AlertId::new("run-failing", title),
                priority,
                now() - Duration::minutes(minutes),
            )
        };
        vec![
            alert(
                Priority::P1,
                "orders_daily",
                "failed at load: OutOfMemoryError, 4 pipelines wait for what it makes and will be late",
                3,
                false,
            ),
            alert(
                Priority::P2,
                "customers_sync_eu_west_1",
                "failed at extract",
                190,
                true,
            ),
            alert(Priority::P3, "queue celery", "", 9, false),
            alert(
                Priority::P3,
                "inventory",
                "not started, due 03:00",
                14,
                false,
            ),
        ]
    }

    fn draw(buf: &mut Buffer, area: Rect, ascii: bool, at: usize, top: &mut usize) -> usize {
        let alerts = alerts();
        AlertList {
            alerts: &alerts,
            selected: alerts.get(at).map(|a| &a.id),
            focused: true,
            now: now(),
        }
        .draw(buf, area, theme(ascii), top)
    }

    #[test]
    fn looks() {
        for (width, height, at, ascii) in [(32, 14, 0, false), (24, 7, 2, false), (32, 14, 1, true)]
        {
            let text = testing::text(width, height, |buf, area| {
                draw(buf, area, ascii, at, &mut 0);
            });
            let name = format!("alerts_{width}x{height}{}", testing::suffix(ascii));
            insta::assert_snapshot!(name, text);
        }
        let none = testing::text(32, 4, |buf, area| {
            AlertList {
                alerts: &[],
                selected: None,
                focused: false,
                now: now(),
            }
            .draw(buf, area, theme(false), &mut 5);
        });
        assert!(none.contains("✓ nothing needs you"), "{none}");
    }

    #[test]
    fn who_was_told_and_who_is_next_is_said() {
        let mut alert = alerts().remove(0);
        alert.reason = SafeText::new("failed at load");
        let due = now() + Duration::minutes(6);
        for (told, next, wanted) in [
            (&["slack"][..], None, "failed at load; told slack"),
            (
                &["slack", "mail"],
                Some(&["phone", "boss"][..]),
                "failed at load; told slack, mail; phone, boss at 03:20 UTC unless acknowledged",
            ),
            (
                &[],
                Some(&[]),
                "failed at load; escalates at 03:20 UTC unless acknowledged",
            ),
        ] {
            let safe = |all: &[&str]| all.iter().map(SafeText::new).collect();
            alert.escalation = Escalation {
                told: safe(told),
                next: next.map(|channels| (due, safe(channels))),
            };
            assert_eq!(words(&alert), wanted);
        }
    }

    #[test]
    fn the_selected_one_is_always_in_view_and_the_list_moves_least() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 32, 7));
        let area = buf.area;
        let mut top = 0;
        for (at, then) in [(0, 0), (1, 1), (2, 1), (3, 2), (2, 2), (1, 1), (0, 0)] {
            draw(&mut buf, area, false, at, &mut top);
            assert_eq!(top, then, "{at}");
        }
    }

    #[test]
    fn any_size() {
        testing::every_size(|buf, area| {
            for at in [0, 3, 9] {
                draw(buf, area, false, at, &mut 2);
            }
        });
    }
}
