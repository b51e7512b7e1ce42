//! Owns running a command on this machine: a process group of its own, its output as it comes, its
//! end by signals, and what others left behind. Must not know what the command is for, nor what its
//! output means.
//!
//! A pause or an end is told only after it was read back from the system.

mod control;
mod procs;

use std::io::{self, PipeReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub use control::{end_all, interrupt, left_behind};
pub use procs::{Opener, opened_by, started, usage};

use control::Control;

/// How long a stranger may hold the pipe open after the group is gone.
const DRAIN: Duration = Duration::from_millis(200);
/// How much is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// Variables in the environment of a command by which its processes are known again.
pub type Marks = Vec<(&'static str, String)>;

/// What to run.
#[derive(Debug)]
pub struct Spec {
    pub program: PathBuf,
    pub args: Vec<String>,
    pub cwd: PathBuf,
    pub env: Vec<(String, String)>,
    /// Told to the command beside `env`.
    pub marks: Marks,
    /// Whether stderr has a pipe of its own; else both come through one, in the order of arrival.
    pub apart: bool,
    /// Not counting time spent paused.
    pub timeout: Option<Duration>,
    /// Between the signals that end it.
    pub grace: Duration,
    pub ending: Ending,
}

/// How a command is asked to end. KILL comes last in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// TERM.
    Terminate,
    /// INT, INT again, then TERM: for what tidies up only when it is interrupted, and may miss the
    /// first while it begins something.
    Interrupt,
}

/// A process group: the id of its leader and when that began, in clock ticks since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub group: i32,
    pub started: Option<u64>,
}

/// What can be asked of a running command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Pause,
    Resume,
    /// The first signal now, the next each after this time.
    Cancel {
        grace: Duration,
    },
}

/// What a running command tells. `R` is what its ear makes of its output.
#[derive(Clone, Debug, PartialEq)]
pub enum Word<R> {
    Reported(R),
    /// Every process of the group is stopped, as read back.
    Paused,
    Resumed,
    /// What was asked did not happen.
    Trouble(String),
    /// The last word.
    Ended(Ended<R>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended<R> {
    pub exit: Option<i32>,
    pub signal: Option<i32>,
    pub timed_out: bool,
    pub cancelled: bool,
    /// Some process was there after KILL.
    pub unkillable: bool,
    pub note: Option<String>,
    /// What was not yet reported.
    pub last: R,
}

/// Where output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// With `Spec::apart` stdout alone.
    Out,
    Err,
}

/// Takes in the output of a command.
pub trait Ear: Send + 'static {
    type Report: Send + 'static;

    fn take(&mut self, from: Stream, bytes: &[u8], now: Instant);

    /// When there is something to report.
    fn due(&self) -> Option<Instant>;

    fn report(&mut self) -> Self::Report;

    /// Nothing more will come.
    fn finish(&mut self) -> Self::Report;
}

/// A started command.
#[derive(Debug)]
pub struct Started {
    pub process: ProcessId,
    pub orders: mpsc::UnboundedSender<Order>,
}

/// Starts the command; `tell` hears of it until `Word::Ended`. When the sender of orders is
/// dropped, the command is cancelled. Must be called inside a tokio runtime.
pub fn start<E, F, T>(spec: Spec, ear: E, tell: F) -> io::Result<Started>
where
    E: Ear,
    F: Fn(Word<E::Report>) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let (child, out, err) = spawn(&spec)?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .ok_or_else(|| io::Error::other("it has no process id"))?;
    let process = ProcessId {
        group: pid,
        started: started(pid),
    };
    let control = Control::new(pid, &spec).ok_or_else(|| io::Error::other("process id 0"))?;
    let out = Pipe::new(out)?;
    let err = err.map(Pipe::new).transpose()?;
    let (orders, inbox) = mpsc::unbounded_channel();
    let attempt = Attempt { control, ear };
    tokio::spawn(attempt.drive(child, out, err, inbox, tell));
    Ok(Started { process, orders })
}

