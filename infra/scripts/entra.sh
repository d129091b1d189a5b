#!/usr/bin/env bash
# Makes the Entra app that guards the operators' routes: three roles, sign-in without a secret (the app's identity
# vouches for it). Prints the application id, which is the parameter entraClientId. Repeating it changes nothing.
set -euo pipefail
cd "$(dirname "$0")"

[ $# -eq 3 ] || { echo "usage: entra.sh DISPLAY_NAME FUNCTION_APP_URL IDENTITY_PRINCIPAL_ID" >&2; exit 2; }
name=$1 url=${2%/} principal=$3

app=$(az ad app list --display-name "$name" --query "[0].appId" --output tsv)
if [ -z "$app" ]; then
  app=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --app-roles @entra_roles.json \
    --web-redirect-uris "$url/.auth/login/aad/callback" --enable-id-token-issuance true --query appId --output tsv)
  az ad app update --id "$app" --identifier-uris "api://$app" --output none
  az ad sp create --id "$app" --output none
  az ad sp update --id "$app" --set appRoleAssignmentRequired=true --output none  # who has no role gets no token
fi

tenant=$(az account show --query tenantId --output tsv)
if [ -z "$(az ad app federated-credential list --id "$app" --query "[?subject=='$principal'].name" --output tsv)" ]; then
  az ad app federated-credential create --id "$app" --output none --parameters "{
    \"name\": \"function-app\",
    \"issuer\": \"https://login.microsoftonline.com/$tenant/v2.0\",
    \"subject\": \"$principal\",
    \"audiences\": [\"api://AzureADTokenExchange\"]
  }"
fi
echo "$app"
