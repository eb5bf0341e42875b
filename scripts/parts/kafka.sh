#!/usr/bin/env bash
# A Kafka broker for the tests: the jars that test/rig/kafka/pom.xml names, by Maven, in .cache/kafka.
# Run again at any time: it does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=.cache/kafka
wanted=$(sha256sum test/rig/kafka/pom.xml | cut -d ' ' -f 1)
stamp=$folder/.pom

if [[ "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
for program in java mvn; do
  if ! command -v "$program" >/dev/null; then
    echo "scripts/parts/kafka.sh: $program is needed (Java 17 or newer, and Maven) to run Kafka in the tests." >&2
    exit 1
  fi
done
echo "fetching Kafka for the tests into $folder" >&2
rm -rf "$folder"
mkdir -p "$folder"
mvn -q -B -f test/rig/kafka/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
  -DoutputDirectory="$PWD/$folder" -DincludeScope=runtime
echo "$wanted" >"$stamp"
