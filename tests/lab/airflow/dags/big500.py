"""500 tasks in 10 layers of 50, in 50 groups, 1,350 edges; no work."""
from lab_compat import COMMON, DAG, EmptyOperator, TaskGroup

with DAG("big500", schedule=None, tags=["lab", "big"], max_active_tasks=500, **COMMON):
    above = []
    for layer in range(10):
        here = []
        for group in range(5):
            with TaskGroup(f"layer{layer}_g{group}"):
                for i in range(10):
                    n = group * 10 + i
                    node = EmptyOperator(task_id=f"t{layer:02d}_{n:03d}")
                    for j in range(3):
                        if above:
                            above[(n * 7 + j * 11) % 50] >> node
                    here.append(node)
        above = here
