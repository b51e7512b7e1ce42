//! The question as it is shown: action, target, backend, what exactly will be hit, how to say yes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::engine::Watch;
use crate::model::{ActionStatus, Target};
use crate::tui::app::{App, kind_word};
use crate::tui::screens::{accent, action_status};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, format, input, popup};

use super::{Confirm, Stage};

/// Columns of the box at most.
const WIDTH: u16 = 92;

/// One line of the list: pieces with their looks.
type Line = Vec<(String, Style)>;

impl Confirm {
    pub(crate) fn draw(
        &self,
        _app: &App,
        watch: &Watch,
        theme: &Theme,
        buf: &mut Buffer,
        area: Rect,
    ) {
        let width = area.width.saturating_sub(6).min(WIDTH);
        let columns = usize::from(width).max(10);
        let head = self.head(watch, theme, columns);
        let list = self.list(watch, theme, columns);
        let foot = self.foot(watch, theme, columns);
        let fixed = u16::try_from(head.len() + foot.len() + 1).unwrap_or(u16::MAX);
        let room = area.height.saturating_sub(4).saturating_sub(fixed).max(1);
        // a little room from the start, so that the box doesn't jump when the plan arrives
        let rows = u16::try_from(list.len())
            .unwrap_or(u16::MAX)
            .max(5)
            .min(room);
        let verb = match self.stage {
            Stage::Results => format!("{}: results", self.action.word()),
            _ => format!("{}?", self.action.word()),
        };
        let title = [(verb.as_str(), theme[Token::Danger])];
        let inner = popup::draw(buf, area, theme, &title, width, fixed.saturating_add(rows));
        let mut y = 0;
        for line in &head {
            put(buf, inner, y, theme, line);
            y += 1;
        }
        self.shown.set((usize::from(rows), list.len()));
        let top = self
            .scroll
            .min(list.len().saturating_sub(usize::from(rows)));
        for (i, line) in list.iter().skip(top).take(usize::from(rows)).enumerate() {
            put(buf, inner, y + i as u16, theme, line);
        }
        y += rows;
        if list.len() > usize::from(rows) {
            let last = top + usize::from(rows);
            let text = format!(
                "{} to {} of {}, up and down scroll",
                top + 1,
                last,
                list.len()
            );
            put(buf, inner, y, theme, &vec![(text, theme[Token::Muted])]);
        }
        y += 1;
        for line in &foot {
            put(buf, inner, y, theme, line);
            y += 1;
        }
        if self.stage == Stage::Naming {
            // the line that is typed into is the last but one
            let at = Rect {
                y: inner.y.saturating_add(y.saturating_sub(2)),
                height: 1,
                ..inner
            };
            if at.y < inner.bottom() {
                input::draw(buf, at, theme, "> ", &self.typed, "");
            }
        }
    }

    fn head(&self, watch: &Watch, theme: &Theme, columns: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        match self.items.as_slice() {
            [item] if self.refused.is_empty() => {
                if let Some(target) = item.draft.target() {
                    lines.push(target_line(target, watch, theme));
                }
            }
            items => {
                let all = items.len() + self.refused.len();
                lines.push(vec![(
                    format!("{} marked pipelines", format::count(all as u64)),
                    theme[Token::Title],
                )]);
            }
        }
        if let Some(caution) = self.items.first().and_then(|i| i.draft.caution.as_ref()) {
            wrapped(
                &mut lines,
                caution.as_str(),
                "",
                columns,
                theme[Token::Warning],
            );
        }
        lines.push(Vec::new());
        lines
    }

    fn list(&self, watch: &Watch, theme: &Theme, columns: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let many = self.items.len() + self.refused.len() > 1;
        for item in &self.items {
            if let Some(target) = item.draft.target().filter(|_| many) {
                lines.push(target_line(target, watch, theme));
            }
            let indent = if many { "  " } else { "" };
            if self.stage != Stage::Results && Self::gone(watch, item) {
                lines.push(vec![(
                    format!("{indent}it is no longer there: nothing will be sent for it"),
                    theme[Token::Warning],
                )]);
                continue;
            }
            match self.status(watch, item) {
                None | Some(ActionStatus::Planning) => {
                    let ellipsis = theme.glyphs.ellipsis;
                    lines.push(vec![(
                        format!("{indent}asking the backend what this would hit{ellipsis}"),
                        theme[Token::Muted],
                    )]);
                }
                Some(ActionStatus::Planned { plan }) => {
                    wrapped(
                        &mut lines,
                        plan.summary.as_str(),
                        indent,
                        columns,
                        theme[Token::Text],
                    );
                    for warning in &plan.warnings {
                        wrapped(
                            &mut lines,
                            &format!("! {warning}"),
                            indent,
                            columns,
                            theme[Token::Warning],
                        );
                    }
                    for hit in &plan.hits {
                        lines.push(vec![
                            (
                                format!("{indent}  {} ", theme.glyphs.dot),
                                theme[Token::Muted],
                            ),
                            (hit.name.as_str().to_owned(), theme[Token::Text]),
                            (
                                format!("  {} {} {}", hit.now, theme.glyphs.arrow_right, hit.then),
                                theme[Token::Muted],
                            ),
                        ]);
                    }
                    let whose = if plan.server_preview {
                        "listed by the backend itself"
                    } else {
                        "from what is on screen: the backend has no preview of this"
                    };
                    let hits = format::plural(plan.hits.len(), "hit");
                    lines.push(vec![(
                        format!("{indent}{hits}, {whose}"),
                        theme[Token::Muted],
                    )]);
                }
                Some(status) => {
                    let (word, what, style) = action_status(status, theme);
                    let text = if what.is_empty() {
                        word.to_owned()
                    } else {
                        format!("{word}: {what}")
                    };
                    wrapped(&mut lines, &text, indent, columns, style);
                }
            }
        }
        for (label, why) in &self.refused {
            lines.push(vec![(label.as_str().to_owned(), theme[Token::Title])]);
            wrapped(
                &mut lines,
                &format!("left out: {why}"),
                "  ",
                columns,
                theme[Token::Warning],
            );
        }
        lines
    }

