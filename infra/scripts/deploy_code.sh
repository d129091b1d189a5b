#!/usr/bin/env bash
# Replaces the code of an app by a package. Rolling back is the same with the package before: state and messages are
# readable one version back. What runs is cut short and done again: a change is a hint, and its message stays queued.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: deploy_code.sh RESOURCE_GROUP APP PACKAGE|--func" >&2; exit 2; }
group=$1 app=$2 package=$3

if [ "$package" = --func ]; then  # Core Tools: packs this folder by .funcignore, Azure installs requirements.txt
  cd "$(dirname "$0")/../.."
  exec func azure functionapp publish "$app" --python --build remote
fi

[ -f "$package" ] || { echo "deploy_code: no file $package" >&2; exit 2; }
site=$(az functionapp show --resource-group "$group" --name "$app" --query id --output tsv)
unresolved=$(az rest --method get --url "$site/config/configreferences/appsettings?api-version=2024-11-01" \
  --query "value[?properties.status!='Resolved'].name" --output tsv | paste -sd ' ')
[ -z "$unresolved" ] || echo "deploy_code: not yet found in the vault: $unresolved (see secrets.sh)" >&2

# Elastic Premium fetches its package with its own identity from this address; Flex does not have the setting
address=$(az functionapp config appsettings list --resource-group "$group" --name "$app" \
  --query "[?name=='WEBSITE_RUN_FROM_PACKAGE'].value | [0]" --output tsv)

if [ -z "$address" ]; then
  az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$package" \
    --build-remote false --output none
else
  az storage blob upload --auth-mode login --blob-url "$address" --file "$package" --overwrite --output none
  az functionapp restart --resource-group "$group" --name "$app" --output none
  az rest --method post --url "$site/syncfunctiontriggers?api-version=2024-11-01" --output none
fi
echo "$app runs $(basename "$package")"
