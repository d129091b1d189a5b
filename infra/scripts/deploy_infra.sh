#!/usr/bin/env bash
# Plans or applies infra/ to one resource group. Code is not touched: deploy_code.sh brings it, on its own schedule.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  echo "usage: deploy_infra.sh validate|what-if|apply ENVIRONMENT RESOURCE_GROUP [PARAMETER=VALUE ...]" >&2
  exit 2
}

[ $# -ge 3 ] || usage
step=$1 environment=$2 group=$3
shift 3
parameters=infra/parameters/$environment.parameters.json
[ -f "$parameters" ] || { echo "deploy_infra: no $parameters" >&2; exit 2; }

output=(--output none)
case $step in
  validate) command=validate ;;
  what-if) command=what-if output=() ;;  # its own way of writing
  apply) command=create ;;
  *) usage ;;
esac

az deployment group "$command" --name "sync-$environment" --resource-group "$group" \
  --template-file infra/main.bicep --parameters "@$parameters" "$@" "${output[@]}"

if [ "$step" = apply ]; then
  az deployment group show --name "sync-$environment" --resource-group "$group" --output json \
    --query "properties.outputs.{app: functionAppName.value, url: functionAppUrl.value, vault: vaultName.value,
             clientId: identityClientId.value, principalId: identityPrincipalId.value, outbound: outboundAddress.value}"
fi
