//! Where a project keeps its things, as far as that can be told without running dbt: the name and
//! the folders in `dbt_project.yml`, the variables that dbt heeds.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A larger project file is none.
const MAX_FILE: u64 = 4 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub dir: PathBuf,
    pub name: String,
    pub target: PathBuf,
    pub log: PathBuf,
}

/// Why a folder is no project.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    #[error("the project's folder {} is not there", .0.display())]
    NoFolder(PathBuf),
    #[error("{} has no dbt_project.yml: is it a dbt project?", .0.display())]
    NoFile(PathBuf),
    #[error("{}: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
}

impl Project {
    pub fn read(dir: &Path) -> Result<Self, ProjectError> {
        if !dir.is_dir() {
            return Err(ProjectError::NoFolder(dir.to_owned()));
        }
        let path = dir.join("dbt_project.yml");
        let unreadable = |why: String| ProjectError::Unreadable {
            path: path.clone(),
            why,
        };
        match fs::metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(ProjectError::NoFile(dir.to_owned()));
            }
            Err(e) => return Err(unreadable(e.to_string())),
            Ok(meta) if meta.len() > MAX_FILE => {
                return Err(unreadable("larger than 4 MiB: no project file".to_owned()));
            }
            Ok(_) => {}
        }
        let bytes = fs::read(&path).map_err(|e| unreadable(e.to_string()))?;
        let text = String::from_utf8_lossy(&bytes);
        let folder = |variable: &str, key: &str, default: &str| {
            let set = env::var(variable).ok().filter(|v| !v.is_empty());
            // a value that dbt would render can't be known here
            let written = value(&text, key).filter(|v| !v.contains("{{"));
            dir.join(set.or(written).unwrap_or_else(|| default.to_owned()))
        };
        let own = || {
            dir.file_name()
                .map_or_else(|| "dbt".to_owned(), |n| n.to_string_lossy().into_owned())
        };
        Ok(Self {
            dir: dir.to_owned(),
            name: value(&text, "name").unwrap_or_else(own),
            target: folder("DBT_TARGET_PATH", "target-path", "target"),
            log: folder("DBT_LOG_PATH", "log-path", "logs").join("dbt.log"),
        })
    }

    pub fn manifest(&self) -> PathBuf {
        self.target.join("manifest.json")
    }

    pub fn run_results(&self) -> PathBuf {
        self.target.join("run_results.json")
    }

    pub fn sources(&self) -> PathBuf {
        self.target.join("sources.json")
    }
}

/// The plain value of a key at the top level of a YAML file.
fn value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?.trim_start().strip_prefix(':')?;
        let rest = rest.trim();
        let plain = match rest.chars().next()? {
            quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
            _ => rest.split(" #").next()?.trim_end(),
        };
        (!plain.is_empty()).then(|| plain.to_owned())
    })
}

/// A program as a shell would find it.
pub fn find_program(program: &Path) -> Option<PathBuf> {
    let runnable = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    if program.components().count() > 1 {
        return runnable(program).then(|| program.to_owned());
    }
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|path| runnable(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_are_read_as_yaml_writes_them() {
        for (text, want) in [
            ("name: shop\n", Some("shop")),
            ("name : 'the shop' # ours\n", Some("the shop")),
            ("name: \"shop\"\n", Some("shop")),
            ("name: shop # ours\n", Some("shop")),
            ("  name: inner\n", None),
            ("names: other\n", None),
            ("name:\n", None),
        ] {
            assert_eq!(value(text, "name").as_deref(), want, "{text}");
        }
    }

    #[test]
    fn folders_are_where_the_file_says() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            Project::read(dir.path()),
            Err(ProjectError::NoFile(dir.path().to_owned()))
        );
        let text = "name: shop\ntarget-path: out\nlog-path: \"{{ env_var('X') }}\"\n";
        fs::write(dir.path().join("dbt_project.yml"), text).unwrap();
        let project = Project::read(dir.path()).unwrap();
        assert_eq!(project.manifest(), dir.path().join("out/manifest.json"));
        assert_eq!(project.log, dir.path().join("logs/dbt.log"));
        let gone = dir.path().join("gone");
        assert_eq!(
            Project::read(&gone),
            Err(ProjectError::NoFolder(gone.clone()))
        );
    }
}
