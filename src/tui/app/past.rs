//! What is asked of the past, what it answered, and when it is asked again.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use crate::engine::Watch;
use crate::engine::past::{Answer, Question, Unanswered};

use super::{App, Effect, Screen};

/// Answers that are remembered; more only when all are on screen.
const KEPT: usize = 12;
/// Questions that wait for an answer at once: a dashboard of many widgets doesn't fill the reader's inbox.
const AT_ONCE: usize = 8;
/// The same is asked again after this at the earliest.
const AGAIN: Duration = Duration::seconds(5);
/// What is asked of many pipelines, and changes with each node of theirs, is asked again after this.
const AGAIN_ALL: Duration = Duration::seconds(20);
/// What has just ended is written down by then.
const WRITTEN: Duration = Duration::seconds(2);
/// A wait that is shorter is not worth a word.
const PATIENCE: Duration = Duration::milliseconds(100);

#[derive(Debug, Default)]
pub struct Past {
    /// The newest last.
    kept: Vec<Kept>,
    asked: Vec<Asked>,
    /// What was wanted last: its answers stay.
    wanted: Vec<Question>,
}

#[derive(Debug)]
struct Kept {
    question: Question,
    answer: Option<Arc<Answer>>,
    /// Why the last try came to nothing.
    trouble: Option<Unanswered>,
    at: DateTime<Utc>,
    /// What the answer depends on, as it was then.
    mark: u64,
    /// Since when that is otherwise.
    other_since: Option<DateTime<Utc>>,
}

impl Kept {
    /// When it may be asked again, if there is a reason to.
    fn again_at(&self) -> Option<DateTime<Utc>> {
        let other = self.other_since?;
        let again = match self.question {
            Question::Sla { .. } => AGAIN_ALL,
            _ => AGAIN,
        };
        Some((other + WRITTEN).max(self.at + again))
    }
}

#[derive(Debug)]
struct Asked {
    question: Question,
    at: DateTime<Utc>,
    mark: u64,
}

/// What is known of an answer now.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// Of another span while its own is on its way.
    pub answer: Option<Arc<Answer>>,
    pub trouble: Option<Unanswered>,
    /// It takes long enough to say so.
    pub waiting: bool,
}

impl Past {
    pub fn look(&self, question: &Question, now: DateTime<Utc>) -> Looked {
        let own = self.kept.iter().find(|k| k.question == *question);
        let like = || {
            let mut newest = self.kept.iter().rev();
            newest.find(|k| k.question.like(question))?.answer.clone()
        };
        let asked = self.asked.iter().find(|a| a.question == *question);
        Looked {
            answer: own.and_then(|k| k.answer.clone()).or_else(like),
            trouble: own.and_then(|k| k.trouble.clone()),
            waiting: asked.is_some_and(|a| now - a.at >= PATIENCE),
        }
    }

    /// Hands an answer out for good.
    pub(super) fn hand_out(&mut self, question: &Question) -> Option<Arc<Answer>> {
        let of = |k: &Kept| k.question == *question && k.answer.is_some();
        let at = self.kept.iter().position(of)?;
        self.kept.remove(at).answer
    }

    fn take(
        &mut self,
        question: &Question,
        came: Result<Arc<Answer>, Unanswered>,
        now: DateTime<Utc>,
    ) {
        let Some(at) = self.asked.iter().position(|a| a.question == *question) else {
            return;
        };
        let asked = self.asked.remove(at);
        let before = self.kept.iter().position(|k| k.question == *question);
        let before = before.and_then(|at| self.kept.remove(at).answer);
        let (answer, trouble) = match came {
            Ok(answer) => (Some(answer), None),
            Err(trouble) => (before, Some(trouble)),
        };
        let wanted = |k: &Kept| self.wanted.contains(&k.question);
        while self.kept.len() >= KEPT
            && let Some(at) = self.kept.iter().position(|k| !wanted(k))
        {
            self.kept.remove(at);
        }
        self.kept.push(Kept {
            question: asked.question,
            answer,
            trouble,
            at: now,
            mark: asked.mark,
            other_since: None,
        });
    }

