//! Runs of our own: starting dbt, taking in what it says, ending it.

use std::time::Duration;

use chrono::Utc;
use tokio::signal::unix::{SignalKind, signal};

use crate::backends::process::{self, Ended, Order, Word};
use crate::model::{NodeState, RunKey, RunState};

use super::Start;
use super::actor::{Actor, Told};
use super::invoke;
use super::keep::Made;
use super::record::{Record, Touched};
use super::results::Args;
use super::slot::{Hold, Slot};
use super::store::LogFile;
use super::stream::{Heard, Output};

/// A child inherits that SIGINT is ignored, as it is for what a shell starts in the background, and
/// then dbt could not be interrupted. A signal that is caught is what a child does not inherit.
pub(super) fn let_children_be_interrupted() {
    if ignores_interrupt() {
        // caught and not looked at: for us it stays ignored
        let _ = signal(SignalKind::interrupt());
    }
}

/// As Linux tells it (`SigIgn` in proc_pid_status(5)).
fn ignores_interrupt() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|m| u64::from_str_radix(m.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 0b10 != 0)
}

impl Actor {
    /// Starts dbt. `planned`: the nodes it will run, where they are known.
    pub(super) fn start_run(
        &mut self,
        words: Vec<String>,
        args: Args,
        planned: Option<Vec<String>>,
        cause: &str,
    ) -> Result<RunKey, String> {
        let program = self.settings.program();
        let program =
            program.ok_or_else(|| format!("{} is not installed", self.settings.dbt.display()))?;
        let mut record = Record::new(String::new(), cause.to_owned(), args, Utc::now());
        if let Some(ids) = planned {
            record.plan(ids);
        }
        let unkept = || "the run can't be kept: see the backend's state".to_owned();
        let Made {
            mut record,
            dir,
            lock,
        } = self.make(record).ok_or_else(unkept)?;
        let log = LogFile::open(&dir.log());
        let log = self.kept(log).ok_or_else(unkept)?;
        let key = self.pipeline_key().run(&record.run);
        let spec = invoke::spec(&self.settings, program, words, &dir);
        let (tell, run) = (self.tell.clone(), key.clone());
        let started = process::start(spec, Output::new(log), move |word| {
            let (tell, run) = (tell.clone(), run.clone());
            async move {
                // after the end nobody listens
                let _ = tell.send(Told::Word { run, word }).await;
            }
        });
        let hold = match started {
            Ok(started) => {
                record.process = Some(started.process);
                record.pid = Some(started.process.group);
                Hold::Ours {
                    lock,
                    orders: started.orders,
                    complaint: String::new(),
                }
            }
            Err(e) => {
                let what = format!("dbt can't be started: {e}");
                record.fatal = Some(what);
                record.close(RunState::Failed, "could not run", Utc::now());
                Hold::Nobody
            }
        };
        self.insert(Slot::new(dir, record, hold));
        self.plan_look();
        Ok(key)
    }

    /// What the command line asked for, run once.
    pub(super) fn start_asked(&mut self, Start { words, ended }: Start) {
        let args = Args::of_command(&format!("dbt {}", words.join(" ")));
        let plain = args.select.is_empty() && args.exclude.is_empty();
        let planned = (plain && !self.manifest.default_selector && args.runs_nodes())
            .then(|| invoke::all_of(&self.manifest, &args.which))
            // nothing is known of what has never been read
            .filter(|ids| !ids.is_empty());
        let mut line = words;
        for word in invoke::places(&self.settings) {
            line.push(word);
        }
        let cause = "started with dagtop";
        match self.start_run(line, args, planned, cause) {
            Ok(key) => self.started = Some((key, ended)),
            Err(why) => self.trouble("start", Some(format!("dbt was not started: {why}"))),
        }
    }

    /// Takes in what a run of ours tells.
    pub(super) fn word(&mut self, key: &RunKey, word: Word<Heard>) {
        match word {
            Word::Reported(heard) => self.heard(key, heard),
            Word::Ended(ended) => self.ended(key, ended),
            Word::Trouble(what) => self.trouble("process", Some(what)),
            // nobody asks for these
            Word::Paused | Word::Resumed => {}
        }
    }

