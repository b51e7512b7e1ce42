//! Rows as Apache Parquet: column by column, in groups of rows that have room in memory.

use std::io;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types;

use super::super::outlet::Outlet;
use super::sink::Sink;
use super::table::{Cell, Table, Type};

/// Rows of a group.
pub(super) const GROUP: usize = 65_536;

pub(super) struct ParquetSink {
    file: SerializedFileWriter<Outlet>,
    columns: Vec<Column>,
    rows: usize,
}

/// The values of a column in a group; a level of 0 is a cell without one.
struct Column {
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    Text(Vec<ByteArray>),
    /// Times too, as milliseconds.
    Int(Vec<i64>),
    Float(Vec<f64>),
}

impl ParquetSink {
    pub(super) fn new(out: Outlet, table: &Table) -> io::Result<Self> {
        let fields = table
            .iter()
            .map(|(name, kind)| Ok(Arc::new(field(name, *kind)?)));
        let fields = fields
            .collect::<Result<Vec<_>, ParquetError>>()
            .map_err(other)?;
        let schema = types::Type::group_type_builder("dagtop").with_fields(fields);
        let schema = schema.build().map_err(other)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("dagtop ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties));
        let columns = table.iter().map(|(_, kind)| Column {
            levels: Vec::new(),
            values: match kind {
                Type::Text => Values::Text(Vec::new()),
                Type::Int | Type::Time => Values::Int(Vec::new()),
                Type::Float => Values::Float(Vec::new()),
            },
        });
        Ok(Self {
            file: file.map_err(other)?,
            columns: columns.collect(),
            rows: 0,
        })
    }

    fn group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            let levels = std::mem::take(&mut column.levels);
            match &mut column.values {
                Values::Text(values) => put::<ByteArrayType>(&mut writer, values, &levels)?,
                Values::Int(values) => put::<Int64Type>(&mut writer, values, &levels)?,
                Values::Float(values) => put::<DoubleType>(&mut writer, values, &levels)?,
            }
            writer.close()?;
        }
        group.close().map(|_| ())
    }
}

fn put<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &mut Vec<T::T>,
    levels: &[i16],
) -> Result<(), ParquetError> {
    let values = std::mem::take(values);
    writer
        .typed::<T>()
        .write_batch(&values, Some(levels), None)
        .map(|_| ())
}

fn field(name: &str, kind: Type) -> Result<types::Type, ParquetError> {
    let (physical, logical) = match kind {
        Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Type::Int => (Physical::INT64, None),
        Type::Float => (Physical::DOUBLE, None),
        Type::Time => {
            let utc = LogicalType::timestamp(true, TimeUnit::MILLIS);
            (Physical::INT64, Some(utc))
        }
    };
    types::Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// What the disk said comes through as it was.
fn other(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::other(cause),
        },
        error => io::Error::other(error),
    }
}

impl Sink for ParquetSink {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            let there = match (&mut column.values, cell) {
                (Values::Text(values), Cell::Text(text)) => {
                    values.push(ByteArray::from(text.into_bytes()));
                    true
                }
                (Values::Int(values), Cell::Int(number)) => {
                    values.push(number);
                    true
                }
                (Values::Int(values), Cell::Time(at)) => {
                    values.push(at.timestamp_millis());
                    true
                }
                (Values::Float(values), Cell::Float(number)) => {
                    values.push(number);
                    true
                }
                _ => false,
            };
            column.levels.push(i16::from(there));
        }
        self.rows += 1;
        match self.rows >= GROUP {
            true => self.group().map_err(other),
            false => Ok(()),
        }
    }

    fn finish(mut self) -> io::Result<Outlet> {
        self.group().map_err(other)?;
        self.file.into_inner().map_err(other)
    }
}
