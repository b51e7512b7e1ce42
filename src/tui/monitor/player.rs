//! The player of a replay: what the app wants of the reel goes to a thread with it, and comes back as a moment.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::engine::replay::{Answer, Ask, Moved, Reel, ReelError};
use crate::model::{LogKey, SafeText};
use crate::tui::app::{Level, Msg, Replay, Went};
use crate::tui::term::Flow;
use crate::world::Changes;

use super::{Happening, Monitor, stronger};

/// What a replay needs beside the app.
#[derive(Default)]
pub(super) struct Player {
    /// `None`: this is no replay, or the reel is under way.
    reel: Option<Box<Reel>>,
    /// One thing at a time is asked of it; of where to go the newest wish waits.
    asks: Vec<Ask>,
    /// Logs that were asked for since the moment was made anew.
    tails: HashSet<LogKey>,
    unreadable: u64,
}

impl Monitor {
    /// Shows the past instead of what the engine watches: of an engine that stands still.
    pub fn replay(&mut self, reel: Reel, at: DateTime<Utc>) {
        let replay = Replay::new(reel.span(), at);
        self.looks = None;
        self.player.asks = vec![Ask::Marks, Ask::To(replay.at)];
        self.app.start_replay(replay);
        self.player.reel = Some(Box::new(reel));
        self.reel_on();
    }

    pub(super) fn ask_reel(&mut self, ask: Ask) {
        if matches!(ask, Ask::To(_)) {
            self.player
                .asks
                .retain(|other| !matches!(other, Ask::To(_)));
        }
        // the last one is the first to go: what a person wants before what is only nice to have
        self.player.asks.push(ask);
        self.reel_on();
    }

    pub(super) fn reel_on(&mut self) {
        if self.player.asks.is_empty() {
            return;
        }
        let Some(mut reel) = self.player.reel.take() else {
            return;
        };
        let Some(ask) = self.player.asks.pop() else {
            return;
        };
        self.off_the_loop(move || {
            let answer = reel.answer(&ask);
            Happening::Reeled(reel, answer)
        });
    }

    pub(super) fn reeled(&mut self, reel: Box<Reel>, answer: Result<Answer, ReelError>) -> Flow {
        let unreadable = reel.unreadable();
        self.player.reel = Some(reel);
        let mut flow = match answer {
            Ok(Answer::Moved(at, moved)) => {
                self.moved(moved);
                self.engine.stand_at(at);
                let flow = self.update(Msg::Went(Went::To(at)));
                stronger(flow, self.catch_up())
            }
            Ok(Answer::Nowhere(sought, forward)) => {
                self.update(Msg::Went(Went::Nowhere(sought, forward)))
            }
            Ok(Answer::Marks(more, all)) => {
                if !all {
                    self.player.asks.insert(0, Ask::Marks);
                }
                self.update(Msg::Went(Went::Marks(more, all)))
            }
            Ok(Answer::Tails(tails)) => {
                self.show_tails(tails);
                self.catch_up()
            }
            Err(error) => {
                let why = SafeText::new(error.to_string());
                self.update(Msg::Went(Went::Failed(why)))
            }
        };
        if unreadable > std::mem::replace(&mut self.player.unreadable, unreadable) {
            let text =
                format!("{unreadable} lines of what was kept can't be read and are left out");
            flow = stronger(flow, self.update(Msg::Say(Level::Bad, SafeText::new(text))));
        }
        self.want_tails();
        self.reel_on();
        flow
    }

    fn moved(&mut self, moved: Moved) {
        match moved {
            Moved::Scene(scene) => {
                let before = self.engine.watch.shows(*scene);
                // away from the loop
                tokio::task::spawn_blocking(move || drop(before));
                self.player.tails.clear();
                self.changes = Changes {
                    system: true,
                    fleet: true,
                    nodes: true,
                    shape: true,
                    // nobody here waits for what became of them
                    actions: false,
                    log: true,
                };
            }
            Moved::Lines(lines) => {
                for line in lines {
                    let changes = self.engine.watch.goes_on(line);
                    self.changes = self.changes.and(changes);
                }
            }
        }
    }

    /// Asks for the logs on screen, as far as there was a log at that moment.
    pub(super) fn want_tails(&mut self) {
        if self.app.replay.is_none() {
            return;
        }
        let watch = &self.engine.watch;
        let focus = self.engine.focus();
        let on_screen = focus.logs.iter().chain(&focus.tails).cloned();
        let wanted: HashSet<LogKey> = on_screen
            .chain(watch.wanted_tails())
            .filter(|key| !self.player.tails.contains(key) && watch.had_ended(key))
            .collect();
        if !wanted.is_empty() {
            self.player.tails.extend(wanted.iter().cloned());
            self.player
                .asks
                .push(Ask::Tails(wanted.into_iter().collect()));
        }
    }

    fn show_tails(&mut self, tails: Vec<(LogKey, Option<String>)>) {
        for (key, tail) in tails {
            // it may have gone elsewhere meanwhile
            if !self.engine.watch.had_ended(&key) {
                self.player.tails.remove(&key);
                continue;
            }
            self.engine.watch.shows_log(&key, tail, self.app.now);
            self.changes.log = true;
        }
    }
}
