//! Why a command can't be carried out now.

use crate::engine::Watch;
use crate::model::{Action, Reach, SafeText};
use crate::tui::app::{App, SPEEDS, draft};

use super::{Command, Context};

impl Command {
    /// Goes from one row or box to another, maybe many in a row.
    pub const fn moves(self) -> bool {
        matches!(
            self,
            Self::Up
                | Self::Down
                | Self::Left
                | Self::Right
                | Self::PageUp
                | Self::PageDown
                | Self::First
                | Self::Last
                | Self::NextProblem
                | Self::PrevProblem
        )
    }

    /// Changes something that others see, or asks backends for something.
    pub const fn acts(self) -> bool {
        self.action().is_some()
            || matches!(
                self,
                Self::Mark
                    | Self::MarkAll
                    | Self::Ack
                    | Self::Silence
                    | Self::AlertNote
                    | Self::AlertResolve
                    | Self::RetryLetters
                    | Self::Watch
                    | Self::Refresh
            )
    }

    /// The action a command asks for.
    pub const fn action(self) -> Option<Action> {
        Some(match self {
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Retry => Action::Retry,
            Self::Restart => Action::Restart,
            Self::Cancel => Action::Cancel,
            Self::Trigger => Action::Trigger,
            Self::SetState => Action::Mark,
            Self::Note => Action::Note,
            Self::Stop => Action::Stop,
            _ => return None,
        })
    }
}

/// Why a command can't be carried out here and now, with the nearest thing that can be done; `None`: it can.
pub fn disabled_reason(command: Command, app: &App, watch: &Watch) -> Option<SafeText> {
    let context = app.context();
    if app.replay.is_some() {
        if command.row().applies(Context::Replay) {
            return replay_reason(command, app).map(SafeText::new);
        }
        if command.acts() {
            return Some(SafeText::new(
                "this is a replay: nothing can be done in the past",
            ));
        }
    }
    if !command.row().applies(context) {
        let places: Vec<&str> = command.row().contexts.iter().map(|c| c.word()).collect();
        return Some(SafeText::new(format!("works in: {}", places.join(", "))));
    }
    if let Some(action) = command.action() {
        return action_reason(action, app, watch);
    }
    let because = |why: &str| Some(SafeText::new(why));
    let selected = app.subject(watch);
    match command {
        Command::Open if context == Context::Fleet => {
            let row = app.fleet.selected_row(watch);
            match row {
                None => because("there is no pipeline to open yet"),
                Some(row) if row.run.is_none() => {
                    because("it has no run yet; t starts one, i tells about it")
                }
                Some(_) => None,
            }
        }
        Command::Mark | Command::MarkAll if app.fleet.list.order.is_empty() => {
            because("there is no row to mark")
        }
        Command::OpenLog
        | Command::NodeDetails
        | Command::SaveLog
        | Command::SaveAll
        | Command::Follow
        | Command::MergeLogs
        | Command::ShowNode
            if app.log_key(watch).is_none() =>
        {
            because("nothing has run here, so there is no log")
        }
        Command::SaveLog | Command::SaveAll if app.settings.save_dir.is_none() => {
            because("there is no folder to save to")
        }
        Command::NextError | Command::PrevError => {
            let logs = app.log_view().map(|view| view.keys()).unwrap_or_default();
            let logs = logs.iter().filter_map(|key| watch.logs.get(key));
            match logs.map(|log| log.error_count()).max() {
                None => because("the log has not been read yet"),
                Some(0) => because("there is no error in this log"),
                Some(_) => None,
            }
        }
        Command::RetryLetters if watch.channels.dead.is_empty() => {
            because("everything has been told")
        }
        Command::Ack | Command::Silence | Command::AlertNote | Command::AlertResolve
            if app.alert_here(watch).is_none() =>
        {
            because("there is no alert here")
        }
        Command::Watch => match selected
            .and_then(|s| s.run)
            .and_then(|k| watch.world.run(&k))
        {
            None => because("it has no run to wait for"),
            Some(run) if run.run.state.ended() => because("the run has ended"),
            Some(_) => None,
        },
        Command::PipelineDetails | Command::Trends
            if selected.as_ref().is_none_or(|s| s.pipeline.is_none()) =>
        {
            because("no pipeline is selected")
        }
        Command::OtherHalf if !app.past_screen().is_some_and(|s| s.halved()) => {
            because("this screen has one half only; H shows the trends of the pipeline")
        }
        Command::ShowDashboard if app.settings.dashboards.is_empty() => {
            because("the config has no [[dashboard]]")
        }
        Command::Compare | Command::CompareWith
            if context != Context::Compare && selected.as_ref().is_none_or(|s| s.run.is_none()) =>
        {
            because("it has no run yet")
        }
        Command::PrevAttempt | Command::NextAttempt if !app.has_attempts(watch) => {
            because("there is only one attempt")
        }
        Command::Expand | Command::ExpandAll | Command::CollapseAll if !has_groups(app, watch) => {
            because("this run has no groups")
        }
        Command::Left | Command::Right | Command::ZoomIn | Command::ZoomOut | Command::ZoomFit
            if matches!(context, Context::Trends | Context::Sla | Context::Capacity) =>
        {
            because(app.past_screen()?.span_reason(command)?)
        }
        Command::ZoomIn
        | Command::ZoomOut
        | Command::ZoomFit
        | Command::PanLeft
        | Command::PanRight
        | Command::Center
        | Command::Minimap
        | Command::Ancestors
        | Command::Descendants
        | Command::FocusNode => {
            let run = app.run_screen()?;
            because(
                run.time_reason(command)
                    .unwrap_or_else(|| run.drawing_reason(command))?,
            )
        }
        Command::Sort
            if app
                .run_screen()
                .is_some_and(|run| run.view == crate::tui::app::View::Graph) =>
        {
            because("the graph has its own order; v shows the list")
        }
        Command::OlderRun if app.other_run(watch, true).is_none() => {
            because("there is no older run that is known")
        }
        Command::NewerRun if app.other_run(watch, false).is_none() => {
            because("this is the newest run")
        }
        _ if context == Context::Log => log_reason(command, app, watch).map(SafeText::new),
        _ => None,
    }
}

