//! Where a secret comes from, and fetching it at use.
//!
//! A secret's value appears in no message, no `Debug` and no excerpt, whatever goes wrong.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::AsyncReadExt as _;

/// How long a `cmd:` may take.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// A credential is small; what is bigger is the wrong file.
const LIMIT: u64 = 64 * 1024;

/// A reference to a secret, as it stands in the file.
#[derive(Clone)]
pub enum Secret {
    /// `env:NAME`
    Env(String),
    /// `file:PATH`, an absolute path; the text is trimmed.
    File(PathBuf),
    /// `cmd:shell command`, run with `sh -c` each time; its output is trimmed.
    Command(String),
    /// The value itself.
    Literal(SecretString),
}

/// Why a secret could not be had. Says where it was looked for, never what was found.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the environment variable {0} is not set")]
    EnvUnset(String),
    #[error("the environment variable {0} is not valid UTF-8")]
    EnvNotText(String),
    #[error("can't read the secret file {path}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("can't start the secret command")]
    Spawn(#[source] std::io::Error),
    #[error("the secret command ended with {0}; run it by hand to see why")]
    Failed(std::process::ExitStatus),
    #[error("the secret command gave nothing within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("the secret from {0} is empty")]
    Empty(String),
    #[error("the secret from {0} is larger than {LIMIT} bytes")]
    TooLarge(String),
    #[error("the secret from {0} is more than one line of text")]
    NotOneLine(String),
    #[error("the secret from {0} is not valid UTF-8")]
    NotText(String),
}

impl fmt::Display for Secret {
    /// Where the secret comes from. A command may hold a secret itself, so it is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Command(_) => f.write_str("cmd:…"),
            Self::Literal(_) => f.write_str("the config file"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

impl Secret {
    /// Reads a reference. `path` turns what follows `file:` into an absolute path. The error never holds the text.
    pub fn parse(
        text: &str,
        path: impl FnOnce(&str) -> Result<PathBuf, String>,
    ) -> Result<Self, String> {
        let rest = |prefix: &str, what: &str| match text.strip_prefix(prefix).map(str::trim) {
            Some("") => Some(Err(format!("`{prefix}` needs {what} after it"))),
            Some(rest) => Some(Ok(rest)),
            None => None,
        };
        if let Some(name) = rest("env:", "the name of a variable") {
            let name = name?;
            // a whole secret pasted after `env:` would otherwise come out in the error about the unset variable
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err("what follows `env:` is not the name of a variable".to_owned());
            }
            return Ok(Self::Env(name.to_owned()));
        }
        if let Some(file) = rest("file:", "a path") {
            return Ok(Self::File(path(file?)?));
        }
        if let Some(command) = rest("cmd:", "a command") {
            return Ok(Self::Command(command?.to_owned()));
        }
        if text.trim().is_empty() {
            return Err("a secret must not be empty".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("a secret must be one line of text".to_owned());
        }
        Ok(Self::Literal(text.to_owned().into()))
    }

    /// Something the user should do better, if there is: a literal value, or a file that others may read.
    pub fn weakness(&self) -> Option<String> {
        match self {
            Self::Literal(_) => Some(
                "a secret stands in the config file itself; use env:, file: or cmd:".to_owned(),
            ),
            Self::File(path) if readable_by_others(path) => Some(format!(
                "{} can be read by other users; run chmod 600 on it",
                path.display()
            )),
            _ => None,
        }
    }

    /// Fetches the value: one line, trimmed, not empty.
    pub async fn resolve(&self) -> Result<SecretString, SecretError> {
        self.resolve_within(COMMAND_TIMEOUT).await
    }

    async fn resolve_within(&self, limit: Duration) -> Result<SecretString, SecretError> {
        let bytes = match self {
            Self::Literal(value) => return Ok(value.clone()),
            Self::Env(name) => std::env::var(name)
                .map_err(|error| match error {
                    std::env::VarError::NotPresent => SecretError::EnvUnset(name.clone()),
                    std::env::VarError::NotUnicode(_) => SecretError::EnvNotText(name.clone()),
                })?
                .into_bytes(),
            Self::File(path) => {
                let fail = |source| SecretError::File {
                    path: path.clone(),
                    source,
                };
                let file = tokio::fs::File::open(path).await.map_err(fail)?;
                read_limited(file).await.map_err(fail)?
            }
            Self::Command(command) => run(command, limit).await?,
        };
        let from = || self.to_string();
        if bytes.len() as u64 > LIMIT {
            return Err(SecretError::TooLarge(from()));
        }
        let text = String::from_utf8(bytes).map_err(|_| SecretError::NotText(from()))?;
        let text = text.trim();
        if text.is_empty() {
            return Err(SecretError::Empty(from()));
        }
        if text.chars().any(char::is_control) {
            return Err(SecretError::NotOneLine(from()));
        }
        Ok(text.to_owned().into())
    }
}

async fn read_limited(reader: impl tokio::io::AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LIMIT + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// stderr goes nowhere: it would be drawn over the screen, and may hold what must not be shown.
async fn run(command: &str, limit: Duration) -> Result<Vec<u8>, SecretError> {
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(SecretError::Spawn)?;
    let group = child
        .id()
        .and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    let stdout = child.stdout.take();
    let work = async {
        let bytes = match stdout {
            Some(stdout) => read_limited(stdout).await?,
            None => Vec::new(),
        };
        Ok::<_, std::io::Error>((bytes, child.wait().await?))
    };
    match tokio::time::timeout(limit, work).await {
        Ok(Ok((bytes, status))) if status.success() => Ok(bytes),
        Ok(Ok((_, status))) => Err(SecretError::Failed(status)),
        Ok(Err(error)) => Err(SecretError::Spawn(error)),
        Err(_) => {
            // the shell's children too
            if let Some(group) = group {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
            }
            Err(SecretError::Timeout(limit))
        }
    }
}

/// False when the file can't be looked at: reading it will say why.
pub fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o044 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use secrecy::ExposeSecret as _;

    fn parse(text: &str) -> Result<Secret, String> {
        Secret::parse(text, |path| Ok(PathBuf::from(path)))
    }

    async fn value(text: &str) -> Result<String, SecretError> {
        Ok(parse(text)
            .unwrap()
            .resolve()
            .await?
            .expose_secret()
            .to_owned())
    }

    #[tokio::test]
    async fn every_kind_of_reference_resolves() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "  s3cret\n").unwrap();
        assert_eq!(
            value(&format!("file:{}", file.display())).await.unwrap(),
            "s3cret"
        );
        assert_eq!(value("cmd:printf 'a b\\n'").await.unwrap(), "a b");
        assert_eq!(value("hunter2").await.unwrap(), "hunter2");
        let home = std::env::var("PATH").unwrap();
        assert_eq!(value("env:PATH").await.unwrap(), home);
    }

