//! What stands in one box: a node, or a folded group.

use chrono::{DateTime, Duration, Utc};
use ratatui::style::Style;

use crate::graph::Placed;
use crate::model::{Node, NodeCounts, NodeState, SafeText};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{bar, format};

use super::canvas::Canvas;
use super::lines::Weight;
use super::shape::{Form, MEMBERS, NAME};

/// What a box is about.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    Node {
        node: &'a Node,
        /// How long it usually takes, where that is known.
        usual: Option<Duration>,
    },
    Group {
        name: &'a str,
        counts: NodeCounts,
        /// 0.0 to 1.0, of all its members.
        fraction: f64,
    },
}

/// A piece of text with its style.
type Piece = (String, Style);

impl Item<'_> {
    /// The worst state in it.
    pub fn state(&self) -> NodeState {
        match self {
            Self::Node { node, .. } => node.state,
            Self::Group { counts, .. } => counts
                .worst_first()
                .first()
                .map_or(NodeState::Pending, |(state, _)| *state),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Node { node, .. } => &node.name,
            Self::Group { name, .. } => name,
        }
    }
}

/// How one box is drawn now.
pub struct Look<'a> {
    pub theme: &'a Theme,
    pub form: Form,
    pub now: DateTime<Utc>,
    /// The style of the selection when this box is selected.
    pub selected: Option<Style>,
    /// It has nothing to do with what is selected: only what is wrong or going on in it keeps its colour.
    pub faded: bool,
    /// A line of this weight leaves it to the right.
    pub leads_on: Option<Weight>,
}

