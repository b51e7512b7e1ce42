//! The screen of what was done: what was asked for in this session, and below it what the audit of all machines says,
//! read page by page as somebody goes there.

use indexmap::IndexMap;

use crate::engine::Watch;
use crate::engine::past::{Answer, AuditLine, AuditPage, AuditPlace, Question};
use crate::model::ActionId;

use super::{App, ListState, Screen};

/// A page is asked for when the cursor is as near to the end as this.
const NEAR: usize = 50;
/// Lines that are held; who wants older ones asks `dagtop audit`.
const MOST: usize = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionRow {
    /// Of this session.
    Asked(ActionId),
    /// A line of the audit, by its number in the store.
    Kept(i64),
}

#[derive(Debug, Default)]
pub struct ActionsScreen {
    pub list: ListState<ActionRow>,
    /// By their numbers, the newest first.
    kept: IndexMap<i64, AuditLine>,
    next: Next,
}

/// Where the audit goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Newest,
    After(AuditPlace),
    Nothing,
}

impl ActionsScreen {
    pub fn line(&self, seq: i64) -> Option<&AuditLine> {
        self.kept.get(&seq)
    }

    /// All that there is of the audit is in the list.
    pub fn ended(&self) -> bool {
        self.next == Next::Nothing
    }

    /// There is more than is held.
    pub fn full(&self) -> bool {
        !self.ended() && self.kept.len() >= MOST
    }

    /// The next page, when somebody is about to see it.
    pub fn question(&self) -> Option<Question> {
        let at = self.list.index().unwrap_or(0);
        let near = at + NEAR.max(self.list.page()) >= self.list.order.len();
        if !near || self.full() {
            return None;
        }
        match self.next {
            Next::Newest => Some(Question::Audit { after: None }),
            Next::After(place) => Some(Question::Audit { after: Some(place) }),
            Next::Nothing => None,
        }
    }

    fn add(&mut self, page: &AuditPage) {
        let lines = page.lines.iter().map(|line| (line.seq, line.clone()));
        self.kept.extend(lines);
        self.next = page.next.map_or(Next::Nothing, Next::After);
    }

    /// What this session knows better stands in the list once.
    pub fn sync(&mut self, watch: &Watch) {
        let asked = watch.world.actions().rev().map(|a| a.request.id);
        let known = |line: &AuditLine| {
            let request = line.entry.what.request.filter(|_| line.own);
            request.is_some_and(|id| watch.world.action(ActionId(id)).is_some())
        };
        let kept = self.kept.values().filter(|line| !known(line));
        let order = asked.map(ActionRow::Asked);
        let order = order.chain(kept.map(|line| ActionRow::Kept(line.seq)));
        self.list.sync(order.collect());
    }
}

impl App {
    /// A page that has come goes into the list.
    pub(super) fn take_page(&mut self, watch: &Watch) {
        let Some(Screen::Actions(screen)) = self.stack.last_mut() else {
            return;
        };
        let answer = screen.question().and_then(|q| self.past.hand_out(&q));
        if let Some(Answer::Audit(page)) = answer.as_deref() {
            screen.add(page);
            screen.sync(watch);
        }
    }

    /// From the newest line on.
    pub(super) fn read_audit_anew(&mut self) {
        if let Some(Screen::Actions(screen)) = self.stack.last_mut() {
            screen.kept.clear();
            screen.next = Next::Newest;
        }
    }
}
