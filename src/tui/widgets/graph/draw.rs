//! The drawing of what is in view: lines, then boxes, then what is outside.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::graph;
use crate::model::NodeId;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::format;
use crate::tui::widgets::pen::{self, Pen};
use crate::tui::widgets::table::selection;

use super::boxes::{Item, Look};
use super::canvas::Canvas;
use super::lineage::Lineage;
use super::lines::{Lines, Weight};
use super::overview::{Overview, draw_map};
use super::scene::Scene;
use super::shape::{Form, NAME};

/// A laid out run as it is drawn now.
pub struct GraphView<'a> {
    pub scene: &'a Scene,
    pub form: Form,
    /// The selected node or group.
    pub selected: Option<&'a NodeId>,
    /// Of the selected box: its ways are drawn heavy.
    pub lineage: Option<&'a Lineage>,
    /// How far ways are followed.
    pub reach: graph::Reach,
    pub focused: bool,
    pub now: DateTime<Utc>,
    /// What a box is about; asked for boxes in view only.
    pub item: &'a dyn Fn(&NodeId) -> Option<Item<'a>>,
    /// The map for the corner, where one is wanted.
    pub map: Option<&'a Overview>,
    /// The box that the map must not lie on. It changes with the window and not with each key: a map that moves is most
    /// of what a key would cost.
    pub clear: Option<&'a NodeId>,
}

/// What a drawing cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    pub boxes: usize,
    pub line_cells: usize,
}

