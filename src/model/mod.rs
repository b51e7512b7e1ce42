//! Owns the vocabulary of the house: backends, pipelines, runs, nodes, states, events, actions.
//! Plain data, no I/O. Must not know any other room.

mod action;
mod alert;
mod backend;
mod capability;
mod event;
mod glob;
mod health;
mod id;
mod many;
mod past;
mod pipeline;
mod progress;
pub mod quality;
mod run;
mod silence;
pub mod span;
mod state;
mod system;
pub mod text;

pub use action::{
    Action, ActionError, ActionId, ActionOptions, ActionRequest, ActionStatus, Hit, ParamSpec,
    Plan, Scope, Target, TargetKind,
};
pub use alert::{
    Alert, AlertDeed, AlertId, AlertNote, AlertOrder, AlertState, By, Escalation, Message,
    Occasion, Priority, Silenced,
};
pub use backend::{BackendInfo, BackendStatus, Reach, WireStats};
pub use capability::{Capabilities, Support};
pub use event::{Event, Focus, LogChunk, LogUpdate, Stamped};
pub use glob::glob;
pub use health::Health;
pub use id::{
    BackendId, LogKey, NodeId, NodeKey, PipelineId, PipelineKey, QueueId, QueueKey, RunId, RunKey,
};
pub use many::many;
pub use past::{PastNode, PastRun};
pub use pipeline::{Pipeline, Schedule};
pub use progress::{Progress, Usage};
pub use quality::Check;
pub use run::{Attempt, Detail, Group, Node, NodeCounts, Run, RunState, Topology};
pub use silence::{Silence, When};
pub use state::NodeState;
pub use system::{Component, Notice, NoticeLevel, Queue};
pub use text::{LineText, SafeText, StyleSpan, StyledText, TextColor};
