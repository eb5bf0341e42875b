#!/usr/bin/env bash
# A second, independent reader and writer of our tables, for the tests only: PyIceberg in .cache/pyiceberg.
# Run again at any time: it does nothing when the pinned versions are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.cache/pyiceberg
# pyiceberg-core carries the partition transforms of PyIceberg; the rest is what the SQLite catalog and Parquet need.
pins=(
  'pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==0.12.0'
  'pyiceberg-core==0.10.1'
  'pyarrow==26.0.1'
  'SQLAlchemy==2.1.9'
)
wanted="${pins[*]}"
stamp="$venv/.pins"

if [[ -x "$venv/bin/python" && "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
if ! command -v python3 >/dev/null; then
  echo "scripts/parts/pyiceberg.sh: python3 (3.10 or newer, with venv) is needed for the PyIceberg tests." >&2
  exit 1
fi
echo "installing PyIceberg for the tests into $venv" >&2
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "${pins[@]}"
echo "$wanted" >"$stamp"