impl GraphView<'_> {
    /// Draws the window whose upper left cell is `corner`.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, corner: (i32, i32)) -> Drawn {
        let area = pen::clip(area, buf);
        if area.is_empty() {
            return Drawn::default();
        }
        let mut canvas = Canvas::new(buf, area, corner);
        let window = canvas.window();
        let lines = Lines {
            scene: self.scene,
            lineage: self.lineage,
            reach: self.reach,
            theme,
        };
        let (line_cells, leaving) = lines.draw(&mut canvas);
        let selected = self.selected.and_then(|id| self.scene.index_of(id));
        let mut boxes = 0;
        for (i, placed) in self.scene.layout.visible(window) {
            let Some(id) = self.scene.id(i) else {
                continue;
            };
            let look = Look {
                theme,
                form: self.form,
                now: self.now,
                selected: (selected == Some(i)).then(|| selection(theme, self.focused)),
                faded: self.lineage.is_some_and(|l| l.fades(i, self.reach)),
                leads_on: leaving.get(&i).copied(),
            };
            look.draw(&mut canvas, placed, (self.item)(id));
            boxes += 1;
        }
        let name = |id: &NodeId| Some((self.item)(id)?.name().to_owned());
        let exits = lines.exits(window, &name);
        self.hints(buf, area, theme, window, &exits);
        if let Some(map) = self.map {
            let placed = self.clear.and_then(|id| self.scene.find(id));
            draw_map(map, self.scene, placed, buf, area, theme, window);
        }
        let style = Weight::Path.style(theme);
        let mut canvas = Canvas::new(buf, area, corner);
        for (place, text) in exits {
            canvas.put(place.x, place.y, &text, place.w as usize, style);
        }
        self.whereabouts(&mut canvas, theme);
        Drawn { boxes, line_cells }
    }

    /// Draws all of it into the area, the selection named in the last row.
    pub fn draw_overview(
        &self,
        overview: &Overview,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
    ) -> Drawn {
        let area = pen::clip(area, buf);
        if area.is_empty() {
            return Drawn::default();
        }
        let (columns, rows) = overview.size();
        let inner = Rect {
            x: area.x + area.width.saturating_sub(columns) / 2,
            y: area.y + area.height.saturating_sub(1).saturating_sub(rows) / 2,
            width: columns.min(area.width),
            height: rows.min(area.height.saturating_sub(1)),
        };
        let line_cells = overview.draw(buf, inner, theme);
        if let Some(placed) = self.selected.and_then(|id| self.scene.find(id)) {
            let style = selection(theme, self.focused);
            overview.paint(buf, inner, placed.rect(), style);
        }
        let mut pen = Pen::new(buf, area, area.height - 1, theme);
        pen.skip(1);
        let item = self.selected.and_then(|id| (self.item)(id));
        if let Some(item) = item {
            let state = item.state();
            pen.put(theme.state_glyph(state), theme.state(state))
                .skip(1)
                .put(item.name(), theme[Token::Text])
                .skip(1)
                .put(state.word(), theme.state(state));
        }
        let boxes = self.scene.layout.boxes.len();
        let word = if boxes == 1 { "box" } else { "boxes" };
        let text = format!(" {} {word} ", format::count(boxes as u64));
        pen::put_right(
            buf,
            area,
            area.height - 1,
            &text,
            theme[Token::Muted],
            theme,
        );
        Drawn {
            boxes: 0,
            line_cells,
        }
    }

    /// The selected box's name at the border behind which it is: the window has not followed, or was moved away.
    fn whereabouts(&self, canvas: &mut Canvas, theme: &Theme) {
        let window = canvas.window();
        let Some(b) = self.selected.and_then(|id| self.scene.find(id)) else {
            return;
        };
        let Some(item) = self.selected.and_then(|id| (self.item)(id)) else {
            return;
        };
        let glyphs = theme.glyphs;
        let arrow = if b.rect().overlaps(&window) {
            return;
        } else if b.y < window.y {
            glyphs.arrow_up
        } else if b.y >= window.bottom() {
            glyphs.arrow_down
        } else if b.x < window.x {
            glyphs.arrow_left
        } else {
            glyphs.arrow_right
        };
        let name = format::fit_middle(item.name(), NAME, glyphs.ellipsis);
        let text = format!(" {arrow} {name} ");
        let columns = format::width(&text);
        let last = |start: i32, end: i32, len: i32| (end - len).max(start);
        let x =
            b.x.clamp(window.x, last(window.x, window.right(), columns as i32));
        let y = (b.y + b.h / 2).clamp(window.y, last(window.y, window.bottom(), 1));
        canvas.put(x, y, &text, columns, selection(theme, self.focused));
    }

    /// How many boxes lie outside, on each side. A figure makes way for names of where lines lead.
    fn hints(
        &self,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
        window: graph::Rect,
        exits: &[(graph::Rect, String)],
    ) {
        let hidden = self.scene.hidden(window);
        let style = theme[Token::Muted];
        let g = theme.glyphs;
        let count = |n: usize| format::count(n as u64);
        let columns = usize::from(area.width);
        let last = area.height - 1;
        let mut put = |row: u16, text: &str, places: &[usize]| {
            let width = format::width(text) as i32;
            let free = |at: &&usize| {
                let x = window.x.saturating_add(**at as i32);
                let y = window.y.saturating_add(i32::from(row));
                let place = graph::Rect::new(x, y, width, 1);
                !exits.iter().any(|(exit, _)| exit.overlaps(&place))
            };
            if let Some(at) = places.iter().find(free) {
                hint(buf, area, row, *at, text, style, theme);
            }
        };
        // in the middle, else left or right of it
        let around = |text: &str| {
            let rest = columns.saturating_sub(format::width(text));
            [rest / 2, rest / 4, rest * 3 / 4]
        };
        if hidden.above > 0 {
            let text = format!(" {} {} more ", g.arrow_up, count(hidden.above));
            put(0, &text, &around(&text));
        }
        if hidden.left > 0 {
            let text = format!("{} {} more ", g.arrow_left, count(hidden.left));
            put(last, &text, &[0]);
        }
        if hidden.right > 0 {
            let text = format!(" {} more {}", count(hidden.right), g.arrow_right);
            let at = columns.saturating_sub(format::width(&text));
            put(last, &text, &[at]);
        }
        if hidden.below > 0 {
            let text = format!(" {} {} more ", g.arrow_down, count(hidden.below));
            put(last, &text, &around(&text));
        }
    }
}

fn hint(
    buf: &mut Buffer,
    area: Rect,
    row: u16,
    at: usize,
    text: &str,
    style: Style,
    theme: &Theme,
) {
    Pen::new(buf, area, row, theme).skip(at).put(text, style);
}
