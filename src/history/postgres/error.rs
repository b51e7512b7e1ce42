//! What a server says, in the words of the store.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::history::store::StoreError;
use crate::model::SafeText;

/// An address as it may be shown.
pub(super) type Shown = SafeText;

pub(super) fn away(shown: &Shown, why: impl AsRef<str>) -> StoreError {
    StoreError::Away {
        place: shown.clone(),
        why: SafeText::new(why),
    }
}

pub(super) fn told(error: &Error, shown: &Shown) -> StoreError {
    let path = || shown.as_str().into();
    let open = |why: String| StoreError::Open {
        path: path(),
        why: SafeText::new(why),
    };
    let Some(db) = error.as_db_error() else {
        return match error.is_closed() || error.source().is_some() {
            true => away(shown, chain(error)),
            false => StoreError::Other(SafeText::new(chain(error))),
        };
    };
    let said = db.message();
    let code = db.code();
    if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
    {
        return open(format!("it does not let us in ({said})"));
    }
    if *code == SqlState::UNDEFINED_DATABASE || *code == SqlState::INVALID_CATALOG_NAME {
        return open(format!("{said}; make it with `createdb`"));
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return open(format!(
            "{said}; the user needs the right to make the schema `dagtop` (GRANT CREATE ON DATABASE), or must own it"
        ));
    }
    if *code == SqlState::DISK_FULL {
        return StoreError::Full;
    }
    if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED {
        return StoreError::Damaged(path());
    }
    let busy = [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    if busy.contains(code) {
        return StoreError::Busy;
    }
    let passes = [
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    if passes.contains(code) || code.code().starts_with("08") {
        return away(shown, said);
    }
    StoreError::Other(SafeText::new(format!("{said} ({})", code.code())))
}

/// With what is behind it.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}
