//! The store in one file of SQLite: nothing to install, several programs at once, whole after kill -9.

mod audit;
mod put;
mod records;
mod room;
mod tables;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use crate::config::paths::{append_private_file, create_private_dir};
use crate::model::{LogKey, NodeId, PastNode, PastRun, RunKey, SafeText};

use super::audit::{Copied, CopiedAsk};
use super::codes;
use super::store::{
    Ask, Day, Grain, Kind, Line, Log, Point, Shelf, Size, Store, StoreError, Tail, Write,
};

/// How long a writer waits for another.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
    path: PathBuf,
    /// SQLite's count of the changes of others, as last seen.
    data_version: i64,
    ids: put::Ids,
    /// Rows that made no sense.
    left_out: Cell<u64>,
}

impl Sqlite {
    /// The file of a state directory; made, for nobody else to read, when it isn't there.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join("history.db");
        let unusable = |why: &dyn std::fmt::Display| StoreError::Open {
            path: path.clone(),
            why: SafeText::new(why.to_string()),
        };
        create_private_dir(state_dir).map_err(|e| unusable(&e))?;
        // SQLite makes its other files with the rights of the first
        append_private_file(&path).map_err(|e| unusable(&e))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).map_err(|e| unusable(&e))?;
        let mut store = Self {
            db,
            path: path.clone(),
            data_version: 0,
            ids: put::Ids::default(),
            left_out: Cell::new(0),
        };
        store.prepare()?;
        Ok(store)
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let told = |e: rusqlite::Error| match error(e) {
            StoreError::Other(why) => StoreError::Open {
                path: path.clone(),
                why,
            },
            StoreError::Damaged(_) => StoreError::Damaged(path.clone()),
            other => other,
        };
        self.db.busy_timeout(PATIENCE).map_err(told)?;
        // readers don't wait for writers; FULL: on disk when a write returns, also when the power fails
        self.db
            .pragma_update(None, "journal_mode", "wal")
            .map_err(told)?;
        self.db
            .pragma_update(None, "synchronous", "full")
            .map_err(told)?;
        // a page that is written again and again goes into the file once in so many
        self.db
            .pragma_update(None, "wal_autocheckpoint", 4_000)
            .map_err(told)?;
        self.db
            .pragma_update(None, "cache_size", -8_000)
            .map_err(told)?;
        let change = self
            .db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(told)?;
        let version: i64 = change
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(told)?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        let Some(to_do) = tables::MIGRATIONS.get(done..) else {
            return Err(StoreError::Newer(path));
        };
        for migration in to_do {
            change.execute_batch(migration).map_err(told)?;
        }
        if !to_do.is_empty() {
            let version = i64::try_from(tables::MIGRATIONS.len()).unwrap_or(i64::MAX);
            change
                .pragma_update(None, "user_version", version)
                .map_err(told)?;
        }
        change.commit().map_err(told)?;
        self.changed()?;
        Ok(())
    }
}

impl Sqlite {
    fn write_all(&mut self, batch: &[Write]) -> rusqlite::Result<()> {
        let ids = &mut self.ids;
        let change = self
            .db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        ids.begin(&change)?;
        for write in batch {
            match write {
                Write::Put { shelf, key, body } => change
                    .prepare_cached("insert or replace into documents values (?, ?, ?)")?
                    .execute(params![shelf.word(), key, body])?,
                Write::Remove { shelf, key } => change
                    .prepare_cached("delete from documents where shelf = ? and key = ?")?
                    .execute(params![shelf.word(), key])?,
                Write::Append { log, at, body } => change
                    .prepare_cached(append(*log))?
                    .execute(params![at.timestamp_millis(), body])?,
                Write::Run(run) => ids.put_run(&change, run)?,
                Write::Node(node) => ids.put_node(&change, node)?,
                Write::Point(point) => ids.put_point(&change, point)?,
                Write::Audit(line) => audit::put(&change, line)?,
                Write::Tail { log, at, text } => ids.put_tail(&change, log, *at, text)?,
            };
        }
        change.commit()
    }
}

