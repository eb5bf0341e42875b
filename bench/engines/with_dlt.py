"""The same file by dlt as its documentation has it: its reader of CSV, its types, Parquet files."""

import sys
import time
from pathlib import Path

import dlt
from dlt.sources.filesystem import filesystem, read_csv

path, folder = map(Path, sys.argv[1:])
pipeline = dlt.pipeline(
    "bench",
    pipelines_dir=str(folder / "pipelines"),
    destination=dlt.destinations.filesystem(bucket_url=(folder / "lake").as_uri()),
    dataset_name="product_raw",
)
orders = filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name) | read_csv()
started = time.monotonic()
pipeline.run(orders.with_name("orders"), loader_file_format="parquet")
print((time.monotonic() - started) * 1000)
