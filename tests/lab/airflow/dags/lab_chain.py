"""The smallest thing worth operating: three tasks, one of which fails until it is told not to (params.fail)."""
import logging

from lab_compat import COMMON, Param, dag, task


@dag(
    dag_id="lab_chain",
    schedule=None,
    tags=["lab"],
    doc_md="# Chain\nClear the middle.",
    params={"fail": Param(False, type="boolean", description="make load fail")},
    default_args={"owner": "oncall"},
    **COMMON,
)
def lab_chain():
    @task
    def extract():
        print("::progress 1/1")

    @task
    def load(params=None):
        logging.getLogger("lab.chain").info("loading")
        if params["fail"]:
            try:
                int("not a number")
            except ValueError as why:
                raise RuntimeError("load refused the file") from why

    @task
    def report():
        pass

    extract() >> load() >> report()


lab_chain()
