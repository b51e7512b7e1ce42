//! One attempt: a command in a process group of its own, its output in a file, its end.
//!
//! Output of stdout and stderr comes through one pipe, so the file has it in the order of arrival,
//! byte for byte. A pause or an end is told only after it was read back from the system.

use std::io::{self, PipeReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::config::paths::append_private_file;
use crate::model::Progress;

use super::output::Output;
use super::procs::{self, Members};
use super::record::ProcessId;

/// How often what was asked of the processes is looked at.
const LOOK: Duration = Duration::from_millis(25);
/// How long a stop may take to be seen.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// How long after KILL a process may still be there (in the kernel's hands).
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// How long a stranger may hold the pipe open after the group is gone.
const DRAIN: Duration = Duration::from_millis(200);

/// The run's own folder, told to every command; it also marks the processes of a run.
pub const RUN_DIR: &str = "DAGTOP_RUN_DIR";
pub const NODE: &str = "DAGTOP_NODE";

/// What to run.
#[derive(Debug)]
pub struct Spec {
    /// The shell's name for itself in its messages.
    pub name: String,
    pub script: String,
    pub cwd: PathBuf,
    /// With `RUN_DIR` and `NODE`.
    pub env: Vec<(String, String)>,
    pub log: PathBuf,
    /// Not counting time spent paused.
    pub timeout: Option<Duration>,
    /// Between TERM and KILL.
    pub grace: Duration,
}

/// What can be asked of a running attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Pause,
    Resume,
    /// TERM, and after this time KILL.
    Cancel {
        grace: Duration,
    },
}

/// What a running attempt tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    Reported {
        progress: Option<Progress>,
        metrics: Vec<(String, f64)>,
    },
    /// Every process of the group is stopped, as read back.
    Paused,
    Resumed,
    /// What was asked did not happen.
    Trouble(String),
    /// The last word.
    Ended(Ended),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    pub exit: Option<i32>,
    pub signal: Option<i32>,
    pub timed_out: bool,
    pub cancelled: bool,
    /// Some process was there after KILL.
    pub unkillable: bool,
    pub progress: Option<Progress>,
    pub metrics: Vec<(String, f64)>,
    pub note: Option<String>,
}

/// A started attempt.
#[derive(Debug)]
pub struct Started {
    pub process: ProcessId,
    pub orders: mpsc::UnboundedSender<Order>,
}

/// Starts the command; `tell` hears of it until `Word::Ended`. When the sender of orders is
/// dropped, the attempt is cancelled. Must be called inside a tokio runtime.
pub fn start<F, T>(spec: Spec, tell: F) -> io::Result<Started>
where
    F: Fn(Word) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let mut log = append_private_file(&spec.log)?;
    let (child, pipe) = match spawn(&spec) {
        Ok(started) => started,
        Err(e) => {
            // the reason belongs where a person will look for it
            let _ = writeln!(log, "dagtop: can't start this command: {e}");
            return Err(e);
        }
    };
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .ok_or_else(|| io::Error::other("it has no process id"))?;
    let process = ProcessId {
        group: pid,
        started: procs::started(pid),
    };
    let group = Group::new(pid, &spec).ok_or_else(|| io::Error::other("process id 0"))?;
    let pipe = pipe::Receiver::from_owned_fd(pipe.into())?;
    let (orders, inbox) = mpsc::unbounded_channel();
    let attempt = Attempt {
        control: Control::new(group, &spec),
        output: Output::new(log),
    };
    tokio::spawn(attempt.drive(child, pipe, inbox, tell));
    Ok(Started { process, orders })
}

