#!/usr/bin/env bash
# Makes the least role that role.csv lists, the application user of the app's identity, and gives it that role alone.
# Needs `az login` as somebody who is System Administrator in that environment. Repeating it changes nothing.
set -euo pipefail
cd "$(dirname "$0")"

[ $# -eq 2 ] || { echo "usage: role.sh https://ORG.crm4.dynamics.com CLIENT_ID_OF_THE_IDENTITY" >&2; exit 2; }
url=${1%/} client=$2 role_name="SAP sync"
api=$url/api/data/v9.2

ask() { # set, filter, column
  az rest --method get --resource "$url" --url "$api/$1" --url-parameters "\$filter=$2" "\$select=$3" \
    --query "value[0].$3" --output tsv
}

post() { # path, body
  az rest --method post --resource "$url" --url "$api/$1" --body "$2" --headers Content-Type=application/json --output none
}

unit=$(ask businessunits "parentbusinessunitid eq null" businessunitid)
by_name="name eq '$role_name' and _businessunitid_value eq $unit"
role=$(ask roles "$by_name" roleid)
if [ -z "$role" ]; then
  post roles "{\"name\": \"$role_name\", \"businessunitid@odata.bind\": \"/businessunits($unit)\"}"
  role=$(ask roles "$by_name" roleid)
fi

privileges=""
while IFS=, read -r privilege depth _; do
  id=$(ask privileges "name eq '$privilege'" privilegeid)
  [ -n "$id" ] || { echo "role: this environment has no privilege $privilege" >&2; exit 1; }
  privileges+="${privileges:+, }{\"Depth\": \"$depth\", \"PrivilegeId\": \"$id\", \"BusinessUnitId\": \"$unit\"}"
done < <(tail -n +2 role.csv)
post "roles($role)/Microsoft.Dynamics.CRM.ReplacePrivilegesRole" "{\"Privileges\": [$privileges]}"

user=$(ask systemusers "applicationid eq $client" systemuserid)
if [ -z "$user" ]; then
  post systemusers "{\"applicationid\": \"$client\", \"businessunitid@odata.bind\": \"/businessunits($unit)\"}"
  user=$(ask systemusers "applicationid eq $client" systemuserid)
fi
post "systemusers($user)/systemuserroles_association/\$ref" "{\"@odata.id\": \"$api/roles($role)\"}"
echo "application user $user has the role $role_name"
