"""One task that says far too much."""
from lab_compat import COMMON, Param, dag, task


@dag(dag_id="lab_huge_log", schedule=None, tags=["lab"], params={"lines": Param(20000, type="integer")}, **COMMON)
def lab_huge_log():
    @task
    def talk(params=None):
        for i in range(int(params["lines"])):
            print(f"line {i} of a task that reports every row it has read from the vendor's endless file")

    talk()


lab_huge_log()
