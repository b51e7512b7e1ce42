#!/usr/bin/env python3
"""Makes the corpus of tests/diagnosis/corpus by really running programs that fail.

    tests/lab/diagnosis/make.py install              put the tools into .cache/lab (once)
    tests/lab/diagnosis/make.py run [PART-OF-NAME]   run the jobs, write the logs and index.tsv

Each log has what the program really printed; names of this machine, its folders and its users are replaced. `index.tsv`:
file, class, and a part of the line that tells the cause. `--venvs DIR` (or $DAGTOP_VENVS) is where the tools are.
"""
import argparse
import ast
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUT = ROOT / "tests/diagnosis/corpus"
TOOLS = {
    "py": ["requests", "psycopg2-binary", "boto3", "pandas", "pyarrow", "sqlalchemy", "duckdb", "pydantic", "pyyaml", "celery", "pandera", "great-expectations", "httpx", "numpy", "google-cloud-storage"],
    "dbt": ["dbt-core==1.11.16", "dbt-duckdb==1.11.1", "dbt-postgres"],
    "spark": ["pyspark==3.5.5"],
    "dagster": ["dagster==1.13.27"],
    "airflow2": ["apache-airflow==2.11.2"],
    "airflow3": ["apache-airflow==3.3.2"],
    "prefect": ["prefect==3.8.8", "fastapi>=0.139,<0.145", "sqlalchemy<2.1"],
}
MOST = 60_000  # bytes of one log; the middle of a longer one goes
PG_BIN = next((p for p in map(pathlib.Path, ["/usr/local/bin", *map(str, pathlib.Path("/usr/lib/postgresql").glob("*/bin"))]) if (p / "initdb").exists()), None)


def read_culprits():
    """culprits.tsv: log, class when it is not the beginning of the job's name, part of the line that tells the cause."""
    found = {}
    for line in (HERE / "culprits.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            name, kind, text = line.split("\t")
            found[name] = (kind, text)
    return found


def jobs_of_python():
    tree = ast.parse((HERE / "python_jobs.py").read_text())
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    return [n for n in names if "_" in n and not n.startswith(("_", "set_", "run_", "clean_"))]


def words(file, pattern):
    return re.findall(pattern, (HERE / file).read_text(), re.M)


def jobs(venvs):
    """Every job: name of its log, command, extra environment, seconds."""
    python = str(venvs / "py/bin/python")
    for name in jobs_of_python():
        yield f"python_{name}", [python, str(HERE / "python_jobs.py"), name], {}, 60
    for name in words("shell_jobs.sh", r"^  ([a-z]+_[a-z0-9_]+)\) "):
        yield f"shell_{name}", ["bash", str(HERE / "shell_jobs.sh"), name], {}, 60
    for name in words("node_jobs.js", r"^  ([a-z]+_[a-z0-9_]+): "):
        yield f"node_{name}", ["node", "--max-old-space-size=64", str(HERE / "node_jobs.js"), name], {}, 60
    for name in words("spark_jobs.py", r'^    "([a-z]+_[a-z0-9_]+)": '):
        yield f"spark_{name}", [str(venvs / "spark/bin/python"), str(HERE / "spark_jobs.py"), name], {"PYSPARK_PYTHON": str(venvs / "spark/bin/python")}, 240
    for name in words("dbt_jobs.py", r'^    "([a-z]+_[a-z0-9_]+)": '):
        yield f"dbt_{name}", [python, str(HERE / "dbt_jobs.py"), name, str(venvs / "dbt/bin/dbt")], {}, 120
    for major in "23":
        airflow = str(venvs / f"airflow{major}/bin/airflow")
        for dag, task in re.findall(r'with DAG\("([a-z0-9_]+)".*\n.*task_id="([a-z]+)"', (HERE / "airflow_dags.py").read_text()):
            yield f"airflow{major}_{dag}", [airflow, "tasks", "test", dag, task, "2026-11-26"], {"DAGS": "airflow_dags.py"}, 120
        yield f"airflow{major}_prep_import", [airflow, "dags", "list-import-errors"] if major == "2" else [airflow, "dags", "list-import-errors", "-l"], {"DAGS": "airflow_broken.py"}, 120
    for name in [*words("celery_app.py", r"^def ([a-z]+_[a-z0-9_]+)\("), "prep_unregistered"]:
        yield f"celery_{name}", [python, str(HERE / "celery_app.py"), name], {"PYTHONPATH": str(HERE)}, 60
    for name in words("dagster_defs.py", r"^([a-z_]+) = job\("):
        yield f"dagster_{name}", [str(venvs / "dagster/bin/dagster"), "job", "execute", "-f", str(HERE / "dagster_defs.py"), "-a", name], {}, 120
    for name in words("prefect_flows.py", r"^def ((?!main|nightly|extract)[a-z]+_[a-z0-9_]+)\("):
        yield f"prefect_{name}", [str(venvs / "prefect/bin/python"), str(HERE / "prefect_flows.py"), name], {}, 120


def as_postgres(command, **options):
    """initdb and postgres refuse to work for root."""
    if os.getuid() == 0:
        options.update(user="nobody", group="nogroup", extra_groups=[])
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, **options)


