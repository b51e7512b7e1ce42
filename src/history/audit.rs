//! The audit: one JSON line for every step of every action, appended to a private file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::config::paths::{append_private_file, create_private_dir};
use crate::model::{ActionRequest, ActionStatus, SafeText};

/// Where actions are written down.
#[derive(Debug)]
pub struct Audit {
    file: File,
    path: PathBuf,
    user: SafeText,
    from: Option<SafeText>,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the audit file {path} can't be written: {source}; actions are still possible, but nothing keeps a record of them"
)]
pub struct AuditError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// One line.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    pub at: DateTime<Utc>,
    pub user: &'a SafeText,
    /// The address the SSH connection came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'a SafeText>,
    pub action: &'static str,
    pub target: SafeText,
    pub backend: SafeText,
    #[serde(flatten)]
    pub step: Step<'a>,
}

/// Parameters are left out: they may hold secrets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase", tag = "step")]
pub enum Step<'a> {
    Approved { summary: &'a SafeText, hits: usize },
    Requested,
    Confirmed { what: &'a SafeText },
    Refused { why: SafeText },
    Unconfirmed { why: &'a SafeText },
}

/// Who works here.
pub fn user() -> SafeText {
    let env = |name| std::env::var(name).ok();
    SafeText::new(
        env("USER")
            .or_else(|| env("LOGNAME"))
            .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
    )
}

impl Audit {
    /// Opens (or makes, mode 0600) `audit.jsonl` in the state directory.
    pub fn open(state_dir: &Path) -> Result<Self, AuditError> {
        let path = state_dir.join("audit.jsonl");
        let fail = |source| AuditError {
            path: path.clone(),
            source,
        };
        create_private_dir(state_dir).map_err(fail)?;
        let file = append_private_file(&path).map_err(fail)?;
        let env = |name| std::env::var(name).ok();
        Ok(Self {
            file,
            path,
            user: user(),
            from: env("SSH_CONNECTION").and_then(|c| c.split(' ').next().map(SafeText::new)),
        })
    }

    /// A person said yes.
    pub fn approved(
        &mut self,
        request: &ActionRequest,
        summary: &SafeText,
        hits: usize,
    ) -> Result<(), AuditError> {
        self.write(request, Step::Approved { summary, hits })
    }

    /// What the backend said afterwards; planning leaves no line.
    pub fn status(
        &mut self,
        request: &ActionRequest,
        status: &ActionStatus,
    ) -> Result<(), AuditError> {
        match status {
            ActionStatus::Planning | ActionStatus::Planned { .. } => Ok(()),
            ActionStatus::Requested { .. } => self.write(request, Step::Requested),
            ActionStatus::Confirmed { what } => self.write(request, Step::Confirmed { what }),
            ActionStatus::Refused { why } => self.write(
                request,
                Step::Refused {
                    why: SafeText::new(why.to_string()),
                },
            ),
            ActionStatus::Unconfirmed { why } => self.write(request, Step::Unconfirmed { why }),
        }
    }

    fn write(&mut self, request: &ActionRequest, step: Step<'_>) -> Result<(), AuditError> {
        let entry = Entry {
            at: Utc::now(),
            user: &self.user,
            from: self.from.as_ref(),
            action: request.action.word(),
            target: request.target.label(),
            backend: request.target.backend().safe(),
            step,
        };
        let fail = |source| AuditError {
            path: self.path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(&entry).map_err(|e| fail(e.into()))?;
        line.push(b'\n');
        // one write, so that two programs appending never mix their lines
        self.file.write_all(&line).map_err(fail)
    }
}
