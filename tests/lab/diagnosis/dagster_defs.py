"""Dagster jobs that fail, each in its own way: dagster job execute -f dagster_defs.py -j NAME."""
import time

import dagster as dg


@dg.op
def extract(context) -> int:
    context.log.info("read 300 rows, 0 errors")
    return 300


def job(name, body, **options):
    @dg.op(name="load_" + name, **options)
    def load(context, rows: int):
        context.log.info("loading %d rows", rows)
        return body(context)

    @dg.job(name=name)
    def it():
        load(extract())
    return it


def data(_):
    return [int(v) for v in ("1", "1O")]


def wrapped(_):
    try:
        return {"id": 1}["amount_eur"]
    except KeyError as error:
        raise RuntimeError("mart could not be built") from error


def missing(_):
    return open("/data/landing/orders_20261126.csv").read()


def refused(_):
    import urllib.request
    return urllib.request.urlopen("http://127.0.0.1:1/orders").read()


def gate(_):
    raise dg.Failure("Data quality check failed: 12 duplicate order ids, 0 allowed", metadata={"rows": 12})


def retried(context):
    raise dg.RetryRequested(max_retries=1) from PermissionError(13, "Permission denied", "/lake/orders")


def code(_):
    return [1, 2, 3][7]


data_value = job("data_value", data)
data_wrapped = job("data_wrapped", wrapped)
missing_input_file = job("missing_input_file", missing)
dependency_refused = job("dependency_refused", refused)
quality_failure = job("quality_failure", gate)
code_index = job("code_index", code)
credentials_retry = job("credentials_retry", retried)
prep_config = job("prep_config", data, config_schema={"region": str})
data_type = job("data_type", lambda _: "three hundred", out=dg.Out(int))
fine_dagster = job("fine_dagster", lambda _: 1)
