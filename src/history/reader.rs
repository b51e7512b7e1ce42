//! The thread that reads for whoever must not wait: a question goes in, its answer comes out when the disk has it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use tokio::sync::oneshot;

use crate::model::SafeText;

use super::store::{Store, StoreError};

/// Questions that may wait.
const WAITING: usize = 64;

/// Gets the store, or why it can't be opened.
type Question = Box<dyn FnOnce(Result<&mut dyn Store, StoreError>) + Send>;

/// The end that asks. The thread ends with the last of them; the store is opened at the first question.
#[derive(Clone)]
pub struct Reader {
    questions: SyncSender<Question>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    pub fn start(
        open: impl FnMut() -> Result<Box<dyn Store>, StoreError> + Send + 'static,
    ) -> Self {
        let (questions, inbox) = sync_channel(WAITING);
        // without a thread every question is answered with its absence
        let _ = std::thread::Builder::new()
            .name("history reader".to_owned())
            .spawn(move || serve(&inbox, open));
        Self { questions }
    }

    /// Asks; a question whose answer nobody waits for any more is not looked up.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, StoreError>> {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |store| {
            if !answer.is_closed() {
                // who asked may have gone meanwhile
                let _ = answer.send(store.and_then(question));
            }
        });
        match self.questions.try_send(question) {
            Ok(()) => {}
            Err(TrySendError::Full(question) | TrySendError::Disconnected(question)) => {
                let why = "the history is asked more than it can answer";
                question(Err(StoreError::Other(SafeText::new(why))));
            }
        }
        answered
    }
}

fn serve(inbox: &Receiver<Question>, mut open: impl FnMut() -> Result<Box<dyn Store>, StoreError>) {
    let mut store = None;
    while let Ok(question) = inbox.recv() {
        if store.is_none() {
            match open() {
                Ok(opened) => store = Some(opened),
                Err(error) => {
                    question(Err(error));
                    continue;
                }
            }
        }
        if let Some(store) = &mut store {
            question(Ok(store.as_mut()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::history::{Shelf, Sqlite, Write};

    #[test]
    fn answers_come_when_the_store_is_there_and_the_reason_while_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        std::fs::write(&path, "in the way").unwrap();
        let place = path.clone();
        let reader = Reader::start(move || Ok(Box::new(Sqlite::open(&place)?)));
        let count = |reader: &Reader| {
            let answer = reader.ask(|store| Ok(store.shelf(Shelf::Alerts)?.len()));
            answer.blocking_recv().unwrap()
        };
        assert!(matches!(count(&reader), Err(StoreError::Open { .. })));
        std::fs::remove_file(&path).unwrap();
        let put = Write::Put {
            shelf: Shelf::Alerts,
            key: "a".to_owned(),
            body: "1".to_owned(),
        };
        Sqlite::open(&path).unwrap().write(&[put]).unwrap();
        assert_eq!(count(&reader).unwrap(), 1);
    }
}
