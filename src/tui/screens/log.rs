//! A log: in the pane below the fleet or a run, or on the whole screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::engine::Watch;
use crate::logs::{Lens, Log, Point};
use crate::model::{LogKey, Node, NodeState};
use crate::tui::app::{
    App, LogScreen, LogView, Merge, Pane, Prompt, Purpose, Screen, Sought, first_error,
};
use crate::tui::command::Command;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::log::{Chip, LogPane, Marks, spread};
use crate::tui::widgets::{Pen, format};
use crate::world::RunView;

use super::{frame, why};

/// A pane: one line of title, one line of why, the log.
#[allow(clippy::too_many_arguments)]
pub fn draw_pane(
    app: &App,
    view: &LogView,
    run: Option<&RunView>,
    node: Option<&Node>,
    why: Option<&str>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let rest = why_lines(why, theme, buf, area);
    let focused = frame::has_keys(app, Pane::Log);
    draw_log(app, view, run, node, watch, theme, buf, rest, focused);
}

/// The line of why, on two lines where there is room; returns what is left below.
fn why_lines(why: Option<&str>, theme: &Theme, buf: &mut Buffer, area: Rect) -> Rect {
    let Some(why) = why.filter(|_| area.height > 2) else {
        return area;
    };
    let most = if area.height >= 6 { 2 } else { 1 };
    let columns = usize::from(area.width.saturating_sub(6)).max(1);
    let lines = format::wrap(why, columns);
    let shown = lines.len().min(most);
    for (i, line) in lines.iter().take(shown).enumerate() {
        let mut pen = Pen::new(buf, area, i as u16, theme);
        pen.skip(1)
            .put(if i == 0 { "why " } else { "    " }, theme[Token::Title])
            .put(line, theme[Token::Text]);
        if i + 1 == shown && lines.len() > shown {
            pen.put(theme.glyphs.ellipsis, theme[Token::Muted]);
        }
    }
    let used = shown as u16;
    Rect {
        y: area.y + used,
        height: area.height - used,
        ..area
    }
}

#[allow(clippy::too_many_arguments)]
fn draw_log(
    app: &App,
    view: &LogView,
    run: Option<&RunView>,
    node: Option<&Node>,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    focused: bool,
) {
    let key = view.key();
    let log = key.and_then(|key| watch.logs.get(key));
    let title = match view.keys() {
        [] => String::new(),
        [key] => title(key, node),
        several => title_of(app, several),
    };
    let empty = empty(key, log, run, node);
    let names = names(view, watch, theme);
    let chips: Vec<Chip> = view
        .chips(app.settings.zone)
        .into_iter()
        .map(|(label, on)| Chip { label, on })
        .collect();
    let highlights = view.search.as_ref().map(|s| s.query.highlights());
    view.with(watch, |lens| {
        let mut top = view.top(lens);
        let cursor = view.cursor(lens);
        let selection = view.selection(lens);
        let hits = |parts: usize| hits_in(view, lens, parts);
        let rows = LogPane {
            lens,
            title: &title,
            chips: &chips,
            names: &names,
            cursor,
            first_error: first_error(lens),
            following: view.following(lens),
            fresh: view.fresh(lens),
            end_key: &app.settings.keymap.label(Command::Last),
            focused,
            strip: matches!(app.stack.last(), Some(Screen::Log(_))),
            look: &view.look,
            highlights: highlights.as_deref().unwrap_or_default(),
            found: found(view, lens, cursor).as_ref(),
            hits: view
                .search
                .as_ref()
                .map(|_| &hits as &dyn Fn(usize) -> Vec<u32>),
            bookmarks: &view.bookmarks(lens),
            bookmarked: &|point| view.is_bookmarked(lens, point),
            selection: selection.as_ref(),
            density: &view.density,
            zone: app.settings.zone,
            empty: &empty,
        }
        .draw(buf, area, theme, &mut top);
        view.saw(lens, top, rows);
    });
}

