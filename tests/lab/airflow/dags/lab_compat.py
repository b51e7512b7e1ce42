"""One import line for the lab's DAG files on Airflow 2.11 and 3.x."""
import datetime as dt

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG, Param, TaskGroup, dag, get_current_context, task, task_group
    from airflow.sdk.bases.sensor import PokeReturnValue
except ImportError:
    from airflow import DAG
    from airflow.decorators import dag, task, task_group
    from airflow.models.param import Param
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import get_current_context
    from airflow.sensors.base import PokeReturnValue
    from airflow.utils.task_group import TaskGroup

START = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
COMMON = dict(start_date=START, catchup=False)
