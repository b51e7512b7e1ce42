//! The meanings that have a style.

use ratatui::style::Modifier;

use crate::model::{Health, NodeState, Priority};

/// What a piece of text is. Screens name the meaning and never a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token {
    State(NodeState),
    /// Ordinary text.
    Text,
    /// Less important text: labels, units, old times.
    Muted,
    /// Names that matter: headings, the name of the program.
    Title,
    Border,
    /// Around the pane that has the keys.
    BorderFocused,
    /// The selected row. Costs two bytes a column at each move: select the first columns, not the whole width.
    Selection,
    /// The selected row of a pane that does not have the keys.
    SelectionBlurred,
    /// A marked row.
    Mark,
    /// Draws the eye without alarm.
    Accent,
    /// Can't be undone, or is on fire.
    Danger,
    Warning,
    Good,
    /// Older than it should be.
    Stale,
    /// Asked for and not yet confirmed.
    Requested,
    HintKey,
    HintText,
    Link,
    /// What a search found.
    Match,
    /// The found place that has the cursor.
    MatchCurrent,
    LogError,
    LogWarn,
    LogInfo,
    LogDebug,
    LogTime,
    Bar,
    /// The part of a bar that is not done.
    BarRest,
    Spark,
}

/// A colour by name; a palette says which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hue {
    /// The terminal's own foreground.
    Plain,
    Muted,
    Bad,
    Good,
    Warn,
    Busy,
    Odd,
    Accent,
}

impl Token {
    pub const ALL: [Self; 41] = [
        Self::State(NodeState::Pending),
        Self::State(NodeState::Queued),
        Self::State(NodeState::Running),
        Self::State(NodeState::Waiting),
        Self::State(NodeState::Retrying),
        Self::State(NodeState::Paused),
        Self::State(NodeState::Succeeded),
        Self::State(NodeState::Warned),
        Self::State(NodeState::Cached),
        Self::State(NodeState::Skipped),
        Self::State(NodeState::Failed),
        Self::State(NodeState::Blocked),
        Self::State(NodeState::Cancelled),
        Self::State(NodeState::Unknown),
        Self::Text,
        Self::Muted,
        Self::Title,
        Self::Border,
        Self::BorderFocused,
        Self::Selection,
        Self::SelectionBlurred,
        Self::Mark,
        Self::Accent,
        Self::Danger,
        Self::Warning,
        Self::Good,
        Self::Stale,
        Self::Requested,
        Self::HintKey,
        Self::HintText,
        Self::Link,
        Self::Match,
        Self::MatchCurrent,
        Self::LogError,
        Self::LogWarn,
        Self::LogInfo,
        Self::LogDebug,
        Self::LogTime,
        Self::Bar,
        Self::BarRest,
        Self::Spark,
    ];

    /// Place in `ALL`.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::State(state) => state as usize,
            Self::Text => 14,
            Self::Muted => 15,
            Self::Title => 16,
            Self::Border => 17,
            Self::BorderFocused => 18,
            Self::Selection => 19,
            Self::SelectionBlurred => 20,
            Self::Mark => 21,
            Self::Accent => 22,
            Self::Danger => 23,
            Self::Warning => 24,
            Self::Good => 25,
            Self::Stale => 26,
            Self::Requested => 27,
            Self::HintKey => 28,
            Self::HintText => 29,
            Self::Link => 30,
            Self::Match => 31,
            Self::MatchCurrent => 32,
            Self::LogError => 33,
            Self::LogWarn => 34,
            Self::LogInfo => 35,
            Self::LogDebug => 36,
            Self::LogTime => 37,
            Self::Bar => 38,
            Self::BarRest => 39,
            Self::Spark => 40,
        }
    }

    /// The colour and the attributes. The attributes alone must carry the meaning when there is no colour.
    pub(super) fn look(self) -> (Hue, Modifier) {
        const NONE: Modifier = Modifier::empty();
        const BOLD: Modifier = Modifier::BOLD;
        const REVERSED: Modifier = Modifier::REVERSED;
        match self {
            Self::State(state) => look_of_state(state),
            Self::Text | Self::LogInfo | Self::Spark => (Hue::Plain, NONE),
            Self::Muted | Self::Border | Self::BarRest => (Hue::Muted, NONE),
            Self::HintText | Self::LogDebug | Self::LogTime => (Hue::Muted, NONE),
            Self::Title | Self::HintKey => (Hue::Plain, BOLD),
            Self::BorderFocused => (Hue::Accent, BOLD),
            Self::Selection => (Hue::Plain, REVERSED),
            Self::SelectionBlurred => (Hue::Plain, BOLD.union(Modifier::UNDERLINED)),
            Self::Mark => (Hue::Accent, BOLD),
            Self::Accent => (Hue::Accent, NONE),
            Self::Danger => (Hue::Bad, BOLD.union(REVERSED)),
            Self::Warning | Self::LogWarn => (Hue::Warn, NONE),
            Self::Good => (Hue::Good, NONE),
            Self::Stale => (Hue::Muted, Modifier::ITALIC),
            Self::Requested => (Hue::Busy, Modifier::ITALIC),
            Self::Link => (Hue::Accent, Modifier::UNDERLINED),
            Self::Match => (Hue::Warn, BOLD.union(Modifier::UNDERLINED)),
            Self::MatchCurrent => (Hue::Warn, BOLD.union(REVERSED)),
            Self::LogError => (Hue::Bad, NONE),
            Self::Bar => (Hue::Busy, NONE),
        }
    }
}

fn look_of_state(state: NodeState) -> (Hue, Modifier) {
    let hue = match state {
        NodeState::Failed | NodeState::Blocked => Hue::Bad,
        NodeState::Retrying | NodeState::Warned => Hue::Warn,
        NodeState::Running | NodeState::Waiting => Hue::Busy,
        NodeState::Succeeded | NodeState::Cached => Hue::Good,
        NodeState::Paused | NodeState::Cancelled | NodeState::Unknown => Hue::Odd,
        NodeState::Queued => Hue::Plain,
        NodeState::Pending | NodeState::Skipped => Hue::Muted,
    };
    let modifier = match state {
        NodeState::Failed | NodeState::Retrying => Modifier::BOLD,
        _ => Modifier::empty(),
    };
    (hue, modifier)
}

/// The state whose style says the same about a whole run.
pub(super) fn of_health(health: Health) -> Token {
    Token::State(match health {
        Health::Failing | Health::Failed | Health::Lost => NodeState::Failed,
        Health::Late | Health::Retrying => NodeState::Retrying,
        Health::Warned => NodeState::Warned,
        Health::Paused => NodeState::Paused,
        Health::Running => NodeState::Running,
        Health::Queued => NodeState::Queued,
        Health::Cancelled => NodeState::Cancelled,
        Health::Unknown => NodeState::Unknown,
        Health::Succeeded => NodeState::Succeeded,
        Health::Idle => NodeState::Pending,
    })
}

pub(super) fn of_priority(priority: Priority) -> Token {
    match priority {
        Priority::P1 => Token::Danger,
        Priority::P2 => Token::State(NodeState::Failed),
        Priority::P3 => Token::Warning,
        Priority::P4 => Token::Text,
        Priority::P5 => Token::Muted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_the_place_in_all() {
        for (n, token) in Token::ALL.into_iter().enumerate() {
            assert_eq!(token.index(), n, "{token:?}");
        }
        for (n, state) in NodeState::ALL.into_iter().enumerate() {
            assert_eq!(Token::State(state).index(), n, "{state:?}");
        }
    }
}
