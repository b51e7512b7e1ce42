"""Writes orders: some more of them with every run, as data grows, and some more or fewer than that."""
import os
import random

work = os.environ["WORK"]
counter = f"{work}/count"
run = int(open(counter).read()) if os.path.exists(counter) else 0
open(counter, "w").write(str(run + 1))
rows = int(60_000 * 1.002**run * random.lognormvariate(0, 0.08))
with open(f"{work}/orders.csv", "w") as out:
    for n in range(rows):
        out.write(f"{n},customer{random.randrange(5000)},{random.random():.4f},{'x' * random.randrange(20)}\n")
print(rows, "rows")
