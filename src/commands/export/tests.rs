#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::path::Path;

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::record::Field;
use chrono::{DateTime, Utc};

use super::*;
use crate::history::{Grain, Point, Sqlite, Store, Write};
use crate::model::{
    BackendId, Health, NodeId, NodeState, PastNode, PastRun, PipelineKey, Run, SafeText,
};

fn t(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn chosen() -> Chosen {
    Chosen {
        from: t(-10),
        to: t(100_000),
        pipeline: None,
        backend: None,
        series: String::new(),
        grain: Grain::Hour,
    }
}

fn store(dir: &Path) -> Sqlite {
    let mut store = Sqlite::open(dir).unwrap();
    let mut batch = Vec::new();
    for (second, name) in [
        (0, "orders"),
        (60, "=cmd|' /C calc'!A0"),
        (120, "line\n\"quoted\",x"),
    ] {
        let key =
            PipelineKey::new(&BackendId::new("prod"), name).run(format!("r{second}").as_str());
        let mut run = Run::new(key.clone(), t(second));
        run.started_at = Some(t(second + 1));
        run.ended_at = Some(t(second + 61));
        run.params = vec![(SafeText::new("token"), SafeText::new("hunter2"))];
        batch.push(Write::Run(Box::new(PastRun {
            run,
            health: Health::Failed,
            seen: t(second + 70),
        })));
        batch.push(Write::Node(Box::new(PastNode {
            run: key,
            node: NodeId::new("load"),
            attempt: 2,
            state: NodeState::Failed,
            queued_at: None,
            started_at: Some(t(second + 1)),
            ended_at: Some(t(second + 31)),
            exit_code: Some(137),
            rows: Some(12.5),
            memory: Some(1 << 40),
            cpu_seconds: None,
        })));
    }
    let hour = t(0).timestamp() / 3600 * 3600;
    for n in 1..4 {
        batch.push(Write::Point(Point {
            series: "run.duration{backend:prod,pipeline:orders}".to_owned(),
            grain: Grain::Hour,
            at: DateTime::from_timestamp(hour + n * 3600, 0).unwrap(),
            count: 4,
            sum: 10.0,
            min: 1.0,
            max: 5.0,
            last: 2.0,
        }));
    }
    store.write(&batch).unwrap();
    store
}

/// The file that comes of it.
fn exported<S: Sink>(
    dir: &Path,
    what: ExportWhat,
    chosen: &Chosen,
    sink: impl FnOnce(Outlet) -> S,
) -> Vec<u8> {
    let mut store = store(dir);
    let file = dir.join("out");
    // one of before has the name
    let _ = std::fs::remove_file(&file);
    let mut sink = sink(Outlet::open(Some(&file)).unwrap());
    let mut row = |cells: Vec<Cell>| {
        assert_eq!(cells.len(), what.table().len(), "every column has a cell");
        sink.row(cells).map_err(Failed)
    };
    sources::of(what, &mut store, chosen, &mut row).unwrap();
    let out = sink.finish().unwrap();
    assert!(!file.exists(), "it has its name only when it is whole");
    out.finish().unwrap();
    let left = std::fs::read_dir(dir).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".new")
    });
    assert_eq!(left.count(), 0);
    std::fs::read(&file).unwrap()
}

#[test]
fn csv_keeps_text_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let make = |tame| move |out| CsvSink::new(out, &table::RUNS, tame).unwrap();
    let text = exported(dir.path(), ExportWhat::Runs, &chosen(), make(true));
    let mut csv = csv::Reader::from_reader(&text[..]);
    let header: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header[..3], ["backend", "pipeline", "run"]);
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let pipelines: Vec<&str> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!(
        pipelines,
        ["orders", "'=cmd|' /C calc'!A0", "line \"quoted\",x"]
    );
    let row = &rows[0];
    assert_eq!((&row[3], &row[5]), ("unknown", "failed"));
    assert_eq!((&row[6], &row[7]), ("2026-09-21T14:13:20.000Z", ""));
    assert_eq!((&row[10], &row[15]), ("60", "token"));
    assert!(!String::from_utf8(text).unwrap().contains("hunter2"));
    let text = exported(dir.path(), ExportWhat::Runs, &chosen(), make(false));
    assert!(String::from_utf8(text).unwrap().contains(",=cmd|"));
}

#[test]
fn json_lines_hold_every_column() {
    let dir = tempfile::tempdir().unwrap();
    let only = Chosen {
        pipeline: Some("ord*".to_owned()),
        ..chosen()
    };
    let make = |out| JsonSink::new(out, &table::NODES);
    let text = exported(dir.path(), ExportWhat::Nodes, &only, make);
    let lines: Vec<serde_json::Value> = std::str::from_utf8(&text)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1);
    let row = lines[0].as_object().unwrap();
    assert_eq!(row.len(), table::NODES.len());
    assert_eq!(row["memory_bytes"], 1_i64 << 40);
    assert_eq!(
        (&row["exit_code"], &row["duration_seconds"]),
        (&137.into(), &30.0.into())
    );
    assert!(row["cpu_seconds"].is_null());
}

#[test]
fn parquet_reads_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let make = |out| ParquetSink::new(out, &table::METRICS).unwrap();
    let bytes = exported(dir.path(), ExportWhat::Metrics, &chosen(), make);
    let file = dir.path().join("again");
    std::fs::write(&file, bytes).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&file).unwrap()).unwrap();
    let rows: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 3);
    let row: Vec<Field> = rows[0]
        .get_column_iter()
        .map(|(_, field)| field.clone())
        .collect();
    assert_eq!(row[0], Field::Str("run.duration".to_owned()));
    assert_eq!(
        row[1],
        Field::Str("backend:prod,pipeline:orders".to_owned())
    );
    let hour = (t(0).timestamp() / 3600 + 1) * 3_600_000;
    assert_eq!(row[2], Field::TimestampMillis(hour));
    assert_eq!((&row[3], &row[4]), (&Field::Long(3600), &Field::Long(4)));
    assert_eq!(row[6], Field::Double(2.5));
}

#[test]
fn parquet_has_groups_that_have_room_and_cells_that_are_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    static TABLE: [(&str, table::Type); 2] = [("a", table::Type::Int), ("b", table::Type::Text)];
    let mut sink = ParquetSink::new(Outlet::open(Some(&file)).unwrap(), &TABLE).unwrap();
    let rows = super::parquet::GROUP * 2 + 10;
    for n in 0..rows {
        let text = if n % 3 == 0 {
            Cell::None
        } else {
            Cell::text(format!("t{n}"))
        };
        sink.row(vec![Cell::int(Some(n)), text]).unwrap();
    }
    sink.finish().unwrap().finish().unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&file).unwrap()).unwrap();
    let groups: Vec<i64> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(|g| g.num_rows())
        .collect();
    let group = i64::try_from(super::parquet::GROUP).unwrap();
    assert_eq!(groups, [group, group, 10]);
    let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap();
    let last: Vec<Field> = last
        .get_column_iter()
        .map(|(_, field)| field.clone())
        .collect();
    let n = i64::try_from(rows - 1).unwrap();
    let text = if n % 3 == 0 {
        Field::Null
    } else {
        Field::Str(format!("t{n}"))
    };
    assert_eq!(last, [Field::Long(n), text]);
}

#[test]
fn what_fails_half_way_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    let mut sink = JsonSink::new(Outlet::open(Some(&file)).unwrap(), &table::RUNS);
    sink.row(vec![Cell::text("x")]).unwrap();
    drop(sink);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