impl Look<'_> {
    fn text(&self) -> Style {
        self.theme[if self.faded {
            Token::Muted
        } else {
            Token::Text
        }]
    }

    fn state(&self, state: NodeState) -> Style {
        let quiet = state.badness() < NodeState::Running.badness();
        if self.faded && quiet {
            self.theme[Token::Muted]
        } else {
            self.theme.state(state)
        }
    }

    pub fn draw(&self, canvas: &mut Canvas, placed: &Placed, item: Option<Item>) {
        let width = usize::try_from(placed.w).unwrap_or(0);
        match self.form {
            Form::Boxes if placed.h >= 3 && width >= 4 => {
                self.framed(canvas, placed, width, item);
            }
            _ => self.line(canvas, placed, width, item),
        }
    }

    fn framed(&self, canvas: &mut Canvas, b: &Placed, width: usize, item: Option<Item>) {
        let theme = self.theme;
        let set = &theme.glyphs.node_border;
        let state = item.map_or(NodeState::Pending, |i| i.state());
        // a border in full colour would drown what has gone wrong among what has not
        let border = match state {
            NodeState::Succeeded | NodeState::Cached | NodeState::Pending | NodeState::Skipped => {
                theme[Token::Border]
            }
            _ => theme.state(state),
        };
        let (x, y, inner) = (b.x, b.y, width - 2);
        let (right, bottom) = (x + b.w - 1, y + b.h - 1);
        canvas.put(x, y, set.top_left, 1, border);
        canvas.repeat(x + 1, y, set.horizontal_top, inner, border);
        canvas.put(right, y, set.top_right, 1, border);
        for row in y + 1..bottom {
            canvas.put(x, row, set.vertical_left, 1, border);
            canvas.repeat(x + 1, row, " ", inner, theme[Token::Text]);
            canvas.put(right, row, set.vertical_right, 1, border);
        }
        canvas.put(x, bottom, set.bottom_left, 1, border);
        canvas.repeat(x + 1, bottom, set.horizontal_bottom, inner, border);
        canvas.put(right, bottom, set.bottom_right, 1, border);

        let title = match item {
            Some(item) => self.title(&item, inner.saturating_sub(2)),
            None => vec![(
                format::fit(SafeText::new(&b.id).as_str(), inner - 1, "").into_owned(),
                theme[Token::Muted],
            )],
        };
        pieces(canvas, x + 2, y + 1, inner - 1, &title);
        if let Some(selection) = self.selected {
            canvas.paint(x + 1, y + 1, inner, selection);
        }
        match item {
            Some(Item::Node { node, usual }) => self.around_node(canvas, b, inner, node, usual),
            Some(Item::Group {
                counts, fraction, ..
            }) => {
                let counts = self.counts(&counts, inner.saturating_sub(2));
                pieces(canvas, x + 2, y + 2, inner - 1, &counts);
                self.bar(canvas, x + 2, bottom, inner.saturating_sub(2), fraction);
            }
            None => {}
        }
    }

    /// `✗ load`, `▸ map [2,000]`.
    fn title(&self, item: &Item, room: usize) -> Vec<Piece> {
        let theme = self.theme;
        let ellipsis = theme.glyphs.ellipsis;
        let (sign, style) = (theme.state_glyph(item.state()), self.state(item.state()));
        let name = format::fit_middle(item.name(), NAME.min(room.saturating_sub(2)), ellipsis);
        match item {
            Item::Node { .. } => vec![
                (format!("{sign} "), style),
                (name.into_owned(), self.text()),
            ],
            Item::Group { counts, .. } => {
                let total = format::count(u64::from(counts.total()));
                let total = format::fit(&total, MEMBERS - 2, ellipsis);
                vec![
                    (format!("{} ", theme.glyphs.closed), theme[Token::Accent]),
                    (name.into_owned(), self.text()),
                    (format!("[{total}]"), theme[Token::Muted]),
                ]
            }
        }
    }

    /// In the lower border: a bar, or words at the left and the time at the right. In the upper one: rows, and the
    /// time when a bar took its place.
    fn around_node(
        &self,
        canvas: &mut Canvas,
        b: &Placed,
        inner: usize,
        node: &Node,
        usual: Option<Duration>,
    ) {
        let theme = self.theme;
        let bottom = b.y + b.h - 1;
        let room = inner.saturating_sub(2);
        let times = self.times(node, usual);
        let rows = rows(node);
        if let Some(progress) = node.progress.filter(|_| !node.state.ended()) {
            self.bar(canvas, b.x + 2, bottom, room, progress.fraction());
            // as much as there is room for; what is usual goes last
            let tries = attempt(node);
            let rows = rows.unwrap_or_default();
            let besides = [
                format!("{tries} {rows}"),
                tries.clone(),
                rows,
                String::new(),
            ];
            let all: Vec<String> = times
                .iter()
                .flat_map(|t| {
                    besides
                        .iter()
                        .map(move |b| format!("{b} {t}").trim().to_owned())
                })
                .chain([tries.clone()])
                .collect();
            self.at_right(canvas, b, b.y, room, &all, self.text());
            return;
        }
        let rows: Vec<String> = rows.into_iter().collect();
        self.at_right(canvas, b, b.y, room, &rows, theme[Token::Muted]);
        // words are worth more than what is usual
        let need = |words: &str| match words.is_empty() {
            true => 0,
            false => format::width(words) + 2,
        };
        let short = times.last().map_or(0, |t| format::width(t) + 2);
        let words = self.words(node, room.saturating_sub(short + 2));
        let left = need(&words);
        let time = self.at_right(
            canvas,
            b,
            bottom,
            room.saturating_sub(left),
            &times,
            self.text(),
        );
        if !words.is_empty() {
            let text = format!(" {words} ");
            let columns = room.saturating_sub(time);
            canvas.put(b.x + 2, bottom, &text, columns, theme.state(node.state));
        }
    }

    /// The first of several texts that fits, at the right of a row of a box; how many columns it took.
    fn at_right(
        &self,
        canvas: &mut Canvas,
        b: &Placed,
        y: i32,
        room: usize,
        texts: &[String],
        style: Style,
    ) -> usize {
        let fits = |t: &&String| !t.is_empty() && format::width(t) + 2 <= room;
        let Some(text) = texts.iter().find(fits) else {
            return 0;
        };
        let width = format::width(text) + 2;
        let x = b.x + b.w - 2 - width as i32;
        canvas.put(x, y, &format!(" {text} "), width, style);
        width
    }

    /// `12m of 9m`, `12m`: the longer one first. What took about as long as ever is not compared.
    fn times(&self, node: &Node, usual: Option<Duration>) -> Vec<String> {
        let short = self.elapsed(node);
        if short.is_empty() {
            return Vec::new();
        }
        let strange = |usual: &Duration| {
            let spent = node.elapsed(self.now).unwrap_or_default();
            !node.state.ended() || spent * 2 > *usual * 3 || spent * 2 < *usual
        };
        let long = usual
            .filter(strange)
            .map(|usual| format!("{short} of {}", format::duration(usual)));
        long.into_iter().chain([short]).collect()
    }

    fn elapsed(&self, node: &Node) -> String {
        node.elapsed(self.now)
            .map(|span| match node.state.ended() {
                true => format::duration(span),
                false => format::duration_fine(span),
            })
            .unwrap_or_default()
    }

    /// What is worth a word beside the glyph: state and attempt, as much as fits.
    fn words(&self, node: &Node, room: usize) -> String {
        let word = match node.state {
            NodeState::Succeeded | NodeState::Pending => "",
            // that it is one more try says that it runs, and how long it usually takes says more
            NodeState::Running if node.attempt > 1 => "",
            state => state.word(),
        };
        let attempt = attempt(node);
        let both = match (word.is_empty(), attempt.is_empty()) {
            (false, false) => format!("{word} {attempt}"),
            _ => format!("{word}{attempt}"),
        };
        [both.as_str(), attempt.as_str(), word]
            .into_iter()
            .find(|t| !t.is_empty() && format::width(t) <= room)
            .unwrap_or_default()
            .to_owned()
    }

    /// `████████░░  81 %` without its own line.
    fn bar(&self, canvas: &mut Canvas, x: i32, y: i32, columns: usize, fraction: f64) {
        let theme = self.theme;
        let figure = format!("{:>4} % ", bar::percent(fraction));
        let cells = columns.saturating_sub(figure.len()).min(16);
        if cells >= 3 {
            let text = bar::text(theme, fraction, cells);
            canvas.put(x, y, &text, cells, theme[Token::Bar]);
            canvas.put(
                x + cells as i32,
                y,
                &figure,
                figure.len(),
                theme[Token::Text],
            );
        }
    }

    /// `1,812✓ 3✗ 185…`: what went well, what did not, what is going, the rest; as many as fit.
    fn counts(&self, counts: &NodeCounts, room: usize) -> Vec<Piece> {
        use NodeState::*;
        let theme = self.theme;
        let sum = |states: &[NodeState]| states.iter().map(|s| counts.of(*s)).sum::<u32>();
        let parts = [
            (Failed, sum(&[Failed])),
            (Retrying, sum(&[Retrying])),
            (Running, sum(&[Running])),
            (Succeeded, sum(&[Succeeded, Cached, Warned])),
        ];
        let said: u32 = parts.iter().map(|(_, n)| n).sum();
        let rest = counts.total().saturating_sub(said);
        let mut out: Vec<Piece> = Vec::new();
        let mut used = 0;
        let mut push = |text: String, style: Style| {
            let width = format::width(&text) + usize::from(used > 0);
            if used + width <= room {
                if used > 0 {
                    out.push((" ".to_owned(), theme[Token::Text]));
                }
                out.push((text, style));
                used += width;
            }
        };
        for (state, n) in parts.into_iter().filter(|(_, n)| *n > 0) {
            let figure = format::count(u64::from(n));
            push(
                format!("{figure}{}", theme.state_glyph(state)),
                theme.state(state),
            );
        }
        if rest > 0 {
            let figure = format::count(u64::from(rest));
            push(
                format!("{figure}{}", theme.glyphs.ellipsis),
                theme[Token::Muted],
            );
        }
        out
    }

    /// The compact form: `✓ clean     41s`, `▸ map[2,000] 3✗ 1,812✓ 185…`.
    fn line(&self, canvas: &mut Canvas, b: &Placed, width: usize, item: Option<Item>) {
        let theme = self.theme;
        canvas.repeat(b.x, b.y, " ", width, theme[Token::Text]);
        let Some(item) = item else {
            let id = SafeText::new(&b.id);
            canvas.put(b.x, b.y, id.as_str(), width, theme[Token::Muted]);
            return;
        };
        let title = self.title(&item, width);
        let used: usize = title.iter().map(|(t, _)| format::width(t)).sum();
        pieces(canvas, b.x, b.y, width, &title);
        if let Some(selection) = self.selected {
            canvas.paint(b.x, b.y, used.min(width), selection);
        }
        let room = width.saturating_sub(used + 1);
        let x = b.x + used as i32 + 1;
        let after = match item {
            Item::Group { counts, .. } => self.counts(&counts, room),
            Item::Node { node, .. } => vec![self.after(node)],
        };
        pieces(canvas, x, b.y, room, &after);
        // the line begins where the text ends, not where the box does
        let end: usize = after.iter().map(|(t, _)| format::width(t)).sum();
        let end = if end == 0 { 0 } else { end + 1 };
        if let Some(weight) = self.leads_on.filter(|_| end < room) {
            let line = weight.horizontal(theme);
            canvas.repeat(x + end as i32, b.y, line, room - end, weight.style(theme));
        }
    }

    /// The one thing that stands behind a name in the compact form.
    fn after(&self, node: &Node) -> Piece {
        let theme = self.theme;
        let quiet = theme[Token::Muted];
        if let Some(progress) = node.progress.filter(|_| !node.state.ended()) {
            return (format!("{} %", progress.percent()), theme[Token::Text]);
        }
        match node.state {
            NodeState::Pending => (String::new(), quiet),
            NodeState::Succeeded | NodeState::Running => (self.elapsed(node), quiet),
            state if node.attempt > 1 => (attempt(node), theme.state(state)),
            state => (state.word().to_owned(), self.state(state)),
        }
    }
}

