"""A DAG file that can't be imported."""
from airflow import DAG
from shared_operators import WarehouseOperator

with DAG("broken", schedule=None):
    WarehouseOperator(task_id="load")
