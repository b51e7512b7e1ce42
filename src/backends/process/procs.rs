//! The processes of this machine: which are alive in a group, which carry a run's mark, what they
//! use. From `/proc` (proc(5)); where there is none, only what signals can tell.

use crate::model::Usage;

use super::Marks;

/// One living process (no zombie).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proc {
    pub pid: i32,
    pub group: i32,
    /// 'R', 'S', 'T', ...
    pub state: char,
    /// Processor time, with that of children it has waited for, in clock ticks.
    pub cpu: u64,
    /// Resident memory in bytes.
    pub memory: u64,
}

impl Proc {
    /// Stopped by a signal or by a debugger.
    pub const fn stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// Runs nothing of its own once SIGSTOP was sent: stopped, or held in the kernel, which stops
    /// it before it lets it go. A shell is held so while its stopped child has yet to exec (vfork).
    pub const fn still(&self) -> bool {
        self.stopped() || self.state == 'D'
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::OsStr;
    use std::path::Path;

    use procfs::process::FDTarget;

    use super::{Marks, Opener, Proc};

    /// `None` where the system does not tell.
    pub fn all() -> Option<Vec<Proc>> {
        let page = procfs::page_size();
        let list = procfs::process::all_processes()
            .ok()?
            // a process may end while it is looked at
            .filter_map(|p| p.ok()?.stat().ok())
            .filter(|s| !matches!(s.state, 'Z' | 'X' | 'x'))
            .map(|s| Proc {
                pid: s.pid,
                group: s.pgrp,
                state: s.state,
                cpu: s.utime
                    + s.stime
                    + u64::try_from(s.cutime).unwrap_or(0)
                    + u64::try_from(s.cstime).unwrap_or(0),
                memory: s.rss * page,
            })
            .collect();
        Some(list)
    }

    pub fn ticks_per_second() -> u64 {
        procfs::ticks_per_second()
    }

    /// Clock ticks between boot and the start of this living process: with the pid, its identity.
    pub fn started(pid: i32) -> Option<u64> {
        let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
        // one that has ended may wait for its parent to look
        (!matches!(stat.state, 'Z' | 'X' | 'x')).then_some(stat.starttime)
    }

    /// Bytes read from and written to storage, with those of children it has waited for.
    pub fn io(pid: i32) -> Option<(u64, u64)> {
        let io = procfs::process::Process::new(pid).ok()?.io().ok()?;
        Some((io.read_bytes, io.write_bytes))
    }

    /// Processes of ours, but not this one, that hold a file open whose path begins so.
    pub fn opened_by(path: &Path) -> Option<Vec<Opener>> {
        let me = rustix::process::getuid().as_raw();
        let own = i32::try_from(std::process::id()).ok();
        let list = procfs::process::all_processes()
            .ok()?
            .filter_map(Result::ok)
            .filter(|p| Some(p.pid()) != own && p.uid().is_ok_and(|uid| uid == me))
            .filter(|p| {
                p.fd().is_ok_and(|mut files| {
                    files.any(|file| match file.map(|f| f.target) {
                        // a rotated file has another ending
                        Ok(FDTarget::Path(open)) => open
                            .as_os_str()
                            .as_encoded_bytes()
                            .starts_with(path.as_os_str().as_encoded_bytes()),
                        _ => false,
                    })
                })
            })
            .map(|p| Opener {
                pid: p.pid(),
                started: p.stat().ok().map(|s| s.starttime),
            })
            .collect();
        Some(list)
    }

    /// Living processes of ours in whose environment all these are.
    pub fn carrying(marks: &Marks) -> Vec<i32> {
        let me = rustix::process::getuid().as_raw();
        let Ok(all) = procfs::process::all_processes() else {
            return Vec::new();
        };
        all.filter_map(Result::ok)
            .filter(|p| p.uid().is_ok_and(|uid| uid == me))
            .filter(|p| {
                p.environ().is_ok_and(|env| {
                    marks
                        .iter()
                        .all(|(k, v)| env.get(OsStr::new(k)).is_some_and(|have| *have == **v))
                })
            })
            .filter(|p| p.stat().is_ok_and(|s| !matches!(s.state, 'Z' | 'X' | 'x')))
            .map(|p| p.pid())
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    use super::{Marks, Opener, Proc};

    pub fn all() -> Option<Vec<Proc>> {
        None
    }

    pub fn ticks_per_second() -> u64 {
        100
    }

    pub fn started(_: i32) -> Option<u64> {
        None
    }

    pub fn io(_: i32) -> Option<(u64, u64)> {
        None
    }

    pub fn opened_by(_: &Path) -> Option<Vec<Opener>> {
        None
    }

    pub fn carrying(_: &Marks) -> Vec<i32> {
        Vec::new()
    }
}

pub use system::{carrying, opened_by, started};

/// A process that holds a file open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opener {
    pub pid: i32,
    /// With the pid, its identity.
    pub started: Option<u64>,
}

/// What is alive in a process group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// These, on a system that tells.
    Known(Vec<Proc>),
    /// At least one.
    Some,
    None,
}

pub fn members(group: i32) -> Members {
    let Some(all) = system::all() else {
        let there = rustix::process::Pid::from_raw(group)
            .is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok());
        return if there { Members::Some } else { Members::None };
    };
    let list: Vec<Proc> = all.into_iter().filter(|p| p.group == group).collect();
    if list.is_empty() {
        Members::None
    } else {
        Members::Known(list)
    }
}

/// What each of these groups uses now, given what each had used when last asked and how many
/// seconds ago that was. Groups of which nothing can be told are left out.
pub fn usage(groups: &[(i32, Option<Usage>)], seconds: f64) -> Vec<(i32, Usage)> {
    let Some(all) = system::all() else {
        return Vec::new();
    };
    let ticks = system::ticks_per_second() as f64;
    let mut list = Vec::new();
    for (group, before) in groups {
        let own: Vec<&Proc> = all.iter().filter(|p| p.group == *group).collect();
        if own.is_empty() {
            continue;
        }
        let before_cpu = before.map_or(0.0, |b| b.cpu_seconds);
        let memory = own.iter().map(|p| p.memory).sum();
        // an orphan takes its share with it when it ends: totals never shrink
        let cpu = (own.iter().map(|p| p.cpu).sum::<u64>() as f64 / ticks).max(before_cpu);
        let io: Vec<_> = own.iter().filter_map(|p| system::io(p.pid)).collect();
        let total = |pick: fn(&(u64, u64)) -> u64, had: Option<u64>| {
            (!io.is_empty())
                .then(|| io.iter().map(pick).sum::<u64>())
                .max(had)
        };
        list.push((
            *group,
            Usage {
                cpu_seconds: cpu,
                cpu_now: if seconds > 0.0 {
                    ((cpu - before_cpu) / seconds).max(0.0)
                } else {
                    0.0
                },
                memory,
                memory_peak: before.map_or(0, |b| b.memory_peak).max(memory),
                read: total(|io| io.0, before.and_then(|b| b.read)),
                written: total(|io| io.1, before.and_then(|b| b.written)),
            },
        ));
    }
    list
}
