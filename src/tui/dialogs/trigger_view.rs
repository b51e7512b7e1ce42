//! The form as it is shown.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::Target;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format, input, popup};

use super::TriggerForm;

/// Lines a field takes: name and text, what it is or what is wrong.
const LINES: usize = 2;

impl TriggerForm {
    pub(crate) fn draw(&self, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let wanted = self.fields.len().max(1) * LINES + 4;
        let room = usize::from(area.height.saturating_sub(4));
        let height = u16::try_from(wanted.min(room)).unwrap_or(u16::MAX);
        let title = [("start a new run", theme[Token::Title])];
        let inner = popup::draw(
            buf,
            area,
            theme,
            &title,
            area.width.saturating_sub(8).min(88),
            height,
        );
        let mut pen = Pen::new(buf, inner, 0, theme);
        pen.put(
            Target::Pipeline(self.pipeline.clone()).label().as_str(),
            theme[Token::Title],
        );
        if let Some(backend) = watch.world.backend(&self.pipeline.backend) {
            pen.put(" on ", theme[Token::Muted])
                .put(backend.info.name.as_str(), theme[Token::Accent]);
        }
        if self.fields.is_empty() {
            Pen::new(buf, inner, 2, theme)
                .put("no parameters are known for it", theme[Token::Muted]);
        }
        // the field with the keys stays in view
        let shown = usize::from(inner.height).saturating_sub(4) / LINES;
        let top = (self.at + 1)
            .saturating_sub(shown.max(1))
            .min(self.fields.len().saturating_sub(shown));
        let names = self
            .fields
            .iter()
            .map(|f| format::width(f.spec.name.as_str()))
            .max()
            .unwrap_or(0)
            .clamp(4, 24);
        for (i, field) in self.fields.iter().enumerate().skip(top).take(shown) {
            let y = u16::try_from(2 + (i - top) * LINES).unwrap_or(u16::MAX);
            let here = i == self.at;
            let mut pen = Pen::new(buf, inner, y, theme);
            pen.put(
                if here { theme.glyphs.arrow_right } else { " " },
                theme[Token::Accent],
            )
            .skip(1);
            pen.cell(
                field.spec.name.as_str(),
                names,
                theme[if here { Token::Title } else { Token::Text }],
            )
            .skip(1);
            let x = pen.x();
            if here {
                let line = Rect {
                    x,
                    y: inner.y.saturating_add(y),
                    width: inner.right().saturating_sub(x),
                    height: 1,
                };
                if line.y < inner.bottom() {
                    input::draw(
                        buf,
                        line,
                        theme,
                        "",
                        &field.line,
                        "empty: the backend's default",
                    );
                }
            } else {
                pen.put(field.line.value(), theme[Token::Text]);
            }
            let mut below = Pen::new(buf, inner, y.saturating_add(1), theme);
            below.skip(names + 3);
            match field.value() {
                Err(wrong) => below.put(&wrong, theme[Token::Danger]),
                Ok(_) => below.put(&about(field), theme[Token::Muted]),
            };
        }
        let ready = self.at >= self.fields.len();
        let last = inner.height.saturating_sub(1);
        let mut pen = Pen::new(buf, inner, last, theme);
        if ready {
            pen.put("enter", theme[Token::HintKey])
                .put(" go on: shows what will be started  ", theme[Token::Text]);
        } else {
            pen.put("enter", theme[Token::HintKey])
                .put(" next  ", theme[Token::Text]);
        }
        pen.put("esc", theme[Token::HintKey])
            .put(" no new run", theme[Token::Text]);
    }
}

fn about(field: &super::Field) -> String {
    let mut parts = Vec::new();
    let spec = &field.spec;
    if !spec.kind.is_empty() {
        parts.push(spec.kind.as_str().to_owned());
    }
    if !spec.choices.is_empty() {
        let all: Vec<&str> = spec.choices.iter().map(|c| c.as_str()).collect();
        parts.push(format!("left and right pick: {}", all.join(", ")));
    }
    if spec.required {
        parts.push("needed".to_owned());
    }
    if !spec.description.is_empty() {
        parts.push(spec.description.as_str().to_owned());
    }
    parts.join("; ")
}
