#!/usr/bin/env bash
# An Iceberg REST catalog for the tests: the jars that test/rig/iceberg-rest/pom.xml names, by Maven, in .cache/iceberg-rest.
# Run again at any time: it does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=.cache/iceberg-rest
wanted=$(sha256sum test/rig/iceberg-rest/pom.xml | cut -d ' ' -f 1)
stamp=$folder/.pom

if [[ "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
for program in java mvn; do
  if ! command -v "$program" >/dev/null; then
    echo "scripts/parts/iceberg-rest.sh: $program is needed (Java 17 or newer, and Maven) to run an Iceberg REST catalog in the tests." >&2
    exit 1
  fi
done
echo "fetching an Iceberg REST catalog for the tests into $folder" >&2
rm -rf "$folder"
mkdir -p "$folder"
mvn -q -B -f test/rig/iceberg-rest/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
  -DoutputDirectory="$PWD/$folder" -DincludeScope=runtime
echo "$wanted" >"$stamp"
