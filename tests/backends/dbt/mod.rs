//! The dbt backend on projects written by these tests: artifacts and logs as dbt 1.11 writes them, and a
//! shell script in dbt's place. `live` does the same with a real dbt.

mod bad_days;
mod live;
mod project;
mod running;
mod watching;
