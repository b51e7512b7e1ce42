//! Owns the layout of a DAG in cells. Knows ids and edges only: no backend, no state, no terminal.
