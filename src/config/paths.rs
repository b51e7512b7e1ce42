//! Where things are kept: the same places on every system, `~/.config` on macOS too.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// All absolute. None of them needs to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `--config`, else `$DAGTOP_CONFIG`, else `config.toml` in `config_dir`.
    pub config_file: PathBuf,
    /// `$XDG_CONFIG_HOME/dagtop` or `~/.config/dagtop`
    pub config_dir: PathBuf,
    /// `$XDG_STATE_HOME/dagtop` or `~/.local/state/dagtop`
    pub state_dir: PathBuf,
    /// `$XDG_CACHE_HOME/dagtop` or `~/.cache/dagtop`
    pub cache_dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    #[error(
        "no home directory is known, so there is no place for {what}; set HOME or {variable} to an absolute path"
    )]
    NoHome {
        what: &'static str,
        variable: &'static str,
    },
    #[error("can't find the current directory")]
    NoCurrentDir(#[source] io::Error),
}

impl Paths {
    /// `flag` is what `--config` gave.
    pub fn discover(flag: Option<&Path>) -> Result<Self, PathsError> {
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        Self::from_env(flag, |name| std::env::var_os(name), home.as_deref())
    }

    fn from_env(
        flag: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
    ) -> Result<Self, PathsError> {
        let var = |name: &str| {
            env(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let dir = |variable: &'static str, under_home: &str, what: &'static str| {
            // the XDG specification: a relative path is to be ignored
            let base = var(variable).filter(|path| path.is_absolute());
            let base = base.or_else(|| home.map(|home| home.join(under_home)));
            base.map(|base| base.join("dagtop"))
                .ok_or(PathsError::NoHome { what, variable })
        };
        let config_dir = dir("XDG_CONFIG_HOME", ".config", "the configuration")?;
        let config_file = match flag.map(Path::to_owned).or_else(|| var("DAGTOP_CONFIG")) {
            Some(file) => std::path::absolute(file).map_err(PathsError::NoCurrentDir)?,
            None => config_dir.join("config.toml"),
        };
        Ok(Self {
            config_file,
            config_dir,
            state_dir: dir("XDG_STATE_HOME", ".local/state", "the state")?,
            cache_dir: dir("XDG_CACHE_HOME", ".cache", "the cache")?,
        })
    }
}

/// Makes the directory with its parents, readable by nobody else. An existing one is closed to others.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens a file for writing from its start, readable by nobody else, whether it existed or not.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    private_file(
        OpenOptions::new().write(true).create(true).truncate(true),
        path,
    )
}

/// Opens a file for adding at its end, readable by nobody else, whether it existed or not.
pub fn append_private_file(path: &Path) -> io::Result<File> {
    private_file(OpenOptions::new().append(true).create(true), path)
}

/// Replaces a file as a whole, readable by nobody else: whoever reads it sees the old or the new one, also when this
/// process is killed meanwhile or another one does the same.
pub fn replace_private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = create_private_file(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(
        flag: Option<&str>,
        vars: &[(&str, &str)],
        home: Option<&str>,
    ) -> Result<Paths, PathsError> {
        let env = |name: &str| {
            vars.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| OsString::from(v))
        };
        Paths::from_env(flag.map(Path::new), env, home.map(Path::new))
    }

    #[test]
    fn without_variables_everything_is_under_home() {
        let paths = with(None, &[], Some("/h")).unwrap();
        assert_eq!(
            paths.config_file,
            Path::new("/h/.config/dagtop/config.toml")
        );
        assert_eq!(paths.state_dir, Path::new("/h/.local/state/dagtop"));
        assert_eq!(paths.cache_dir, Path::new("/h/.cache/dagtop"));
    }

    #[test]
    fn variables_win_over_home_and_the_flag_over_variables() {
        let vars = [
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_STATE_HOME", "/s"),
            ("XDG_CACHE_HOME", "relative"),
        ];
        let paths = with(None, &vars, Some("/h")).unwrap();
        assert_eq!(paths.config_file, Path::new("/c/dagtop/config.toml"));
        assert_eq!(paths.state_dir, Path::new("/s/dagtop"));
        assert_eq!(
            paths.cache_dir,
            Path::new("/h/.cache/dagtop"),
            "a relative XDG path is ignored"
        );
        let vars = [("DAGTOP_CONFIG", "/env.toml")];
        assert_eq!(
            with(None, &vars, Some("/h")).unwrap().config_file,
            Path::new("/env.toml")
        );
        assert_eq!(
            with(Some("/flag.toml"), &vars, Some("/h"))
                .unwrap()
                .config_file,
            Path::new("/flag.toml")
        );
        assert_eq!(
            with(None, &[("DAGTOP_CONFIG", "")], Some("/h"))
                .unwrap()
                .config_file,
            Path::new("/h/.config/dagtop/config.toml")
        );
        assert!(
            with(Some("here.toml"), &[], Some("/h"))
                .unwrap()
                .config_file
                .is_absolute()
        );
    }

    #[test]
    fn no_home_names_the_variable_to_set() {
        let error = with(None, &[("XDG_CONFIG_HOME", "/c")], None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("XDG_STATE_HOME"), "{error}");
    }

    #[test]
    fn private_means_private() {
        let temp = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let dir = temp.path().join("a/b");
        create_private_dir(&dir).unwrap();
        assert_eq!((mode(&dir), mode(&temp.path().join("a"))), (0o700, 0o700));
        std::fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        create_private_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        let file = dir.join("g.json");
        replace_private_file(&file, b"first").unwrap();
        replace_private_file(&file, b"second").unwrap();
        assert_eq!(
            (mode(&file), std::fs::read(&file).unwrap()),
            (0o600, b"second".to_vec())
        );
        let left = std::fs::read_dir(&dir).unwrap().count();
        assert_eq!(left, 1, "nothing else is left");
        let file = dir.join("f");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        create_private_file(&file).unwrap();
        assert_eq!(
            (mode(&file), std::fs::read(&file).unwrap().len()),
            (0o600, 0)
        );
    }
}