fn spawn(spec: &Spec) -> io::Result<(Child, PipeReader)> {
    if !spec.cwd.is_dir() {
        let text = format!("its folder {} is not there", spec.cwd.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let (reader, writer) = io::pipe()?;
    let child = Command::new("sh")
        .arg("-c")
        .arg(&spec.script)
        .arg(&spec.name)
        .current_dir(&spec.cwd)
        .envs(spec.env.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, reader))
}

/// A process group of ours. Killed when dropped before it was seen to be gone.
#[derive(Debug)]
struct Group {
    pid: Pid,
    gone: bool,
    run_dir: String,
    node: String,
}

impl Group {
    fn new(pid: i32, spec: &Spec) -> Option<Self> {
        let value = |name: &str| {
            let found = spec.env.iter().find(|(k, _)| k == name);
            found.map(|(_, v)| v.clone()).unwrap_or_default()
        };
        Some(Self {
            pid: Pid::from_raw(pid)?,
            gone: false,
            run_dir: value(RUN_DIR),
            node: value(NODE),
        })
    }

    fn signal(&self, signal: Signal) {
        if !self.gone {
            // a group that has just ended is what was wanted
            let _ = kill_process_group(self.pid, signal);
        }
    }

    fn members(&mut self) -> Members {
        if self.gone {
            return Members::None;
        }
        let members = procs::members(self.pid.as_raw_nonzero().get());
        self.gone = members == Members::None;
        members
    }

    /// Processes that left the group but carry its mark.
    fn strays(&self) -> Vec<Pid> {
        strays(&self.run_dir, Some(&self.node))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Living processes with the mark of a run, or of one node of it.
pub fn strays(run_dir: &str, node: Option<&str>) -> Vec<Pid> {
    if run_dir.is_empty() {
        return Vec::new();
    }
    let mut marks = vec![(RUN_DIR, run_dir.as_ref())];
    marks.extend(node.map(|node| (NODE, node.as_ref())));
    procs::carrying(&marks)
        .into_iter()
        .filter_map(Pid::from_raw)
        .collect()
}

struct Attempt {
    control: Control,
    output: Output,
}

impl Attempt {
    async fn drive<F, T>(
        mut self,
        mut child: Child,
        mut pipe: pipe::Receiver,
        mut inbox: mpsc::UnboundedReceiver<Order>,
        tell: F,
    ) where
        F: Fn(Word) -> T + Send + Sync,
        T: Future<Output = ()> + Send,
    {
        let mut buffer = vec![0; 64 << 10];
        let mut closed = false;
        let mut eof = false;
        let mut exit: Option<ExitStatus> = None;
        let mut gone_at: Option<Instant> = None;
        let grace = self.control.grace;
        loop {
            let look = self.control.look_at(exit.is_some());
            let tell_at = self.output.tell_at;
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
                () = sleep_until(tell_at.unwrap_or_else(Instant::now)), if tell_at.is_some() => {
                    let (progress, metrics) = self.output.report();
                    tell(Word::Reported { progress, metrics }).await;
                }
                read = pipe.read(&mut buffer), if !eof => match read {
                    Ok(0) | Err(_) => eof = true,
                    Ok(n) => self.output.take(&buffer[..n], Instant::now()),
                }
            }
            if exit.is_some() && self.control.over {
                let since = *gone_at.get_or_insert_with(Instant::now);
                // a stranger that holds the pipe must not hold up the run
                if eof || since.elapsed() > DRAIN {
                    break;
                }
            }
        }
        let Some(status) = exit else { return };
        self.output.finish();
        tell(Word::Ended(Ended {
            exit: status.code(),
            signal: status.signal(),
            timed_out: self.control.timed_out,
            cancelled: self.control.cancelled,
            unkillable: self.control.unkillable,
            progress: self.output.progress,
            metrics: self.output.metrics,
            note: self.control.note.take(),
        }))
        .await;
    }
}

/// What has been asked of the group and how far that is.
struct Control {
    group: Group,
    grace: Duration,
    paused: bool,
    /// Since when a pause or resume waits to be read back.
    unseen: Option<Instant>,
    ending: Option<Ending>,
    /// What is left of the time limit when the clock last stood, and when it was started.
    limit: Option<(Duration, Option<Instant>)>,
    cancelled: bool,
    timed_out: bool,
    unkillable: bool,
    /// Nothing is left of it, as far as was seen after its leader had ended.
    over: bool,
    next_look: Instant,
    note: Option<String>,
}

struct Ending {
    kill_at: Instant,
    killed_at: Option<Instant>,
}

impl Control {
    fn new(group: Group, spec: &Spec) -> Self {
        let now = Instant::now();
        Self {
            group,
            grace: spec.grace,
            paused: false,
            unseen: None,
            ending: None,
            limit: spec.timeout.map(|limit| (limit, Some(now))),
            cancelled: false,
            timed_out: false,
            unkillable: false,
            over: false,
            next_look: now,
            note: None,
        }
    }

    fn order(&mut self, order: Order, now: Instant) {
        match order {
            Order::Pause if self.ending.is_none() => {
                self.group.signal(Signal::STOP);
                self.paused = true;
                self.unseen = Some(now);
                self.next_look = now;
                if let Some((left, since)) = &mut self.limit {
                    let ran = since.take().map_or(Duration::ZERO, |s| now - s);
                    *left = left.saturating_sub(ran);
                }
            }
            Order::Pause => {}
            Order::Resume => self.resume(now),
            Order::Cancel { grace } => {
                self.cancelled = true;
                self.end(now);
                if let Some(ending) = &mut self.ending {
                    ending.kill_at = ending.kill_at.min(now + grace);
                }
            }
        }
    }

    fn resume(&mut self, now: Instant) {
        self.group.signal(Signal::CONT);
        self.paused = false;
        self.unseen = Some(now);
        self.next_look = now;
        if let Some((_, since)) = &mut self.limit {
            since.get_or_insert(now);
        }
    }

    /// TERM now, KILL later.
    fn end(&mut self, now: Instant) {
        if self.ending.is_none() {
            self.group.signal(Signal::TERM);
            if self.cancelled {
                for stray in self.group.strays() {
                    let _ = kill_process(stray, Signal::TERM);
                }
            }
            // a stopped process can't take its leave
            self.resume(now);
            self.unseen = None;
            self.ending = Some(Ending {
                kill_at: now + self.grace,
                killed_at: None,
            });
            self.next_look = now + LOOK;
        }
    }

    /// When there is something to look at.
    fn look_at(&self, exited: bool) -> Option<Instant> {
        let limit = match self.limit {
            Some((left, Some(since))) if self.ending.is_none() && !exited => Some(since + left),
            _ => None,
        };
        let watching = exited || self.ending.is_some() || self.unseen.is_some();
        let watch = watching.then_some(self.next_look);
        [limit, watch].into_iter().flatten().min()
    }

    fn look(&mut self, exited: bool, now: Instant) -> Option<Word> {
        self.next_look = now + LOOK;
        if self.over {
            return None;
        }
        if let Some((left, Some(since))) = self.limit
            && !exited
            && self.ending.is_none()
            && now >= since + left
        {
            self.timed_out = true;
            self.end(now);
        }
        let members = self.group.members();
        if self.ending.is_some() {
            self.look_at_end(exited, &members, now);
            return None;
        }
        if exited {
            self.over = members == Members::None;
            if !self.over {
                if let Members::Known(left) = &members {
                    let n = left.len();
                    self.note = Some(format!("ended {n} processes it had left behind"));
                }
                self.end(now);
            }
            return None;
        }
        self.look_at_pause(&members, now)
    }

    fn look_at_end(&mut self, exited: bool, members: &Members, now: Instant) {
        let strays = if self.cancelled {
            self.group.strays()
        } else {
            Vec::new()
        };
        if *members == Members::None && strays.is_empty() {
            self.over = exited;
            return;
        }
        let Some(ending) = &mut self.ending else {
            return;
        };
        if now < ending.kill_at {
            return;
        }
        let since = *ending.killed_at.get_or_insert(now);
        self.group.signal(Signal::KILL);
        for stray in strays {
            // one that has just ended is what was wanted
            let _ = kill_process(stray, Signal::KILL);
        }
        if exited && now - since > KILL_LIMIT {
            self.over = true;
            self.unkillable = true;
            self.note = Some("some of its processes can't be killed".to_owned());
        }
    }

    fn look_at_pause(&mut self, members: &Members, now: Instant) -> Option<Word> {
        let since = self.unseen?;
        let seen = match members {
            Members::Known(list) if self.paused => list.iter().all(procs::Proc::still),
            Members::Known(list) => !list.iter().any(procs::Proc::stopped),
            // no way to look: these signals can't be refused
            Members::Some => true,
            // its end is about to be told
            Members::None => return None,
        };
        let word = if self.paused {
            Word::Paused
        } else {
            Word::Resumed
        };
        if seen {
            self.unseen = None;
            return Some(word);
        }
        if self.paused {
            // one may have been forked while the others were stopped
            self.group.signal(Signal::STOP);
        }
        if now - since < STOP_LIMIT {
            return None;
        }
        self.unseen = None;
        let what = if self.paused { "stop" } else { "go on" };
        Some(Word::Trouble(format!(
            "some of its processes did not {what}"
        )))
    }
}

/// Ends processes that are not our children: TERM, or KILL when asked nicely before. Each is
/// ended with its group.
pub fn end_all(pids: &[i32], kill: bool) {
    let signal = if kill { Signal::KILL } else { Signal::TERM };
    for pid in pids.iter().copied().filter_map(Pid::from_raw) {
        // one that has just ended is what was wanted
        let _ = kill_process_group(pid, signal);
        let _ = kill_process(pid, signal);
        // a stopped process can't take its leave
        let _ = kill_process_group(pid, Signal::CONT);
        let _ = kill_process(pid, Signal::CONT);
    }
}
