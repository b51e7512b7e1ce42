"""Every minute: a schedule to forecast and a history to look at, at no cost."""
from lab_compat import COMMON, DAG, EmptyOperator

with DAG("lab_minute", schedule="* * * * *", tags=["lab"], max_active_runs=1, **COMMON):
    EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
