//! One record with all its fields, and which of them stand in columns.

use chrono::{DateTime, Utc};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::SafeText;
use crate::tui::app::{App, Effect, ListState, Pick};
use crate::tui::term::KeyPress;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format, popup};

use super::{Dialog, Next, settled};

/// Fields in columns at most.
const COLUMNS: usize = 6;

#[derive(Debug)]
pub struct RecordView {
    /// Name and value: what every record has, then its own fields, which can stand in columns.
    facts: Vec<(SafeText, SafeText)>,
    fields: Vec<(String, SafeText)>,
    list: ListState<usize>,
    since: DateTime<Utc>,
}

impl RecordView {
    pub(crate) fn new(app: &App, watch: &Watch) -> Option<Self> {
        let view = app.log_view()?;
        let record = view.with(watch, |lens| {
            let at = view.cursor(lens)?;
            let log = lens.log(at.source)?;
            log.record_of(log.number_of(at.row))
        })?;
        let mut facts: Vec<(SafeText, SafeText)> = Vec::new();
        let mut fact = |name: &str, value: Option<String>| {
            facts.extend(value.map(|value| (SafeText::new(name), SafeText::new(value))));
        };
        let zone = app.settings.zone;
        fact(
            "time",
            record.at.map(|at| {
                format!(
                    "{} {}",
                    format::date_time(at, zone),
                    format::zone_word(at, zone)
                )
            }),
        );
        fact("level", record.level().map(|level| level.word().to_owned()));
        fact("source", record.source().map(|source| source.into_owned()));
        fact("message", Some(record.message().into_owned()));
        if let Some(cause) = record.cause.and_then(|cause| record.lines.get(cause)) {
            fact("cause", Some(cause.text.text.to_string()));
        }
        fact(
            "lines",
            (record.lines.len() > 1).then(|| format::count(record.lines.len() as u64)),
        );
        let fields: Vec<_> = record
            .fields()
            .iter()
            .map(|field| {
                let value = match field.value.as_str() {
                    Some(text) => text.to_owned(),
                    None => field.value.to_string(),
                };
                (field.name.clone(), SafeText::new(value))
            })
            .collect();
        let mut list = ListState::default();
        list.sync((0..facts.len() + fields.len()).collect());
        list.select_at(if fields.is_empty() { 0 } else { facts.len() });
        Some(Self {
            facts,
            fields,
            list,
            since: app.wall,
        })
    }

    fn value(&self) -> Option<&SafeText> {
        let at = self.list.index()?;
        let fact = self.facts.get(at).map(|(_, value)| value);
        fact.or_else(|| Some(&self.field()?.1))
    }

    fn field(&self) -> Option<&(String, SafeText)> {
        self.fields
            .get(self.list.index()?.checked_sub(self.facts.len())?)
    }

    pub(crate) fn key(
        mut self: Box<Self>,
        app: &mut App,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let settled = settled(self.since, app.wall);
        let page = self.list.page();
        match press.code {
            KeyCode::Esc | KeyCode::Char('q' | 'o') => return Next::Close,
            KeyCode::Enter if settled && !press.repeat => return Next::Close,
            KeyCode::Up | KeyCode::Char('k') => self.list.pick(Pick::Up(1)),
            KeyCode::Down | KeyCode::Char('j') => self.list.pick(Pick::Down(1)),
            KeyCode::PageUp => self.list.pick(Pick::Up(page)),
            KeyCode::PageDown => self.list.pick(Pick::Down(page)),
            KeyCode::Char('y') if !press.repeat => app.copy(self.value().cloned(), effects),
            KeyCode::Char(' ') if settled && !press.repeat => {
                if let Some((name, _)) = self.field()
                    && let Some(view) = app.log_view_mut()
                {
                    let columns = &mut view.look.columns;
                    match columns.iter().position(|column| column == name) {
                        Some(at) => drop(columns.remove(at)),
                        None if columns.len() < COLUMNS => columns.push(name.clone()),
                        None => {}
                    }
                }
            }
            _ => {}
        }
        Next::Keep(Dialog::Record(self))
    }

    pub(crate) fn draw(&self, app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let title = [("record", theme[Token::Title])];
        let count = self.facts.len() + self.fields.len();
        let most = area.height.saturating_sub(6);
        let height = u16::try_from(count + 2)
            .unwrap_or(u16::MAX)
            .min(most.max(3));
        let width = area.width.saturating_sub(8).min(110);
        let inner = popup::draw(buf, area, theme, &title, width, height);
        let rows = usize::from(inner.height.saturating_sub(2));
        let top = self.list.top(rows);
        let columns = app.log_view().map(|view| view.look.columns.as_slice());
        let columns = columns.unwrap_or_default();
        let facts = self.facts.iter().map(|(n, v)| (n.clone(), v, false));
        let fields = self.fields.iter().map(|(name, value)| {
            let column = columns.contains(name);
            (SafeText::new(format!("@{name}")), value, column)
        });
        let all = facts.chain(fields).enumerate().skip(top).take(rows);
        for (i, (name, value, column)) in all {
            let here = self.list.index() == Some(i);
            let mut pen = Pen::new(buf, inner, (i - top) as u16, theme);
            pen.put(if here { "> " } else { "  " }, theme[Token::Accent])
                .put(if column { "[x] " } else { "    " }, theme[Token::HintKey]);
            let token = if here { Token::Selection } else { Token::Muted };
            pen.cell(&name, 24, theme[token]).skip(1);
            let room = pen.room();
            pen.put(
                &format::fit(value, room, theme.glyphs.ellipsis),
                theme[Token::Text],
            );
        }
        let hint = match self.fields.is_empty() {
            true => "y copy the value  esc close",
            false => "space field as column  y copy the value  esc close",
        };
        let last = inner.height.saturating_sub(1);
        Pen::new(buf, inner, last, theme).put(hint, theme[Token::Muted]);
    }
}
