"""Jobs in plain Python that fail, each in its own way: python_jobs.py NAME. What they need is in the environment."""
import asyncio
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

NAME = sys.argv[1]
random.seed(NAME)
STYLE = random.randrange(5)
HTTP = f"http://127.0.0.1:{os.environ.get('HTTP_PORT', '1')}"
HTTPS = f"https://127.0.0.1:{os.environ.get('HTTPS_PORT', '1')}"
PG = os.environ.get("PG_DSN", "")
WORK = Path(os.environ.get("JOB_DIR", "."))
log = logging.getLogger(["etl", "orders.load", "root", "pipeline", "jobs.nightly"][STYLE])


class Json(logging.Formatter):
    def format(self, record):
        line = {"ts": self.formatTime(record), "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up():
    handler = logging.StreamHandler(sys.stdout if STYLE % 2 else sys.stderr)
    forms = ["%(asctime)s %(levelname)s %(name)s: %(message)s", "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
             "[%(levelname)s] %(message)s", None, "%(levelname)-8s %(asctime)s [%(threadName)s] %(name)s %(message)s"]
    handler.setFormatter(Json() if forms[STYLE] is None else logging.Formatter(forms[STYLE]))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def noise():
    """What every log has before anything goes wrong."""
    log.info("starting %s, attempt 1 of 1", NAME)
    if STYLE == 0:
        warnings.warn("read_csv(squeeze=True) is deprecated and will be removed", FutureWarning)
    if STYLE in (0, 3):
        try:
            open("/etc/orders/overrides.toml")
        except OSError as error:
            log.warning("no overrides: %s; using defaults", error)
    if STYLE in (1, 4):
        log.warning("connect to cache timed out after 2 s, retrying (1/3)")
        log.info("cache connected")
    if STYLE == 2:
        try:
            {}["warm_start"]
        except KeyError:
            log.warning("no warm start, falling back to a full scan", exc_info=True)
    for batch in range(1, random.randrange(4, 9)):
        log.info("batch %d: %d rows read, 0 errors, 0 rejected", batch, random.randrange(100, 9000))


def clean_up():
    """What goes wrong because something went wrong before."""
    if STYLE in (0, 2):
        try:
            shutil.rmtree("/srv/etl/orders-stage")
        except OSError as error:
            log.error("cleanup: could not remove stage: %s", error)
    if STYLE in (1, 3):
        log.warning("closing connection pool while 1 connection is checked out")
        log.info("metrics flushed: 3 series, 0 errors")
    if STYLE == 4:
        log.error("on_failure_callback failed: slack webhook answered 404")


def pg(**options):
    import psycopg2
    return psycopg2.connect(PG, **options)


def run_sql(*statements, **options):
    connection = pg(**options)
    cursor = connection.cursor()
    for statement in statements:
        log.info("sql: %s", statement[:60].replace("\n", " "))
        cursor.execute(statement)
    connection.commit()


def http(path, base=HTTP, **options):
    import requests
    answer = requests.get(base + path, timeout=options.pop("timeout", 5), **options)
    answer.raise_for_status()
    return answer


def s3():
    import boto3
    from botocore.config import Config
    return boto3.client("s3", endpoint_url=HTTP, aws_access_key_id="x", aws_secret_access_key="y", region_name="eu-west-1",
                        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))


# ---- before it began
def prep_missing_module():
    import warehouse_toolkit


def prep_syntax_error():
    (WORK / "transform_orders.py").write_text("def transform(rows):\n    return [r for r in rows if r['amount'] > 0\n\nprint(1)\n")
    sys.path.insert(0, str(WORK))
    import transform_orders


def prep_bad_yaml():
    import yaml
    return yaml.safe_load("source:\n  table: orders\n    schema: raw\n")


def prep_config_option():
    import configparser
    parser = configparser.ConfigParser()
    parser.read_string("[warehouse]\nhost = db\n")
    return parser.get("warehouse", "database")


def prep_argparse():
    import argparse
    parser = argparse.ArgumentParser("load_orders")
    parser.add_argument("--date", required=True)
    parser.add_argument("--region", choices=["eu", "us"])
    parser.parse_args(["--region", "eu"])



def prep_settings():
    if "WAREHOUSE_URL" not in os.environ:
        sys.exit("error: environment variable WAREHOUSE_URL must be set, see README")


