#!/usr/bin/env bash
# Makes what deploy/compose.yaml asks for: a workspace, and in its .env one secret each for Redis and the tool servers, and a token for
# every agent. A file that is there stays as it is: to change the secrets, remove it and start every service anew.
#   deploy/prepare.sh WORKSPACE
set -euo pipefail

if [ $# -ne 1 ]; then
  echo 'usage: deploy/prepare.sh WORKSPACE' >&2
  exit 2
fi
home=$(cd "$(dirname "$0")/.." && pwd -P)
"$home/bin/aiworkflow" init "$1"
workspace=$(cd "$1" && pwd -P)
mkdir -p "$workspace/warehouse" "$workspace/.aiworkflow"

file=$workspace/.env
if [ -e "$file" ]; then
  echo "$file is there already and stays as it is."
  exit 0
fi
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
secret=$(random)
token() { AIWORKFLOW_TOOLS_SECRET=$secret "$home/bin/aiworkflow" tools token "$1" "$workspace"; }
umask 077
{
  echo "AIWORKFLOW_WORKSPACE=$workspace"
  echo "AIWORKFLOW_USER=$(stat -c %u:%g "$workspace")"
  echo "AIWORKFLOW_REDIS_PASSWORD=$(random)"
  echo "AIWORKFLOW_TOOLS_SECRET=$secret"
  for agent in planner ingestion modeling validator; do
    echo "AIWORKFLOW_TOKEN_${agent^^}=$(token "$agent")"
  done
} >"$file.part"
mv "$file.part" "$file"
echo "Secrets and tokens are in $file, for its owner only."
