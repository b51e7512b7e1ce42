//! The board of promises: what is kept now, what was kept, and what may still be missed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::analytics::sla::{Kept, Miss, Outcome};
use crate::engine::Watch;
use crate::engine::past::{SlaPast, SlaRow};
use crate::tui::app::{App, PastRow, PastScreen};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::Unit;
use crate::tui::widgets::table::{Column, Width};
use crate::tui::widgets::{Pen, bar, format};

use super::{fill, heading, rows, say, table};

const COLUMNS: [Column; 9] = [
    Column::new("", Width::Fixed(1)),
    Column::new("PIPELINE", Width::Fill(14)),
    Column::new("NOW", Width::Fixed(8)),
    Column::new("DUE", Width::Fixed(8)).right(),
    Column::new("ETA", Width::Fixed(8)).right(),
    Column::new("KEPT", Width::Fixed(8)).right().drop(1),
    Column::new("BUDGET", Width::Fixed(14)).drop(2),
    Column::new("BURN", Width::Fixed(6)).right().drop(3),
    Column::new("LAST", Width::Min(7, 30)).drop(4),
];

pub fn draw(
    app: &App,
    screen: &PastScreen,
    past: &SlaPast,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    if past.rows.is_empty() {
        let text = "Nothing is promised: an [[expect]] in the config with done_by, start_within or duration_limit makes a promise of a pipeline.";
        return say(buf, area, theme, text);
    }
    tally(past, theme, buf, rows(area, 0, 1));
    let below = if area.height >= 14 { 5 } else { 0 };
    let list = rows(area, 1, area.height.saturating_sub(1 + below));
    board(app, screen, past, watch, theme, buf, list);
    if below > 0 {
        let at = rows(area, area.height - below, below);
        misses(app, screen, past, theme, buf, at);
    }
}

pub fn look(kept: Option<Kept>, theme: &Theme) -> (&'static str, &'static str, Style) {
    use crate::model::NodeState as S;
    match kept {
        Some(Kept::Met) => (theme.state_glyph(S::Succeeded), "met", theme[Token::Good]),
        Some(Kept::Open) => (theme.state_glyph(S::Running), "open", theme[Token::Text]),
        Some(Kept::AtRisk) => (
            theme.state_glyph(S::Warned),
            "at risk",
            theme[Token::Warning],
        ),
        Some(Kept::Missed) => (theme.state_glyph(S::Failed), "missed", theme[Token::Danger]),
        None => (
            theme.state_glyph(S::Unknown),
            "unknown",
            theme[Token::Muted],
        ),
    }
}

fn kept(row: &SlaRow) -> Option<Kept> {
    row.now.as_ref().map(|o| o.kept)
}

fn tally(past: &SlaPast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let mut pen = Pen::new(buf, area, 0, theme);
    pen.skip(1);
    for which in [Kept::Missed, Kept::AtRisk, Kept::Open, Kept::Met] {
        let count = past.rows.iter().filter(|r| kept(r) == Some(which)).count();
        if count > 0 {
            let (glyph, word, style) = look(Some(which), theme);
            pen.put(&format!("{glyph} {count} {word}"), style).skip(3);
        }
    }
}

