//! Owns the classes of failures: their names for programs, their words for people.

/// Why something failed, by what has to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Before execution: plan, parse, import, configuration.
    Prep,
    /// The node's own definition, broken by something shared: a library, a macro, a function.
    Definition,
    /// Unexpected data at run time: type, null, schema, duplicates, parse.
    Data,
    /// What is written to: mode, type or schema of the target, constraint, lock.
    Write,
    /// Memory, disk, quota, killed for it.
    Resources,
    Timeout,
    /// Not reached: DNS, refused, TLS, 5xx, throttled.
    Dependency,
    /// Authentication or permission.
    Credentials,
    /// A file, table or partition is not there, or what makes it failed or is late.
    MissingInput,
    /// A check of the data said no.
    Quality,
    /// An exception of the code itself.
    Code,
    /// Nobody knows what became of it.
    LostWorker,
    /// By a person, or what acts for one.
    Stopped,
    Unknown,
}

impl Class {
    pub const ALL: [Self; 14] = [
        Self::Prep,
        Self::Definition,
        Self::Data,
        Self::Write,
        Self::Resources,
        Self::Timeout,
        Self::Dependency,
        Self::Credentials,
        Self::MissingInput,
        Self::Quality,
        Self::Code,
        Self::LostWorker,
        Self::Stopped,
        Self::Unknown,
    ];

    /// Its name in JSON and in files of patterns.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prep => "prep",
            Self::Definition => "definition",
            Self::Data => "data",
            Self::Write => "write",
            Self::Resources => "resources",
            Self::Timeout => "timeout",
            Self::Dependency => "dependency",
            Self::Credentials => "credentials",
            Self::MissingInput => "missing_input",
            Self::Quality => "quality",
            Self::Code => "code",
            Self::LostWorker => "lost_worker",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        }
    }

    /// In a few words, for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Prep => "failed before it began",
            Self::Definition => "broken by something shared",
            Self::Data => "unexpected data",
            Self::Write => "write error",
            Self::Resources => "resources",
            Self::Timeout => "time-out",
            Self::Dependency => "dependency unreachable",
            Self::Credentials => "credentials",
            Self::MissingInput => "missing input",
            Self::Quality => "data-quality gate",
            Self::Code => "code exception",
            Self::LostWorker => "lost worker",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Passes by itself now and then, so that a plain retry is worth a try.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Timeout | Self::Dependency | Self::LostWorker)
    }
}
