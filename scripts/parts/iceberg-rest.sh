#!/usr/bin/env bash
# An Iceberg REST catalog for the tests.
set -euo pipefail
exec bash "$(dirname "$0")/../maven-jars.sh" iceberg-rest "an Iceberg REST catalog"
