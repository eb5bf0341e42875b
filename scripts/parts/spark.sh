#!/usr/bin/env bash
# Spark for the tests, and for whoever runs the engine on this machine: PySpark and its client of Spark Connect by pip in .cache/spark/venv, and in .cache/spark/jars the
# Iceberg runtime, the JDBC driver of the SQLite catalog and the S3 client by Maven.
# Run again at any time: it does nothing when the pinned versions are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=.cache/spark
pyspark='pyspark[connect]==4.1.4'
jars=(
  'org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0'
  'org.xerial:sqlite-jdbc:3.54.1.0'
  'org.apache.iceberg:iceberg-aws-bundle:1.12.0'
)
wanted="$pyspark ${jars[*]}"
stamp=$folder/.pins

if [[ -x $folder/venv/bin/spark-submit && "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
for program in python3 java mvn; do
  if ! command -v "$program" >/dev/null; then
    echo "scripts/parts/spark.sh: $program is needed (Python 3.10 or newer with venv, Java 17 or newer, and Maven) to run Spark." >&2
    exit 1
  fi
done
java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
if ((${java:-0} < 17)); then
  echo "scripts/parts/spark.sh: Spark 4.1 needs Java 17 or newer, found ${java:-an unknown version}: put a newer java first on PATH." >&2
  exit 1
fi
echo "fetching Spark into $folder" >&2
rm -rf "$folder"
mkdir -p "$folder/jars"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$pyspark"
for jar in "${jars[@]}"; do
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$jar" -DoutputDirectory="$PWD/$folder/jars"
done
echo "$wanted" >"$stamp"
