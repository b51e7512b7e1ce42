//! The pipeline files that are watched: what they say now, and what is wrong with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::model::{Notice, NoticeLevel, SafeText};

use super::definition::Definition;
use super::file;

/// A larger file is no pipeline.
const MAX_FILE: u64 = 4 << 20;

/// One pipeline as its file has it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub file: PathBuf,
    /// The last one without errors.
    pub definition: Option<Arc<Definition>>,
    /// Why the file can't be used as it is now.
    pub broken: Option<String>,
}

#[derive(Debug, Default)]
pub struct Catalog {
    wanted: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Known>,
    listed: BTreeMap<String, Listed>,
    notices: Vec<Notice>,
}

#[derive(Debug)]
struct Known {
    stamp: Option<(SystemTime, u64)>,
    name: String,
    definition: Option<Arc<Definition>>,
    trouble: Option<Vec<String>>,
    since: DateTime<Utc>,
}

impl Catalog {
    /// `wanted`: files, folders of `*.toml`, or paths whose last part holds `*`.
    pub fn new(wanted: Vec<PathBuf>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// By name.
    pub fn listed(&self) -> &BTreeMap<String, Listed> {
        &self.listed
    }

    pub fn get(&self, pipeline: &str) -> Option<&Listed> {
        self.listed.get(pipeline)
    }

    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Looks at every file that has changed since. Says whether anything is different now.
    pub fn scan(&mut self) -> bool {
        let now = Utc::now();
        let mut changed = false;
        let mut missing = Vec::new();
        let mut paths = Vec::new();
        for wanted in &self.wanted {
            match find(wanted) {
                Ok(found) => paths.extend(found),
                Err(why) => missing.push((wanted.clone(), why)),
            }
        }
        paths.sort();
        paths.dedup();
        let before = self.files.len();
        self.files
            .retain(|path, _| paths.binary_search(path).is_ok());
        changed |= before != self.files.len();
        for path in paths {
            let stamp = fs::metadata(&path)
                .ok()
                .and_then(|m| Some((m.modified().ok()?, m.len())));
            let known = self.files.get(&path);
            if known.is_some_and(|k| k.stamp == stamp) {
                continue;
            }
            changed = true;
            let last = known.and_then(|k| k.definition.clone());
            self.files
                .insert(path.clone(), read(&path, stamp, last, now));
        }
        let listed = self.listed.len();
        self.list(missing, now);
        changed || listed != self.listed.len()
    }

    fn list(&mut self, missing: Vec<(PathBuf, String)>, now: DateTime<Utc>) {
        let old = std::mem::take(&mut self.notices);
        self.listed.clear();
        let mut tell = |subject: String, text: Vec<String>, since: Option<DateTime<Utc>>| {
            let subject = SafeText::new(subject);
            let at = old
                .iter()
                .find(|n| n.subject == subject)
                .and_then(|n| n.at)
                .or(since)
                .unwrap_or(now);
            self.notices.push(Notice {
                subject,
                level: NoticeLevel::Error,
                text: text.iter().map(SafeText::new).collect(),
                at: Some(at),
            });
        };
        for (path, why) in missing {
            tell(path.display().to_string(), vec![why], None);
        }
        for (path, known) in &self.files {
            if let Some(trouble) = &known.trouble {
                tell(
                    path.display().to_string(),
                    trouble.clone(),
                    Some(known.since),
                );
            }
            if let Some(first) = self.listed.get(&known.name) {
                let text = format!(
                    "the name `{}` is taken by {}: give one of them another `name`",
                    known.name,
                    first.file.display()
                );
                tell(path.display().to_string(), vec![text], None);
                continue;
            }
            self.listed.insert(
                known.name.clone(),
                Listed {
                    file: path.clone(),
                    definition: known.definition.clone(),
                    broken: known.trouble.as_deref().map(brief),
                },
            );
        }
    }
}

/// The first of what is wrong, and how much more there is.
fn brief(trouble: &[String]) -> String {
    let first = trouble.first().cloned().unwrap_or_default();
    match trouble.len() {
        0 | 1 => first,
        n => format!("{first} (+{} more)", n - 1),
    }
}

fn read(
    path: &Path,
    stamp: Option<(SystemTime, u64)>,
    last: Option<Arc<Definition>>,
    since: DateTime<Utc>,
) -> Known {
    let fail = |name: String, trouble: Vec<String>| Known {
        stamp,
        name,
        definition: last.clone(),
        trouble: Some(trouble),
        since,
    };
    let stem = || file::name_of(path, "");
    let last_name = last.as_ref().map(|d| d.name.clone());
    if stamp.is_some_and(|(_, len)| len > MAX_FILE) {
        let text = "larger than 4 MiB: no pipeline file".to_owned();
        return fail(last_name.unwrap_or_else(stem), vec![text]);
    }
    let text = match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            let text = "not UTF-8: save it as UTF-8".to_owned();
            return fail(last_name.unwrap_or_else(stem), vec![text]);
        }
        Err(e) => return fail(last_name.unwrap_or_else(stem), vec![e.to_string()]),
    };
    match file::parse(path, &text) {
        Ok(definition) => Known {
            stamp,
            name: definition.name.clone(),
            definition: Some(Arc::new(definition)),
            trouble: None,
            since,
        },
        Err(problems) => {
            let lines = problems.0.iter().map(|p| p.headline()).collect();
            let name = last_name.unwrap_or_else(|| file::name_of(path, &text));
            fail(name, lines)
        }
    }
}

