//! Another program in the foreground: which one the person wants, and running it. Its command line is split here and
//! handed over word by word: no shell reads it.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use tokio::process::Command;

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    argv: Vec<OsString>,
}

impl Program {
    /// The first wish that is not empty, with the file behind it. A wish is words with spaces between them; quotes
    /// keep words together.
    pub fn of(wishes: &[Option<String>], default: &str, file: &Path) -> Self {
        let words = wishes.iter().flatten().map(|wish| words(wish));
        let mut argv = words
            .into_iter()
            .find(|words| !words.is_empty())
            .unwrap_or_else(|| vec![default.to_owned()]);
        argv.push(String::new());
        let mut argv: Vec<OsString> = argv.into_iter().map(OsString::from).collect();
        if let Some(last) = argv.last_mut() {
            *last = file.as_os_str().to_owned();
        }
        Self { argv }
    }

    pub fn argv(&self) -> &[OsString] {
        &self.argv
    }

    /// Its name, for messages.
    pub fn name(&self) -> String {
        let name = self.argv.first().map(|name| name.to_string_lossy());
        name.unwrap_or_default().into_owned()
    }

    /// Runs it on this terminal; dropping the future ends it.
    pub(super) async fn run(self) -> io::Result<()> {
        let (name, args) = self.argv.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut child = Command::new(name).args(args).kill_on_drop(true).spawn()?;
        child.wait().await.map(|_| ())
    }
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_words_and_never_a_shell() {
        let argv = |wishes: &[Option<&str>]| -> Vec<String> {
            let wishes: Vec<_> = wishes.iter().map(|w| w.map(str::to_owned)).collect();
            let program = Program::of(&wishes, "less", Path::new("/tmp/a b.log"));
            let words = program
                .argv()
                .iter()
                .map(|w| w.to_string_lossy().into_owned());
            words.collect()
        };
        assert_eq!(argv(&[None, Some(" ")]), ["less", "/tmp/a b.log"]);
        assert_eq!(argv(&[Some("less -R")]), ["less", "-R", "/tmp/a b.log"]);
        assert_eq!(
            argv(&[None, Some("'/opt/my editor' --wait \"\"")]),
            ["/opt/my editor", "--wait", "", "/tmp/a b.log"]
        );
        assert_eq!(
            argv(&[Some("x; rm -rf $HOME `y`")]),
            ["x;", "rm", "-rf", "$HOME", "`y`", "/tmp/a b.log"]
        );
    }
}
