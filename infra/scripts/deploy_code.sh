#!/usr/bin/env bash
# Replaces the code of the app in a resource group by a package. Rolling back is the same with the package before:
# state and messages are readable one version back. What runs is cut short and done again, because a change is a hint
# and its message stays queued until the outcome is durable.
set -euo pipefail

fail() { echo "deploy_code: $1" >&2; exit "${2:-1}"; }

[ $# -eq 2 ] || fail "usage: deploy_code.sh RESOURCE_GROUP PACKAGE|--func" 2
group=$1 package=$2
[ "$package" = --func ] || [ -f "$package" ] || fail "no file $package" 2

app=$(az functionapp list --resource-group "$group" --query "[].name" --output tsv)
[ "$(printf %s "$app" | grep -c .)" -eq 1 ] || fail "expected one function app in $group, found: ${app:-none}"

site=$(az functionapp show --resource-group "$group" --name "$app" --query id --output tsv)
unresolved=$(az rest --method get --url "$site/config/configreferences/appsettings?api-version=2024-11-01" \
  --query "value[?properties.status!='Resolved'].name" --output tsv | paste -sd ' ')
[ -z "$unresolved" ] || echo "deploy_code: not yet found in the vault: $unresolved (see secrets.sh)" >&2

# Elastic Premium fetches its package with its own identity from this address; Flex does not have the setting
address=$(az functionapp config appsettings list --resource-group "$group" --name "$app" \
  --query "[?name=='WEBSITE_RUN_FROM_PACKAGE'].value | [0]" --output tsv)

if [ "$package" = --func ]; then # Core Tools: packs this folder by .funcignore, and Azure installs requirements.txt
  [ -z "$address" ] || fail "Elastic Premium runs from a package: give one (bundle.sh)" 2
  cd "$(dirname "$0")/../.."
  func azure functionapp publish "$app" --python --build remote
elif [ -z "$address" ]; then
  az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$package" \
    --build-remote false --output none
else
  az storage blob upload --auth-mode login --blob-url "$address" --file "$package" --overwrite --output none
  az functionapp restart --resource-group "$group" --name "$app" --output none
  az rest --method post --url "$site/syncfunctiontriggers?api-version=2024-11-01" --output none
fi
echo "$app runs $package"