class Postgres:
    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pg"))
        os.chmod(self.folder, 0o777)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        data = self.folder / "data"
        as_postgres([PG_BIN / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"], cwd=self.folder)
        (data / "pg_hba.conf").write_text("local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        options = f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c max_connections=20 -c fsync=off"
        as_postgres([PG_BIN / "pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "-o", options, "start"], cwd=self.folder)
        sql = ("create role etl login superuser password 'etl'; create role reader login password 'reader'; create database dwh owner etl;"
               "\\c dwh\ncreate table payroll (id int); create schema shop; grant all on schema shop to reader; alter role etl nosuperuser; grant reader to etl; grant pg_signal_backend to etl; grant all on schema public to etl; grant create on database dwh to reader")
        subprocess.run(["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"], input=sql, text=True, check=True)
        return self

    def __exit__(self, *_):
        as_postgres([PG_BIN / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop"], cwd=self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


def scrub(text, folder, venvs, ports):
    for path, name in [(str(folder), "/srv/etl/run"), (str(venvs), "/opt"), (str(HERE), "/srv/etl/jobs"), (str(ROOT), "/srv/etl"),
                       (os.path.realpath(sys.base_prefix), "/usr"), (sys.base_prefix, "/usr"), (str(pathlib.Path.home()), "/home/etl")]:
        text = text.replace(path, name)
    base = subprocess.run([str(venvs / "py/bin/python"), "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True).stdout.strip()
    text = text.replace(base, "/usr") if base else text
    home = re.escape(str(pathlib.Path.home()))
    text = re.sub(home + r"/\.pyenv/versions/[0-9.]+", "/usr", text).replace(str(pathlib.Path.home()), "/home/etl")
    for port, name in ports.items():
        text = re.sub(rf"\b{port}\b", name, text)
    for name in {socket.gethostname(), socket.getfqdn()}:
        text = re.sub(rf"\b{re.escape(name)}\b", "host-1", text)
    addresses = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    for address in addresses:
        text = text.replace(address, "10.0.0.7")
    text = re.sub(r"/tmp/[\w./-]+", "/srv/etl/tmp", text)
    return text


NEUTRAL = ["load_orders", "export_sales", "build_mart", "sync_customers", "nightly_rates", "merge_events"]


def unnamed(text, log):
    """The name of a job begins with its class, which no log must give away."""
    job = log.split("_", 1)[1]
    return text.replace(job, NEUTRAL[sum(map(ord, log)) % len(NEUTRAL)])


def run(job, venvs, postgres, server_ports):
    name, command, extra, seconds = job
    folder = pathlib.Path(tempfile.mkdtemp(prefix="job"))
    os.chmod(folder, 0o777)
    plain, secure = server_ports
    environment = {
        "PATH": f"{venvs}/py/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "JOB_DIR": str(folder), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC",
        "HTTP_PORT": str(plain), "HTTPS_PORT": str(secure), "HTTP": f"http://127.0.0.1:{plain}", "HTTPS": f"https://127.0.0.1:{secure}", "COLUMNS": "160", "NO_COLOR": "1", "AWS_EC2_METADATA_DISABLED": "true",
        "PG_PORT": str(postgres.port), "PG_DSN": f"host=127.0.0.1 port={postgres.port} dbname=dwh user=etl password=etl", "PG_URL": f"postgresql://etl:etl@127.0.0.1:{postgres.port}/dwh",
        "AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__UNIT_TEST_MODE": "False", "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DAGSTER_HOME": str(folder), "DAGSTER_DISABLE_TELEMETRY": "1", "PREFECT_HOME": str(folder / "prefect"), "PREFECT_LOGGING_TO_API_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "POLARS_MAX_THREADS": "1", "GX_ANALYTICS_ENABLED": "false", **extra,
    }
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    if "DAGS" in extra:
        shutil.copytree(HERE, folder / "src", dirs_exist_ok=True)
        (folder / "dags").mkdir()
        shutil.copy(HERE / extra["DAGS"], folder / "dags")
        environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(folder / "dags")
        subprocess.run([command[0], "db", "migrate"], env=environment, capture_output=True, cwd=folder)
        if "list-import-errors" in command:
            subprocess.run([command[0], "dags", "reserialize"], env=environment, capture_output=True, cwd=folder)
    out = folder / "out.log"
    with open(out, "wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = "did not end"
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    text = out.read_bytes().decode("utf-8", "replace")
    text = scrub(text, folder, venvs, {plain: "8080", secure: "8443", postgres.port: "5432"})
    text = "\n".join(line if len(line) < 8000 else line[:8000] + "..." for line in text.split("\n"))
    if len(text) > MOST:
        lines = text.splitlines(keepends=True)
        keep = MOST // 2
        first = last = ""
        while lines and len(first) < keep:
            first += lines.pop(0)
        while lines and len(last) < keep:
            last = lines.pop() + last
        text = first + last
    shutil.rmtree(folder, ignore_errors=True)
    return code, text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venvs", type=pathlib.Path, default=os.environ.get("DAGTOP_VENVS", ROOT / ".cache/lab/diagnosis"))
    parser.add_argument("what", choices=["install", "run", "index"])
    parser.add_argument("part", nargs="?", default="")
    args = parser.parse_args()
    venvs = pathlib.Path(args.venvs).resolve()
    if args.what == "install":
        for name, packages in TOOLS.items():
            if not (venvs / name / "bin/python").exists():
                subprocess.run([sys.executable, "-m", "venv", str(venvs / name)], check=True)
                subprocess.run([str(venvs / name / "bin/pip"), "install", "-q", *packages], check=True)
        return
    OUT.mkdir(parents=True, exist_ok=True)
    if args.what == "run":
        with tempfile.TemporaryDirectory() as folder, Postgres() as postgres:
            server = subprocess.Popen([sys.executable, str(HERE / "server.py"), folder], stdout=subprocess.PIPE, text=True)
            ports = tuple(map(int, server.stdout.readline().split()))
            try:
                for job in jobs(venvs):
                    if args.part not in job[0]:
                        continue
                    code, text = run(job, venvs, postgres, ports)
                    went_well = "_fine_" in job[0]
                    print(f"{job[0]}: exit {code}, {len(text)} bytes", flush=True)
                    if not went_well and code == 0:
                        print("   did not fail by its exit code", flush=True)
                    (OUT / f"{job[0]}.log").write_text(unnamed(text, job[0]))
            finally:
                server.terminate()
    index()


def index():
    culprits = read_culprits()
    rows = []
    for log in sorted(OUT.glob("*.log")):
        text = log.read_text()
        if "_fine_" in log.stem:
            rows.append((log.name, "unknown", ""))
            continue
        kind, culprit = culprits.get(log.stem, ("", ""))
        kind = kind or next(k for k in KINDS if f"_{k}_" in f"_{log.stem}_")
        found = bool(culprit) and any(culprit in line for line in text.splitlines())
        if not found:
            print(f"{log.stem}: culprit not in the log: {culprit!r}", file=sys.stderr)
            continue
        rows.append((log.name, kind, culprit))
    (OUT.parent / "index.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))


KINDS = ["prep", "definition", "data", "write", "resources", "timeout", "dependency", "credentials", "missing_input", "quality", "code", "lost_worker", "stopped"]

if __name__ == "__main__":
    main()
