//! The one command table: name, keys, words, danger and where it applies. It drives the key map, the hint bar,
//! help, the palette, the names in the config, the documentation and the tests.
//! Must not know how a command is carried out.

mod disabled;
mod keymap;
mod keys;
mod markdown;
mod table;

pub use disabled::disabled_reason;
pub use keymap::{KeyMap, KeyProblem};
pub use keys::{Key, KeyParseError};
pub use markdown::keys_markdown;
pub use table::TABLE;

/// Everything a person can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Back,
    NextPane,
    PrevPane,
    NextProblem,
    PrevProblem,
    NextMatch,
    PrevMatch,
    NextError,
    PrevError,
    NewerRun,
    OlderRun,
    NextAttempt,
    PrevAttempt,
    Expand,
    ExpandAll,
    CollapseAll,
    ZoomIn,
    ZoomOut,
    ZoomFit,
    PanLeft,
    PanRight,
    Center,
    Minimap,
    Ancestors,
    Descendants,
    FocusNode,
    Filter,
    Search,
    Palette,
    Help,
    View,
    ViewGraph,
    ViewList,
    ViewTimeline,
    ViewGrid,
    Sort,
    FilterIn,
    FilterOut,
    Filters,
    LevelUp,
    LevelDown,
    Since,
    Until,
    AllTime,
    Fold,
    FoldAll,
    Follow,
    Wrap,
    Raw,
    Times,
    OpenRecord,
    Bookmark,
    NextBookmark,
    PrevBookmark,
    Select,
    MergeLogs,
    ShowNode,
    OpenLog,
    NodeDetails,
    PipelineDetails,
    Trends,
    Compare,
    CompareWith,
    OtherHalf,
    ShowFleet,
    ShowAlerts,
    ShowSystem,
    ShowActions,
    ShowSla,
    ShowCapacity,
    ShowDashboard,
    Copy,
    CopyRecord,
    SaveLog,
    SaveAll,
    Pager,
    Editor,
    Mark,
    MarkAll,
    Ack,
    Silence,
    AlertNote,
    AlertResolve,
    RetryLetters,
    Watch,
    Pause,
    Resume,
    Retry,
    Restart,
    Cancel,
    Trigger,
    SetState,
    Note,
    Stop,
    ReplayPlay,
    ReplayNext,
    ReplayPrev,
    ReplayNextFailure,
    ReplayPrevFailure,
    ReplayFaster,
    ReplaySlower,
    ReplayJump,
    ReplayStart,
    ReplayEnd,
    Refresh,
    Redraw,
    Suspend,
    Quit,
}

/// Where keys go: the screen, or the pane of it that has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    Fleet,
    Run,
    Log,
    Alerts,
    System,
    Actions,
    Node,
    Pipeline,
    Trends,
    Compare,
    Sla,
    Capacity,
    Dashboard,
    Help,
    /// Over all of them while the past is shown.
    Replay,
}

impl Context {
    pub const ALL: [Self; 15] = [
        Self::Fleet,
        Self::Run,
        Self::Log,
        Self::Alerts,
        Self::System,
        Self::Actions,
        Self::Node,
        Self::Pipeline,
        Self::Trends,
        Self::Compare,
        Self::Sla,
        Self::Capacity,
        Self::Dashboard,
        Self::Help,
        Self::Replay,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Run => "run",
            Self::Log => "log",
            Self::Alerts => "alerts",
            Self::System => "system",
            Self::Actions => "actions",
            Self::Node => "node",
            Self::Pipeline => "pipeline",
            Self::Trends => "trends",
            Self::Compare => "compare",
            Self::Sla => "sla",
            Self::Capacity => "capacity",
            Self::Dashboard => "dashboard",
            Self::Help => "help",
            Self::Replay => "replay",
        }
    }
}

/// How commands are told apart in help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Move,
    Look,
    Act,
    Replay,
    Program,
}

impl Group {
    pub const ALL: [Self; 5] = [
        Self::Move,
        Self::Look,
        Self::Act,
        Self::Replay,
        Self::Program,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Look => "Look",
            Self::Act => "Act",
            Self::Replay => "Replay",
            Self::Program => "Program",
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub command: Command,
    /// As in the config: `[ui.keys] retry = "r"`.
    pub name: &'static str,
    pub keys: &'static [&'static str],
    /// A word or two for the hint bar.
    pub short: &'static str,
    /// One line for help.
    pub doc: &'static str,
    pub group: Group,
    /// Changes something outside; `read_only` takes it away.
    pub danger: bool,
    pub contexts: &'static [Context],
}

impl Row {
    pub fn applies(&self, context: Context) -> bool {
        self.contexts.contains(&context)
    }
}

impl Command {
    /// Its line of the table.
    pub fn row(self) -> &'static Row {
        // every command has a line: a test counts them
        TABLE
            .iter()
            .find(|row| row.command == self)
            .unwrap_or(&TABLE[0])
    }

    pub fn by_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|r| r.name == name).map(|r| r.command)
    }
}

#[cfg(test)]
mod tests;
