#!/usr/bin/env bash
# A Kafka broker for the tests.
set -euo pipefail
exec bash "$(dirname "$0")/../maven-jars.sh" kafka "Kafka"
