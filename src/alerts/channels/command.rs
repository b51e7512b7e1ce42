//! A program of one's own: the alert as JSON on its stdin. It gets a clean environment, a time limit, and is ended with
//! everything that it started. Exit code 0 means told; anything else is tried again.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::text::{cut, payload};
use super::{Receipt, SendError};
use crate::model::{Message, SafeText};

/// So much of the end of stderr is kept.
const TAIL: usize = 4096;
/// So much of its last line is told, in characters.
const SAID: usize = 300;
/// How long a child that has ended may hold its stderr open through children of its own.
const LINGER: Duration = Duration::from_millis(500);

pub(super) struct Command {
    command: Vec<String>,
}

/// Ends the group, also when the send is given up in the middle.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // it may have ended by itself
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Command {
    pub(super) fn open(command: &[String]) -> Self {
        Self {
            command: command.to_vec(),
        }
    }

    pub(super) async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(SendError::later("`command` names no program"));
        };
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let failed = |what: &str, error: std::io::Error| {
            let program = SafeText::new(program);
            SendError::later(format!("{what} {program}: {error}"))
        };
        let mut child = command.spawn().map_err(|e| failed("can't start", e))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = Group(id.and_then(Pid::from_raw));
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let input = payload(message).to_string();
        let feed = async move {
            // one that ends without reading has its reasons
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(input.as_bytes()).await;
                let _ = stdin.shutdown().await;
            }
        };
        let mut said = Vec::new();
        let status = {
            let listen = async {
                if let Some(stderr) = stderr {
                    tail(stderr, &mut said).await;
                }
            };
            let both = async { tokio::join!(feed, listen) };
            tokio::pin!(both);
            tokio::select! {
                status = child.wait() => {
                    // what it left running may hold the pipe for as long as it likes
                    let _ = tokio::time::timeout(LINGER, both).await;
                    status
                }
                _ = &mut both => child.wait().await,
            }
        };
        drop(group);
        let status = status.map_err(|e| failed("can't wait for", e))?;
        if status.success() {
            return Ok(Receipt::default());
        }
        let said = String::from_utf8_lossy(&said);
        let last = said.trim().lines().last().unwrap_or_default();
        let last = cut(SafeText::new(last).trim(), SAID);
        let what = match last.is_empty() {
            true => format!("{}: {status}", SafeText::new(program)),
            false => format!("{}: {status}: {last}", SafeText::new(program)),
        };
        Err(SendError::later(what))
    }
}

/// Reads to the end and keeps the last of it.
async fn tail(mut reader: impl AsyncRead + Unpin, kept: &mut Vec<u8>) {
    let mut piece = [0; 4096];
    while let Ok(n) = reader.read(&mut piece).await {
        if n == 0 {
            break;
        }
        kept.extend_from_slice(&piece[..n]);
        let over = kept.len().saturating_sub(TAIL);
        kept.drain(..over);
    }
}
