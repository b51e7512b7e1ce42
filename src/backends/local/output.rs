//! The output of one attempt: bytes to the log as they come, and what the lines in them say. Lines that are for dagtop
//! alone are not in the log.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Progress;

use super::directive::{Directive, Sieve};

/// More output than this is counted, not kept.
const MAX_LOG: u64 = 512 << 20;
/// More names of metrics than this are ignored.
const MAX_METRICS: usize = 64;
/// How often progress and metrics are told at most.
const TELL: Duration = Duration::from_millis(200);

/// What the lines said so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub progress: Option<Progress>,
    pub metrics: Vec<(String, f64)>,
}

/// The log file and what the lines in it say.
pub struct Output {
    log: File,
    kept: u64,
    lost: u64,
    sieve: Sieve,
    plain: Vec<u8>,
    found: Vec<Directive>,
    progress: Option<Progress>,
    metrics: Vec<(String, f64)>,
    told_at: Option<Instant>,
    /// When there is something to tell.
    pub tell_at: Option<Instant>,
}

impl Output {
    pub fn new(log: File) -> Self {
        Self {
            log,
            kept: 0,
            lost: 0,
            sieve: Sieve::default(),
            plain: Vec::new(),
            found: Vec::new(),
            progress: None,
            metrics: Vec::new(),
            told_at: None,
            tell_at: None,
        }
    }

    pub fn take(&mut self, bytes: &[u8], now: Instant) {
        self.plain.clear();
        self.sieve.feed(bytes, &mut self.plain, &mut self.found);
        self.keep();
        self.understand(now);
    }

    /// Writes what is no directive.
    fn keep(&mut self) {
        let room = usize::try_from(MAX_LOG - self.kept).unwrap_or(usize::MAX);
        let all = self.plain.len();
        let keep = all.min(room);
        // a full disk loses output, not the run
        match self.log.write_all(&self.plain[..keep]) {
            Ok(()) => {
                self.kept += keep as u64;
                self.lost += (all - keep) as u64;
            }
            Err(_) => self.lost += all as u64,
        }
    }

    fn understand(&mut self, now: Instant) {
        if self.found.is_empty() {
            return;
        }
        for directive in self.found.drain(..) {
            match directive {
                Directive::Progress(progress) => self.progress = Some(progress),
                Directive::Metrics(list) => {
                    for (name, value) in list {
                        let full = self.metrics.len() >= MAX_METRICS;
                        match self.metrics.iter_mut().find(|(n, _)| *n == name) {
                            Some(known) => known.1 = value,
                            None if full => {}
                            None => self.metrics.push((name, value)),
                        }
                    }
                }
            }
        }
        let at = self.told_at.map_or(now, |told| (told + TELL).max(now));
        self.tell_at.get_or_insert(at);
    }

    /// What is to be told.
    pub fn report(&mut self) -> Report {
        self.told_at = Some(Instant::now());
        self.tell_at = None;
        Report {
            progress: self.progress,
            metrics: self.metrics.clone(),
        }
    }

    pub fn finish(&mut self) {
        self.plain.clear();
        self.sieve.finish(&mut self.plain, &mut self.found);
        self.keep();
        self.understand(Instant::now());
        if self.lost > 0 {
            let _ = writeln!(self.log, "\ndagtop: {} more bytes were not kept", self.lost);
        }
    }
}
