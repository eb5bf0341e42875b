#!/usr/bin/env bash
# An environment of Python with pinned packages:  pip-venv.sh FOLDER PROGRAM WHAT PIN...
# Run again at any time: it does nothing when FOLDER has PROGRAM and the pinned versions.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1 program=$2 what=$3
shift 3
wanted="$*"
stamp="$venv/.pins"

if [[ -x "$venv/bin/$program" && "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
if ! command -v python3 >/dev/null; then
  echo "scripts/pip-venv.sh: python3 (3.10 or newer, with venv) is needed for $what." >&2
  exit 1
fi
echo "installing $what into $venv" >&2
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
echo "$wanted" >"$stamp"
