//! The table itself.

use super::Command as C;
use super::Context::{
    Actions, Alerts, Capacity, Compare, Dashboard, Fleet, Help, Log, Node, Pipeline, Run, Sla,
    System, Trends,
};
use super::{Context, Group, Row};

pub(super) const ANY: &[Context] = &[
    Fleet, Run, Log, Alerts, System, Actions, Node, Pipeline, Trends, Compare, Sla, Capacity,
    Dashboard, Help,
];
/// Where the past is shown.
const PAST: &[Context] = &[Context::Replay];
/// Screens with more than one pane.
const PANES: &[Context] = &[Fleet, Run, Log, Alerts];
/// Where something that can be acted upon is selected.
const TARGETS: &[Context] = &[Fleet, Run, Log, Alerts, Node, Pipeline];

const fn row(
    command: C,
    name: &'static str,
    keys: &'static [&'static str],
    short: &'static str,
    doc: &'static str,
    group: Group,
    contexts: &'static [Context],
) -> Row {
    Row {
        command,
        name,
        keys,
        short,
        doc,
        group,
        danger: false,
        contexts,
    }
}

const fn act(
    command: C,
    name: &'static str,
    keys: &'static [&'static str],
    short: &'static str,
    doc: &'static str,
    contexts: &'static [Context],
) -> Row {
    Row {
        danger: true,
        ..row(command, name, keys, short, doc, Group::Act, contexts)
    }
}

use Group::{Act, Look, Move, Program, Replay};

