//! What may be asked of the engine.

use crate::model::{ActionId, ActionRequest, AlertDeed, AlertId, Focus, Silence};

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// This is on screen now.
    Focus(Focus),
    /// Find out what exactly this would hit. The id comes from [`super::Engine::next_action`]
    /// or is any that was not used before.
    Plan(ActionRequest),
    /// A person said yes to the plan of this request.
    Execute(ActionId),
    /// A person said no.
    Withdraw(ActionId),
    /// The person at this terminal does something about an alert.
    Alert(AlertId, AlertDeed),
    /// Asks for quiet.
    Silence(Silence),
    /// Ends a silence, by its id.
    Unsilence(String),
    /// Tries to tell again what could not be told.
    RetryLetters,
    /// Ask every backend to look again now.
    Refresh,
}
