//! One attempt: a shell command whose output goes to a file, byte for byte.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::backends::process::{self, Ear, Ending, Marks, Started, Stream};
use crate::config::paths::append_private_file;

use super::output::{Output, Report};

/// The run's own folder, told to every command; it also marks the processes of a run.
const RUN_DIR: &str = "DAGTOP_RUN_DIR";
const NODE: &str = "DAGTOP_NODE";

pub type Word = process::Word<Report>;
pub type Ended = process::Ended<Report>;

/// What to run.
#[derive(Debug)]
pub struct Spec {
    /// The shell's name for itself in its messages.
    pub name: String,
    pub script: String,
    pub cwd: PathBuf,
    pub env: Vec<(String, String)>,
    pub marks: Marks,
    pub log: PathBuf,
    /// Not counting time spent paused.
    pub timeout: Option<Duration>,
    /// Between TERM and KILL.
    pub grace: Duration,
}

/// What marks the processes of a run, or of one node of it.
pub fn marks(run_dir: String, node: Option<String>) -> Marks {
    let mut marks = vec![(RUN_DIR, run_dir)];
    marks.extend(node.map(|node| (NODE, node)));
    marks
}

/// Starts the command; `tell` hears of it until `Word::Ended`. When the sender of orders is
/// dropped, the attempt is cancelled. Must be called inside a tokio runtime.
pub fn start<F, T>(spec: Spec, tell: F) -> io::Result<Started>
where
    F: Fn(Word) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let mut log = append_private_file(&spec.log)?;
    let output = Output::new(log.try_clone()?);
    let command = process::Spec {
        program: PathBuf::from("sh"),
        args: vec!["-c".to_owned(), spec.script, spec.name],
        cwd: spec.cwd,
        env: spec.env,
        marks: spec.marks,
        // two pipes would tell which stream a line came on, but not which of two lines came first: a trace of `sh -x`
        // would stand apart from what it traces
        apart: false,
        timeout: spec.timeout,
        grace: spec.grace,
        ending: Ending::Terminate,
    };
    process::start(command, output, tell).inspect_err(|e| {
        // the reason belongs where a person will look for it
        let _ = writeln!(log, "dagtop: can't start this command: {e}");
    })
}

impl Ear for Output {
    type Report = Report;

    fn take(&mut self, _: Stream, bytes: &[u8], now: tokio::time::Instant) {
        self.take(bytes, now);
    }

    fn due(&self) -> Option<tokio::time::Instant> {
        self.tell_at
    }

    fn report(&mut self) -> Report {
        self.report()
    }

    fn finish(&mut self) -> Report {
        self.finish();
        self.report()
    }
}
