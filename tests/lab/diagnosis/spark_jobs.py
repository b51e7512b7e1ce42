"""Jobs in PySpark that fail, each in its own way: spark_jobs.py NAME."""
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

NAME = sys.argv[1]
memory = "480m" if NAME == "resources_heap" else "700m"
builder = (
    SparkSession.builder.appName(NAME).master("local[2]").config("spark.driver.memory", memory).config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.warehouse.dir", os.getcwd() + "/warehouse").config("spark.sql.ansi.enabled", "true")
)
if NAME == "resources_result":
    builder = builder.config("spark.driver.maxResultSize", "1m")
if NAME == "timeout_broadcast":
    builder = builder.config("spark.sql.broadcastTimeout", "1").config("spark.sql.adaptive.enabled", "false")
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("INFO" if len(NAME) % 2 else "WARN")
orders = spark.range(1000).withColumn("amount", F.col("id") * 2).withColumn("region", F.lit("eu"))
print(f"extracted {orders.count()} rows, 0 errors")


def udf():
    parse = F.udf(lambda i: int("n/a" if i == 700 else "1"), "int")
    return orders.select(parse("id")).agg({"*": "count", "<lambda>(id)": "sum"}).collect()


def worker():
    kill = F.udf(lambda i: os._exit(1) if i == 700 else 1, "int")
    return orders.select(F.sum(kill("id"))).collect()


def slow(i):
    import time
    time.sleep(4)
    return 1


JOBS = {
    "missing_input_path": lambda: spark.read.parquet("lake/orders/day=2026-11-26").count(),
    "missing_input_table": lambda: spark.sql("select * from raw.orders_daily").count(),
    "data_column": lambda: orders.select("id", "total").count(),
    "data_cast": lambda: spark.createDataFrame([("1",), ("1O",)], ["v"]).select(F.sum(F.col("v").cast("int"))).collect(),
    "data_divide": lambda: orders.select(F.sum(F.lit(1) / (F.col("id") - 700))).collect(),
    "data_udf": udf,
    "data_parquet": lambda: (os.makedirs("in", exist_ok=True), open("in/part-0.parquet", "w").write("id,amount\n1,2\n" * 9), spark.read.parquet("in").count()),
    "write_exists": lambda: (orders.write.parquet("out"), orders.write.parquet("out")),
    "write_columns": lambda: (spark.sql("create table target (id bigint) using parquet"), orders.write.insertInto("target")),
    "write_table_exists": lambda: (orders.write.saveAsTable("mart"), orders.write.saveAsTable("mart")),
    "prep_sql": lambda: spark.sql("selct id from orders"),
    "prep_driver": lambda: spark.read.format("jdbc").option("url", "jdbc:postgresql://db/dwh").option("driver", "org.postgresql.Driver").option("dbtable", "o").load(),
    "prep_format": lambda: spark.read.format("delta").load("lake/orders"),
    "definition_function": lambda: spark.sql("select shared_fx(1, 'EUR')").collect(),
    "resources_result": lambda: spark.range(3_000_000).withColumn("t", F.concat(F.lit("x"), F.col("id"))).collect(),
    "resources_heap": lambda: spark.range(60_000_000).withColumn("t", F.concat(F.lit("row "), F.col("id"))).groupBy().agg(F.collect_list("t")).collect(),
    "timeout_broadcast": lambda: orders.join(F.broadcast(orders.select(F.udf(slow, "int")("id").alias("id")).limit(1)), "id").count(),
    "lost_worker_python": worker,
    "code_closure": lambda: spark.sparkContext.parallelize([1]).map(lambda x: spark.range(x)).collect(),
    "fine_spark": lambda: orders.groupBy("region").count().show(),
}
JOBS[NAME]()
spark.stop()
print("job finished successfully")
