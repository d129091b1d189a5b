#!/usr/bin/env bash
# Asks a deployed app whether it works and whether it lets the wrong ones in. Changes nothing in any system.
# The host key stands in no argument and no output: it is read from Azure, or from FUNCTION_KEY.
set -euo pipefail

case ${1:-} in
  https://* | http://127.0.0.1:*)
    url=${1%/}
    : "${FUNCTION_KEY:?smoke: set FUNCTION_KEY to a host key of the app}"
    ;;
  ?*)
    read -r app host <<<"$(az functionapp list --resource-group "$1" --query "[0].[name, defaultHostName]" --output tsv)"
    url=https://$host
    FUNCTION_KEY=$(az functionapp keys list --resource-group "$1" --name "$app" --query functionKeys.default --output tsv)
    ;;
  *)
    echo "usage: smoke.sh RESOURCE_GROUP, or FUNCTION_KEY=… smoke.sh https://APP.azurewebsites.net" >&2
    exit 2
    ;;
esac
tries=${SMOKE_TRIES:-20} pause=${SMOKE_PAUSE_SECONDS:-15}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
failed=0

ask() {  # method, path, curl's further arguments
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --max-time 60 --request "$method" --output "$answer" --write-out '%{http_code}' \
    "$@" "$url$path" || true
}

with_key() { printf 'header = "x-functions-key: %s"\n' "$FUNCTION_KEY"; }

expect() {  # what is meant, status, then as `ask`
  local meant=$1 status=$2 found
  shift 2
  found=$(ask "$@")
  if [ "$found" = "$status" ]; then
    echo "ok    $meant"
  else
    echo "FAIL  $meant: $found instead of $status"
    failed=$((failed + 1))
  fi
}

# a first start takes a while, and so do role assignments and vault references
for ((try = 1; try <= tries; try++)); do
  found=$(with_key | ask GET /api/health --config -)
  [ "$found" != 200 ] || break
  echo "health says $found, try $try of $tries"
  [ "$try" -eq "$tries" ] || sleep "$pause"
done
if [ "$found" = 200 ]; then
  echo "ok    healthy"
else
  echo "FAIL  health says $found:"
  head -c 4000 "$answer"
  echo
  failed=$((failed + 1))
fi

forged='x-ms-client-principal: eyJhdXRoX3R5cCI6ImFhZCIsImNsYWltcyI6W3sidHlwIjoicm9sZXMiLCJ2YWwiOiJTeW5jLkFkbWluIn1dfQ=='
expect "the health probe needs the host's key" 401 GET /api/health
expect "operators' routes need to know who"   401 GET /api/ops/status
expect "the host's key is nobody there"       401 GET /api/ops/status --config - < <(with_key)
expect "a forged principal is nobody"         401 GET /api/ops/status --header "$forged"
expect "Dataverse's way in needs the secret"  401 POST /api/dataverse/events --data '{}'
expect "SAP's way in needs the secret"        401 POST /api/sap/events --data '{}'
exit "$((failed > 0))"
