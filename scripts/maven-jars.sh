#!/usr/bin/env bash
# The jars that test/rig/NAME/pom.xml names, by Maven, in .cache/NAME, for what WHAT says. Usage: maven-jars.sh NAME WHAT
# Run again at any time: it does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1
what=$2
pom=test/rig/$name/pom.xml
folder=.cache/$name
wanted=$(sha256sum "$pom" | cut -d ' ' -f 1)
stamp=$folder/.pom

if [[ "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
for program in java mvn; do
  if ! command -v "$program" >/dev/null; then
    echo "scripts/parts/$name.sh: $program is needed (Java 17 or newer, and Maven) to run $what in the tests." >&2
    exit 1
  fi
done
echo "fetching $what for the tests into $folder" >&2
rm -rf "$folder"
mkdir -p "$folder"
mvn -q -B -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
  -DoutputDirectory="$PWD/$folder" -DincludeScope=runtime
echo "$wanted" >"$stamp"