/// Why the player of a replay can't do it.
fn replay_reason(command: Command, app: &App) -> Option<&'static str> {
    let replay = app.replay.as_ref()?;
    let (from, to) = (replay.span.from, replay.span.to);
    match command {
        Command::ReplayPlay | Command::ReplayNext | Command::ReplayNextFailure
            if replay.at >= to && !replay.playing =>
        {
            Some("this is the end of what was recorded")
        }
        Command::ReplayPrev | Command::ReplayPrevFailure if replay.at <= from => {
            Some("this is the start of what was recorded")
        }
        Command::ReplayFaster if replay.speed() == SPEEDS[SPEEDS.len() - 1] => {
            Some("it can't go faster")
        }
        Command::ReplaySlower if replay.speed() == SPEEDS[0] => Some("it can't go slower"),
        _ => None,
    }
}

/// Why a command about the log can't be carried out.
fn log_reason(command: Command, app: &App, watch: &Watch) -> Option<&'static str> {
    let view = app.log_view()?;
    let record = || {
        view.with(watch, |lens| {
            let at = view.cursor(lens)?;
            Some((lens.record(at).len(), view.time_at(lens, at)))
        })
    };
    match command {
        Command::NextMatch | Command::PrevMatch if view.search.is_none() => {
            Some("nothing was searched for; / searches")
        }
        Command::LevelUp if view.sieve.next_threshold(true).is_none() => {
            Some("only the loudest level is shown")
        }
        Command::LevelDown if view.sieve.next_threshold(false).is_none() => {
            Some("all levels are shown")
        }
        Command::Filters if view.sieve.is_empty() => {
            Some("nothing is filtered; & filters in, - filters out")
        }
        Command::AllTime if !view.sieve.is_timed() => Some("all of the time is shown"),
        Command::NextBookmark | Command::PrevBookmark if !view.has_bookmarks() => {
            Some("there is no bookmark; b sets one")
        }
        Command::Since | Command::Until => match record() {
            Some((_, Some(_))) => None,
            _ => Some("this line has no time"),
        },
        Command::Fold => match record() {
            None => Some("there is no line"),
            Some((1, _)) => Some("this record has only one line"),
            Some(_) => None,
        },
        Command::OpenRecord
        | Command::CopyRecord
        | Command::Bookmark
        | Command::Select
        | Command::Pager
        | Command::Editor
            if record().is_none() =>
        {
            Some("there is no line")
        }
        _ => None,
    }
}

fn has_groups(app: &App, watch: &Watch) -> bool {
    app.run_screen()
        .and_then(|run| watch.world.run(&run.run)?.topology.as_ref())
        .is_some_and(|t| !t.groups.is_empty())
}

fn action_reason(action: Action, app: &App, watch: &Watch) -> Option<SafeText> {
    if watch.world.backends().all(|b| b.info.read_only) && watch.world.backends().next().is_some() {
        return Some(SafeText::new("every backend is read_only in the config"));
    }
    // marked rows are looked at one by one in the question itself
    if app.context() == Context::Fleet && !app.fleet.marks.is_empty() {
        return None;
    }
    let Some(subject) = app.subject(watch) else {
        let up = watch.world.backends().any(|b| b.status.reach == Reach::Up);
        return Some(SafeText::new(if up {
            "nothing is selected"
        } else {
            "no backend answers, so there is nothing to act on"
        }));
    };
    draft(watch, action, &subject).err()
}
