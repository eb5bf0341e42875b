#!/usr/bin/env bash
# The schema of Compose files, for the test of deploy/compose.yaml: from the Go module of the Compose specification.
# Run again at any time: it does nothing when the pinned version is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

module=github.com/compose-spec/compose-go/v2@v2.9.0
folder=.cache/compose-schema
stamp=$folder/.pin

if [[ -s $folder/compose-spec.json && "$(cat "$stamp" 2>/dev/null)" == "$module" ]]; then
  exit 0
fi
if ! command -v go >/dev/null; then
  echo "scripts/parts/compose-schema.sh: go is needed to fetch $module." >&2
  exit 1
fi
echo "fetching the schema of Compose files into $folder" >&2
mkdir -p "$folder"
found=$(go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
install -m 644 "$found/schema/compose-spec.json" "$folder/compose-spec.json"
echo "$module" >"$stamp"
