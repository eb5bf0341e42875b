#!/usr/bin/env bash
# Redis for the tests: Debian's redis-server. A service of its own is not started, and one that runs is left alone.
# Run again at any time: it does nothing when the program is there.
set -euo pipefail

if command -v redis-server >/dev/null; then
  exit 0
fi
if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
  echo 'scripts/parts/redis.sh: redis-server (7.0 or newer) is needed: sudo apt-get install redis-server' >&2
  exit 1
fi
echo 'installing redis-server for the tests' >&2
# Debian starts what it installs, unless this program says no.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
# The list of packages is needed only where it is missing or too old to know the package.
apt-get install -qq -y --no-install-recommends redis-server >/dev/null 2>&1 ||
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server >/dev/null; }
