#!/usr/bin/env bash
# An S3-compatible store for the tests: moto's server by pip in .cache/s3.
set -euo pipefail
# Its server alone: what moto names `server` brings every other service, too.
exec bash "$(dirname "$0")/../pip-venv.sh" .cache/s3 moto_server 'an S3-compatible store for the tests' \
  'moto[s3]==5.2.5' 'flask==3.1.3' 'flask-cors==6.0.5'