/// "3 of 218", "filtering 12 %".
fn found(view: &LogView, lens: &Lens, cursor: Option<Point>) -> Option<String> {
    let going = |percent: Option<u64>| percent.map_or(String::new(), |p| format!(", {p} % read"));
    if let Some(search) = &view.search {
        let total = format::count(search.total() as u64);
        let rank = cursor.and_then(|at| search.rank(lens, at));
        let going = going(search.percent());
        return Some(match rank {
            Some(rank) => format!("match {} of {total}{going}", format::count(rank as u64)),
            None if search.total() == 0 => format!("no match{going}"),
            None => format!("{total} match{going}"),
        });
    }
    let (total, percent) = view.sieve.found()?;
    percent?;
    Some(format!(
        "{} found{}",
        format::count(total as u64),
        going(percent)
    ))
}

/// How many hits there are in each of so many equal parts of what is shown.
fn hits_in(view: &LogView, lens: &Lens, parts: usize) -> Vec<u32> {
    match &view.search {
        Some(search) => spread(lens, parts, &Hits { search, lens }),
        None => vec![0; parts],
    }
}

/// What was found by a search.
struct Hits<'a> {
    search: &'a Sought,
    lens: &'a Lens<'a>,
}

impl Marks for Hits<'_> {
    fn total(&self) -> usize {
        self.search.total()
    }

    fn in_parts(&self, source: usize, parts: usize) -> Vec<u32> {
        let Some(log) = self.lens.log(source) else {
            return Vec::new();
        };
        let matches = self.search.matches(source);
        let lines = log.numbers();
        let at = |part: usize| {
            let line = u128::from(lines.end - lines.start) * part as u128 / parts.max(1) as u128;
            matches.rank(lines.start + line as u64)
        };
        let counts = (0..parts).map(|part| at(part + 1).saturating_sub(at(part)));
        counts
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
            .collect()
    }

    fn numbers(&self, source: usize) -> Box<dyn Iterator<Item = u64> + '_> {
        let numbers = self.lens.log(source).map_or(0..0, Log::numbers);
        Box::new(self.search.matches(source).within(numbers))
    }

    /// What is sought is sought among what passes.
    fn between(&self, _: &Lens, source: usize, bounds: &[u64]) -> Vec<u32> {
        let matches = self.search.matches(source);
        let ranks = bounds.iter().map(|bound| matches.rank(*bound));
        let mut before = 0;
        let counts = ranks.chain([matches.len()]).map(|rank| {
            let count = rank.saturating_sub(before);
            before = rank;
            u32::try_from(count).unwrap_or(u32::MAX)
        });
        counts.collect()
    }
}

/// What tells several logs apart: the name of the node, or the attempt where it is one node.
fn names(view: &LogView, watch: &Watch, theme: &Theme) -> Vec<(String, Style)> {
    const TOKENS: [Token; 6] = [
        Token::Accent,
        Token::State(NodeState::Running),
        Token::State(NodeState::Waiting),
        Token::Title,
        Token::Link,
        Token::Muted,
    ];
    let keys = view.keys();
    let one = keys.windows(2).all(|w| w[0].node == w[1].node);
    let name = |key: &LogKey| match (one, watch.world.node(&key.node)) {
        (true, _) => format!("try {}", key.attempt),
        (false, Some(node)) => node.name.to_string(),
        (false, None) => key.node.node.safe().to_string(),
    };
    let of = |(at, key): (usize, &LogKey)| (name(key), theme[TOKENS[at % TOKENS.len()]]);
    keys.iter().enumerate().map(of).collect()
}

