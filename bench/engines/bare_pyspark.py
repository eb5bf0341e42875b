"""The least that a hand-written job would do: typed columns, two of provenance, an Iceberg table. It ends at the first misfit."""

import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import expr

path, columns = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE NAMESPACE IF NOT EXISTS aiworkflow.product_raw")
spark.sql(
    f"CREATE TABLE aiworkflow.product_raw.bare ({columns}, ingestion_date DATE, vendor_name STRING)"
    " USING iceberg PARTITIONED BY (ingestion_date, vendor_name)"
    " TBLPROPERTIES ('write.distribution-mode' = 'none', 'write.spark.fanout.enabled' = 'true')"
)
reader = spark.read.option("timestampNTZFormat", "yyyy-MM-dd HH:mm:ss")
rows = reader.csv(path, schema=columns, header=True, mode="FAILFAST")
rows = rows.withColumn("ingestion_date", expr("DATE '2026-01-01'")).withColumn("vendor_name", expr("'bench'"))
rows.writeTo("aiworkflow.product_raw.bare").append()
spark.stop()
