//! Asking a process group to stop, go on or end, and reading back from the system whether it did.

use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use tokio::time::Instant;

use super::procs::{self, Members};
use super::{Ending, Marks, Order, ProcessId, Spec, Word};

/// How often what was asked of the processes is looked at.
const LOOK: Duration = Duration::from_millis(25);
/// How long a stop may take to be seen.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// How long after KILL a process may still be there (in the kernel's hands).
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// A process group of ours. Killed when dropped before it was seen to be gone.
#[derive(Debug)]
struct Group {
    pid: Pid,
    gone: bool,
    marks: Marks,
}

impl Group {
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

    /// Processes that left the group but carry its marks. Its members are not among them: one that is
    /// signalled twice may be interrupted while it tidies up.
    fn strays(&self) -> Vec<Pid> {
        let mut strays = strays(&self.marks);
        strays.retain(|pid| getpgid(Some(*pid)) != Ok(self.pid));
        strays
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Living processes that carry all these marks.
fn strays(marks: &Marks) -> Vec<Pid> {
    if marks.is_empty() {
        return Vec::new();
    }
    procs::carrying(marks)
        .into_iter()
        .filter_map(Pid::from_raw)
        .collect()
}

/// Living processes that carry these marks, and those of these groups whose leader is still the one it
/// was: where environments can't be read, it is known by its start.
pub fn left_behind(marks: &Marks, leaders: impl IntoIterator<Item = ProcessId>) -> Vec<i32> {
    let strays = strays(marks).into_iter();
    let mut left: Vec<i32> = strays.map(|pid| pid.as_raw_nonzero().get()).collect();
    for ProcessId { group, started } in leaders {
        if started.is_some()
            && procs::started(group) == started
            && !left.contains(&group)
            && procs::members(group) != Members::None
        {
            left.push(group);
        }
    }
    left.sort_unstable();
    left
}

/// What has been asked of the group and how far that is.
pub(super) struct Control {
    group: Group,
    pub grace: Duration,
    /// What it is sent to end, one after the other, each with the part of the grace time it is given;
    /// KILL comes behind them.
    polite: &'static [(Signal, f64)],
    paused: bool,
    /// Since when a pause or resume waits to be read back.
    unseen: Option<Instant>,
    ending: Option<Course>,
    /// What is left of the time limit when the clock last stood, and when it was started.
    limit: Option<(Duration, Option<Instant>)>,
    pub cancelled: bool,
    pub timed_out: bool,
    pub unkillable: bool,
    /// Nothing is left of it, as far as was seen after its leader had ended.
    pub over: bool,
    next_look: Instant,
    pub note: Option<String>,
}

/// How far an ending is.
struct Course {
    /// Signals sent so far.
    sent: usize,
    /// When the next is due.
    next_at: Instant,
    killed_at: Option<Instant>,
}

impl Control {
    /// `None` when no process can have this id.
    pub fn new(pid: i32, spec: &Spec) -> Option<Self> {
        let now = Instant::now();
        Some(Self {
            group: Group {
                pid: Pid::from_raw(pid)?,
                gone: false,
                marks: spec.marks.clone(),
            },
            grace: spec.grace,
            polite: match spec.ending {
                Ending::Terminate => &[(Signal::TERM, 1.0)],
                Ending::Interrupt => &[(Signal::INT, 0.5), (Signal::INT, 0.5), (Signal::TERM, 1.0)],
            },
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
        })
    }

    pub fn order(&mut self, order: Order, now: Instant) {
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
                self.grace = self.grace.min(grace);
                if let Some(ending) = &mut self.ending {
                    ending.next_at = ending.next_at.min(now + grace);
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

    /// The first polite signal now, the others and KILL later.
    fn end(&mut self, now: Instant) {
        if self.ending.is_none() {
            self.ending = Some(Course {
                sent: 0,
                next_at: now,
                killed_at: None,
            });
            let strays = if self.cancelled {
                self.group.strays()
            } else {
                Vec::new()
            };
            self.press(&strays, now);
            // a stopped process can't take its leave
            self.resume(now);
            self.unseen = None;
            self.next_look = now + LOOK;
        }
    }

    /// Sends what is due: the next polite signal, or KILL.
    fn press(&mut self, strays: &[Pid], now: Instant) {
        let Some(course) = &mut self.ending else {
            return;
        };
        let signal = self.polite.get(course.sent).copied();
        course.sent += 1;
        let signal = match signal {
            Some((signal, part)) => {
                course.next_at = now + self.grace.mul_f64(part);
                signal
            }
            None => {
                course.killed_at.get_or_insert(now);
                Signal::KILL
            }
        };
        self.group.signal(signal);
        for stray in strays {
            // one that has just ended is what was wanted
            let _ = kill_process(*stray, signal);
        }
    }

    /// When there is something to look at.
    pub fn look_at(&self, exited: bool) -> Option<Instant> {
        let limit = match self.limit {
            Some((left, Some(since))) if self.ending.is_none() && !exited => Some(since + left),
            _ => None,
        };
        let watching = exited || self.ending.is_some() || self.unseen.is_some();
        let watch = watching.then_some(self.next_look);
        [limit, watch].into_iter().flatten().min()
    }

    pub fn look<R>(&mut self, exited: bool, now: Instant) -> Option<Word<R>> {
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
        if self.ending.as_ref().is_none_or(|c| now < c.next_at) {
            return;
        }
        self.press(&strays, now);
        let killed = self.ending.as_ref().and_then(|c| c.killed_at);
        if exited && killed.is_some_and(|since| now - since > KILL_LIMIT) {
            self.over = true;
            self.unkillable = true;
            self.note = Some("some of its processes can't be killed".to_owned());
        }
    }

    fn look_at_pause<R>(&mut self, members: &Members, now: Instant) -> Option<Word<R>> {
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

/// Interrupts a process that is not our child. Says whether it could be told.
pub fn interrupt(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::INT).is_ok())
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_stray_is_one_that_left_the_group() {
        let mark = format!("{}-strays", std::process::id());
        let mut leader = Command::new("sh")
            .args(["-c", "setsid sleep 60 & sleep 60 & echo up; wait"])
            .env("DAGTOP_TEST_MARK", &mark)
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&leader);
        let mut up = String::new();
        BufReader::new(leader.stdout.take().unwrap())
            .read_line(&mut up)
            .unwrap();
        let group = Group {
            pid,
            gone: false,
            marks: vec![("DAGTOP_TEST_MARK", mark)],
        };
        // until `setsid` has made its session, it is a member
        let until = Instant::now() + Duration::from_secs(20);
        let mut left = group.strays();
        while left.len() != 1 && Instant::now() < until {
            std::thread::sleep(LOOK);
            left = group.strays();
        }
        assert_eq!(strays(&group.marks).len(), 3, "shell and both sleeps");
        assert_eq!(left.len(), 1);
        assert_ne!(getpgid(Some(left[0])).unwrap(), pid);
        for stray in left {
            kill_process(stray, Signal::KILL).unwrap();
        }
        drop(group);
        leader.wait().unwrap();
    }
}
