//! Copies text to the clipboard of the machine the person sits at. Never reads it.

use std::process::Stdio;
use std::{fmt, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Terminals cut or refuse longer OSC 52 sequences; about this much (of base64) is safe in all of them.
pub const MAX_BASE64: usize = 74_000;

/// How a copy was sent. The terminal may still refuse: there is no answer to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Copied {
    /// Handed to tmux, which owns its buffer and passes it on (`set-clipboard` permitting).
    Tmux,
    /// Sent to the terminal as OSC 52.
    Osc52,
}

/// For the notice on the screen.
impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tmux => "copied to the tmux buffer",
            Self::Osc52 => "sent to the terminal's clipboard (it may refuse)",
        })
    }
}

#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum CopyError {
    #[error("{size} bytes are too many for the clipboard, at most {max}")]
    TooLong { size: usize, max: usize },
    #[error("the terminal refused: {0}")]
    Terminal(String),
}

/// The OSC 52 sequence (`ESC ] 52 ; c ; base64 BEL`, xterm's "Manipulate Selection Data") for `text`.
///
/// `text` must have been cleaned already; base64 keeps even hostile text from acting on the terminal itself.
pub fn osc52(text: &str) -> Result<Vec<u8>, CopyError> {
    let encoded = STANDARD.encode(text);
    if encoded.len() > MAX_BASE64 {
        return Err(CopyError::TooLong {
            size: text.len(),
            max: MAX_BASE64 / 4 * 3,
        });
    }
    Ok(format!("\x1b]52;c;{encoded}\x07").into_bytes())
}

/// `tmux load-buffer -w -`: sets tmux' buffer and the outer terminal's clipboard. tmux 3.2 or later.
pub async fn tmux(text: &str) -> io::Result<()> {
    pipe_to("tmux", &["load-buffer", "-w", "-"], text).await
}

async fn pipe_to(program: &str, args: &[&str], text: &str) -> io::Result<()> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).await?;
    }
    let status = child.wait().await?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{program} ended with {status}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn osc52_carries_the_text_in_base64() {
        assert_eq!(osc52("hällo").unwrap(), b"\x1b]52;c;aMOkbGxv\x07");
    }

    #[test]
    fn too_long_is_refused_with_both_numbers() {
        let limit = MAX_BASE64 / 4 * 3;
        assert!(osc52(&"x".repeat(limit)).is_ok());
        assert_eq!(
            osc52(&"x".repeat(limit + 1)),
            Err(CopyError::TooLong {
                size: limit + 1,
                max: limit
            })
        );
    }

    #[test]
    fn nothing_in_the_text_can_end_the_sequence() {
        let bytes = osc52("\x07\x1b\\\x1b[2J").unwrap();
        let inside = &bytes[1..bytes.len() - 1];
        assert!(inside.iter().all(|b| (0x20..0x7f).contains(b)));
    }

    #[tokio::test]
    async fn a_failing_or_missing_helper_is_an_error() {
        assert!(pipe_to("cat", &[], "text").await.is_ok());
        assert!(pipe_to("false", &[], "").await.is_err());
        assert!(pipe_to("/no/such/program", &[], "").await.is_err());
    }
}
