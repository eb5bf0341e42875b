#!/usr/bin/env bash
# Jaeger for the tests. Building it takes minutes, so it is begun here and goes on beside the tests; the one that needs it waits.
# Run again at any time: it does nothing when the program is there. With --wait it ends when the build does.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v go >/dev/null; then
  echo 'scripts/parts/jaeger.sh: go (1.26 or newer) is needed to build Jaeger for the tests.' >&2
  exit 1
fi
if [ "${1:-}" = --wait ]; then
  exec bash test/rig/jaeger/build.sh
fi
mkdir -p .cache/jaeger
setsid bash test/rig/jaeger/build.sh >.cache/jaeger/build.log 2>&1 </dev/null 9>&- &