/// "orders_daily / failing nodes", with how many logs these are.
fn title_of(app: &App, keys: &[LogKey]) -> String {
    let pipeline = keys.first().map(|k| k.node.run.pipeline.pipeline.safe());
    let pipeline = pipeline.unwrap_or_default();
    let (what, all) = match app.stack.last() {
        Some(Screen::Log(log)) => (log.merge.map_or("logs", Merge::word), log.all),
        _ => ("logs", keys.len()),
    };
    match keys.len() {
        shown if shown < all => format!("{pipeline} / {what}, {shown} of {all} logs"),
        shown => format!("{pipeline} / {what}, {shown} logs"),
    }
}

/// The line that is typed for a log.
pub fn draw_prompt(prompt: &Prompt, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let (word, hint) = match prompt.purpose {
        Purpose::Search => (
            " search: ",
            "words, \"a phrase\", level:error, @rows:>5, /regex/; tab completes",
        ),
        Purpose::FilterIn => (
            " only: ",
            "show what matches: words, level:warn, -word; tab completes",
        ),
        Purpose::FilterOut => (
            " not: ",
            "leave out what matches: words, source:x; tab completes",
        ),
        Purpose::Change(_) => (" filter: ", "empty removes it"),
    };
    super::prompt::Asking {
        word,
        hint,
        line: &prompt.line,
        mistake: prompt.error.as_ref(),
        completer: &prompt.completer,
    }
    .draw(theme, buf, area);
}

/// "orders_daily / load / attempt 2".
fn title(key: &LogKey, node: Option<&Node>) -> String {
    let pipeline = key.node.run.pipeline.pipeline.safe();
    let name = node.map_or_else(|| key.node.node.safe(), |n| n.name.clone());
    let of = node.map_or(0, |n| n.attempt);
    match (key.attempt, of) {
        (0, _) => format!("{pipeline} / {name}"),
        (now, newest) if newest > now => format!("{pipeline} / {name} / attempt {now} of {newest}"),
        (now, _) => format!("{pipeline} / {name} / attempt {now}"),
    }
}

/// Why there is no line.
fn empty(
    key: Option<&LogKey>,
    log: Option<&Log>,
    run: Option<&RunView>,
    node: Option<&Node>,
) -> String {
    if run.is_none() {
        return "no run yet: nothing to read".to_owned();
    }
    let Some(node) = node else {
        return match run {
            Some(run) if run.nodes.is_empty() => {
                "its nodes are not known yet; enter opens the run".to_owned()
            }
            _ => "nothing in it needs a look; enter opens it".to_owned(),
        };
    };
    match (key, log) {
        (None, _) => match node.state {
            NodeState::Blocked => "no log: something upstream failed, so it never ran".to_owned(),
            NodeState::Pending => "no log yet: what it needs is not done".to_owned(),
            NodeState::Queued => "no log yet: it waits for a slot".to_owned(),
            state => format!("no log: the node is {}", state.word()),
        },
        (Some(_), Some(log)) if log.complete() => "its log is empty".to_owned(),
        (Some(_), _) if node.attempt == 0 => {
            format!("no log yet: the node is {}", node.state.word())
        }
        (Some(_), Some(_)) => "it has printed nothing yet".to_owned(),
        (Some(_), None) => "reading its log...".to_owned(),
    }
}

pub fn draw_screen(
    app: &App,
    screen: &LogScreen,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let key = app.log_key(watch).unwrap_or_else(|| screen.key.clone());
    let run = watch.world.run(&key.node.run);
    let node = run.and_then(|r| r.nodes.get(&key.node.node));
    let mut rest = area;
    if let (Some(run), Some(node)) = (run, node)
        && area.height > 8
    {
        let mut pen = Pen::new(buf, area, 0, theme);
        pen.skip(1)
            .put(theme.state_glyph(node.state), theme.state(node.state))
            .skip(1)
            .put(node.state.word(), theme.state(node.state))
            .skip(2);
        if let Some(why) = why::of_run(watch, run, Some(node), app.now, &app.settings) {
            let room = pen.room();
            pen.cell(&why, room, theme[Token::Text]);
        }
        rest = Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        };
    }
    draw_log(app, &screen.view, run, node, watch, theme, buf, rest, true);
}
