#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn why(evidence: &Evidence) -> Option<Diagnosis> {
    diagnose(evidence, &Patterns::builtin())
}

fn of_line(error: &str) -> Diagnosis {
    why(&Evidence {
        error: Some(error),
        attempts: 1,
        ..Evidence::default()
    })
    .unwrap()
}

#[test]
fn real_messages_find_their_class() {
    use Class::*;
    let mut wrong = Vec::new();
    for (line, class, evidence) in [
        (
            "java.lang.OutOfMemoryError: Java heap space",
            Resources,
            "java.lang.OutOfMemoryError",
        ),
        (
            "java.lang.OutOfMemoryError: GC overhead limit exceeded",
            Resources,
            "java.lang.OutOfMemoryError",
        ),
        (
            "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array",
            Resources,
            "numpy.core._exceptions._ArrayMemoryError",
        ),
        ("MemoryError", Resources, "MemoryError"),
        (
            "ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Container killed by YARN for exceeding memory limits. 5.5 GB of 5.5 GB",
            Resources,
            "killed by YARN for exceeding",
        ),
        (
            "Process terminated by signal. Likely out of memory error (OOM)",
            Resources,
            "out of memory error",
        ),
        (
            "Total size of serialized results of 40 tasks (1026.0 MB) is bigger than spark.driver.maxResultSize (1024.0 MB)",
            Resources,
            "bigger than spark.driver.maxResultSize",
        ),
        (
            "./load.sh: line 5:  1234 Killed                  python load.py",
            Resources,
            "Killed",
        ),
        (
            "airflow.exceptions.AirflowException: Bash command failed. The command returned a non-zero exit code 137.",
            Resources,
            "exit code 137",
        ),
        (
            "subprocess.CalledProcessError: Command 'x' died with <Signals.SIGKILL: 9>.",
            Resources,
            "Signals.SIGKILL",
        ),
        (
            "Server indicated the task shouldn't be running anymore. Terminating process",
            Stopped,
            "Server indicated the task shouldn't be running anymore",
        ),
        (
            "State of this instance has been externally set to failed. Terminating instance.",
            Stopped,
            "has been externally set to",
        ),
        (
            "Segmentation fault (core dumped)",
            Code,
            "Segmentation fault",
        ),
        (
            "airflow.exceptions.AirflowTaskTimeout: Timeout, PID: 1984",
            Timeout,
            "airflow.exceptions.AirflowTaskTimeout",
        ),
        (
            "AirflowSensorTimeout: Sensor has timed out; run duration of 61 seconds exceeds the specified timeout of 60.",
            Timeout,
            "AirflowSensorTimeout",
        ),
        (
            "psycopg2.errors.QueryCanceled: canceling statement due to statement timeout",
            Timeout,
            "due to statement timeout",
        ),
        (
            "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='api', port=443): Read timed out. (read timeout=30)",
            Timeout,
            "Read timed out",
        ),
        (
            "concurrent.futures._base.TimeoutError",
            Timeout,
            "concurrent.futures._base.TimeoutError",
        ),
        (
            "psycopg2.OperationalError: connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused",
            Dependency,
            "Connection refused",
        ),
        (
            "curl: (7) Failed to connect to db port 80 after 0 ms: Couldn't connect to server",
            Dependency,
            "Failed to connect to",
        ),
        (
            "java.net.UnknownHostException: namenode",
            Dependency,
            "java.net.UnknownHostException",
        ),
        (
            "psql: error: could not translate host name \"db\" to address: Name or service not known",
            Dependency,
            "Name or service not known",
        ),
        (
            "ConnectionResetError: [Errno 104] Connection reset by peer",
            Dependency,
            "Connection reset",
        ),
        (
            "psycopg2.OperationalError: server closed the connection unexpectedly",
            Dependency,
            "server closed the connection unexpectedly",
        ),
        (
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
            Dependency,
            "CERTIFICATE_VERIFY_FAILED",
        ),
        (
            "psql: error: FATAL:  password authentication failed for user \"etl\"",
            Credentials,
            "password authentication failed",
        ),
        (
            "psycopg2.errors.InsufficientPrivilege: permission denied for table orders",
            Credentials,
            "permission denied",
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/data/out.csv'",
            Credentials,
            "Permission denied",
        ),
        (
            "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
            Credentials,
            "AccessDenied",
        ),
        (
            "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api",
            Credentials,
            "401 Client Error",
        ),
        (
            "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
            Credentials,
            "Unable to locate credentials",
        ),
        (
            "FATAL:  role \"etl\" does not exist",
            Credentials,
            "role \"etl\" does not exist",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/data/in.csv'",
            MissingInput,
            "No such file or directory",
        ),
        (
            "cat: /data/b.csv: No such file or directory",
            MissingInput,
            "No such file or directory",
        ),
        (
            "psycopg2.errors.UndefinedTable: relation \"raw.orders\" does not exist",
            MissingInput,
            "relation \"raw.orders\" does not exist",
        ),
        (
            "ERROR:  column o.customer_id does not exist",
            Data,
            "column o.customer_id does not exist",
        ),
        (
            "org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or view `raw`.`orders` cannot be found.",
            MissingInput,
            "TABLE_OR_VIEW_NOT_FOUND",
        ),
        (
            "org.apache.spark.sql.AnalysisException: Path does not exist: s3a://lake/orders",
            MissingInput,
            "Path does not exist",
        ),
        ("KeyError: 'customer_id'", Data, "KeyError"),
        (
            "KeyError: \"['customer_id'] not in index\"",
            Data,
            "not in index",
        ),
        (
            "Catalog Error: Table with name orders does not exist!",
            MissingInput,
            "Table with name orders does not exist",
        ),
        (
            "UpstreamSchemaChange: column customer_id missing in orders",
            Data,
            "column customer_id missing",
        ),
        (
            "botocore.exceptions.ClientError: An error occurred (NoSuchKey) when calling the GetObject operation: The specified key does not exist.",
            MissingInput,
            "NoSuchKey",
        ),
        (
            "OSError: [Errno 28] No space left on device: '/tmp/x'",
            Resources,
            "No space left on device",
        ),
        (
            "ERROR:  could not extend file \"base/16384/2619\": No space left on device",
            Resources,
            "No space left on device",
        ),
        (
            "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://api",
            Dependency,
            "Too Many Requests",
        ),
        (
            "botocore.exceptions.ClientError: An error occurred (ThrottlingException) when calling x: Rate exceeded",
            Dependency,
            "Rate exceeded",
        ),
        (
            "google.api_core.exceptions.Forbidden: 403 Quota exceeded: Your project exceeded quota for free query bytes scanned",
            Resources,
            "Quota exceeded",
        ),
        (
            "FATAL:  sorry, too many clients already",
            Resources,
            "too many clients already",
        ),
        (
            "OSError: [Errno 24] Too many open files",
            Resources,
            "Too many open files",
        ),
        ("ERROR:  deadlock detected", Write, "deadlock detected"),
        (
            "sqlite3.OperationalError: database is locked",
            Write,
            "database is locked",
        ),
        (
            "pymysql.err.OperationalError: (1205, 'Lock wait timeout exceeded; try restarting transaction')",
            Write,
            "Lock wait timeout exceeded",
        ),
        (
            "ModuleNotFoundError: No module named 'pandas'",
            Prep,
            "ModuleNotFoundError",
        ),
        ("sh: 4: loadit: not found", Prep, "sh: 4: loadit: not found"),
        (
            "bash: line 3: dbt: command not found",
            Prep,
            "command not found",
        ),
        ("sh: 3: RATE: parameter not set", Prep, "parameter not set"),
        (
            "ERROR:  syntax error at or near \"selct\"",
            Prep,
            "syntax error",
        ),
        (
            "Compilation Error in model stg_orders (models/stg_orders.sql)",
            Prep,
            "Compilation Error",
        ),
        (
            "airflow.exceptions.AirflowNotFoundException: The conn_id `warehouse` isn't defined",
            Prep,
            "conn_id `warehouse` isn't defined",
        ),
        (
            "java.lang.ClassNotFoundException: org.postgresql.Driver",
            Prep,
            "java.lang.ClassNotFoundException",
        ),
        (
            "Got 3 results, configured to fail if != 0",
            Quality,
            "configured to fail if",
        ),
        (
            "psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint \"orders_pkey\"",
            Write,
            "violates unique constraint",
        ),
        (
            "AssertionError: expected 14 columns, got 13",
            Data,
            "expected 14 columns",
        ),
        (
            "ValueError: could not convert string to float: 'n/a'",
            Data,
            "could not convert",
        ),
        (
            "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
            Data,
            "json.decoder.JSONDecodeError",
        ),
        ("3 rows rejected, limit is 0", Quality, "rows rejected"),
        (
            "org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero.",
            Data,
            "DIVIDE_BY_ZERO",
        ),
        (
            "Task did not run because upstream task(s) failed.",
            MissingInput,
            "upstream task(s) failed",
        ),
        (
            "Detected zombie job: {'full_filepath': '/dags/x.py'}",
            LostWorker,
            "Detected zombie",
        ),
        ("heartbeat timeout", LostWorker, "heartbeat timeout"),
        (
            "celery.exceptions.WorkerLostError: Worker exited prematurely: exitcode 1",
            LostWorker,
            "celery.exceptions.WorkerLostError",
        ),
    ] {
        let found = of_line(line);
        if (found.class, found.evidence.as_str()) != (class, evidence) {
            wrong.push(format!(
                "{line}\n   {:?} ({}), not {class:?} ({evidence})",
                found.class, found.evidence
            ));
        }
        assert!(!found.summary.is_empty() && !found.advice.is_empty());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn how_the_process_ended_speaks_when_the_log_does_not() {
    let of = |exit_code, signal| {
        why(&Evidence {
            exit_code,
            signal,
            ..Evidence::default()
        })
    };
    let killed = of(Some(137), None).unwrap();
    assert_eq!(
        (killed.class, killed.evidence.as_str()),
        (Class::Resources, "exit 137")
    );
    let killed = of(None, Some(9)).unwrap();
    assert_eq!(
        (killed.class, killed.evidence.as_str()),
        (Class::Resources, "signal 9")
    );
    assert_eq!(of(Some(127), None).unwrap().class, Class::Prep);
    assert_eq!(of(Some(124), None).unwrap().class, Class::Timeout);
    assert_eq!(
        of(Some(143), None).unwrap().summary,
        "was asked to stop (SIGTERM)"
    );
}

#[test]
fn the_cause_line_counts_more_than_the_exit_code() {
    let found = why(&Evidence {
        error: Some("java.lang.OutOfMemoryError: Java heap space"),
        exit_code: Some(137),
        ..Evidence::default()
    })
    .unwrap();
    assert_eq!(found.class, Class::Resources);
    assert_eq!(found.evidence, "java.lang.OutOfMemoryError, exit 137");
}

#[test]
fn the_tail_is_read_from_its_end_and_only_for_plain_words() {
    let tail = [
        "cat: a: No such file or directory",
        "waiting, timed out? no",
        "deadlock detected",
        "bye",
    ];
    let found = why(&Evidence {
        tail: &tail,
        ..Evidence::default()
    })
    .unwrap();
    assert_eq!(found.class, Class::Write);
    assert_eq!(
        why(&Evidence {
            tail: &["nothing was killed", "a timed out thing"],
            ..Evidence::default()
        }),
        None
    );
}

#[test]
fn the_state_counts_last() {
    let of = |native_state| {
        why(&Evidence {
            native_state,
            ..Evidence::default()
        })
    };
    assert_eq!(of("upstream_failed").unwrap().class, Class::MissingInput);
    assert_eq!(of("TIMEDOUT").unwrap().class, Class::Timeout);
    assert_eq!(of("CRASHED").unwrap().class, Class::LostWorker);
    assert_eq!(of("failed"), None);
}

#[test]
fn what_is_not_known_is_not_claimed() {
    assert_eq!(why(&Evidence::default()), None);
    assert_eq!(
        why(&Evidence {
            exit_code: Some(1),
            native_state: "failed",
            ..Evidence::default()
        }),
        None
    );
    let found = of_line("  etl.FrobnicationError: the frob is not nice  ");
    assert_eq!(found.class, Class::Unknown);
    assert_eq!(found.summary, "etl.FrobnicationError: the frob is not nice");
    assert_eq!(found.advice, "read the log");
    assert!(found.evidence.is_empty());
}

#[test]
fn a_retry_that_did_not_help_is_said() {
    let error = Some("ConnectionResetError: [Errno 104] Connection reset by peer");
    let once = why(&Evidence {
        error,
        attempts: 1,
        ..Evidence::default()
    })
    .unwrap();
    let often = why(&Evidence {
        error,
        attempts: 3,
        ..Evidence::default()
    })
    .unwrap();
    assert!(!once.advice.contains("attempts"));
    assert!(
        often
            .advice
            .ends_with("a retry alone has not helped in 3 attempts"),
        "{}",
        often.advice
    );
    let data = why(&Evidence {
        error: Some("AssertionError"),
        attempts: 3,
        ..Evidence::default()
    })
    .unwrap();
    assert!(!data.advice.contains("attempts"));
}

proptest! {
    #[test]
    fn any_text_gives_an_honest_answer(error in "\\PC{0,80}", tail in "\\PC{0,80}", code in -200i32..300) {
        let tail = [tail.as_str()];
        let found = why(&Evidence { error: Some(&error), tail: &tail, exit_code: Some(code), ..Evidence::default() });
        if let Some(found) = found && found.class == Class::Unknown {
            prop_assert_eq!(found.summary, SafeText::new(error.trim()));
        }
    }
}
