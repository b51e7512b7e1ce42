//! The nodes of a pipeline: which fail now and then, and which the length of its runs hangs on.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::past::PipelinePast;
use crate::tui::app::{PastRow, PastScreen};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::chart::Unit;
use crate::tui::widgets::table::{Column, Width};
use crate::tui::widgets::{Pen, format};

use super::{fill, heading, rows, say, table};

const COLUMNS: [Column; 6] = [
    Column::new("NODE", Width::Fill(14)),
    Column::new("WORK", Width::Fixed(7)).right(),
    Column::new("WAITS", Width::Fixed(7)).right().drop(2),
    Column::new("ON PATH", Width::Fixed(9)).right().drop(1),
    Column::new("SAVES", Width::Fixed(14)).right(),
    Column::new("FLAKY", Width::Min(16, 34)),
];

pub fn draw(screen: &PastScreen, past: &PipelinePast, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if area.height < 2 {
        return;
    }
    let head = rows(area, 0, 1);
    let Some(known) = &past.judged.nodes else {
        heading(buf, head, theme, "nodes", "");
        let text = "Nothing is kept of its nodes in this time.";
        say(buf, rows(area, 0, area.height), theme, text);
        return;
    };
    let mut note = format!("of {}", format::plural(known.runs, "run"));
    match &known.bottlenecks {
        Some(found) => {
            let waits = Unit::Share.say(found.wait_share);
            let at_once = found.parallelism;
            note.push_str(&format!(
                "; SAVES: were it 30 % faster; the path waits {waits} of its time; {:.1} nodes at once, {:.1} would do",
                at_once.average, at_once.useful
            ));
        }
        None => note.push_str("; open a run of it to know what it hangs on"),
    }
    heading(buf, head, theme, "nodes", &note);
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some(PastRow::Node(id)) = screen.list.order.get(row) else {
            return;
        };
        let found = known.bottlenecks.as_ref();
        let step = found.and_then(|f| f.nodes.iter().find(|n| n.node == *id));
        let flaky = known.flaky.iter().find(|f| f.node == *id);
        let text = theme[Token::Text];
        let seconds = |value: f64| Unit::Duration.say(value);
        let value: Option<String> = match column {
            0 => Some(id.safe().as_str().to_owned()),
            1 => step.map(|s| seconds(s.work)),
            2 => step.map(|s| seconds(s.wait)),
            3 => step.map(|s| Unit::Share.label(s.on_path.share)),
            4 => step.filter(|s| s.saves > 0.0).map(|s| {
                format!(
                    "{} {:>5}",
                    seconds(s.saves),
                    Unit::Share.label(s.saves_share)
                )
            }),
            _ => {
                if let Some(flaky) = flaky {
                    let of = flaky.rate;
                    let text = format!(
                        "{} {} of {} runs, cost {}",
                        theme.health_glyph(crate::model::Health::Retrying),
                        of.hits,
                        of.of,
                        seconds(flaky.lost)
                    );
                    pen.fill(&text, theme[Token::Warning]);
                    return;
                }
                None
            }
        };
        fill(pen, value, text, theme);
    };
    table(
        screen,
        (&COLUMNS, screen.list.order.len()),
        theme,
        buf,
        rows(area, 1, area.height - 1),
        &mut cell,
    );
}