    fn heard(&mut self, key: &RunKey, heard: Heard) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if let Hold::Ours { complaint, .. } = &mut slot.hold {
            complaint.push_str(&heard.complaint);
            *complaint = super::cut::tail(complaint, 4096).to_owned();
        }
        let mut checked = false;
        for said in &heard.said {
            let before = slot.record.state;
            let touched = slot.apply(said);
            checked |= matches!(touched, Touched::Node(_));
            // its process says when it is over
            if slot.record.state.ended() && !before.ended() {
                slot.record.state = before;
                slot.record.ended_at = None;
            }
            self.dirty |= touched != Touched::Nothing;
        }
        if checked {
            self.judge(key);
        }
    }

    fn ended(&mut self, key: &RunKey, ended: Ended<Heard>) {
        self.heard(key, ended.last.clone());
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let complaint = match std::mem::replace(&mut slot.hold, Hold::Nobody) {
            Hold::Ours { complaint, .. } => complaint,
            _ => String::new(),
        };
        let record = &mut slot.record;
        let failed = |n: &super::record::NodeRecord| n.state == NodeState::Failed;
        let ran = record.nodes.values().any(|n| n.started_at.is_some());
        let (state, native) = match (ended.exit, ended.signal) {
            _ if record.interrupted || ended.cancelled => {
                (RunState::Cancelled, how(&ended, "interrupted"))
            }
            (Some(0), _) if record.nodes.values().any(failed) => {
                (RunState::Failed, how(&ended, ""))
            }
            (Some(0), _) if record.native == "nothing to do" => {
                (RunState::Succeeded, "nothing to do".to_owned())
            }
            (Some(0), _) => (RunState::Succeeded, "exit 0".to_owned()),
            _ => {
                // 1 is dbt's word for nodes that failed; without any it could not run
                if !ran && record.fatal.is_none() {
                    let why = complaint.trim();
                    let why = if why.is_empty() {
                        "dbt did not say why"
                    } else {
                        why
                    };
                    record.fatal = Some(why.to_owned());
                }
                if record.fatal.is_some() {
                    // what was planned has nothing to do with why
                    record.nodes.retain(|_, n| n.started_at.is_some());
                }
                (RunState::Failed, how(&ended, ""))
            }
        };
        record.close(state, &native, Utc::now());
        if self.started.as_ref().is_some_and(|(run, _)| run == key)
            && let Some((_, wants)) = self.started.take()
        {
            // nobody may be left to hear it
            let _ = wants.send(ended.exit);
        }
        slot.unkillable = ended.unkillable;
        slot.changed();
        self.dirty = true;
        // its results are there by now
        self.next_look = tokio::time::Instant::now();
        self.forget_old();
    }

    /// Interrupts a run of ours; TERM and KILL follow.
    pub(super) fn cancel_run(&mut self, key: &RunKey, grace: Duration) {
        if let Some(slot) = self.slots.get_mut(key)
            && let Hold::Ours { orders, .. } = &slot.hold
        {
            slot.cancelled = true;
            // one that has just ended has no need of it
            let _ = orders.send(Order::Cancel { grace });
        }
    }

    pub(super) fn cancel_all(&mut self, grace: Duration) {
        let driven: Vec<RunKey> = self
            .slots
            .iter()
            .filter(|(_, s)| s.driven())
            .map(|(k, _)| k.clone())
            .collect();
        for key in driven {
            self.cancel_run(&key, grace);
        }
    }
}

fn how(ended: &Ended<Heard>, what: &str) -> String {
    let how = match (ended.exit, ended.signal) {
        (Some(code), _) => format!("exit {code}"),
        (_, Some(signal)) => format!("killed by signal {signal}"),
        _ => "its end was not seen".to_owned(),
    };
    if what.is_empty() {
        how
    } else {
        format!("{what}, {how}")
    }
}
