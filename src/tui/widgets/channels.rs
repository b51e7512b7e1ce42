//! Owns the list of channels: how each stands, and what could not be told.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::{NodeState, SafeText};
use crate::tui::theme::{Theme, Token};

use super::Pen;

/// One line.
pub enum Row {
    /// Nothing is told from here.
    Elsewhere,
    Channel {
        name: String,
        waiting: usize,
        sent: u64,
        dead: usize,
        held: Option<DateTime<Utc>>,
        trouble: Option<SafeText>,
    },
    /// Could not be told: what, on which channel, why.
    Dead {
        what: SafeText,
        channel: String,
        why: SafeText,
    },
}

/// What there is to show; nothing where nobody is told of anything.
pub fn rows(watch: &Watch) -> Vec<Row> {
    let status = &watch.channels;
    if status.channels.is_empty() {
        return match watch.others_tell {
            true => vec![Row::Elsewhere],
            false => Vec::new(),
        };
    }
    let channel = |c: &crate::alerts::outbox::LaneCounts| {
        let trouble = status.troubles.iter().find(|t| t.channel == c.channel);
        Row::Channel {
            name: c.channel.clone(),
            waiting: c.waiting + c.sending,
            sent: c.sent,
            dead: c.dead,
            held: c.held,
            trouble: trouble.map(|t| t.why.clone()),
        }
    };
    let dead = status.dead.iter().map(|letter| Row::Dead {
        what: SafeText::new(format!(
            "{} {}",
            letter.message.occasion.word(),
            letter.message.alert.id.label()
        )),
        channel: letter.channel.clone(),
        why: letter.last_error.clone().unwrap_or_default(),
    });
    status.channels.iter().map(channel).chain(dead).collect()
}

pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, rows: &[Row]) {
    for (y, row) in (0..area.height).zip(rows) {
        let mut pen = Pen::new(buf, area, y, theme);
        pen.skip(2);
        match row {
            Row::Elsewhere => {
                let text = "another dagtop on this machine tells people";
                pen.put(text, theme[Token::Muted]);
            }
            Row::Channel {
                name,
                waiting,
                sent,
                dead,
                held,
                trouble,
            } => {
                let state = match trouble {
                    Some(_) => NodeState::Failed,
                    None => NodeState::Succeeded,
                };
                pen.put(theme.state_glyph(state), theme.state(state))
                    .skip(1)
                    .cell(name, 20, theme[Token::Text])
                    .skip(1)
                    .put(
                        &format!("told {sent}  waiting {waiting}"),
                        theme[Token::Text],
                    );
                if *dead > 0 {
                    pen.skip(2)
                        .put(&format!("lost {dead}"), theme[Token::Warning]);
                }
                if let Some(until) = held {
                    let text = format!("quiet until {}", until.format("%H:%M:%S UTC"));
                    pen.skip(2).put(&text, theme[Token::Muted]);
                }
                if let Some(why) = trouble {
                    pen.skip(2).put(why.as_str(), theme[Token::Warning]);
                }
            }
            Row::Dead { what, channel, why } => {
                let text = format!("not told on {channel}: {what}: {why}");
                pen.put(
                    theme.state_glyph(NodeState::Failed),
                    theme.state(NodeState::Failed),
                )
                .skip(1)
                .put(SafeText::new(text).as_str(), theme[Token::Text]);
            }
        }
    }
}