fn pieces(canvas: &mut Canvas, x: i32, y: i32, columns: usize, all: &[Piece]) {
    let mut used = 0;
    for (text, style) in all {
        canvas.put(
            x + used as i32,
            y,
            text,
            columns.saturating_sub(used),
            *style,
        );
        used += format::width(text);
    }
}

/// `try 2/3`, or `2nd try` where nobody says how many there will be; nothing for the first.
fn attempt(node: &Node) -> String {
    match (node.attempt, node.max_attempts) {
        (0 | 1, _) => String::new(),
        (n, Some(most)) if most >= n => format!("try {n}/{most}"),
        (n, _) => format!("{} try", format::ordinal(n)),
    }
}

/// `41.2M rows`: the first figure that speaks of rows.
fn rows(node: &Node) -> Option<String> {
    let is_rows =
        |name: &str| name == "rows" || name.ends_with("_rows") || name.starts_with("rows_");
    let (_, value) = node
        .metrics
        .iter()
        .find(|(name, value)| is_rows(name.as_str()) && *value >= 0.0)?;
    let unit = if *value == 1.0 { "row" } else { "rows" };
    Some(format!("{} {unit}", short_count(*value)))
}

/// At most five columns: `9,999`, `12.3k`, `4.0M`.
fn short_count(value: f64) -> String {
    const UNITS: [&str; 4] = ["k", "M", "G", "T"];
    if value < 9_999.5 {
        return format::count(value.round() as u64);
    }
    let mut value = value;
    for unit in UNITS {
        value /= 1000.0;
        if value < 99.95 {
            return format!("{value:.1}{unit}");
        }
        if value < 999.5 {
            return format!("{value:.0}{unit}");
        }
    }
    "many".to_owned()
}
