//! Who did it.

use serde::{Deserialize, Serialize};

use crate::model::SafeText;

/// Who works here.
pub fn user() -> SafeText {
    let env = |name| std::env::var(name).ok();
    SafeText::new(
        env("USER")
            .or_else(|| env("LOGNAME"))
            .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
    )
}

/// Who did it, and from where. Older lines have less of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub user: SafeText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Who became this user by sudo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<SafeText>,
    /// The address the SSH connection came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SafeText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<SafeText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<SafeText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

impl Who {
    pub fn here() -> Self {
        let env = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
        let from = env("SSH_CONNECTION");
        let tty = rustix::termios::ttyname(std::io::stdin(), Vec::new());
        Self {
            user: user(),
            uid: Some(rustix::process::getuid().as_raw()),
            sudo_user: env("SUDO_USER").map(SafeText::new),
            from: from.and_then(|c| c.split(' ').next().map(SafeText::new)),
            host: Some(host()),
            tty: tty.ok().map(|name| SafeText::from_bytes(name.as_bytes())),
            pid: Some(std::process::id()),
        }
    }
}

/// The name of this machine.
pub(super) fn host() -> SafeText {
    SafeText::from_bytes(rustix::system::uname().nodename().to_bytes())
}
