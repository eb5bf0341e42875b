#!/usr/bin/env bash
# dlt for the bench, in .cache/dlt: nothing of the program or its tests needs it.
# Run again at any time: it does nothing when the pinned versions are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.cache/dlt
wanted='dlt[filesystem,parquet]==1.31.0 pandas==2.3.3'
stamp="$venv/.pins"

if [[ -x "$venv/bin/python" && "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
if ! command -v python3 >/dev/null; then
  echo "bench/engines/dlt.sh: python3 (3.10 or newer, with venv) is needed to measure against dlt." >&2
  exit 1
fi
echo "installing dlt for the bench into $venv" >&2
python3 -m venv "$venv"
# shellcheck disable=SC2086
"$venv/bin/pip" install --quiet --disable-pip-version-check $wanted
echo "$wanted" >"$stamp"
