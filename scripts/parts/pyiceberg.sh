#!/usr/bin/env bash
# A second, independent reader and writer of our tables, for the tests only: PyIceberg in .cache/pyiceberg.
set -euo pipefail
# pyiceberg-core carries the partition transforms of PyIceberg; the rest is what the SQLite catalog and Parquet need.
exec bash "$(dirname "$0")/../pip-venv.sh" .cache/pyiceberg python 'PyIceberg for the tests' \
  'pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==0.12.0' \
  'pyiceberg-core==0.10.1' \
  'pyarrow==26.0.1' \
  'SQLAlchemy==2.1.9'
