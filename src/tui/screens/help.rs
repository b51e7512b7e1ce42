//! Help: every command of the table, those of the screen below first; what can't be done now says why.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::NodeState;
use crate::tui::app::{App, Scroll};
use crate::tui::command::{Context, Group, Row, TABLE};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::Pen;
use crate::tui::widgets::panel::Panel;
use crate::tui::widgets::scroll as scrollbar;

enum Line {
    Gap,
    Heading(String),
    Command(&'static Row),
    State(NodeState),
    Text(&'static str),
}

pub fn draw(
    app: &App,
    scroll: &Scroll,
    context: Context,
    _watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let note = format!(
        "{} scrolls, {} leaves",
        app.settings
            .keymap
            .label(crate::tui::command::Command::Down),
        app.settings
            .keymap
            .label(crate::tui::command::Command::Back)
    );
    let title = [("help", theme[Token::Title])];
    let inner = Panel {
        title: &title,
        note: &note,
        focused: true,
    }
    .draw(buf, area, theme);
    let lines = lines(context, app.replay.is_some());
    let height = usize::from(inner.height);
    let top = scroll.top.get().min(lines.len().saturating_sub(height));
    scroll.top.set(top);
    scroll.height.set(height);
    for (i, line) in lines.iter().skip(top).take(height).enumerate() {
        let mut pen = Pen::new(buf, inner, u16::try_from(i).unwrap_or(u16::MAX), theme);
        pen.skip(1);
        match line {
            Line::Gap => {}
            Line::Heading(text) => {
                pen.put(text, theme[Token::Title]);
            }
            Line::Text(text) => {
                pen.put(text, theme[Token::Muted]);
            }
            Line::State(state) => {
                pen.skip(1)
                    .put(theme.state_glyph(*state), theme.state(*state))
                    .skip(2)
                    .put(state.word(), theme[Token::Text]);
            }
            Line::Command(row) => {
                pen.skip(1)
                    .cell(
                        &app.settings.keymap.labels(row.command),
                        18,
                        theme[Token::HintKey],
                    )
                    .skip(1);
                pen.put(row.doc, theme[Token::Text]);
                if row.danger && pen.room() > 14 {
                    pen.put(" (asks first)", theme[Token::Muted]);
                }
            }
        }
    }
    let bar = Rect {
        x: inner.right().saturating_sub(1),
        width: inner.width.min(1),
        ..inner
    };
    scrollbar::bar(buf, bar, theme, top, lines.len(), std::iter::empty());
}

fn lines(context: Context, replay: bool) -> Vec<Line> {
    let mut all = vec![Line::Heading(format!("Keys in: {}", context.word()))];
    let here = |row: &&Row| row.applies(context) || replay && row.applies(Context::Replay);
    for group in Group::ALL {
        let rows: Vec<&Row> = TABLE
            .iter()
            .filter(|r| r.group == group && here(r))
            .collect();
        if rows.is_empty() {
            continue;
        }
        all.push(Line::Gap);
        all.push(Line::Heading(group.title().to_owned()));
        all.extend(rows.into_iter().map(Line::Command));
    }
    let others: Vec<&Row> = TABLE.iter().filter(|r| !here(r)).collect();
    if !others.is_empty() {
        all.push(Line::Gap);
        all.push(Line::Heading("On other screens".to_owned()));
        all.extend(others.into_iter().map(Line::Command));
    }
    all.push(Line::Gap);
    all.push(Line::Heading("States".to_owned()));
    all.extend(NodeState::ALL.into_iter().map(Line::State));
    all.push(Line::Gap);
    all.push(Line::Text(
        "Health comes from the nodes, never from what the backend calls the run.",
    ));
    all.push(Line::Text(
        "Requested means sent; confirmed means read back from the backend.",
    ));
    all
}