/// Every command, in the order of help.
#[rustfmt::skip]
pub static TABLE: &[Row] = &[
    row(C::Up, "up", &["k", "up"], "up", "Up: previous row, box or line", Move, ANY),
    row(C::Down, "down", &["j", "down"], "down", "Down: next row, box or line", Move, ANY),
    row(C::Left, "left", &["h", "left"], "left", "Left: upstream, fold; sideways in a log; a shorter time", Move, &[Run, Log, Trends, Sla, Capacity]),
    row(C::Right, "right", &["l", "right"], "right", "Right: downstream, unfold; sideways; a longer time", Move, &[Run, Log, Trends, Sla, Capacity]),
    row(C::PageUp, "page-up", &["pgup", "ctrl-u"], "page up", "One page up; half a pane in the graph", Move, ANY),
    row(C::PageDown, "page-down", &["pgdn", "ctrl-d"], "page down", "One page down; half a pane in the graph", Move, ANY),
    row(C::First, "first", &["g", "home"], "top", "To the first row or line", Move, ANY),
    row(C::Last, "last", &["G", "end"], "end", "To the last row or line", Move, ANY),
    row(C::Open, "open", &["enter"], "open", "Open the run, the full log, the group, the alert's run", Move, &[Fleet, Run, Log, Alerts, System, Actions, Node, Pipeline, Trends, Compare, Sla, Capacity]),
    row(C::Back, "back", &["esc", "q", "backspace"], "back", "Back one screen; q on the fleet quits", Move, ANY),
    row(C::NextPane, "next-pane", &["tab"], "pane", "Keyboard to the next pane", Move, PANES),
    row(C::PrevPane, "prev-pane", &["shift-tab"], "pane back", "Keyboard to the previous pane", Move, PANES),
    row(C::NextProblem, "next-problem", &["n"], "next problem", "Next pipeline or node that is a problem", Move, &[Fleet, Run]),
    row(C::PrevProblem, "prev-problem", &["N"], "previous problem", "Previous pipeline or node that is a problem", Move, &[Fleet, Run]),
    row(C::NextMatch, "next-match", &["n"], "next match", "Next match of the search", Move, &[Log]),
    row(C::PrevMatch, "prev-match", &["N"], "previous match", "Previous match of the search", Move, &[Log]),
    row(C::NextError, "next-error", &["e"], "next error", "Next error in the log", Move, &[Fleet, Run, Log]),
    row(C::PrevError, "prev-error", &["E"], "previous error", "Previous error in the log", Move, &[Fleet, Run, Log]),
    row(C::OlderRun, "older-run", &["("], "older run", "The run before this one", Move, &[Run]),
    row(C::NewerRun, "newer-run", &[")"], "newer run", "The run after this one", Move, &[Run]),
    row(C::PrevAttempt, "prev-attempt", &["<"], "attempt before", "Log of the attempt before", Move, &[Run, Log]),
    row(C::NextAttempt, "next-attempt", &[">"], "attempt after", "Log of the attempt after", Move, &[Run, Log]),

    row(C::Filter, "filter", &["/"], "filter", "Show what matches: a name, status:failed, tag:x", Look, &[Fleet]),
    row(C::Search, "search", &["/"], "search", "Search: words, level:error, /regex/; in a run, a node", Look, &[Log, Run]),
    row(C::Palette, "palette", &[":"], "command", "Any command or pipeline by name", Look, ANY),
    row(C::Help, "help", &["?"], "help", "This list", Look, ANY),
    row(C::View, "view", &["v"], "view", "Next view of the run: graph, list, timeline, grid", Look, &[Run]),
    row(C::ViewGraph, "view-graph", &["alt-1"], "graph", "The run as a graph", Look, &[Run]),
    row(C::ViewList, "view-list", &["alt-2"], "list", "The run as a tree of groups and nodes", Look, &[Run]),
    row(C::ViewTimeline, "view-timeline", &["alt-3"], "timeline", "The run in time: waits, attempts, critical path", Look, &[Run]),
    row(C::ViewGrid, "view-grid", &["alt-4"], "grid", "The nodes in the last runs of the pipeline", Look, &[Run]),
    row(C::Sort, "sort", &["o"], "sort", "Sort the rows: order, state, time, name", Look, &[Run]),
    row(C::Expand, "expand", &["space"], "fold", "Expand or collapse the group", Look, &[Run]),
    row(C::ExpandAll, "expand-all", &["O"], "expand all", "Expand all groups", Look, &[Run]),
    row(C::CollapseAll, "collapse-all", &["C"], "collapse all", "Collapse all groups", Look, &[Run]),
    row(C::ZoomIn, "zoom-in", &["+", "="], "nearer", "Nearer: all of it, rows, boxes; a shorter time", Look, &[Run, Trends, Sla, Capacity]),
    row(C::ZoomOut, "zoom-out", &["-", "_"], "further", "Further: boxes, rows, dots; a longer time", Look, &[Run, Trends, Sla, Capacity]),
    row(C::ZoomFit, "zoom-fit", &["0"], "fit", "As near as all of it fits; all of the time", Look, &[Run, Trends, Sla, Capacity]),
    row(C::Center, "center", &["."], "center", "The selection into the middle", Look, &[Run]),
    row(C::PanLeft, "pan-left", &["{", "shift-left"], "pan left", "The window half a pane to the left; earlier", Look, &[Run]),
    row(C::PanRight, "pan-right", &["}", "shift-right"], "pan right", "The window half a pane to the right; later", Look, &[Run]),
    row(C::Minimap, "minimap", &["M"], "map", "The map in the corner, on or off", Look, &[Run]),
    row(C::FocusNode, "focus", &["F"], "focus", "Only what it needs and what needs it; again: all", Look, &[Run]),
    row(C::Ancestors, "ancestors", &["["], "ancestors", "Follow what it needs: none, one edge, two, … all", Look, &[Run]),
    row(C::Descendants, "descendants", &["]"], "descendants", "Follow what needs it: none, one edge, two, … all", Look, &[Run]),
    row(C::OpenLog, "open-log", &["L"], "log", "Full log of what is selected", Look, &[Fleet, Run, Alerts, Node]),
    row(C::FilterIn, "filter-in", &["&"], "filter in", "Show only the records of the log that match", Look, &[Log]),
    row(C::FilterOut, "filter-out", &["-"], "filter out", "Leave out the records of the log that match", Look, &[Log]),
    row(C::Filters, "filters", &["="], "filters", "The filters: switch, change, remove them singly", Look, &[Log]),
    row(C::LevelUp, "level-up", &[")"], "louder only", "Leave out the quietest level of the log", Look, &[Log]),
    row(C::LevelDown, "level-down", &["("], "quieter too", "Show one more level of the log", Look, &[Log]),
    row(C::Since, "since", &["["], "from here", "Show the log from the time of this line on", Look, &[Log]),
    row(C::Until, "until", &["]"], "until here", "Show the log up to the time of this line", Look, &[Log]),
    row(C::AllTime, "all-time", &["0"], "all times", "Show the log of all of the time", Look, &[Log]),
    row(C::Fold, "fold", &["z"], "fold", "Fold the record to its first line and its cause", Look, &[Log]),
    row(C::FoldAll, "fold-all", &["Z"], "fold all", "Fold or unfold all records", Look, &[Log]),
    row(C::OpenRecord, "open-record", &["o"], "record", "The record with all its fields; fields as columns", Look, &[Log]),
    row(C::MergeLogs, "merge-logs", &["*"], "more logs", "Logs by time: attempts, failing nodes, all nodes", Look, &[Run, Log]),
    row(C::ShowNode, "show-node", &["ctrl-g"], "graph", "The node of this line in its run; back returns", Look, &[Log]),
    row(C::Follow, "follow", &["f"], "follow", "Stay at the end of the log as it grows", Look, &[Run, Log]),
    row(C::Wrap, "wrap", &["w"], "wrap", "Wrap long lines", Look, &[Run, Log]),
    row(C::Raw, "raw", &["#"], "raw", "Every byte as it was written, escapes shown", Look, &[Log]),
    row(C::Times, "times", &["D"], "times", "Times: UTC, local, since the start, the line above", Look, &[Log]),
    row(C::Bookmark, "bookmark", &["b"], "bookmark", "Bookmark the line; again takes it away", Look, &[Log]),
    row(C::NextBookmark, "next-bookmark", &["."], "next bookmark", "To the next bookmark", Look, &[Log]),
    row(C::PrevBookmark, "prev-bookmark", &[","], "bookmark before", "To the previous bookmark", Look, &[Log]),
    row(C::Select, "select", &["v"], "select", "Select from here to the cursor; again: none", Look, &[Log]),
    row(C::NodeDetails, "node-details", &["d"], "details", "The node: native state, times, attempts, values", Look, &[Fleet, Run, Log]),
    row(C::PipelineDetails, "pipeline-details", &["i"], "about", "The pipeline: schedule, parameters, runs, runbook", Look, &[Fleet, Run, Log, Alerts, Node, Trends, Compare, Sla]),
    row(C::Trends, "trends", &["H"], "history", "History and trends of the pipeline, or the node", Look, &[Fleet, Run, Log, Alerts, Node, Pipeline, Trends, Compare, Sla]),
    row(C::Compare, "compare", &["V"], "compare", "This run against the marked one, or the last good one", Look, &[Fleet, Run, Log, Node, Pipeline, Trends]),
    row(C::CompareWith, "compare-with", &["B"], "mark to compare", "Mark this run: V on another compares with it", Look, &[Fleet, Run, Log, Node, Pipeline, Compare]),
    row(C::OtherHalf, "other-half", &["v"], "nodes", "Days and hours, or the nodes", Look, &[Trends]),
    row(C::ShowFleet, "show-fleet", &["1"], "fleet", "All pipelines, worst first", Look, ANY),
    row(C::ShowAlerts, "show-alerts", &["2"], "alerts", "All alerts", Look, ANY),
    row(C::ShowSystem, "show-system", &["3"], "system", "Backends, queues, components, notices", Look, ANY),
    row(C::ShowActions, "show-actions", &["4"], "actions", "What was asked for and what became of it", Look, ANY),
    row(C::ShowSla, "sla", &["5"], "SLA", "What was promised: met, at risk, missed, budgets", Look, ANY),
    row(C::ShowCapacity, "capacity", &["6"], "capacity", "Queues, pools, busy hours, what could be done", Look, ANY),
    row(C::ShowDashboard, "dashboard", &["7"], "dashboard", "A dashboard of the config; again: the next one", Look, ANY),
    row(C::Copy, "copy", &["y"], "copy", "Copy what is selected: name and error, log lines", Look, &[Fleet, Run, Log, Alerts, System, Actions, Node, Pipeline]),
    row(C::CopyRecord, "copy-record", &["Y"], "copy record", "Copy the whole record: all of its traceback", Look, &[Log]),
    row(C::SaveLog, "save-log", &["s"], "save", "Save what passes the filters to a file", Look, &[Log]),
    row(C::SaveAll, "save-all", &["S"], "save all", "Save all of the log to a file, filtered or not", Look, &[Log]),
    row(C::Pager, "pager", &["ctrl-o"], "pager", "What passes the filters in $PAGER", Look, &[Log]),
    row(C::Editor, "editor", &["ctrl-e"], "editor", "What passes the filters in $EDITOR", Look, &[Log]),

    row(C::Mark, "mark", &["space"], "mark", "Mark the row: an action takes all marked rows", Act, &[Fleet]),
    row(C::MarkAll, "mark-all", &["*"], "mark all", "Mark all rows that are shown, or none", Act, &[Fleet]),
    row(C::Ack, "ack", &["a"], "ack", "Acknowledge the alert; again takes it back", Act, &[Fleet, Run, Log, Alerts]),
    row(C::Silence, "silence", &["z"], "silence", "Be quiet about it for a time: its pipeline, or its rule", Act, &[Fleet, Run, Alerts]),
    row(C::AlertNote, "alert-note", &["A"], "note alert", "Write something beside the alert, for the others", Act, &[Fleet, Run, Log, Alerts]),
    row(C::AlertResolve, "alert-resolve", &["ctrl-x"], "resolve", "Over for me: quiet until it has gone and comes back", Act, &[Fleet, Run, Alerts]),
    row(C::RetryLetters, "retry-letters", &["T"], "tell again", "Try to tell again what channels could not be told", Act, &[System]),
    row(C::Watch, "watch", &["W"], "watch", "Ring and say so when the run ends; again stops that", Act, &[Fleet, Run, Log]),
    act(C::Retry, "retry", &["r"], "retry failed", "Retry what failed, with what hangs below it", TARGETS),
    act(C::Restart, "restart", &["R"], "restart", "Start the whole run again", TARGETS),
    act(C::Pause, "pause", &["p"], "pause", "Pause the run, or its pipeline where only that works", TARGETS),
    act(C::Resume, "resume", &["u"], "resume", "Resume what is paused", TARGETS),
    act(C::Cancel, "cancel", &["x"], "cancel", "Cancel the run", TARGETS),
    act(C::Trigger, "trigger", &["t"], "trigger", "Start a new run, with parameters", TARGETS),
    act(C::SetState, "set-state", &["m"], "set state", "Set the state of a node by hand", &[Run, Log, Node]),
    act(C::Note, "note", &["c"], "note", "Leave a note at the run or node", &[Fleet, Run, Log, Node]),
    act(C::Stop, "stop", &["!"], "stop all", "Emergency stop: all runs of a pipeline or a backend", &[Fleet, Run, Log, Alerts, Pipeline, System]),

    row(C::ReplayPlay, "replay-play", &["space"], "play", "Play, or pause", Replay, PAST),
    row(C::ReplayNext, "replay-next", &["."], "next event", "To the next event", Replay, PAST),
    row(C::ReplayPrev, "replay-prev", &[","], "event before", "To the event before", Replay, PAST),
    row(C::ReplayNextFailure, "replay-next-failure", &["}"], "next failure", "To the next failure of a run or node", Replay, PAST),
    row(C::ReplayPrevFailure, "replay-prev-failure", &["{"], "failure before", "To the failure before", Replay, PAST),
    row(C::ReplayFaster, "replay-faster", &["+"], "faster", "Play faster: x1, x10, x60, x600, x3600", Replay, PAST),
    row(C::ReplaySlower, "replay-slower", &["-"], "slower", "Play slower", Replay, PAST),
    row(C::ReplayJump, "replay-jump", &["@"], "go to", "Go to a time: 03:05, 2026-11-20 03:05, +10m, -2h", Replay, PAST),
    row(C::ReplayStart, "replay-start", &["home"], "start", "To the start of what was recorded", Replay, PAST),
    row(C::ReplayEnd, "replay-end", &["end"], "end", "To the end of what was recorded", Replay, PAST),

    row(C::Refresh, "refresh", &["ctrl-r", "f5"], "refresh", "Ask every backend to look again now", Program, ANY),
    row(C::Redraw, "redraw", &["ctrl-l"], "redraw", "Paint the screen anew", Program, ANY),
    row(C::Suspend, "suspend", &["ctrl-z"], "suspend", "Give the terminal back for a while (fg returns)", Program, ANY),
    row(C::Quit, "quit", &["ctrl-c"], "quit", "Leave dagtop", Program, ANY),
];
