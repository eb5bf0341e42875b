#!/usr/bin/env bash
# Helm and kubeconform, with the schemas of Kubernetes and KEDA, for the test of deploy/chart: all from the Go module proxy.
# Run again at any time: it does nothing when the pinned versions are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

helm=helm.sh/helm/v3/cmd/helm@v3.22.0
kubeconform=github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
# The modules of the servers themselves: what they describe of what they take.
kubernetes=k8s.io/kubernetes@v1.34.4
keda=github.com/kedacore/keda/v2@v2.21.0
folder=$PWD/.cache/helm
stamp=$folder/.pin
pin="$helm $kubeconform $kubernetes $keda"

if [[ -x $folder/helm && -x $folder/kubeconform && "$(cat "$stamp" 2>/dev/null)" == "$pin" ]]; then
  exit 0
fi
if ! command -v go >/dev/null; then
  echo "scripts/parts/helm.sh: go is needed to build $helm and $kubeconform." >&2
  exit 1
fi
echo "building Helm and kubeconform into $folder" >&2
mkdir -p "$folder"
for program in "$helm" "$kubeconform"; do
  GOBIN=$folder go install -p 2 -trimpath -ldflags '-s -w' "$program"
done
sources() { go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'; }
node_modules/.bin/node scripts/parts/kubernetes-schemas.ts \
  "$folder/schemas" "$(sources "$kubernetes")/api/openapi-spec/swagger.json" "$(sources "$keda")/config/crd/bases"
echo "$pin" >"$stamp"
