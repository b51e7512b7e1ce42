"""The flows of the Prefect lab: one for each thing that can be seen, and a runner that serves them."""
import os
import sys
import time

from prefect import flow, get_run_logger, pause_flow_run, serve, suspend_flow_run, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import task_run


@task
def fetch(rows):
    get_run_logger().info("fetching %d rows", rows)
    return list(range(rows))


@task(task_run_name="clean-{row}")
def clean(row):
    return row + 1


@task
def total(rows):
    return sum(rows)


@task(retries=2, retry_delay_seconds=1)
def shaky(x):
    if task_run.run_count < 3:
        raise ConnectionError(f"the warehouse hung up (try {task_run.run_count})")
    return x


@task
def load(x, fail):
    if fail:
        return {"orders": x}["customers"]
    return x


@task
def report(x):
    return x


@task
def look_up(x):
    return x


@flow(log_prints=True)
def enrich(x):
    print("enriching")
    return look_up(look_up(x) + 1)


@flow(log_prints=True, persist_result=True)
def orders(rows: int = 4, fail: bool = True):
    """Everything in one: mapped tasks, retries, a subflow, a failure and what hangs below it."""
    fetched = fetch.submit(rows)
    cleaned = clean.map(fetched.result())
    summed = total.submit(cleaned)
    steady = shaky.submit(summed)
    enrich(rows)
    loaded = load.submit(steady, fail)
    report.submit(loaded).result()


@task(log_prints=True)
def work(seconds, part):
    artifact = create_progress_artifact(progress=0.0, key="work", description="how far it is")
    for second in range(seconds):
        time.sleep(1)
        print("second", second + 1)
        update_progress_artifact(artifact, progress=(second + 1) * 100.0 / seconds)


@flow(persist_result=True)
def slow(seconds: int = 60, parts: int = 1):
    """Works in parts, and tells how far it is."""
    for part in range(parts):
        work(seconds, part)


@flow
def hello(name: str = "world"):
    get_run_logger().info("hello %s", name)
    return report(name)


@flow
def gate(wait: int = 600):
    fetch(1)
    pause_flow_run(timeout=wait, poll_interval=1)
    return report(1)


@flow(persist_result=True)
def park(wait: int = 600):
    fetch(1)
    suspend_flow_run(timeout=wait)
    return report(1)


@flow(log_prints=True)
def bare(seconds: int = 1, fail: bool = False):
    """No task at all: its own code does the work."""
    for second in range(seconds):
        print("bare second", second)
        time.sleep(1)
    if fail:
        raise ValueError("the flow itself gave up")


@flow
def wide(width: int = 100):
    fetched = fetch(width)
    total(clean.map(fetched))


def idle():
    """A deployment on a pool that no worker serves: its runs become late."""
    with get_client(sync_client=True) as client:
        def post(path, body):
            answer = client.request("POST", path, json=body)
            return answer.json()
        post("/work_pools/", {"name": "idle-pool", "type": "process", "concurrency_limit": 3})
        flow_id = post("/flows/", {"name": "hello"})["id"]
        post("/deployments/", {"name": "idle", "flow_id": flow_id, "work_pool_name": "idle-pool",
                               "entrypoint": "flows.py:hello", "enforce_parameter_schema": False})
        post("/v2/concurrency_limits/", {"name": "warehouse", "limit": 2})


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    idle()
    print("serving", file=sys.stderr)
    serve(
        orders.to_deployment("nightly", cron="0 2 * * *", tags=["prod", "sales"], description="Sums up the day.\nAsk the sales team."),
        slow.to_deployment("prod", tags=["prod"]),
        hello.to_deployment("prod"),
        gate.to_deployment("prod"),
        park.to_deployment("prod"),
        bare.to_deployment("prod"),
        bare.to_deployment("one", concurrency_limit=1),
        wide.to_deployment("prod"),
        limit=12,
        query_seconds=1,
    )
