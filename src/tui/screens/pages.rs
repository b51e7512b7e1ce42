//! Pages of facts: all that is known of a node or a pipeline.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Watch;
use crate::model::{NodeKey, PipelineKey, Target};
use crate::tui::app::{App, Scroll};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::Pen;
use crate::tui::widgets::details::{self, Entry};
use crate::tui::widgets::facts::{self, Clock};
use crate::tui::widgets::format;
use crate::tui::widgets::panel::Panel;

pub fn node(
    app: &App,
    key: &NodeKey,
    scroll: &Scroll,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let label = Target::Node(key.clone()).label();
    let view = watch.world.run(&key.run);
    let entries = view.and_then(|view| {
        let node = view.nodes.get(&key.node)?;
        Some(facts::of_node(
            node,
            view.details.get(&key.node),
            clock(app),
        ))
    });
    page(
        label.as_str(),
        entries,
        "its backend no longer lists this node; esc goes back",
        scroll,
        theme,
        buf,
        area,
    );
}

pub fn pipeline(
    app: &App,
    key: &PipelineKey,
    scroll: &Scroll,
    watch: &Watch,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let label = Target::Pipeline(key.clone()).label();
    let entries = watch.world.pipeline(key).map(|view| {
        let mut entries = facts::of_pipeline(&view.pipeline, clock(app));
        entries.push(Entry::Gap);
        entries.push(Entry::Heading("runs".into()));
        for run in watch.world.runs_of(key).take(20) {
            let took = run
                .run
                .elapsed(app.now)
                .map(format::duration)
                .unwrap_or_default();
            let when = format::date_time(run.run.ordered_at, app.settings.zone);
            let glyph = theme.health_glyph(run.health);
            let text = format!(
                "{glyph} {:<10} {took:<8} {}",
                run.health.word(),
                run.run.key.run.safe()
            );
            entries.push(Entry::pair(when, text));
        }
        if watch.world.runs_of(key).next().is_none() {
            entries.push(Entry::Text("no run is known".into()));
        }
        entries
    });
    page(
        label.as_str(),
        entries,
        "its backend no longer lists this pipeline; esc goes back",
        scroll,
        theme,
        buf,
        area,
    );
}

fn clock(app: &App) -> Clock {
    Clock {
        now: app.now,
        zone: app.settings.zone,
    }
}

fn page(
    title: &str,
    entries: Option<Vec<Entry>>,
    gone: &str,
    scroll: &Scroll,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) {
    let title = [(title, theme[Token::Title])];
    let inner = Panel {
        title: &title,
        note: "",
        focused: true,
    }
    .draw(buf, area, theme);
    let Some(entries) = entries else {
        Pen::new(buf, inner, 1, theme)
            .skip(2)
            .put(gone, theme[Token::Stale]);
        return;
    };
    let mut top = scroll.top.get();
    details::draw(buf, inner, theme, &entries, &mut top);
    scroll.top.set(top);
    scroll.height.set(usize::from(inner.height));
}