# ---- something shared
def _shared(text):
    folder = WORK / "lib"
    (folder / "shared_io").mkdir(parents=True, exist_ok=True)
    (folder / "shared_io" / "__init__.py").write_text(text)
    sys.path.insert(0, str(folder))


def definition_keyword():
    _shared("def write_table(rows, table, mode='append'):\n    return len(rows)\n")
    from shared_io import write_table
    write_table([1], "orders", partition_by="day")


def definition_import_name():
    _shared("def write_table(rows): ...\n")
    from shared_io import write_partitioned


def definition_attribute():
    _shared("VERSION = '3.0'\n")
    import shared_io
    shared_io.connect_warehouse()


def definition_abstract():
    _shared("import abc\nclass Loader(abc.ABC):\n    @abc.abstractmethod\n    def load(self): ...\n    @abc.abstractmethod\n    def close(self): ...\n")
    from shared_io import Loader

    class OrdersLoader(Loader):
        def load(self):
            return []
    OrdersLoader().load()


def definition_positional():
    _shared("def connect(dsn, role):\n    return dsn\n")
    from shared_io import connect
    connect("warehouse")


# ---- data
def data_int():
    for row in [{"id": "1", "amount": "12"}, {"id": "2", "amount": "n/a"}]:
        int(row["amount"])


def data_json():
    return http("/html").json()


def data_unicode():
    (WORK / "in.csv").write_bytes("id,name\n1,Jos\xe9\n".encode("latin-1"))
    return (WORK / "in.csv").read_text(encoding="utf-8")


def data_pandas_column():
    import pandas
    frame = pandas.DataFrame({"id": [1, 2], "amount_eur": [3.0, 4.0]})
    return frame["amount"].sum()


def data_pandas_date():
    import pandas
    return pandas.to_datetime(pandas.Series(["2026-01-02", "2026-13-45"]), format="%Y-%m-%d")


def data_none():
    rows = [{"amount": 3}, {"amount": None}]
    return sum(row["amount"] for row in rows)


def data_csv_fields():
    import pandas
    (WORK / "in.csv").write_text("a,b\n1,2\n3,4\n5,6,7\n")
    return pandas.read_csv(WORK / "in.csv")


def data_arrow():
    import pyarrow
    return pyarrow.array(["1", "x2"]).cast(pyarrow.int64())


def data_merge():
    import pandas
    left = pandas.DataFrame({"id": [1, 1], "a": [1, 2]})
    return left.merge(pandas.DataFrame({"id": [1], "b": [1]}), on="id", validate="one_to_one")


def data_pydantic():
    import pydantic

    class Order(pydantic.BaseModel):
        id: int
        amount: float
    return [Order(**row) for row in [{"id": 1, "amount": 2}, {"id": "x7", "amount": None}]]


def data_gzip():
    import gzip
    (WORK / "in.gz").write_bytes(b"not at all compressed")
    return gzip.open(WORK / "in.gz").read()


def data_parquet():
    import pyarrow.parquet
    (WORK / "in.parquet").write_bytes(b"id,amount\n1,2\n3,4\n")
    return pyarrow.parquet.read_table(WORK / "in.parquet")


def data_pg_invalid():
    run_sql("create temp table raw (id text)", "insert into raw values ('1'), ('two')", "select sum(id::int) from raw")


def data_pg_column():
    run_sql("create temp table orders (id int, total_eur int)", "select id, total from orders")


def data_pg_zero():
    run_sql("create temp table t (a int, b int)", "insert into t values (1, 0)", "select a / b from t")


def data_wrapped():
    class BatchFailed(Exception):
        pass
    try:
        int("12,5")
    except ValueError as error:
        raise BatchFailed("batch 7 of orders could not be transformed") from error


# ---- write
def write_unique():
    run_sql("create temp table orders (id int primary key)", "insert into orders values (1)", "insert into orders values (1)")


def write_not_null():
    run_sql("create temp table orders (id int not null, v int)", "insert into orders (v) values (1)")


def write_too_long():
    run_sql("create temp table c (name varchar(5))", "insert into c values ('much too long')")


def write_type():
    run_sql("create temp table c (n int)", "insert into c select 'a'::text")


