//! Logs as real systems write them, with the records expected of them: `S` start, `-` continuation,
//! `[` and `]` sections; then the level's letter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

struct Case {
    name: &'static str,
    lines: &'static [(&'static str, &'static str)],
    /// Row, text and further lines of the first error.
    error: Option<(usize, &'static str, usize)>,
}

const CASES: &[Case] = &[
    Case {
        name: "our canonical line with a python traceback",
        lines: &[
            ("[  ", "::group::Log message source details"),
            ("S  ", "/srv/logs/attempt=2.log"),
            ("]  ", "::endgroup::"),
            ("S I", "2026-11-20T03:11:02.123456Z INFO task - started"),
            (
                "S E",
                "2026-11-20T03:11:03.123456Z ERROR task - Task failed with exception",
            ),
            ("- E", "Traceback (most recent call last):"),
            ("- E", "  File \"/srv/dags/orders.py\", line 44, in check"),
            ("- E", "    raise UpstreamSchemaChange(text)"),
            ("- E", "UpstreamSchemaChange: column customer_id missing"),
            ("S I", "2026-11-20T03:11:04.123456Z INFO task - done: 0"),
        ],
        error: Some((8, "UpstreamSchemaChange: column customer_id missing", 4)),
    },
    Case {
        name: "airflow 2",
        lines: &[
            ("[  ", " INFO - ::group::Log message source details"),
            ("S  ", "*** Found local files:"),
            (
                "S I",
                "[2026-11-20T20:43:43.058+0000] {taskinstance.py:2885} INFO - Starting attempt 1 of 3",
            ),
            (
                "S E",
                "[2026-11-20T20:43:48.537+0000] {taskinstance.py:3337} ERROR - Task failed with exception",
            ),
            ("- E", "Traceback (most recent call last):"),
            ("- E", "  File \"x.py\", line 1, in <module>"),
            (
                "- E",
                "psycopg2.OperationalError: connection to server at \"db\" failed: Connection refused",
            ),
            ("- E", "\tIs the server running on that host?"),
            ("- E", ""),
            (
                "S I",
                "[2026-11-20T20:43:48.600+0000] {taskinstance.py:1206} INFO - Marking task as UP_FOR_RETRY",
            ),
        ],
        error: Some((
            6,
            "psycopg2.OperationalError: connection to server at \"db\" failed: Connection refused",
            5,
        )),
    },
    Case {
        name: "a program's output inside airflow: every line has the header",
        lines: &[
            (
                "S E",
                "[2026-11-20T03:11:02.123+0000] {subprocess.py:93} INFO - Traceback (most recent call last):",
            ),
            (
                "- E",
                "[2026-11-20T03:11:02.123+0000] {subprocess.py:93} INFO -   File \"x.py\", line 3, in <module>",
            ),
            (
                "- E",
                "[2026-11-20T03:11:02.123+0000] {subprocess.py:93} INFO - KeyError: 'customer_id'",
            ),
            (
                "S I",
                "[2026-11-20T03:11:02.123+0000] {subprocess.py:97} INFO - Command exited with return code 1",
            ),
            (
                "S E",
                "[2026-11-20T03:11:02.223+0000] {taskinstance.py:1937} ERROR - Task failed with exception",
            ),
            ("- E", "Traceback (most recent call last):"),
            ("- E", "  File \"bash.py\", line 3, in execute"),
            (
                "- E",
                "airflow.exceptions.AirflowException: Bash command failed. The command returned a non-zero exit code 1.",
            ),
        ],
        error: Some((2, "KeyError: 'customer_id'", 2)),
    },
    Case {
        name: "chained python exceptions end in the one that was raised",
        lines: &[
            ("S E", "Traceback (most recent call last):"),
            ("- E", "  File \"a.py\", line 1, in f"),
            ("- E", "KeyError: 'x'"),
            ("- E", ""),
            (
                "- E",
                "During handling of the above exception, another exception occurred:",
            ),
            ("- E", ""),
            ("- E", "Traceback (most recent call last):"),
            ("- E", "  File \"a.py\", line 3, in g"),
            ("- E", "etl.LoadError: no column x"),
            ("S  ", "cleaning up"),
        ],
        error: Some((8, "etl.LoadError: no column x", 8)),
    },
    Case {
        name: "sqlalchemy says more below the cause",
        lines: &[
            ("S E", "Traceback (most recent call last):"),
            ("- E", "  File \"a.py\", line 1, in f"),
            (
                "- E",
                "sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation \"orders\" does not exist",
            ),
            ("- E", "LINE 1: select * from orders"),
            ("- E", "                      ^"),
            ("- E", "[SQL: select * from orders]"),
            (
                "- E",
                "(Background on this error at: https://sqlalche.me/e/20/f405)",
            ),
        ],
        error: Some((
            2,
            "sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation \"orders\" does not exist",
            6,
        )),
    },
    Case {
        name: "an exception group ends in its last exception",
        lines: &[
            (
                "S E",
                "  + Exception Group Traceback (most recent call last):",
            ),
            ("- E", "  |   File \"a.py\", line 1, in <module>"),
            (
                "- E",
                "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
            ),
            ("- E", "  +-+---------------- 1 ----------------"),
            ("- E", "    | Traceback (most recent call last):"),
            ("- E", "    |   File \"a.py\", line 9, in load"),
            ("- E", "    | ValueError: bad row 7"),
            ("- E", "    +------------------------------------"),
        ],
        error: Some((6, "ValueError: bad row 7", 7)),
    },
    Case {
        name: "a class called Error is the cause, not a new record",
        lines: &[
            ("S E", "Traceback (most recent call last):"),
            ("- E", "  File \"csv.py\", line 1, in f"),
            ("- E", "Error: line contains NUL"),
        ],
        error: Some((2, "Error: line contains NUL", 2)),
    },
    Case {
        name: "a warning with a traceback is no error",
        lines: &[
            (
                "S W",
                "2026-11-20 03:11:02,123 - etl - WARNING - first try failed",
            ),
            ("- W", "Traceback (most recent call last):"),
            ("- W", "  File \"a.py\", line 1, in f"),
            ("- W", "TimeoutError: slow"),
            (
                "S I",
                "2026-11-20 03:11:03,123 - etl - INFO - second try worked",
            ),
        ],
        error: None,
    },
    Case {
        name: "java",
        lines: &[
            ("S  ", "starting"),
            (
                "S E",
                "Exception in thread \"main\" java.lang.IllegalStateException: no session",
            ),
            ("- E", "\tat com.example.Load.run(Load.java:12)"),
            ("- E", "\tat com.example.Load.main(Load.java:3)"),
            (
                "- E",
                "Caused by: java.io.FileNotFoundException: /data/x.csv (No such file or directory)",
            ),
            ("- E", "\tat java.io.FileInputStream.open0(Native Method)"),
            ("- E", "\t... 12 more"),
            ("S  ", "bye"),
        ],
        error: Some((1, "java.lang.IllegalStateException: no session", 5)),
    },
    Case {
        name: "spark",
        lines: &[
            (
                "S I",
                "26/11/20 03:11:01 INFO TaskSetManager: Starting task 0.0 in stage 1.0 (TID 1)",
            ),
            (
                "S E",
                "26/11/20 03:11:02 ERROR Executor: Exception in task 0.0 in stage 1.0 (TID 1)",
            ),
            ("- E", "java.lang.OutOfMemoryError: Java heap space"),
            ("- E", "\tat java.util.Arrays.copyOf(Arrays.java:3332)"),
            (
                "- E",
                "\tat org.apache.spark.executor.Executor$TaskRunner.run(Executor.scala:842)",
            ),
            (
                "S W",
                "26/11/20 03:11:02 WARN TaskSetManager: Lost task 0.0 in stage 1.0 (TID 1): java.lang.OutOfMemoryError: Java heap space",
            ),
            ("- W", "\tat java.util.Arrays.copyOf(Arrays.java:3332)"),
            ("- W", ""),
            (
                "S E",
                "26/11/20 03:11:03 ERROR TaskSetManager: Task 0 in stage 1.0 failed 1 times; aborting job",
            ),
            (
                "S E",
                "Exception in thread \"main\" org.apache.spark.SparkException: Job aborted due to stage failure",
            ),
            ("- E", "Driver stacktrace:"),
            (
                "- E",
                "\tat org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages(DAGScheduler.scala:2672)",
            ),
        ],
        error: Some((2, "java.lang.OutOfMemoryError: Java heap space", 3)),
    },
    Case {
        name: "pyspark: the jvm's exception below the python one",
        lines: &[
            ("S E", "Traceback (most recent call last):"),
            ("- E", "  File \"load.py\", line 3, in <module>"),
            (
                "- E",
                "py4j.protocol.Py4JJavaError: An error occurred while calling o58.collect.",
            ),
            ("- E", ": org.apache.spark.SparkException: Job aborted"),
            (
                "- E",
                "\tat org.apache.spark.scheduler.DAGScheduler.x(DAGScheduler.scala:2672)",
            ),
            (
                "- E",
                "Caused by: java.lang.ArithmeticException: divide by zero",
            ),
        ],
        error: Some((3, "org.apache.spark.SparkException: Job aborted", 5)),
    },
    Case {
        name: "a shell script without a logger",
        lines: &[
            ("S  ", "copying 3 files"),
            ("S  ", "  12 rows in a.csv"),
            ("S E", "cat: /data/b.csv: No such file or directory"),
            ("S E", "sh: 4: loadit: not found"),
        ],
        error: Some((2, "cat: /data/b.csv: No such file or directory", 0)),
    },
    Case {
        name: "what was logged as an error counts more than a complaint, a wrapper least",
        lines: &[
            ("S E", "rm: cannot remove 'x': No such file or directory"),
            ("S E", "ERROR: 3 rows rejected, limit is 0"),
            ("S E", "ERROR: step load: returned non-zero exit status 3"),
        ],
        error: Some((1, "3 rows rejected, limit is 0", 0)),
    },
    Case {
        name: "only a wrapper",
        lines: &[
            ("S  ", "working"),
            ("S E", "Traceback (most recent call last):"),
            ("- E", "  File \"x.py\", line 1, in <module>"),
            (
                "- E",
                "subprocess.CalledProcessError: Command 'load' returned non-zero exit status 3.",
            ),
        ],
        error: Some((
            3,
            "subprocess.CalledProcessError: Command 'load' returned non-zero exit status 3.",
            2,
        )),
    },
    Case {
        name: "json lines",
        lines: &[
            (
                "S I",
                r#"{"timestamp":"2026-11-20T03:11:02Z","level":"info","event":"started"}"#,
            ),
            (
                "S E",
                r#"{"timestamp":"2026-11-20T03:11:03Z","level":"error","event":"failed","exception":"Traceback (most recent call last):\n  File \"x\"\nValueError: bad row"}"#,
            ),
            ("S  ", r#"{"rows": 3}"#),
        ],
        error: Some((1, "ValueError: bad row", 0)),
    },
    Case {
        name: "dbt",
        lines: &[
            (
                "S  ",
                "03:11:02  1 of 1 START sql view model main.stg_orders ... [RUN]",
            ),
            (
                "S  ",
                "03:11:03  Completed with 1 error, 0 partial successes, and 0 warnings:",
            ),
            ("S  ", "03:11:03"),
            (
                "S E",
                "03:11:03  Database Error in model stg_orders (models/stg_orders.sql)",
            ),
            ("- E", "  relation \"raw.orders\" does not exist"),
            ("- E", "  LINE 12: from raw.orders"),
        ],
        error: Some((4, "relation \"raw.orders\" does not exist", 2)),
    },
    Case {
        name: "postgres",
        lines: &[
            (
                "S I",
                "2026-11-20 03:11:02.123 UTC [812] LOG:  checkpoint starting",
            ),
            (
                "S E",
                "2026-11-20 03:11:02.123 UTC [812] ERROR:  deadlock detected",
            ),
            (
                "S E",
                "psql:load.sql:3: ERROR:  current transaction is aborted",
            ),
        ],
        error: Some((1, "deadlock detected", 0)),
    },
    Case {
        name: "node",
        lines: &[
            (
                "S E",
                "TypeError: Cannot read properties of undefined (reading 'rows')",
            ),
            ("- E", "    at load (/srv/load.js:3:11)"),
            ("- E", "    at Object.<anonymous> (/srv/load.js:9:1)"),
        ],
        error: Some((
            0,
            "TypeError: Cannot read properties of undefined (reading 'rows')",
            2,
        )),
    },
    Case {
        name: "rust: tracing and a panic",
        lines: &[
            (
                "S I",
                "2026-11-20T03:11:02.123456Z  INFO loader::parts: read rows=5",
            ),
            ("S F", "thread 'main' panicked at src/main.rs:2:5:"),
            (
                "- F",
                "index out of bounds: the len is 3 but the index is 7",
            ),
            ("- F", "stack backtrace:"),
            ("- F", "   0: rust_begin_unwind"),
            (
                "- F",
                "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            ),
            ("S  ", "bye"),
        ],
        error: Some((2, "index out of bounds: the len is 3 but the index is 7", 4)),
    },
    Case {
        name: "env_logger",
        lines: &[
            ("S W", "[2026-11-20T03:11:02Z WARN  loader::parts] slow"),
            ("S E", "[2026-11-20T03:11:02Z ERROR loader] it broke"),
        ],
        error: Some((1, "it broke", 0)),
    },
    Case {
        name: "go: log, slog, zap, klog and a panic",
        lines: &[
            ("S  ", "2026/11/20 03:11:02 started"),
            (
                "S W",
                "time=2026-11-20T03:11:02.123Z level=WARN msg=\"slow part\" part=3",
            ),
            (
                "S I",
                "2026-11-20T03:11:02.123Z\tINFO\tloader/main.go:12\tread\t{\"rows\": 5}",
            ),
            (
                "S E",
                "{\"level\":\"error\",\"ts\":1795144262.1,\"caller\":\"main.go:3\",\"msg\":\"no table\"}",
            ),
            (
                "S W",
                "W1120 03:11:02.123456       1 reflector.go:12] watch ended",
            ),
            (
                "S F",
                "panic: runtime error: index out of range [7] with length 3",
            ),
            ("- F", ""),
            ("- F", "goroutine 1 [running]:"),
            ("- F", "main.load(...)"),
            ("- F", "\t/srv/load.go:12 +0x1d"),
            ("- F", "exit status 2"),
        ],
        error: Some((
            5,
            "panic: runtime error: index out of range [7] with length 3",
            5,
        )),
    },
    Case {
        name: "syslog, old and new",
        lines: &[
            ("S I", "<30>Nov 20 03:11:02 db-1 loader[812]: started"),
            ("S  ", "Nov 20 03:11:02 db-1 kernel: something"),
            (
                "S E",
                "<27>1 2026-11-20T03:11:02.003Z db-1 loader 812 ID47 [x@1 a=\"b\"] it broke",
            ),
        ],
        error: Some((2, "it broke", 0)),
    },
    Case {
        name: "airflow 3 as it writes its files",
        lines: &[
            (
                "S I",
                r#"{"timestamp":"2026-11-20T20:27:30.024410Z","event":"Filling up the DagBag","level":"info","logger":"airflow.dag"}"#,
            ),
            (
                "S E",
                r#"{"timestamp":"2026-11-20T20:27:31Z","level":"error","event":"Task failed with exception","logger":"task","error_detail":[{"exc_type":"ValueError","exc_value":"no rows","frames":[{"filename":"x.py","lineno":3,"name":"load"}]}]}"#,
            ),
        ],
        error: Some((1, "ValueError: no rows", 0)),
    },
    Case {
        name: "dbt as json",
        lines: &[
            (
                "S I",
                r#"{"data":{},"info":{"level":"info","msg":"Running with dbt","name":"MainReportVersion","ts":"2026-11-20T03:11:02.1Z"}}"#,
            ),
            (
                "S E",
                r#"{"data":{"unique_id":"model.x"},"info":{"level":"error","msg":"Database Error in model x","ts":"2026-11-20T03:11:03.1Z"}}"#,
            ),
        ],
        error: Some((1, "Database Error in model x", 0)),
    },
    Case {
        name: "spring",
        lines: &[
            (
                "S E",
                "2026-11-20T03:11:02.123Z ERROR 812 --- [main] c.a.Loader : it broke",
            ),
            ("- E", "java.lang.IllegalStateException: no session"),
            ("- E", "\tat c.a.Loader.run(Loader.java:12)"),
            (
                "S I",
                "2026-11-20T03:11:03.123Z  INFO 812 --- [main] c.a.Loader : bye",
            ),
        ],
        error: Some((1, "java.lang.IllegalStateException: no session", 2)),
    },
    Case {
        name: "a log without anything wrong",
        lines: &[
            ("S  ", "1 errors: none"),
            ("S  ", "see: all is well"),
            ("S  ", ""),
            ("S W", "etl.py:3: DeprecationWarning: old"),
        ],
        error: None,
    },
];

fn read(text: &str) -> LogStore<u8> {
    let mut store = LogStore::default();
    store.append(&1, text.as_bytes());
    store.finish(&1);
    store
}

#[test]
fn every_format_gives_its_records_and_its_first_error() {
    for case in CASES {
        let text: Vec<&str> = case.lines.iter().map(|(_, line)| *line).collect();
        let store = read(&text.join("\n"));
        let log = store.get(&1).unwrap();
        let found: Vec<String> = log
            .lines(0..log.len())
            .map(|line| {
                let kind = match line.kind {
                    LineKind::Start => 'S',
                    LineKind::Continuation => '-',
                    LineKind::GroupStart => '[',
                    LineKind::GroupEnd => ']',
                    LineKind::Notice => '!',
                };
                format!("{kind} {}", line.level.map_or(' ', Level::letter))
            })
            .collect();
        let expected: Vec<&str> = case.lines.iter().map(|(mark, _)| *mark).collect();
        assert_eq!(found, expected, "{}", case.name);
        let error = log.error_summary();
        let error = error
            .as_ref()
            .map(|e| (e.line, e.text.as_str(), e.more_lines));
        assert_eq!(error, case.error, "{}", case.name);
        assert_eq!(log.first_error(), case.error.map(|e| e.0));
    }
}

#[test]
fn sections_have_names_and_lines_have_messages_and_times() {
    let store = read(" INFO - ::group::Pre Execute\n2026-11-20T03:11:02.5Z ERROR a.b - it broke\n");
    let log = store.get(&1).unwrap();
    assert_eq!(log.line(0).unwrap().message(), "Pre Execute");
    let line = log.line(1).unwrap();
    assert_eq!(line.message(), "it broke");
    assert_eq!(line.at.unwrap().timestamp_millis() % 100_000, 62_500);
    assert_eq!(log.error_summary().unwrap().at, line.at);
}

#[test]
fn the_last_caused_by_of_a_java_trace_is_found() {
    let store = read(
        "Exception in thread \"main\" a.BException: x\n\tat c.D(E.java:1)\nCaused by: f.GException: y\n\tat h(I.java:2)\nCaused by: j.KException: z\n",
    );
    let log = store.get(&1).unwrap();
    assert_eq!(log.error_summary().unwrap().caused_by, Some(4));
}

#[test]
fn errors_are_walked_up_and_down() {
    let store = read(
        "ok\nERROR: a\nok\nERROR: b\nTraceback (most recent call last):\n  File \"x\"\nKeyError: 1\nok",
    );
    let log = store.get(&1).unwrap();
    // The traceback below an error belongs to it.
    assert_eq!(log.error_count(), 2);
    assert_eq!(log.next_error(0), Some(1));
    assert_eq!(log.next_error(1), Some(6));
    assert_eq!(log.next_error(6), None);
    assert_eq!(log.prev_error(7), Some(6));
    assert_eq!(log.prev_error(6), Some(1));
    assert_eq!(log.prev_error(1), None);
    assert_eq!(log.record(5), 3..7);
    assert_eq!(log.record(0), 0..1);
}
