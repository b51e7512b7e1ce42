//! What surrounds every screen: the top line, the bottom line, the alerts beside it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::engine::Watch;
use crate::tui::app::{App, Level, Pane, Screen};
use crate::tui::command::{Command, Context, disabled_reason};
use crate::tui::theme::{Theme, Token, accent_color};
use crate::tui::widgets::alerts::AlertList;
use crate::tui::widgets::header::{BackendChip, Header};
use crate::tui::widgets::{Pen, hints, input};
use crate::world::{BackendView, Tally};

/// An answer younger than this is as good as now: its age would only flicker.
const FRESH: chrono::Duration = chrono::Duration::seconds(60);

/// Top line, screen, bottom line. The screen is the last to go.
pub fn split(area: Rect) -> (Rect, Rect, Rect) {
    let top = u16::from(area.height >= 4);
    let bottom = u16::from(area.height >= 6);
    let line = |y: u16, height: u16| Rect { y, height, ..area };
    (
        line(area.y, top),
        line(area.y + top, area.height - top - bottom),
        line(area.bottom() - bottom, bottom),
    )
}

/// The screen and the column of alerts beside it, where there is room for one.
pub fn beside(area: Rect, wide: bool) -> (Rect, Rect) {
    if !wide {
        return (area, Rect { width: 0, ..area });
    }
    let width = (area.width / 4).clamp(28, 44);
    let main = Rect {
        width: area.width - width,
        ..area
    };
    (
        main,
        Rect {
            x: main.right(),
            width,
            ..area
        },
    )
}

/// The colour its config gives a backend.
pub fn accent(backend: &BackendView) -> Option<Style> {
    let name = backend.info.accent.as_ref()?;
    accent_color(name.as_str()).map(|color| Style::new().fg(color))
}

pub fn top_line(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let chips: Vec<BackendChip> = watch
        .world
        .backends()
        .map(|backend| {
            let mut chip = BackendChip::of(backend, app.now, accent(backend));
            if chip.up && backend.last_good.is_none_or(|at| app.now - at < FRESH) {
                chip.note.clear();
            }
            chip
        })
        .collect();
    let read_only =
        watch.world.backends().next().is_some() && watch.world.backends().all(|b| b.info.read_only);
    let replay = app.replay.as_ref();
    let replay = replay.map(|r| r.word(app.settings.zone, theme.glyphs.ascii));
    let mode = match &replay {
        Some(word) => word.as_str(),
        None if read_only => "read only",
        None => "",
    };
    Header {
        loud: replay.is_some(),
        tally: Tally::of(watch.fleet()),
        backends: &chips,
        mode,
        now: app.now,
        zone: app.settings.zone,
        seconds: app.ticking(watch),
    }
    .draw(buf, area, theme);
}

/// A line that is typed into, what just happened, or which keys do what.
pub fn bottom_line(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if app.stack.is_empty() && app.fleet.typing {
        super::prompt::Asking {
            word: " filter: ",
            hint: "a name, status:failed, backend:x, tag:x, owner:x; esc clears it",
            line: &app.fleet.filter,
            mistake: app.fleet.mistake.as_ref(),
            completer: &app.fleet.completer,
        }
        .draw(theme, buf, area);
        return;
    }
    if let Some(Screen::Run(run)) = app.stack.last()
        && run.finding
    {
        input::draw(
            buf,
            area,
            theme,
            " node: ",
            &run.find,
            "the beginning or a part of its name",
        );
        return;
    }
    if let Some(prompt) = app.log_view().and_then(|v| v.prompt.as_ref()) {
        super::log::draw_prompt(prompt, theme, buf, area);
        return;
    }
    if let Some(dialog) = &app.dialog {
        let hints = [("esc", dialog.way_out())];
        hints::draw(buf, area, theme, &hints);
        return;
    }
    if let Some(line) = app.notices.current() {
        let (glyph, style) = match line.level {
            Level::Info => (theme.glyphs.dot, theme[Token::Text]),
            Level::Good => (theme.glyphs.up, theme[Token::Good]),
            Level::Bad => (theme.glyphs.down, theme[Token::Danger]),
        };
        let mut pen = Pen::new(buf, area, 0, theme);
        pen.skip(1).put(glyph, style).skip(1);
        let room = pen.room();
        pen.cell(line.text.as_str(), room, style);
        return;
    }
    let context = app.context();
    let mut hinted = app.hinted.borrow_mut();
    // in passing the line stays as it is: it is true of where the cursor comes to rest
    if app.rests() || hinted.0 != Some(context) {
        let can = |c: &&Command| disabled_reason(**c, app, watch).is_none();
        *hinted = (
            Some(context),
            wanted(context).iter().filter(can).copied().collect(),
        );
    }
    let player: &[Command] = match app.replay {
        Some(_) => &PLAYER,
        None => &[],
    };
    let labels: Vec<(String, &str)> = player
        .iter()
        .chain(hinted.1.iter())
        .map(|c| (app.settings.keymap.label(*c), c.row().short))
        .collect();
    let shown: Vec<(&str, &str)> = labels
        .iter()
        .map(|(key, word)| (key.as_str(), *word))
        .collect();
    hints::draw(buf, area, theme, &shown);
}

