//! Where long output goes: stdout, or a file that has its name only when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::paths::create_private_file;

pub(super) enum Outlet {
    Stdout(BufWriter<io::Stdout>),
    File {
        file: Option<BufWriter<File>>,
        new: PathBuf,
        name: PathBuf,
    },
}

impl Outlet {
    /// `-` and nothing are stdout.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(name) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        };
        let mut new = name.as_os_str().to_owned();
        new.push(format!(".{}.new", std::process::id()));
        let new = PathBuf::from(new);
        let file = create_private_file(&new);
        let file = file.with_context(|| format!("can't write {}", name.display()))?;
        Ok(Self::File {
            file: Some(BufWriter::new(file)),
            new,
            name: name.to_owned(),
        })
    }

    /// For the audit.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdout(_) => "stdout".to_owned(),
            Self::File { name, .. } => name.display().to_string(),
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout(_)) && io::stdout().is_terminal()
    }

    /// All of it is there.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        match &mut self {
            Self::Stdout(out) => out.flush().context("can't write to stdout"),
            Self::File { file, new, name } => {
                let whole = |file: Option<BufWriter<File>>| {
                    let Some(mut file) = file else { return Ok(()) };
                    file.flush()?;
                    file.get_ref().sync_all()?;
                    std::fs::rename(&*new, &*name)
                };
                let written = whole(file.take());
                written.with_context(|| format!("can't write {}", name.display()))
            }
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File { file, .. } => file.as_mut().map_or(Ok(0), |file| file.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File { file, .. } => file.as_mut().map_or(Ok(()), Write::flush),
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Self::File {
            file: Some(_), new, ..
        } = self
        {
            // half of it is nothing; if it can't go, its name says so
            let _ = std::fs::remove_file(new);
        }
    }
}
