#!/usr/bin/env bash
# Sets up what is missing, and is quick when nothing is. It needs a Node of 20 or later; the project brings its own Node 24.
#   --test   also what the tests need (scripts/parts/*.sh)
set -euo pipefail
cd "$(dirname "$0")/.."

# npm writes this file last, so it is there only after a whole install, and older than a lock that changed since.
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  echo 'Setting up: installing packages …' >&2
  # Not `npm ci`: it refuses a lock without the binaries of other platforms, which not every registry has. --no-save leaves the
  # lock as it is.
  npm install --no-save --include=dev --include=optional --no-progress --loglevel=error >&2
  touch "$installed"
fi

version=$(node_modules/.bin/node --version 2>/dev/null || true)
case $version in
  v24.*) ;;
  *)
    {
      echo "setup: expected Node 24 at node_modules/.bin/node, found ${version:-none}."
      echo "  It comes as an optional dependency for Linux with glibc on x64 and arm64; this is $(uname -s) on $(uname -m)."
      echo '  Optional dependencies left out?   npm install --include=optional'
      echo '  Another platform?                 install Node 24, then: ln -s "$(command -v node)" node_modules/.bin/node'
    } >&2
    exit 1
    ;;
esac

if [ "${1:-}" = --test ]; then
  # What takes longest begins first, and goes on beside the rest.
  for part in scripts/parts/jaeger.sh scripts/parts/[!j]*.sh; do
    bash "$part"
  done
fi