    fn foot(&self, watch: &Watch, theme: &Theme, columns: usize) -> Vec<Line> {
        let key = |k: char| (k.to_string(), theme[Token::HintKey]);
        let word = |w: &str| (format!(" {w}  "), theme[Token::Text]);
        if self.stage == Stage::Results {
            return vec![vec![
                ("esc".into(), theme[Token::HintKey]),
                word("close; 4 lists it again"),
            ]];
        }
        let mut lines = Vec::new();
        if self.stage == Stage::Naming {
            let name = self.name.clone().unwrap_or_default();
            let mut text = Vec::new();
            wrapped(
                &mut text,
                &format!("To go on type exactly: {name}"),
                "",
                columns,
                theme[Token::Danger],
            );
            lines.extend(text);
            lines.push(Vec::new());
            lines.push(if self.wrong {
                vec![(
                    "that is not the name; esc leaves everything as it is".into(),
                    theme[Token::Warning],
                )]
            } else {
                vec![
                    ("enter".into(), theme[Token::HintKey]),
                    word("when typed"),
                    ("esc".into(), theme[Token::HintKey]),
                    word("no, leave everything as it is"),
                ]
            });
            return lines;
        }
        let choices = self.choices();
        let other = self.other_target();
        if !choices.is_empty() || other.is_some() {
            let mut line: Line = Vec::new();
            for (k, name, on) in choices {
                line.push(key(k));
                line.push((
                    format!(" [{}] {name}  ", if on { 'x' } else { ' ' }),
                    theme[Token::Text],
                ));
            }
            if let Some(target) = other {
                line.push(key('s'));
                line.push((
                    format!(" the {} instead", kind_word(target.kind())),
                    theme[Token::Text],
                ));
            }
            lines.push(line);
        }
        let mut answer: Line = Vec::new();
        if self.can_yes(watch) {
            let count = self.ready(watch).count();
            let then = if self.name.is_some() {
                " (then the name is asked)"
            } else {
                ""
            };
            let what = if count > 1 {
                format!("{} all {count}{then}", self.action.word())
            } else {
                format!("{}{then}", self.action.word())
            };
            answer.push(key(self.yes));
            answer.push(word(&format!("yes, {what}")));
        } else if !self.planning(watch) {
            answer.push(("nothing can be done here  ".into(), theme[Token::Warning]));
        }
        answer.push(("enter esc n".into(), theme[Token::HintKey]));
        answer.push(word("no"));
        lines.push(answer);
        lines
    }
}

/// "run  orders_daily / 2026-11-20T02:00  on  prod-airflow (protected)".
fn target_line(target: &Target, watch: &Watch, theme: &Theme) -> Line {
    let mut line = vec![
        (
            format!("{} ", kind_word(target.kind())),
            theme[Token::Muted],
        ),
        (target.label().as_str().to_owned(), theme[Token::Title]),
    ];
    if let Some(backend) = watch.world.backend(target.backend()) {
        line.push((" on ".into(), theme[Token::Muted]));
        line.push((
            backend.info.name.as_str().to_owned(),
            accent(backend).unwrap_or(theme[Token::Accent]),
        ));
        if backend.info.protect {
            line.push((" (protected)".into(), theme[Token::Danger]));
        }
    }
    line
}

fn wrapped(lines: &mut Vec<Line>, text: &str, indent: &str, columns: usize, style: Style) {
    let room = columns.saturating_sub(indent.len()).max(1);
    lines.extend(
        format::wrap(text, room)
            .into_iter()
            .map(|l| vec![(format!("{indent}{l}"), style)]),
    );
}

fn put(buf: &mut Buffer, area: Rect, y: u16, theme: &Theme, line: &Line) {
    let mut pen = Pen::new(buf, area, y, theme);
    for (text, style) in line {
        let room = pen.room();
        pen.put(&format::fit(text, room, theme.glyphs.ellipsis), *style);
    }
}