    #[tokio::test]
    async fn errors_never_hold_the_value() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "hunter2\nhunter2").unwrap();
        let cases = [
            "cmd:echo hunter2; echo hunter2 >&2; exit 3".to_owned(),
            "cmd:printf 'hunter2\\nhunter2'".to_owned(),
            "cmd:printf 'hunter2\\377'".to_owned(),
            "cmd:head -c 70000 /dev/zero | tr '\\0' x; : hunter2".to_owned(),
            "cmd:true hunter2".to_owned(),
            format!("file:{}", file.display()),
            "file:/nowhere/at/all".to_owned(),
            "env:DAGTOP_TEST_UNSET".to_owned(),
        ];
        for case in cases {
            let secret = parse(&case).unwrap();
            let error = secret.resolve().await.unwrap_err();
            let shown = format!("{error} {error:?} {secret} {secret:?}");
            assert!(!shown.contains("hunter2"), "{case}: {shown}");
        }
        let literal = parse("hunter2").unwrap();
        assert!(!format!("{literal} {literal:?}").contains("hunter2"));
        assert!(!parse("env:my hunter2").unwrap_err().contains("hunter2"));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let secret = parse(&format!(
            "cmd:sleep 600 & echo $! > {}; wait",
            pid_file.display()
        ))
        .unwrap();
        let error = secret
            .resolve_within(Duration::from_millis(500))
            .await
            .unwrap_err();
        assert!(matches!(error, SecretError::Timeout(_)), "{error}");
        let pid = std::fs::read_to_string(pid_file).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        for _ in 0..100 {
            if !alive(pid) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the child of the command still runs");
    }

    /// A killed process nobody waits for stays in the table as a zombie.
    fn alive(pid: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        if stat.is_ok_and(|stat| stat.contains(") Z ")) {
            return false;
        }
        rustix::process::test_kill_process(pid).is_ok()
    }

    #[test]
    fn weaknesses_are_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "x").unwrap();
        let secret = parse(&format!("file:{}", file.display())).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(secret.weakness().unwrap().contains("chmod 600"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(secret.weakness().is_none());
        assert!(parse("hunter2").unwrap().weakness().is_some());
        assert!(parse("env:X").unwrap().weakness().is_none());
    }

    #[test]
    fn empty_references_are_refused() {
        for text in ["", "  ", "env:", "file: ", "cmd:"] {
            assert!(parse(text).is_err(), "{text:?} was taken");
        }
    }
}