/// In a replay its player comes first.
const PLAYER: [Command; 6] = [
    Command::ReplayPlay,
    Command::ReplayNext,
    Command::ReplayPrev,
    Command::ReplayNextFailure,
    Command::ReplayJump,
    Command::ReplayFaster,
];

/// What to hint at, the most useful first; what can't be done now is left out.
fn wanted(context: Context) -> &'static [Command] {
    use Command as C;
    match context {
        Context::Fleet => &[
            C::Open,
            C::Retry,
            C::Resume,
            C::Pause,
            C::Cancel,
            C::Ack,
            C::Filter,
            C::Palette,
            C::Trigger,
            C::Mark,
            C::NextProblem,
            C::PipelineDetails,
            C::Watch,
            C::NextPane,
            C::Help,
        ],
        Context::Run => &[
            C::Open,
            C::Retry,
            C::Resume,
            C::Pause,
            C::Cancel,
            C::Back,
            C::View,
            C::NextProblem,
            C::NextError,
            C::NodeDetails,
            C::FocusNode,
            C::ZoomOut,
            C::PrevAttempt,
            C::Expand,
            C::Search,
            C::Watch,
            C::Restart,
            C::Help,
        ],
        Context::Log => &[
            C::Back,
            C::NextError,
            C::Search,
            C::NextMatch,
            C::Follow,
            C::FilterIn,
            C::FilterOut,
            C::Filters,
            C::Fold,
            C::OpenRecord,
            C::MergeLogs,
            C::Copy,
            C::Wrap,
            C::PrevAttempt,
            C::Retry,
            C::SaveLog,
            C::Last,
            C::Help,
        ],
        Context::Alerts => &[
            C::Open,
            C::Ack,
            C::Silence,
            C::AlertNote,
            C::AlertResolve,
            C::Back,
            C::Retry,
            C::Copy,
            C::NextPane,
            C::Help,
        ],
        Context::System => &[
            C::Open,
            C::Back,
            C::Refresh,
            C::RetryLetters,
            C::Stop,
            C::Copy,
            C::Help,
        ],
        Context::Actions => &[C::Open, C::Back, C::Help],
        Context::Node => &[
            C::Open,
            C::Back,
            C::Retry,
            C::SetState,
            C::Note,
            C::Copy,
            C::Help,
        ],
        Context::Pipeline => &[
            C::Open,
            C::Back,
            C::Trigger,
            C::Resume,
            C::Pause,
            C::Stop,
            C::Help,
        ],
        Context::Trends => &[
            C::Back,
            C::ZoomIn,
            C::ZoomOut,
            C::OtherHalf,
            C::Open,
            C::Trends,
            C::Compare,
            C::PipelineDetails,
            C::Refresh,
            C::Help,
        ],
        Context::Compare => &[
            C::Back,
            C::Open,
            C::Trends,
            C::CompareWith,
            C::PipelineDetails,
            C::Refresh,
            C::Help,
        ],
        Context::Sla => &[
            C::Back,
            C::Open,
            C::Trends,
            C::ZoomIn,
            C::ZoomOut,
            C::PipelineDetails,
            C::Refresh,
            C::Help,
        ],
        Context::Capacity => &[
            C::Back,
            C::ZoomIn,
            C::ZoomOut,
            C::ShowSystem,
            C::Refresh,
            C::Help,
        ],
        Context::Dashboard => &[C::Back, C::ShowDashboard, C::Refresh, C::Palette, C::Help],
        Context::Help | Context::Replay => &[C::Back, C::Down, C::PageDown, C::Palette, C::Help],
    }
}

/// The list of alerts: beside a screen or as one.
pub fn alerts(app: &App, watch: &Watch, theme: &Theme, buf: &mut Buffer, area: Rect, whole: bool) {
    let focused = whole || app.context() == Context::Alerts;
    let mut top = app.alerts.first_seen();
    let shown = AlertList {
        alerts: watch.alerts.firing(),
        selected: app.alerts.selected.as_ref().filter(|_| focused),
        focused,
        now: app.now,
    }
    .draw(buf, area, theme, &mut top);
    app.alerts.saw(top, shown);
}

/// Whether a pane of the fleet or a run has the keys.
pub fn has_keys(app: &App, pane: Pane) -> bool {
    match app.stack.last() {
        None => app.fleet.pane == pane,
        Some(Screen::Run(run)) => run.pane == pane,
        Some(_) => false,
    }
}
