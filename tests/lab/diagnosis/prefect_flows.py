"""Prefect flows that fail, each in its own way: prefect_flows.py NAME."""
import sys
import time

from prefect import flow, get_run_logger, task


@task
def extract():
    get_run_logger().info("read 300 rows, 0 errors")
    return 300


@task
def data_value(rows):
    return int("n/a")


@task(retries=2, retry_delay_seconds=0)
def dependency_retries(rows):
    import socket
    socket.create_connection(("127.0.0.1", 1), timeout=1)


@task(timeout_seconds=1)
def timeout_task(rows):
    for _ in range(50):
        time.sleep(0.1)


@task
def missing_input_file(rows):
    return open("/data/landing/orders_20261126.csv").read()


@task
def code_name(rows):
    return rows.total()


@task
def fine_prefect(rows):
    return rows


@flow(log_prints=True)
def nightly(name: str):
    rows = extract()
    print("loading", rows, "rows")
    return globals()[name](rows)


@flow
def prep_parameters(day: int):
    return day


if __name__ == "__main__":
    name = sys.argv[1]
    prep_parameters("yesterday") if name == "prep_parameters" else nightly(name)
