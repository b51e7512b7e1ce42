"""The definitions of the Dagster lab: one for each thing that can be seen."""
import os
import signal
import sys
import time

import dagster as dg

in_process = dg.in_process_executor
HERE = os.environ.get("DAGTOP_LAB_DIR", ".")


# ---- a job with everything: mapped steps, a graph, retries, a branch, a failure and what hangs below it ------------

@dg.op(out={"rows": dg.Out(), "count": dg.Out()})
def fetch(context):
    context.log.info("fetching 3 rows")
    yield dg.Output([1, 2, 3], "rows", metadata={"rows": 3})
    yield dg.Output(3, "count")


@dg.op(out=dg.DynamicOut())
def split(rows):
    for row in rows:
        yield dg.DynamicOutput(row, mapping_key=f"k{row}")


@dg.op
def clean(row):
    return row + 1


@dg.op
def total(rows):
    return sum(rows)


@dg.op
def check_types(x):
    return x


@dg.op
def check_ranges(x):
    return x


@dg.graph
def checks(x):
    return check_ranges(check_types(x))


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=1))
def shaky(context, x):
    if context.retry_number < 2:
        raise ConnectionError(f"the warehouse hung up (try {context.retry_number + 1})")
    return x


@dg.op(config_schema={"fail": dg.Field(bool, default_value=True, description="Whether it breaks")})
def load(context, x):
    if context.op_config["fail"]:
        try:
            {"orders": x}["customers"]
        except KeyError as error:
            raise ValueError("bad record 42") from error
    return x


@dg.op(out={"yes": dg.Out(is_required=False), "no": dg.Out(is_required=False)})
def decide(x):
    yield dg.Output(x, "yes")


@dg.op
def when_yes(x):
    return x


@dg.op
def when_no(x):
    return x


@dg.op
def report(context, x):
    context.log_event(dg.AssetMaterialization("orders_report", metadata={"rows": 3}))


@dg.job(executor_def=in_process, tags={"team": "warehouse"}, description="Everything in one.\nCall the warehouse team.")
def orders():
    rows, count = fetch()
    summed = total(split(rows).map(clean).collect())
    checked = checks(summed)
    loaded = load(shaky(checked))
    yes, no = decide(count)
    when_yes(yes)
    when_no(no)
    report(loaded)


# ---- a step that takes its time and tells how far it is ------------------------------------------------------------

@dg.op(config_schema={"seconds": dg.Field(int, default_value=60)})
def work(context):
    seconds = context.op_config["seconds"]
    for second in range(seconds):
        time.sleep(1)
        context.log.info(f"::progress {second + 1}/{seconds}")
        print("second", second + 1, flush=True)


@dg.op
def rest(x):
    return x


@dg.job(executor_def=in_process)
def slow():
    rest(work())


# ---- a process for each step: outputs of their own ------------------------------------------------------------------

@dg.op
def left():
    print("printed on the left", flush=True)
    print("complained on the left", file=sys.stderr, flush=True)
    return 1


@dg.op
def right(x):
    print("printed on the right", flush=True)
    return x


@dg.job(executor_def=dg.multiprocess_executor)
def spread():
    right(left())


# ---- a pool with one slot --------------------------------------------------------------------------------------------

@dg.op(pool="warehouse", config_schema={"seconds": dg.Field(int, default_value=30)})
def hold(context):
    for second in range(context.op_config["seconds"]):
        context.log.info(f"holding, second {second + 1}")
        time.sleep(1)


@dg.job(executor_def=in_process)
def pooled():
    hold()


# ---- a step that will not be told to stop, and holds its slot ----------------------------------------------------------

@dg.op(pool="annex", config_schema={"seconds": dg.Field(int, default_value=60)})
def deafen(context):
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    context.log.info("listening to nobody")
    time.sleep(context.op_config["seconds"])


@dg.job(executor_def=in_process)
def deaf():
    deafen()


# ---- many steps --------------------------------------------------------------------------------------------------------

@dg.op(out=dg.DynamicOut(), config_schema={"width": dg.Field(int, default_value=100)})
def spread_out(context):
    for number in range(context.op_config["width"]):
        yield dg.DynamicOutput(number, mapping_key=f"n{number}")


@dg.job(executor_def=in_process)
def wide():
    total(spread_out().map(clean).collect())


# ---- assets, checks, partitions ----------------------------------------------------------------------------------------

daily = dg.DailyPartitionsDefinition(start_date="2026-11-01", end_date="2026-11-08")


@dg.asset(partitions_def=daily, group_name="raw")
def raw_orders():
    return 1


@dg.asset(partitions_def=daily, group_name="warehouse", deps=[raw_orders])
def stg_orders(context):
    if context.partition_key == "2026-11-05" and not os.path.exists(f"{HERE}/mended"):
        raise RuntimeError("bad partition")
    return 2


@dg.asset(partitions_def=daily, group_name="raw")
def slow_import():
    time.sleep(8)


@dg.asset(group_name="warehouse")
def mart_orders():
    return 3


@dg.asset(group_name="warehouse", deps=[mart_orders])
def kpi():
    return 4


@dg.asset_check(asset=mart_orders, description="there are rows")
def rows_positive():
    return dg.AssetCheckResult(passed=True, metadata={"rows": 100})


@dg.asset_check(asset=mart_orders)
def no_nulls():
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="4 null ids")


@dg.asset_check(asset=mart_orders)
def totals_match():
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.ERROR, description="7 rows too few")


marts = dg.define_asset_job("marts", selection=[mart_orders, kpi], executor_def=in_process)
daily_orders = dg.define_asset_job(
    "daily_orders", selection=[raw_orders, stg_orders], partitions_def=daily, executor_def=in_process)

daily_import = dg.define_asset_job("daily_import", selection=[slow_import], partitions_def=daily, executor_def=in_process)


# ---- schedules and sensors -----------------------------------------------------------------------------------------------

@dg.op(config_schema={"name": dg.Field(str, default_value="world")})
def greet(context):
    context.log.info(f"hello {context.op_config['name']}")


@dg.job(executor_def=in_process)
def hello():
    greet()


@dg.schedule(cron_schedule="0 3 * * *", job=hello)
def nightly(context):
    return dg.RunRequest(run_key=None)


@dg.schedule(cron_schedule="* * * * *", job=hello)
def broken_schedule(context):
    raise ValueError("the calendar is gone")


@dg.sensor(job=hello, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def broken_sensor(context):
    raise ConnectionError("the bucket does not answer")


@dg.sensor(job=hello, minimum_interval_seconds=30)
def new_files(context):
    return dg.SkipReason("no new files")


defs = dg.Definitions(
    assets=[raw_orders, stg_orders, slow_import, mart_orders, kpi],
    asset_checks=[rows_positive, no_nulls, totals_match],
    jobs=[orders, slow, spread, pooled, deaf, wide, marts, daily_orders, daily_import, hello],
    schedules=[nightly, broken_schedule],
    sensors=[broken_sensor, new_files],
    executor=in_process,
)
