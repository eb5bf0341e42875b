#!/usr/bin/env bash
# dlt for the bench, in .cache/dlt: nothing of the program or its tests needs it.
set -euo pipefail
exec bash "$(dirname "$0")/../../scripts/pip-venv.sh" .cache/dlt python 'dlt for the bench' \
  'dlt[filesystem,parquet]==1.31.0' 'pandas==2.3.3'