def write_foreign_key():
    run_sql("create temp table p (id int primary key)", "create temp table c (p int references p)", "insert into c values (9)")


def write_deadlock():
    import threading
    run_sql("drop table if exists dl", "create table dl (id int primary key, v int)", "insert into dl values (1, 0), (2, 0)")
    failed = []

    def move(first, second):
        connection = pg()
        cursor = connection.cursor()
        try:
            cursor.execute("update dl set v = v + 1 where id = %s", (first,))
            time.sleep(0.5)
            cursor.execute("update dl set v = v + 1 where id = %s", (second,))
            connection.commit()
        except Exception as error:
            failed.append(error)
    threads = [threading.Thread(target=move, args=pair) for pair in ((1, 2), (2, 1))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    raise failed[0]


def write_lock_timeout():
    holder = pg()
    cursor = holder.cursor()
    cursor.execute("create table if not exists lk (v int)")
    holder.commit()
    cursor.execute("lock table lk in access exclusive mode")
    run_sql("set lock_timeout = '300ms'", "insert into lk values (1)")


def write_sqlite_locked():
    import sqlite3
    path = WORK / "w.db"
    first = sqlite3.connect(path)
    first.execute("create table t (v int)")
    first.commit()
    first.execute("begin exclusive")
    sqlite3.connect(path, timeout=0.2).execute("insert into t values (1)")


def write_exists():
    (WORK / "out").mkdir(exist_ok=True)
    (WORK / "out").mkdir()


def write_sqlalchemy_column():
    import pandas
    import sqlalchemy
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table orders (id int)")
        pandas.DataFrame({"id": [1], "region": ["eu"]}).to_sql("orders", connection, if_exists="append", index=False)


def write_to_sql_fail():
    import pandas
    import sqlalchemy
    with sqlalchemy.create_engine("sqlite://").begin() as connection:
        pandas.DataFrame({"id": [1]}).to_sql("orders", connection)
        pandas.DataFrame({"id": [2]}).to_sql("orders", connection)


def write_duckdb_lock():
    import duckdb
    keep = duckdb.connect(str(WORK / "w.duckdb"))
    subprocess.run([sys.executable, "-c", f"import duckdb; duckdb.connect({str(WORK / 'w.duckdb')!r})"], check=True)
    return keep


def write_duckdb_constraint():
    import duckdb
    db = duckdb.connect()
    db.execute("create table o (id int primary key, n int check (n > 0))")
    db.execute("insert into o values (1, 1), (2, -4)")


def write_readonly():
    run_sql("create table if not exists ro (v int)", "set default_transaction_read_only = on", "commit", "insert into ro values (1)")


# ---- resources
def resources_numpy():
    import numpy
    return numpy.ones((400_000, 200_000))


def resources_memory():
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
    rows = []
    while True:
        rows.append(bytearray(8 << 20))


def resources_disk():
    with open("/dev/full", "w") as out:
        for i in range(100_000):
            out.write(f"{i},1,2,3\n")


def resources_files():
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    return [open("/etc/hostname") for _ in range(100)]


def resources_killed():
    subprocess.run(["sh", "-c", "kill -9 $$"], check=True)


def resources_connections():
    return [pg() for _ in range(200)]


def resources_threads():
    import resource
    import threading
    resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))
    threading.stack_size(64 << 20)
    stop = threading.Event()
    try:
        for _ in range(200):
            threading.Thread(target=stop.wait, daemon=True).start()
    finally:
        stop.set()


def resources_file_size():
    import resource
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    (WORK / "out.bin").write_bytes(b"x" * (4 << 20))


# ---- time-outs
def timeout_statement():
    run_sql("set statement_timeout = '300ms'", "select pg_sleep(5)")


def timeout_read():
    http("/slow", timeout=0.7)


def timeout_subprocess():
    subprocess.run(["sleep", "20"], timeout=0.5)


def timeout_asyncio():
    async def load():
        async with asyncio.timeout(0.3):
            await asyncio.sleep(5)
    asyncio.run(load())


def timeout_future():
    import concurrent.futures
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.submit(time.sleep, 2).result(timeout=0.3)


def timeout_httpx():
    import httpx
    httpx.get(HTTP + "/slow", timeout=0.5)


# ---- dependencies
def dependency_dns():
    http("/", base="http://warehouse.invalid")