impl Store for Sqlite {
    fn shelf(&mut self, shelf: Shelf) -> Result<Vec<(String, String)>, StoreError> {
        let mut rows = self
            .db
            .prepare_cached("select key, body from documents where shelf = ? order by key")
            .map_err(error)?;
        let rows = rows
            .query_map([shelf.word()], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(error)?;
        rows.collect::<Result<_, _>>().map_err(error)
    }

    fn document(&mut self, shelf: Shelf, key: &str) -> Result<Option<String>, StoreError> {
        let mut rows = self
            .db
            .prepare_cached("select body from documents where shelf = ? and key = ?")
            .map_err(error)?;
        let found = rows.query_row([shelf.word(), key], |row| row.get(0));
        found.optional().map_err(error)
    }

    fn write(&mut self, batch: &[Write]) -> Result<(), StoreError> {
        // what was numbered in a batch that failed is not there
        let done = self.write_all(batch);
        if done.is_err() {
            self.ids.forget();
        }
        done.map_err(error)
    }

    fn after(&mut self, log: Log, seq: i64, most: usize) -> Result<Vec<Line>, StoreError> {
        let text = format!(
            "select seq, at, body from {} where seq > ? order by seq limit ?",
            log.word()
        );
        let mut rows = self.db.prepare_cached(&text).map_err(error)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = rows.query_map(params![seq, most], line).map_err(error)?;
        rows.collect::<Result<_, _>>().map_err(error)
    }

    fn since(
        &mut self,
        log: Log,
        from: DateTime<Utc>,
        each: &mut dyn FnMut(Line) -> bool,
    ) -> Result<(), StoreError> {
        let text = format!(
            "select seq, at, body from {} where at >= ? order by at, seq",
            log.word()
        );
        let mut rows = self.db.prepare(&text).map_err(error)?;
        let mut rows = rows.query([from.timestamp_millis()]).map_err(error)?;
        while let Some(row) = rows.next().map_err(error)? {
            if !each(line(row).map_err(error)?) {
                break;
            }
        }
        Ok(())
    }

    fn last(&mut self, log: Log) -> Result<i64, StoreError> {
        let text = format!("select max(seq) from {}", log.word());
        let last: Option<Option<i64>> = self
            .db
            .query_row(&text, [], |row| row.get(0))
            .optional()
            .map_err(error)?;
        Ok(last.flatten().unwrap_or(0))
    }

    fn forget(&mut self, what: Kind, before: DateTime<Utc>) -> Result<usize, StoreError> {
        // numbers of what goes are not remembered
        self.ids.forget();
        room::forget(&mut self.db, what, before).map_err(error)
    }

    fn runs(&mut self, ask: &Ask, each: &mut dyn FnMut(PastRun) -> bool) -> Result<(), StoreError> {
        records::runs(&self.db, ask, &self.left_out, each).map_err(error)
    }

    fn recent(&mut self, each: usize) -> Result<Vec<PastRun>, StoreError> {
        records::recent(&self.db, each, &self.left_out).map_err(error)
    }

    fn days(&mut self, ask: &Ask) -> Result<Vec<Day>, StoreError> {
        records::days(&self.db, ask).map_err(error)
    }

    fn run(&mut self, run: &RunKey) -> Result<Option<PastRun>, StoreError> {
        records::one_run(&self.db, run, &self.left_out).map_err(error)
    }

    fn nodes_of(&mut self, run: &RunKey) -> Result<Vec<PastNode>, StoreError> {
        records::nodes_of(&self.db, run, &self.left_out).map_err(error)
    }

    fn nodes(
        &mut self,
        ask: &Ask,
        node: Option<&NodeId>,
        each: &mut dyn FnMut(PastNode) -> bool,
    ) -> Result<(), StoreError> {
        records::nodes(&self.db, ask, node, &self.left_out, each).map_err(error)
    }

    fn each_point(
        &mut self,
        series: &str,
        grain: Grain,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        each: &mut dyn FnMut(Point) -> bool,
    ) -> Result<(), StoreError> {
        records::points(&self.db, series, grain, (from, to), each).map_err(error)
    }

    fn tail(&mut self, log: &LogKey) -> Result<Option<String>, StoreError> {
        records::tail(&self.db, log).map_err(error)
    }

    fn tails(&mut self, before: DateTime<Utc>, most: usize) -> Result<Vec<Tail>, StoreError> {
        records::tails(&self.db, before, most).map_err(error)
    }

    fn audit(
        &mut self,
        ask: &CopiedAsk,
        each: &mut dyn FnMut(i64, Copied) -> bool,
    ) -> Result<(), StoreError> {
        audit::lines(&self.db, ask, each).map_err(error)
    }

    fn audit_of(
        &mut self,
        chain: &str,
        each: &mut dyn FnMut(Copied) -> bool,
    ) -> Result<(), StoreError> {
        audit::of(&self.db, chain, each).map_err(error)
    }

    fn audit_end(&mut self, chain: &str) -> Result<Option<(u64, String)>, StoreError> {
        audit::end(&self.db, chain).map_err(error)
    }

    fn audit_chains(&mut self) -> Result<Vec<String>, StoreError> {
        audit::chains(&self.db).map_err(error)
    }

    fn size(&mut self) -> Result<Size, StoreError> {
        room::size(&self.db).map_err(error)
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        room::bytes(&self.db).map_err(error)
    }

    fn vacuum(&mut self) -> Result<(), StoreError> {
        self.db.execute_batch("vacuum").map_err(error)?;
        // the file grows smaller only when what was written is moved into it; a reader may be in the way
        let moved = self
            .db
            .query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
        moved.map_err(error)
    }

    fn check(&mut self) -> Result<u64, StoreError> {
        let said: String = self
            .db
            .pragma_query_value(None, "integrity_check", |row| row.get(0))
            .map_err(error)?;
        match said.as_str() {
            "ok" => records::senseless(&self.db).map_err(error),
            _ => Err(StoreError::Damaged(self.path.clone())),
        }
    }

    fn left_out(&mut self) -> u64 {
        self.left_out.take()
    }

    fn about(&mut self) -> Result<SafeText, StoreError> {
        let (version, path) = (rusqlite::version(), self.path.display());
        Ok(SafeText::new(format!("SQLite {version}, {path}")))
    }

    fn changed(&mut self) -> Result<bool, StoreError> {
        let now: i64 = self
            .db
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(error)?;
        let before = std::mem::replace(&mut self.data_version, now);
        Ok(before != now)
    }
}

fn append(log: Log) -> &'static str {
    match log {
        Log::Orders => "insert into orders (at, body) values (?, ?)",
        Log::Events => "insert into events (at, body) values (?, ?)",
        Log::Tellings => "insert into tellings (at, body) values (?, ?)",
        Log::Worlds => "insert into worlds (at, body) values (?, ?)",
    }
}

fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<Line> {
    let millis: i64 = row.get(1)?;
    Ok(Line {
        seq: row.get(0)?,
        at: DateTime::from_timestamp_millis(millis).unwrap_or_default(),
        body: row.get(2)?,
    })
}

fn error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged(PathBuf::from("history.db"))
        }
        _ => StoreError::Other(SafeText::new(error.to_string())),
    }
}
