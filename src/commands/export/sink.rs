//! Rows as text: CSV as RFC 4180 has it, and JSON lines. Times are RFC 3339 in UTC.

use std::io::{self, Write};

use chrono::SecondsFormat;
use serde_json::{Map, Number, Value};

use super::super::outlet::Outlet;
use super::table::{Cell, Table};

/// Takes rows, and gives back where they went.
pub(super) trait Sink {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()>;
    fn finish(self) -> io::Result<Outlet>;
}

fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) struct CsvSink {
    csv: csv::Writer<Outlet>,
    /// Text that a spreadsheet would take for a formula gets an apostrophe before it.
    tame: bool,
}

impl CsvSink {
    pub(super) fn new(out: Outlet, table: &Table, tame: bool) -> io::Result<Self> {
        let mut csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        csv.write_record(table.iter().map(|(name, _)| name))?;
        Ok(Self { csv, tame })
    }

    fn text(&self, text: String) -> String {
        match self.tame && text.starts_with(['=', '+', '-', '@']) {
            true => format!("'{text}"),
            false => text,
        }
    }
}

impl Sink for CsvSink {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        for cell in cells {
            let field = match cell {
                Cell::None => String::new(),
                Cell::Text(text) => self.text(text),
                Cell::Int(number) => number.to_string(),
                Cell::Float(number) => number.to_string(),
                Cell::Time(at) => time(at),
            };
            self.csv.write_field(field)?;
        }
        Ok(self.csv.write_record(None::<&[u8]>)?)
    }

    fn finish(self) -> io::Result<Outlet> {
        self.csv
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }
}

pub(super) struct JsonSink {
    out: Outlet,
    table: &'static Table,
}

impl JsonSink {
    pub(super) fn new(out: Outlet, table: &'static Table) -> Self {
        Self { out, table }
    }
}

impl Sink for JsonSink {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        let mut row = Map::new();
        for ((name, _), cell) in self.table.iter().zip(cells) {
            let value = match cell {
                Cell::None => Value::Null,
                Cell::Text(text) => Value::String(text),
                Cell::Int(number) => number.into(),
                Cell::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
                Cell::Time(at) => Value::String(time(at)),
            };
            row.insert((*name).to_owned(), value);
        }
        serde_json::to_writer(&mut self.out, &row)?;
        self.out.write_all(b"\n")
    }

    fn finish(self) -> io::Result<Outlet> {
        Ok(self.out)
    }
}