def dependency_refused():
    http("/", base="http://127.0.0.1:1")


def dependency_pg_refused():
    import psycopg2
    psycopg2.connect("host=127.0.0.1 port=1 dbname=dwh")


def dependency_pg_dns():
    import psycopg2
    psycopg2.connect("host=dwh.invalid dbname=dwh connect_timeout=2")


def dependency_tls():
    http("/", base=HTTPS)


def dependency_503():
    import requests
    session = requests.Session()
    for attempt in range(1, 4):
        answer = session.get(HTTP + "/503", timeout=3)
        if attempt < 3:
            log.warning("attempt %d/3: service answered %d, retrying in 1 s", attempt, answer.status_code)
    answer.raise_for_status()


def dependency_429():
    http("/429")


def dependency_500():
    import urllib.request
    urllib.request.urlopen(HTTP + "/500")


def dependency_reset():
    http("/reset")


def dependency_cut():
    http("/cut")


def dependency_boto():
    import boto3
    from botocore.config import Config
    boto3.client("s3", endpoint_url="http://127.0.0.1:1", aws_access_key_id="x", aws_secret_access_key="y", region_name="eu-west-1",
                 config=Config(retries={"max_attempts": 1})).get_object(Bucket="lake", Key="orders/1")


def dependency_s3_slowdown():
    s3().get_object(Bucket="lake", Key="slowdown")


def dependency_kafka_like():
    import socket
    with socket.create_connection(("127.0.0.1", 1), timeout=1) as broker:
        broker.sendall(b"x")


# ---- credentials
def credentials_pg():
    import psycopg2
    psycopg2.connect(PG.replace("user=etl", "user=reader").replace("password=etl", "password=wrong"))


def credentials_401():
    http("/401", headers={"Authorization": "Bearer x"})


def credentials_403():
    http("/403")


def credentials_boto():
    import boto3
    boto3.client("s3", region_name="eu-west-1").list_objects_v2(Bucket="lake")


def credentials_s3():
    s3().get_object(Bucket="lake", Key="denied")


def credentials_expired():
    s3().put_object(Bucket="lake", Key="expired", Body=b"x")


def credentials_pg_table():
    run_sql("set role reader", "select count(*) from payroll")


def credentials_file():
    os.setuid(65534)
    return open("/etc/shadow").read()


def credentials_gcs():
    from google.cloud import storage
    os.environ["NO_GCE_CHECK"] = "true"
    storage.Client(project="p")


# ---- missing input
def missing_input_file():
    return open(WORK / "raw/orders-2026-11-26.csv").read()


def missing_input_pandas():
    import pandas
    return pandas.read_parquet(WORK / "lake/orders/day=2026-11-26")


def missing_input_s3():
    s3().get_object(Bucket="lake", Key="nokey")


def missing_input_404():
    http("/404")


def missing_input_table():
    run_sql("select count(*) from staging.orders_daily")


def missing_input_empty():
    import pandas
    (WORK / "in.csv").write_text("")
    return pandas.read_csv(WORK / "in.csv")


def missing_input_partition():
    days = sorted(p.name for p in WORK.glob("day=*"))
    if "day=2026-11-26" not in days:
        raise LookupError("partition day=2026-11-26 not found in raw.orders: upstream export has not arrived")


def missing_input_duckdb():
    import duckdb
    duckdb.sql(f"select count(*) from read_csv('{WORK}/in/*.csv')").fetchall()


def missing_input_sqlite():
    import sqlite3
    sqlite3.connect(":memory:").execute("select * from customers")


# ---- quality
def quality_pandera():
    import pandas
    try:
        import pandera.pandas as pandera
    except ImportError:
        import pandera
    pandera.DataFrameSchema({"amount": pandera.Column(float, pandera.Check.ge(0))}).validate(pandas.DataFrame({"amount": [1.0, -3.0]}))


def quality_gate():
    class DataQualityError(Exception):
        pass
    nulls = 0.31
    raise DataQualityError(f"orders: null rate of customer_id is {nulls} (limit 0.05), load stopped")


def quality_rows():
    log.error("quality gate: row count 12 of stg_orders is below threshold 1000")
    sys.exit(3)


