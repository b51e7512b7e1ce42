"""DAGs that fail, each in its own way; for `airflow tasks test DAG TASK` and `airflow dags test DAG`."""
import time
from datetime import datetime, timedelta

from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.providers.standard.sensors.python import PythonSensor
except ImportError:
    from airflow.operators.bash import BashOperator
    from airflow.operators.python import PythonOperator
    from airflow.sensors.python import PythonSensor

WHEN = {"start_date": datetime(2026, 11, 1), "schedule": None, "catchup": False}


def transform():
    print("read 300 rows from raw.orders, 0 errors")
    rows = ["12.5", "7", "n/a"]
    return sum(float(r) for r in rows)


def chained():
    try:
        {"a": 1}["amount"]
    except KeyError as error:
        from airflow.exceptions import AirflowException
        raise AirflowException("orders: transform failed") from error


def slow():
    print("exporting 40 partitions")
    time.sleep(20)


def variable():
    from airflow.models import Variable
    return Variable.get("warehouse_url")


def connection():
    from airflow.hooks.base import BaseHook
    return BaseHook.get_connection("warehouse")


def upstream_missing():
    with open("/data/landing/orders_20261126.csv") as source:
        return source.read()


def unreachable():
    import urllib.request
    urllib.request.urlopen("http://127.0.0.1:1/orders", timeout=3)


def gate():
    from airflow.exceptions import AirflowFailException
    print("check customer_id not null: 41 of 300 rows failed")
    raise AirflowFailException("data quality gate: 41 rows with null customer_id, at most 0 allowed")


def divide():
    loaded, total = 10, 0
    print(f"share {loaded / total}")


with DAG("data_python", **WHEN):
    PythonOperator(task_id="transform", python_callable=transform)
with DAG("data_chained", **WHEN):
    PythonOperator(task_id="transform", python_callable=chained)
with DAG("timeout_task", **WHEN):
    PythonOperator(task_id="export", python_callable=slow, execution_timeout=timedelta(seconds=2))
with DAG("timeout_sensor", **WHEN):
    PythonSensor(task_id="wait", python_callable=lambda: False, poke_interval=1, timeout=2, mode="poke")
with DAG("prep_variable", **WHEN):
    PythonOperator(task_id="load", python_callable=variable)
with DAG("prep_connection", **WHEN):
    PythonOperator(task_id="load", python_callable=connection)
with DAG("missing_input_file", **WHEN):
    PythonOperator(task_id="read", python_callable=upstream_missing)
with DAG("dependency_refused", **WHEN):
    PythonOperator(task_id="fetch", python_callable=unreachable)
with DAG("quality_gate", **WHEN):
    PythonOperator(task_id="check", python_callable=gate)
with DAG("code_zero", **WHEN):
    PythonOperator(task_id="report", python_callable=divide)
with DAG("resources_bash", **WHEN):
    BashOperator(task_id="sort", bash_command="echo sorting 80 GB; bash -c 'kill -9 $$'; exit $?")
with DAG("prep_bash_command", **WHEN):
    BashOperator(task_id="load", bash_command="load_warehouse --date {{ ds }}")
with DAG("definition_template", **WHEN):
    BashOperator(task_id="load", bash_command="load --rate {{ macros.shared_fx(ds) }}")
with DAG("fine_airflow", **WHEN):
    BashOperator(task_id="load", bash_command="echo '0 errors, 0 timeouts'; echo 'WARN retrying once'")
