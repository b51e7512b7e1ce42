//! The log of one node: its lines among those of the whole run, in words, and the code that failed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, Utc};

use crate::backends::tail::Sift;
use crate::model::NodeState;

use super::lines::{Lines, Reader};
use super::record::{NodeRecord, state_of};
use super::said::{Level, NodeEnd, Said, What};

/// More of a compiled file is not shown, in bytes.
const MAX_CODE: u64 = 64 << 10;

/// Takes one node's lines out of dbt's log.
#[derive(Debug)]
pub struct NodeLines {
    /// `None`: lines about no node.
    node: Option<String>,
    /// Where paths in lines start.
    project: PathBuf,
    lines: Lines,
    reader: Reader,
    /// The code was shown.
    shown: bool,
    /// The reason for a failure was shown.
    explained: bool,
}

impl NodeLines {
    pub fn new(node: Option<String>, project: PathBuf) -> Self {
        Self {
            node,
            project,
            lines: Lines::default(),
            reader: Reader::default(),
            shown: false,
            explained: false,
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if line.starts_with(b"{") {
            // most lines are another node's: looking for its name is cheaper than reading them
            let other = self
                .node
                .as_ref()
                .is_some_and(|id| memchr::memmem::find(line, id.as_bytes()).is_none());
            if other {
                return;
            }
        } else if self.node.is_none() && self.reader.invocation().is_none() {
            // what came on stderr
            out.extend_from_slice(line);
            return;
        }
        for said in self.reader.read(line, Utc::now()) {
            self.said(&said, out);
        }
    }

    fn said(&mut self, said: &Said, out: &mut Vec<u8>) {
        if said.node != self.node || said.text.trim().is_empty() {
            return;
        }
        let level = self.level(said);
        render(level, said, out);
        if let What::NodeEnds(NodeEnd {
            status,
            message: Some(why),
            ..
        }) = &said.what
            && matches!(state_of(status), NodeState::Failed | NodeState::Warned)
            && !std::mem::replace(&mut self.explained, true)
        {
            // dbt explains at the end of the run
            let level = match state_of(status) {
                NodeState::Warned => Level::Warn,
                _ => Level::Error,
            };
            let why = Said {
                text: why.clone(),
                ..said.clone()
            };
            render(level, &why, out);
        }
        if let What::Compiled(path) = &said.what
            && !std::mem::replace(&mut self.shown, true)
        {
            code(&self.project.join(path), out);
        }
    }
}

impl NodeLines {
    /// What says why is an error, once; that there was one, and where, is not.
    fn level(&mut self, said: &Said) -> Level {
        let told = match &said.what {
            What::NodeError(_) if std::mem::replace(&mut self.explained, true) => Level::Info,
            What::NodeError(_) if said.level == Level::Warn => return Level::Warn,
            What::NodeError(_) => return Level::Error,
            What::Line | What::NodeEnds(_) if self.node.is_some() => Level::Info,
            _ => return said.level,
        };
        said.level.min(told)
    }
}

/// The code that dbt made, line by line; what can't be read is said.
fn code(path: &Path, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|f| f.take(MAX_CODE).read_to_end(&mut text));
    match read {
        Ok(_) => {
            for line in text.split(|b| *b == b'\n') {
                out.extend_from_slice(b"    ");
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        Err(e) => out.extend_from_slice(format!("    {}: {e}\n", path.display()).as_bytes()),
    }
}

fn render(level: Level, said: &Said, out: &mut Vec<u8>) {
    let at = said.at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (level, text) = (
        level.word(),
        said.text.trim_matches('\n').trim_start_matches(' '),
    );
    out.extend_from_slice(format!("{at} {level} {text}\n").as_bytes());
}

impl Sift for NodeLines {
    const SHOWN: Option<u64> = None;

    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(bytes, |line| self.line(line, out));
        self.lines = lines;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(|line| self.line(line, out));
        self.lines = lines;
        if let Some(said) = self.reader.flush() {
            self.said(&said, out);
        }
    }
}

/// What can be said of a node of which only the results are known.
pub fn from_results(name: &str, node: &NodeRecord, project: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    let level = match node.state {
        NodeState::Failed => Level::Error,
        NodeState::Warned => Level::Warn,
        _ => Level::Info,
    };
    let mut text = format!("{name}: {}", node.native);
    if let Some(message) = &node.message {
        text.push_str(&format!("\n{message}"));
    }
    render(
        level,
        &Said {
            invocation: None,
            pid: None,
            at: node.ended_at.or(node.started_at).unwrap_or_default(),
            level,
            node: None,
            what: What::Line,
            text,
        },
        &mut out,
    );
    out.extend_from_slice(b"(from dbt's results: no log of this run was seen)\n");
    if level == Level::Error
        && let Some(path) = &node.compiled
    {
        out.extend_from_slice(format!("compiled code at {path}\n").as_bytes());
        code(&project.join(path), &mut out);
    }
    out
}