def quality_expectations():
    import pandas
    import great_expectations as gx
    context = gx.get_context(mode="ephemeral")
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b").get_batch({"dataframe": pandas.DataFrame({"id": [1, None, 3]})})
    result = batch.validate(gx.expectations.ExpectColumnValuesToNotBeNull(column="id"))
    if not result.success:
        raise RuntimeError(f"expectation expect_column_values_to_not_be_null failed on id: {result.result['unexpected_count']} unexpected")


# ---- code
def code_zero():
    done, total = 3, 0
    return done / total


def code_attribute():
    return "orders".reverse()


def code_index():
    return [1, 2][5]


def code_recursion():
    def walk(node):
        return walk(node)
    return walk(1)


def code_custom():
    class ReconcileError(Exception):
        pass
    raise ReconcileError("ledger and orders differ by 3 bookings")


def code_segfault():
    import ctypes
    import faulthandler
    faulthandler.enable()
    ctypes.string_at(1)


def code_pickle():
    import pickle
    pickle.dumps(lambda row: row)


def code_unbound():
    if NAME == "never":
        total = 1
    return total


def code_group():
    def one():
        raise IndexError("pop from empty list")
    try:
        one()
    except IndexError as error:
        raise ExceptionGroup("2 loaders failed", [error])


# ---- lost worker, stopped
def lost_worker_pool():
    import concurrent.futures
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        list(pool.map(os._exit, [1, 1]))


def lost_worker_heartbeat():
    child = subprocess.Popen(["sleep", "60"])
    time.sleep(0.2)
    child.kill()
    child.wait()
    log.error("worker load-2 (pid %d): no heartbeat for 60 s, declared lost; its task is not finished", child.pid)
    raise RuntimeError("1 of 4 tasks has no result")


def stopped_keyboard():
    import signal
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    time.sleep(5)


def stopped_sigterm():
    import signal

    def on_term(*_):
        log.error("Received SIGTERM. Terminating subprocesses.")
        sys.exit(143)
    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    time.sleep(5)


def stopped_pg_cancel():
    import threading
    connection = pg()
    pid = connection.get_backend_pid()
    threading.Timer(0.5, lambda: run_sql(f"select pg_cancel_backend({pid})")).start()
    connection.cursor().execute("select pg_sleep(5)")


def dependency_pg_gone():
    import threading
    connection = pg()
    pid = connection.get_backend_pid()
    threading.Timer(0.5, lambda: run_sql(f"select pg_terminate_backend({pid})")).start()
    connection.cursor().execute("select pg_sleep(5)")


# ---- runs that went well
def fine_plain():
    log.info("0 errors, 0 failed checks, no timeouts")


def fine_retry():
    for attempt in (1, 2):
        try:
            http("/503" if attempt == 1 else "/ok")
        except Exception as error:
            log.error("attempt %d/3 failed: %s; retrying in 1 s", attempt, error)
    log.info("loaded 300 rows after 2 attempts")


def fine_handled():
    import sqlite3
    db = sqlite3.connect(":memory:")
    try:
        db.execute("select * from audit")
    except sqlite3.OperationalError as error:
        log.warning("%s, creating it", error)
    log.info("deadlock_retries=0 timeouts=0 errors=0")


def fine_words():
    log.info("error_rate 0.00, max memory 213 MB, quota 3 of 10 used")
    log.info("table permission_denied_events: 12 rows written")
    log.warning("query took 31 s, timeout is 60 s")


def fine_traceback():
    try:
        http("/", base="http://127.0.0.1:1")
    except Exception:
        log.warning("metrics endpoint not reachable, continuing without metrics", exc_info=True)


def main():
    set_up()
    noise()
    job = globals()[NAME]
    ending = random.randrange(4)
    try:
        job()
    except SystemExit:
        clean_up()
        raise
    except Exception as error:
        if ending == 0:
            log.exception("job %s failed", NAME)
            clean_up()
            log.info("0 rows written, exiting with code 1")
            sys.exit(1)
        if ending == 1:
            clean_up()
            raise
        if ending == 2:
            clean_up()
            raise RuntimeError(f"step {NAME} failed, see above") from error
        log.error("%s: %s", type(error).__name__, str(error).strip().split("\n")[0])
        clean_up()
        log.error("job failed, 0 rows written")
        sys.exit(1)
    log.info("%s finished successfully", NAME)


main()
