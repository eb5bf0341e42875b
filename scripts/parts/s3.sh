#!/usr/bin/env bash
# An S3-compatible store for the tests: moto's server by pip in .cache/s3.
# Run again at any time: it does nothing when the pinned versions are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.cache/s3
# Its server alone: what moto names `server` brings every other service, too.
pins=(
  'moto[s3]==5.2.5'
  'flask==3.1.3'
  'flask-cors==6.0.5'
)
wanted="${pins[*]}"
stamp="$venv/.pins"

if [[ -x "$venv/bin/moto_server" && "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
  exit 0
fi
if ! command -v python3 >/dev/null; then
  echo "scripts/parts/s3.sh: python3 (3.10 or newer, with venv) is needed for the tests over an object store." >&2
  exit 1
fi
echo "installing an S3-compatible store for the tests into $venv" >&2
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "${pins[@]}"
echo "$wanted" >"$stamp"
