#!/usr/bin/env bash
# Builds Jaeger for the tests into .cache/jaeger, named by what it is built from. It takes minutes the first time, so
# scripts/parts/jaeger.sh starts it beside everything else, and test/rig/jaeger.ts waits for it. Two at once: the second waits.
set -euo pipefail
cd "$(dirname "$0")"
cache=$(cd ../../.. && pwd -P)/.cache/jaeger
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
binary=$cache/jaeger-$(cat go.mod go.sum | sha256sum | cut -c 1-16)
[ -x "$binary" ] && exit 0
nice go build -mod=readonly -p 2 -trimpath -ldflags '-s -w' -o "$binary.part" github.com/jaegertracing/jaeger/cmd/jaeger
mv "$binary.part" "$binary"
