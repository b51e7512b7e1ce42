"""A small warehouse load with everything that is hard to show: nested groups, mapped tasks of which one is retried,
a long task that reports progress, a branch, and a failure whose run still ends `success` because its leaf is all_done."""
import datetime as dt
import logging
import time

from lab_compat import COMMON, Param, dag, get_current_context, task, task_group

log = logging.getLogger("lab.etl")

RUNBOOK = """# Orders load
If `quality.schema` fails, the vendor changed the file again: call the **vendor desk**, then clear the task.
"""


class SchemaError(RuntimeError):
    pass


@dag(
    dag_id="lab_etl",
    schedule=None,
    tags=["lab", "team:data", "tier:1"],
    max_active_runs=4,
    doc_md=RUNBOOK,
    default_args={"owner": "oncall", "retries": 0},
    params={
        "fail": Param(True, type="boolean", description="make quality.schema fail"),
        "secs": Param(3, type="integer", minimum=1, maximum=600, description="length of the training in seconds"),
        "region": Param("eu", type="string", enum=["eu", "us"]),
    },
    **COMMON,
)
def lab_etl():
    @task
    def partitions():
        return [{"part": i, "rows": 1000 * (i + 1)} for i in range(4)]

    @task_group(group_id="extract", tooltip="read the sources")
    def extract(parts):
        @task(retries=2, retry_delay=dt.timedelta(seconds=3), map_index_template="{{ my_part }}")
        def pull(part, ti=None):
            get_current_context()["my_part"] = f"part={part['part']}"
            log.info("pull %s, try %s", part, ti.try_number)
            if part["part"] == 3 and ti.try_number == 1:
                raise ConnectionResetError("connection reset by peer while reading part 3")
            return part["rows"]

        return pull.expand(part=parts)

    @task_group(group_id="transform")
    def transform(rows):
        @task
        def clean(rows):
            return 1

        @task_group(group_id="sums")
        def sums(one):
            @task
            def daily(one):
                return 2

            @task
            def hourly(one):
                return 3

            return [daily(one), hourly(one)]

        return sums(clean(rows))

    @task
    def train(params=None):
        total = int(params["secs"])
        for i in range(1, total + 1):
            log.info("epoch %d of %d, loss=%.4f", i, total, 1.0 / i)
            print(f"::progress {i}/{total}")
            print(f"::metric loss={1.0 / i:.4f}")
            time.sleep(1)

    @task_group(group_id="quality")
    def quality(sums):
        @task(retries=1, retry_delay=dt.timedelta(seconds=2))
        def schema(sums, params=None):
            log.info("checking the schema of \x1b[31morders\x1b[0m \u2713")
            if params["fail"]:
                try:
                    {}["customer_id"]
                except KeyError as missing:
                    raise SchemaError("column customer_id missing in orders (expected 14 columns, got 13)") from missing

        @task
        def nulls(sums):
            return True

        return [schema(sums), nulls(sums)]

    @task.branch
    def choose(params=None):
        return "publish_eu" if params["region"] == "eu" else "publish_us"

    @task
    def publish_eu():
        pass

    @task
    def publish_us():
        pass

    @task(trigger_rule="all_done")
    def cleanup():
        log.info("cleaned up")

    rows = extract(partitions())
    checked = quality(transform(rows))
    trained = train()
    rows >> trained
    choice = choose()
    checked >> choice
    trained >> choice
    choice >> [publish_eu(), publish_us()] >> cleanup()


lab_etl()
