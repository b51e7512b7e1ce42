"""Parses until the file `break` exists in the lab's folder: then its DAG goes stale with an import error."""
import os

from lab_compat import COMMON, DAG, EmptyOperator

if os.path.exists(os.path.join(os.environ["DAGTOP_LAB_DIR"], "break")):
    raise ImportError("breaks_later was told to break")

with DAG("lab_breaks", schedule=None, tags=["lab"], **COMMON):
    EmptyOperator(task_id="only")