fn board(
    app: &App,
    screen: &PastScreen,
    past: &SlaPast,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let due = |at| format::due(at, app.now, app.settings.zone);
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some(row) = past.rows.get(row) else {
            return;
        };
        let (glyph, word, style) = look(kept(row), theme);
        let text = theme[Token::Text];
        let value: Option<String> = match column {
            0 => {
                pen.fill(glyph, style);
                return;
            }
            1 => {
                let view = watch.world.pipeline(&row.pipeline);
                let name =
                    view.map_or_else(|| row.pipeline.pipeline.safe(), |v| v.pipeline.name.clone());
                Some(name.as_str().to_owned())
            }
            2 => {
                pen.fill(word, style);
                return;
            }
            3 => row
                .now
                .as_ref()
                .and_then(|o| o.deadline)
                .or(row.next)
                .map(due),
            4 => {
                if let Some((likely, _)) = row.eta {
                    let late = row.now.as_ref().and_then(|o| o.deadline);
                    let late = late.is_some_and(|deadline| likely > deadline);
                    let style = if late { theme[Token::Danger] } else { text };
                    pen.fill(&due(likely), style);
                    return;
                }
                None
            }
            5 => row.budget.share.map(|share| Unit::Share.say(share)),
            6 => {
                budget(row, pen, theme);
                return;
            }
            7 => row.budget.burn.map(|burn| format!("{burn:.1}x")),
            _ => {
                let room = pen.room();
                for one in row.last.iter().skip(row.last.len().saturating_sub(room)) {
                    let (glyph, _, style) = look(Some(*one), theme);
                    pen.put(glyph, style);
                }
                return;
            }
        };
        fill(pen, value, text, theme);
    };
    table(
        screen,
        (&COLUMNS, past.rows.len()),
        theme,
        buf,
        area,
        &mut cell,
    );
}

/// How much of what may be missed was missed.
fn budget(row: &SlaRow, pen: &mut Pen, theme: &Theme) {
    let budget = &row.budget;
    if budget.met + budget.missed == 0 {
        pen.fill(theme.glyphs.none, theme[Token::Muted]);
        return;
    }
    let used = match budget.allowed > 0.0 {
        true => budget.missed as f64 / budget.allowed,
        false if budget.missed > 0 => f64::INFINITY,
        false => 0.0,
    };
    let style = match used {
        used if used > 1.0 => theme[Token::Danger],
        used if used > 0.5 => theme[Token::Warning],
        _ => theme[Token::Bar],
    };
    let bar = bar::text(theme, used.min(1.0), 6);
    let figure = match used.is_finite() && used < 10.0 {
        true => format!("{:.0} %", used * 100.0),
        false => "used up".to_owned(),
    };
    pen.put(&bar, style).skip(1).put(&figure, style);
}

/// The last misses of the selected pipeline, in words.
fn misses(
    app: &App,
    screen: &PastScreen,
    past: &SlaPast,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let Some(PastRow::Pipeline(key)) = &screen.shown else {
        return;
    };
    let Some(row) = past.rows.iter().find(|r| r.pipeline == *key) else {
        return;
    };
    let target = Unit::Share.label(row.budget.target);
    let note = format!(
        "{} met, {} missed of what was due; {target} is to be met{}",
        row.budget.met,
        row.budget.missed,
        if row.cut {
            "; only the newest runs are looked at"
        } else {
            ""
        }
    );
    heading(buf, rows(area, 0, 1), theme, "misses", &note);
    if row.misses.is_empty() {
        Pen::new(buf, area, 1, theme)
            .skip(2)
            .put("none in this time", theme[Token::Muted]);
    }
    for (at, outcome) in (1u16..).zip(&row.misses) {
        let when = format::date_minute(outcome.due, app.settings.zone);
        let text = format!("due {when}: {}", words(outcome));
        Pen::new(buf, area, at, theme)
            .skip(2)
            .put(theme.glyphs.down, theme[Token::Danger])
            .skip(1)
            .put(&text, theme[Token::Text]);
    }
}

fn words(outcome: &Outcome) -> String {
    let say = |seconds: f64| Unit::Duration.say(seconds);
    let one = |miss: &Miss| match miss {
        Miss::DoneBy { late: Some(late) } => format!("done {} too late", say(*late)),
        Miss::DoneBy { late: None } => "never done".to_owned(),
        Miss::StartWithin { late: Some(late) } => format!("started {} too late", say(*late)),
        Miss::StartWithin { late: None } => "never started".to_owned(),
        Miss::Duration { over } => format!("took {} longer than it may", say(*over)),
    };
    let all: Vec<String> = outcome.misses.iter().map(one).collect();
    all.join(", ")
}
