"""A fleet: 120 pipelines of one task, more than one page of the API."""
from lab_compat import COMMON, DAG, EmptyOperator

for number in range(120):
    with DAG(f"fleet_{number:03d}", schedule=None, tags=["fleet"], **COMMON) as pipeline:
        EmptyOperator(task_id="only")
    globals()[pipeline.dag_id] = pipeline
