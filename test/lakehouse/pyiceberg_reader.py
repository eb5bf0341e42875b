"""What PyIceberg makes of a warehouse. Usage: pyiceberg_reader.py WAREHOUSE|REST_ADDRESS ACTION [ARGUMENT...]; one JSON document on stdout."""

import json
import os
import sys

import pyarrow as pa
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import OperationalError


def partition(row):
    values = ", ".join(f"{key}={value}" for key, value in row["partition"].items())
    return [values, row["record_count"], row["file_count"]]


def partitions(table):
    if not table.spec().fields or table.current_snapshot() is None:
        return []
    return sorted(map(partition, table.inspect.partitions().to_pylist()))


def describe(table):
    """Everything a reader depends on, read by PyIceberg alone."""
    scan = table.scan()
    rows = scan.to_arrow()
    return {
        "rows": rows.num_rows,
        "columns": [
            [field.field_id, field.name, str(field.field_type).replace(", ", ","), field.required]
            for field in table.schema().fields
        ],
        "spec": [[field.source_id, field.name, str(field.transform)] for field in table.spec().fields],
        "partitions": partitions(table),
        "refs": {name: ref.snapshot_ref_type.value for name, ref in table.metadata.refs.items()},
        "snapshots": [
            {"operation": item.summary.operation.value, **item.summary.additional_properties}
            for item in table.metadata.snapshots
        ],
        "files": sorted(task.file.file_path for task in scan.plan_files()),
        "data": sorted(([str(value) for value in row.values()] for row in rows.to_pylist())),
    }


def commits(catalog, name, prefix, count):
    """Appends one row after another, each as a commit of its own, and again where somebody else was faster."""
    conflicts = 0
    for number in range(count):
        while True:
            try:
                table = catalog.load_table(name)
                schema = table.schema().as_arrow()
                values = {"sku": f"{prefix}-{number}", "stock": number, "vendor": prefix}
                columns = [pa.array([values[field.name]]).cast(field.type) for field in schema]
                table.append(pa.Table.from_arrays(columns, schema=schema))
                break
            # The catalog was locked, the table had moved, or its old metadata had gone.
            except (CommitFailedException, OperationalError, FileNotFoundError):
                conflicts += 1
            except ValueError as error:
                # So it says that a branch has taken the sequence number it meant to use.
                if "older than last sequence number" not in str(error):
                    raise
                conflicts += 1
    return {"commits": count, "conflicts": conflicts}


def store_properties():
    """Of the object store that the environment names, if it does."""
    names = {
        "s3.endpoint": "AWS_ENDPOINT_URL_S3",
        "s3.region": "AWS_REGION",
        "s3.access-key-id": "AWS_ACCESS_KEY_ID",
        "s3.secret-access-key": "AWS_SECRET_ACCESS_KEY",
    }
    return {name: os.environ[variable] for name, variable in names.items() if variable in os.environ}


def main(warehouse, action, *arguments):
    store = store_properties()
    if warehouse.startswith("http"):
        catalog = RestCatalog("aiworkflow", uri=warehouse, **store)
    else:
        place = f"sqlite:///{warehouse}/catalog.sqlite"
        catalog = SqlCatalog("aiworkflow", uri=place, warehouse=f"file://{warehouse}", **store)
    if action == "describe":
        names = [name for namespace in catalog.list_namespaces() for name in catalog.list_tables(namespace)]
        return {".".join(name): describe(catalog.load_table(name)) for name in names}
    if action == "commits":
        return commits(catalog, arguments[0], arguments[1], int(arguments[2]))
    table = catalog.load_table(arguments[0])
    if action == "count":
        return [table.scan(row_filter=row_filter).to_arrow().num_rows for row_filter in arguments[1:]]
    if action == "branch":
        return table.scan(snapshot_id=table.metadata.refs[arguments[1]].snapshot_id).to_arrow().num_rows
    if action == "at":
        return table.scan(snapshot_id=int(arguments[1])).to_arrow().num_rows
    if action == "append":
        rows = json.loads(arguments[1])
        schema = table.schema().as_arrow()
        columns = [pa.array([row.get(field.name) for row in rows]).cast(field.type) for field in schema]
        table.append(pa.Table.from_arrays(columns, schema=schema))
    elif action == "delete":
        table.delete(arguments[1])
    elif action == "rename":
        with table.update_schema() as update:
            update.rename_column(arguments[1], arguments[2])
    else:
        raise SystemExit(f"unknown action {action}")
    return {"snapshot": table.current_snapshot().summary.operation.value}


print(json.dumps(main(*sys.argv[1:])))