    fn ask(
        &mut self,
        watch: &Watch,
        wanted: Vec<Question>,
        now: DateTime<Utc>,
        effects: &mut Vec<Effect>,
    ) {
        self.asked.retain(|asked| {
            let wanted = wanted.contains(&asked.question);
            if !wanted {
                effects.push(Effect::Unask(asked.question.clone()));
            }
            wanted
        });
        self.wanted.clone_from(&wanted);
        for question in wanted {
            if self.asked.len() >= AT_ONCE {
                break;
            }
            if self.asked.iter().any(|a| a.question == question) {
                continue;
            }
            let mark = mark(watch, &question);
            if let Some(kept) = self.kept.iter_mut().find(|k| k.question == question) {
                match kept.mark == mark {
                    true => kept.other_since = None,
                    false => _ = kept.other_since.get_or_insert(now),
                }
                if kept.again_at().is_none_or(|at| at > now) {
                    continue;
                }
            }
            self.asked.push(Asked {
                question: question.clone(),
                at: now,
                mark,
            });
            effects.push(Effect::Ask(question));
        }
    }

    /// When something would be asked or said.
    fn wake(&self, wanted: &[Question], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let said = self.asked.iter().map(|a| a.at + PATIENCE);
        let again = self.kept.iter().filter(|k| wanted.contains(&k.question));
        let again = again.filter_map(Kept::again_at);
        said.chain(again).filter(|at| *at > now).min()
    }

    fn forget(&mut self, questions: &[Question]) {
        for kept in &mut self.kept {
            if questions.contains(&kept.question) {
                kept.at = DateTime::UNIX_EPOCH;
                kept.other_since = Some(DateTime::UNIX_EPOCH);
                kept.mark = !kept.mark;
            }
        }
    }
}

/// What an answer depends on: the runs that have ended, and of promises how far those are that go on.
fn mark(watch: &Watch, question: &Question) -> u64 {
    let mut hasher = DefaultHasher::new();
    if question.settled() {
        return 0;
    }
    match question.pipeline() {
        Some(key) => {
            for run in watch
                .world
                .runs_of(key)
                .filter(|r| r.run.ended_at.is_some())
            {
                (&run.run.key, run.run.ended_at, run.health).hash(&mut hasher);
            }
        }
        None => {
            for row in watch.fleet() {
                (&row.run, row.health.active(), row.last.len()).hash(&mut hasher);
                if matches!(question, Question::Sla { .. }) && row.active > 0 {
                    let run = row.run.as_ref().and_then(|key| watch.world.run(key));
                    let counts = run.and_then(crate::world::RunView::counts);
                    counts.map(|c| c.ended()).hash(&mut hasher);
                }
            }
        }
    }
    hasher.finish()
}

impl App {
    /// What the screen on top needs to know.
    pub(in crate::tui) fn questions(&self) -> Vec<Question> {
        match self.stack.last() {
            Some(Screen::Past(screen)) => screen.questions(),
            Some(Screen::Board(board)) => board.questions(),
            Some(Screen::Actions(screen)) => screen.question().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn ask_past(&mut self, watch: &Watch, effects: &mut Vec<Effect>) {
        if !self.settings.history || self.hidden {
            return;
        }
        self.sync_past();
        self.take_page(watch);
        let wanted = self.questions();
        self.past.ask(watch, wanted, self.now, effects);
    }

    pub(super) fn past_answered(
        &mut self,
        question: &Question,
        came: Result<Arc<Answer>, Unanswered>,
    ) {
        self.past.take(question, came, self.now);
        self.board_answered(question);
    }

    pub(super) fn past_wake(&self) -> Option<DateTime<Utc>> {
        self.past.wake(&self.questions(), self.now)
    }

    /// A person wants to know it as it is now.
    pub(super) fn ask_past_again(&mut self) {
        let wanted = self.questions();
        self.past.forget(&wanted);
    }
}