/// The files a wanted path stands for now.
fn find(wanted: &Path) -> Result<Vec<PathBuf>, String> {
    if wanted.is_file() {
        return Ok(vec![wanted.to_owned()]);
    }
    let last = wanted
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (dir, pattern) = if last.contains('*') {
        (wanted.parent().unwrap_or(Path::new("/")), last.as_str())
    } else {
        (wanted, "*.toml")
    };
    let entries = fs::read_dir(dir).map_err(|e| format!("can't be read: {e}"))?;
    Ok(entries
        .filter_map(Result::ok)
        .filter(|e| matches(pattern, &e.file_name().to_string_lossy()))
        // the folder itself tells the kind of most entries, at no cost
        .filter(|e| match e.file_type() {
            Ok(kind) if !kind.is_symlink() => kind.is_file(),
            _ => e.path().is_file(),
        })
        .map(|e| e.path())
        .collect())
}

/// `*` stands for any text, but no hidden file.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const GOOD: &str = "[[node]]\nid = \"a\"\nrun = \"true\"\n";

    #[test]
    fn stars_match_as_in_a_shell() {
        for (pattern, name, want) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".a.toml", false),
            ("*.toml", "a.tom", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn one_broken_file_hides_no_other_and_keeps_its_name() {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        fs::write(path("good.toml"), GOOD).unwrap();
        fs::write(path("bad.toml"), "name = \"named\"\nnode = 3\n").unwrap();
        fs::write(path("binary.toml"), [0xff, 0xfe]).unwrap();
        fs::write(path("other.txt"), "x").unwrap();
        let gone = path("gone");
        let mut catalog = Catalog::new(vec![temp.path().to_owned(), gone.clone()]);
        assert!(catalog.scan());
        let names: Vec<_> = catalog.listed().keys().cloned().collect();
        assert_eq!(names, ["binary", "good", "named"]);
        assert!(catalog.get("good").unwrap().broken.is_none());
        let subjects: Vec<_> = catalog
            .notices()
            .iter()
            .map(|n| n.subject.to_string())
            .collect();
        assert_eq!(subjects.len(), 3, "{subjects:?}");
        assert!(subjects.contains(&gone.display().to_string()));
        assert!(!catalog.scan(), "nothing has changed");

        // mended, then broken again: the last good form stays known
        fs::write(path("bad.toml"), format!("name = \"named\"\n{GOOD}")).unwrap();
        assert!(catalog.scan());
        assert!(catalog.get("named").unwrap().broken.is_none());
        fs::write(path("bad.toml"), "name = \"named\"\n[[nod]]\n").unwrap();
        assert!(catalog.scan());
        let named = catalog.get("named").unwrap();
        let why = named.broken.as_ref().unwrap();
        assert!(
            named.definition.is_some()
                && why.contains("bad.toml:1:1")
                && why.ends_with("(+1 more)"),
            "{why}"
        );
    }

    #[test]
    fn the_second_file_of_a_name_is_refused_by_name() {
        let temp = tempfile::tempdir().unwrap();
        for file in ["a.toml", "b.toml"] {
            fs::write(temp.path().join(file), format!("name = \"same\"\n{GOOD}")).unwrap();
        }
        let mut catalog = Catalog::new(vec![temp.path().to_owned()]);
        catalog.scan();
        assert_eq!(catalog.listed().len(), 1);
        let notice = &catalog.notices()[0];
        assert!(notice.subject.ends_with("b.toml") && notice.text[0].contains("a.toml"));
    }
}
