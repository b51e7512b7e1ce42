//! One row of the fleet: what it says in each column.

use crate::analytics::usual_duration;
use crate::engine::Watch;
use crate::model::{Health, NodeState, SafeText, Target};
use crate::tui::app::App;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::{Pen, bar, format, spark};
use crate::world::{FleetRow, RunView};

use super::frame;

/// Columns a bar takes, percentage included.
const BAR: usize = 15;

pub fn cell(
    app: &App,
    watch: &Watch,
    theme: &Theme,
    row: &FleetRow,
    title: &str,
    column: usize,
    pen: &mut Pen,
) {
    let run = row.run.as_ref().and_then(|key| watch.world.run(key));
    let plain = if row.stale {
        theme[Token::Stale]
    } else {
        theme[Token::Text]
    };
    match title {
        "" if column == 0 => {
            let style = if row.stale {
                theme[Token::Stale]
            } else {
                theme.health(row.health)
            };
            let glyph = if row.paused && !row.health.active() && !row.health.needs_person() {
                theme.state_glyph(NodeState::Paused)
            } else {
                theme.health_glyph(row.health)
            };
            pen.fill(glyph, style);
        }
        "PIPELINE" => {
            let name = watch
                .world
                .pipeline(&row.key)
                .map(|p| p.pipeline.name.clone());
            let name = name.unwrap_or_else(|| row.key.pipeline.safe());
            let style = if row.health.needs_person() && !row.stale {
                theme[Token::Title]
            } else {
                plain
            };
            pen.middle(name.as_str(), style);
        }
        "BACKEND" => {
            if let Some(backend) = watch.world.backend(&row.key.backend) {
                let style = frame::accent(backend).unwrap_or(theme[Token::Muted]);
                pen.fill(backend.info.name.as_str(), style);
            }
        }
        "LAST RUNS" => {
            let room = pen.room();
            spark::draw(pen, theme, &row.last, room);
        }
        "NOW" => now(app, watch, theme, row, run, pen),
        "TIME" => {
            let time = run
                .and_then(|r| r.run.elapsed(app.now))
                .map(format::duration);
            pen.fill(time.as_deref().unwrap_or(theme.glyphs.none), plain);
        }
        "USUAL" => {
            let usual = usual_duration(watch.world.runs_of(&row.key)).map(format::duration);
            pen.fill(
                usual.as_deref().unwrap_or(theme.glyphs.none),
                theme[Token::Muted],
            );
        }
        "NEXT" => {
            let next = watch
                .world
                .pipeline(&row.key)
                .and_then(|p| p.pipeline.schedule.next);
            match next {
                Some(_) if row.due.is_some() => pen.fill("late", theme.health(Health::Late)),
                Some(_) if row.paused => pen.fill("paused", theme[Token::Muted]),
                Some(at) => pen.fill(
                    &format::due(at, app.now, app.settings.zone),
                    theme[Token::Muted],
                ),
                None => pen.fill(theme.glyphs.none, theme[Token::Muted]),
            };
        }
        _ => {}
    }
}

/// What is going on, in words.
fn now(
    app: &App,
    watch: &Watch,
    theme: &Theme,
    row: &FleetRow,
    run: Option<&RunView>,
    pen: &mut Pen,
) {
    let pending = row
        .run
        .clone()
        .map(Target::Run)
        .into_iter()
        .chain([Target::Pipeline(row.key.clone())])
        .find_map(|target| watch.world.pending_action(&target));
    if let Some(action) = pending {
        let text = format!(
            "{}{} requested {}",
            action.request.action.doing(),
            theme.glyphs.ellipsis,
            format::age(action.changed_at, app.now)
        );
        pen.fill(&text, theme[Token::Requested]);
        return;
    }
    if row.stale
        && let Some(since) = watch
            .world
            .backend(&row.key.backend)
            .and_then(|b| b.stale_since())
    {
        let text = format!("as of {} ", format::age(since, app.now));
        pen.put(&text, theme[Token::Stale]);
    }
    let style = theme.health(row.health);
    let muted = theme[Token::Muted];
    let pipeline = watch.world.pipeline(&row.key).map(|p| &p.pipeline);
    if let Some(stale) = pipeline.and_then(|p| p.stale.as_ref()) {
        pen.fill(stale.as_str(), theme[Token::Danger]);
        return;
    }
    let node = run
        .zip(row.node.as_ref())
        .and_then(|(r, id)| r.nodes.get(id));
    match (row.health, node) {
        (Health::Failing | Health::Failed | Health::Retrying, Some(node)) => {
            pen.put(node.name.as_str(), style);
            let error: Option<SafeText> = watch
                .first_error(row)
                .and_then(|key| watch.error_line(&key));
            match error {
                Some(error) => pen
                    .put(&format!(" {} ", theme.glyphs.dot), muted)
                    .fill(error.as_str(), style),
                None => pen.put(&format!(" {}", super::why::ended_how(node)), muted),
            };
        }
        (Health::Running, Some(node)) if node.state != NodeState::Running => {
            let text = format!("{} {}", node.name, node.state.word());
            pen.fill(&text, theme.state(node.state));
        }
        (Health::Running, Some(node)) => {
            let fraction = node
                .progress
                .map(crate::model::Progress::fraction)
                .or_else(|| {
                    // of a run with one node it would only say "not done"
                    run.filter(|r| r.counts().is_some_and(|c| c.total() > 1))?
                        .fraction()
                });
            let room = pen.room();
            let bar_room = if room >= BAR + 8 { BAR } else { 0 };
            let name = format::fit(
                node.name.as_str(),
                room.saturating_sub(bar_room + 1),
                theme.glyphs.ellipsis,
            )
            .into_owned();
            pen.put(&name, style);
            if let Some(fraction) = fraction.filter(|_| bar_room > 0) {
                pen.skip(1);
                bar::draw(pen, theme, fraction, BAR - 1, theme[Token::Bar]);
            }
        }
        (Health::Late, _) => {
            let due = row
                .due
                .map(|at| format::due(at, app.now, app.settings.zone))
                .unwrap_or_default();
            pen.fill(&format!("not started, due {due}"), style);
        }
        (Health::Lost, _) => {
            pen.fill("lost: nobody answers for it any more", style);
        }
        (Health::Idle, _) => {
            let schedule = pipeline
                .map(|p| p.schedule.text.as_str())
                .filter(|t| !t.is_empty());
            match schedule {
                Some(schedule) => pen.fill(&format!("never ran, {schedule}"), muted),
                None => pen.fill("never ran", muted),
            };
        }
        (health, _) => {
            let word = if row.paused && !health.active() {
                "paused, last "
            } else {
                ""
            };
            let ended = run
                .and_then(|r| r.run.ended_at)
                .map(|at| format!(" {}", format::age(at, app.now)));
            let style = if health == Health::Succeeded {
                muted
            } else {
                style
            };
            pen.fill(
                &format!("{word}{}{}", health.word(), ended.unwrap_or_default()),
                style,
            );
        }
    }
}
