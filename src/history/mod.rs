//! Owns what is kept on disk: the audit, how people last looked at each pipeline, and the store of alerts, of what
//! people did about them, of what backends told, of runs, attempts and metrics, with copies of the audits of all machines.
//! Must not know backends, screens or alerts: what they keep is text here.

mod archive;
pub mod audit;
mod codes;
#[cfg(test)]
mod contract;
mod keeper;
mod leader;
mod looks;
mod others;
mod place;
mod postgres;
mod reader;
mod retention;
mod rollup;
mod shapes;
mod sift;
mod sqlite;
mod store;
mod tend;
mod weigh;
pub mod worlds;

pub use audit::{Audit, AuditError, user};
pub use keeper::{Heard, Keeper, Retold};
pub use leader::Leader;
pub use looks::{Look, Looks, LooksError};
pub use place::Place;
pub use postgres::Address;
#[cfg(test)]
pub(crate) use postgres::tests::Database as TestDatabase;
pub use reader::Reader;
pub use retention::{Policy, Pruned, READ, prune};
pub use shapes::{
    Members, ShapeOf, Shapes, put as put_shape, put_of as put_shape_of, read as read_shape,
    read_of as read_shape_of,
};
pub use sift::Sift;
pub use sqlite::Sqlite;
pub use store::{
    Ask, Day, Grain, Kind, Line, Log, Of, Point, Shelf, Size, Store, StoreError, Tail, Write,
};
pub use tend::{Tend, TendError};
pub use weigh::SIZE;