fn spawn(spec: &Spec) -> io::Result<(Child, PipeReader, Option<PipeReader>)> {
    if !spec.cwd.is_dir() {
        let text = format!("its folder {} is not there", spec.cwd.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let (reader, writer) = io::pipe()?;
    let (err_reader, err_writer) = if spec.apart {
        let (reader, writer) = io::pipe()?;
        (Some(reader), writer)
    } else {
        (None, writer.try_clone()?)
    };
    let child = Command::new(&spec.program)
        .args(&spec.args)
        .current_dir(&spec.cwd)
        .envs(spec.env.iter().map(|(k, v)| (k, v)))
        .envs(spec.marks.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(err_writer)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, reader, err_reader))
}

/// One end of a pipe, and what was last read from it.
struct Pipe {
    pipe: pipe::Receiver,
    buffer: Vec<u8>,
    open: bool,
}

impl Pipe {
    fn new(reader: PipeReader) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe::Receiver::from_owned_fd(reader.into())?,
            buffer: vec![0; PIECE],
            open: true,
        })
    }

    /// Waits for more; for ever when there is no pipe or it is closed.
    async fn read(this: &mut Option<Self>) -> usize {
        match this {
            Some(this) if this.open => match this.pipe.read(&mut this.buffer).await {
                Ok(n) if n > 0 => n,
                Ok(_) | Err(_) => {
                    this.open = false;
                    0
                }
            },
            _ => std::future::pending().await,
        }
    }

    fn is_open(this: &Option<Self>) -> bool {
        this.as_ref().is_some_and(|p| p.open)
    }

    fn bytes(this: &Option<Self>, n: usize) -> &[u8] {
        this.as_ref().map_or(&[], |p| &p.buffer[..n])
    }
}

struct Attempt<E> {
    control: Control,
    ear: E,
}

impl<E: Ear> Attempt<E> {
    async fn drive<F, T>(
        mut self,
        mut child: Child,
        out: Pipe,
        mut err: Option<Pipe>,
        mut inbox: mpsc::UnboundedReceiver<Order>,
        tell: F,
    ) where
        F: Fn(Word<E::Report>) -> T + Send + Sync,
        T: Future<Output = ()> + Send,
    {
        let mut out = Some(out);
        let mut closed = false;
        let mut exit: Option<ExitStatus> = None;
        let mut gone_at: Option<Instant> = None;
        let grace = self.control.grace;
        loop {
            let look = self.control.look_at(exit.is_some());
            let due = self.ear.due();
            tokio::select! {
                biased;
                order = inbox.recv(), if !closed => {
                    closed = order.is_none();
                    self.control.order(order.unwrap_or(Order::Cancel { grace }), Instant::now());
                }
                status = child.wait(), if exit.is_none() => {
                    // an end that can't be read is an end all the same
                    exit = Some(status.unwrap_or_else(|_| ExitStatus::from_raw(0xff00)));
                }
                () = sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => {
                    if let Some(word) = self.control.look(exit.is_some(), Instant::now()) {
                        tell(word).await;
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    tell(Word::Reported(self.ear.report())).await;
                }
                n = Pipe::read(&mut out), if Pipe::is_open(&out) => {
                    self.ear.take(Stream::Out, Pipe::bytes(&out, n), Instant::now());
                }
                n = Pipe::read(&mut err), if Pipe::is_open(&err) => {
                    self.ear.take(Stream::Err, Pipe::bytes(&err, n), Instant::now());
                }
            }
            if exit.is_some() && self.control.over {
                let since = *gone_at.get_or_insert_with(Instant::now);
                // a stranger that holds a pipe must not hold up the run
                let drained = !Pipe::is_open(&out) && !Pipe::is_open(&err);
                if drained || since.elapsed() > DRAIN {
                    break;
                }
            }
        }
        let Some(status) = exit else { return };
        tell(Word::Ended(Ended {
            exit: status.code(),
            signal: status.signal(),
            timed_out: self.control.timed_out,
            cancelled: self.control.cancelled,
            unkillable: self.control.unkillable,
            note: self.control.note.take(),
            last: self.ear.finish(),
        }))
        .await;
    }
}
