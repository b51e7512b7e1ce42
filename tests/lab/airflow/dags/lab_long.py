"""Things that do not end by themselves: a spinning task, a sensor that reschedules, a pool with one slot."""
import logging
import time

from lab_compat import COMMON, Param, PokeReturnValue, dag, task


@dag(
    dag_id="lab_long",
    schedule=None,
    tags=["lab"],
    max_active_runs=8,
    params={"secs": Param(600, type="integer", minimum=1)},
    **COMMON,
)
def lab_long():
    @task
    def spin(params=None):
        total = int(params["secs"])
        for i in range(1, total + 1):
            logging.getLogger("lab.long").info("tick %d", i)
            print(f"::progress {i}/{total}")
            time.sleep(1)

    spin()


@dag(dag_id="lab_waits", schedule=None, tags=["lab"], **COMMON)
def lab_waits():
    @task.sensor(poke_interval=60, timeout=3600, mode="reschedule")
    def never() -> PokeReturnValue:
        return PokeReturnValue(is_done=False)

    @task(pool="lab_slot")
    def one_at_a_time(i):
        time.sleep(30)

    never()
    one_at_a_time.expand(i=[1, 2, 3])


lab_long()
lab_waits()
