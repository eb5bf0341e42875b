"""A Spark session that answers one JSON document per line. Usage: session.py; `{"conf": …}` opens a catalog."""

import datetime
import decimal
import json
import sys

from pyspark.sql import SparkSession

root = SparkSession.builder.getOrCreate()
spark = root


def shown(value):
    """A value as the tests compare it: what JSON cannot hold exactly is text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (datetime.date, datetime.datetime, int)):
        return str(value)
    return value


def opened(conf):
    """A session on the catalog of its own: Spark keeps one that it has opened, and its name is part of how a table is known."""
    session = root.newSession()
    for key, value in conf.items():
        if key != "spark.sql.extensions":
            session.conf.set(key, value)
    session.sql("USE aiworkflow")
    return session


def answer(request):
    global spark
    if "run" in request:
        scope = {"spark": spark, "shown": shown, "opened": opened, **request.get("names", {})}
        exec(compile(request["run"], "request", "exec"), scope)
        return scope.get("result")
    if "sql" in request:
        frame = spark.sql(request["sql"])
        return [[shown(value) for value in row] for row in frame.collect()]
    if "conf" in request:
        spark = opened(request["conf"])
        return None
    raise ValueError(f"unknown request {request}")


print(json.dumps({"ready": spark.version}), flush=True)
for line in sys.stdin:
    try:
        print(json.dumps({"value": answer(json.loads(line))}), flush=True)
    except Exception as error:  # the session goes on; the test says what it expected
        print(json.dumps({"error": str(error)}), flush=True)
