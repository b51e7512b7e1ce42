"""Celery tasks that fail, each in its own way, and a run of each: a worker over a folder as broker.

celery_app.py NAME"""
import os
import subprocess
import sys
import time

from celery import Celery

FOLDER = os.environ["JOB_DIR"]
for name in ("broker", "results"):
    os.makedirs(f"{FOLDER}/{name}", exist_ok=True)
app = Celery("orders", broker="filesystem://", backend=f"file://{FOLDER}/results")
app.conf.update(
    broker_transport_options={"data_folder_in": f"{FOLDER}/broker", "data_folder_out": f"{FOLDER}/broker"},
    worker_hijack_root_logger=True, broker_connection_retry_on_startup=True, task_acks_late=False,
)


@app.task
def extract(n):
    return n * 100


@app.task
def data_parse():
    return [float(v) for v in ("1.5", "2,5")]


@app.task
def lost_worker_killed():
    os.kill(os.getpid(), 9)


@app.task(time_limit=2)
def timeout_hard():
    time.sleep(20)


@app.task(soft_time_limit=1)
def timeout_soft():
    time.sleep(20)


@app.task(bind=True, max_retries=2, default_retry_delay=0)
def dependency_retries(self):
    import requests
    try:
        requests.get("http://127.0.0.1:1/orders", timeout=2)
    except requests.ConnectionError as error:
        raise self.retry(exc=error)


@app.task
def missing_input_file():
    return open("/data/landing/orders_20261126.csv").read()


@app.task
def code_attribute():
    return (3).upper()


@app.task
def fine_celery():
    return "0 errors"


def main(name):
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "--loglevel=INFO", "--concurrency=1", "-n", "w1@worker", "--without-gossip", "--without-mingle"])
    time.sleep(4)
    for n in range(3):
        extract.delay(n)
    if name == "prep_unregistered":
        app.send_task("orders.load_partition", args=[1])
    else:
        globals()[name].delay()
    time.sleep(5)
    extract.delay(9)
    time.sleep(1)
    worker.terminate()
    worker.wait(20)


if __name__ == "__main__":
    # tasks are named after the module they are in, for the worker too
    import celery_app
    celery_app.main(sys.argv[1])
