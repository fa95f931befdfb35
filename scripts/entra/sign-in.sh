#!/bin/sh
# Makes the app registration that people sign in to, with Seatsync's three roles.
#
#   scripts/entra/sign-in.sh https://func-seatsync-….azurewebsites.net [identity's principal id]
#
# Before the first deployment give any address; run it again with the real one afterwards. Needs the az
# CLI, signed in as somebody who may make app registrations. Prints SIGN_IN_CLIENT_ID.
set -eu

url=${1:?"give the app's address, such as https://func-seatsync-example.azurewebsites.net"}
identity=${2:-}
name=${SIGN_IN_NAME:-Seatsync}

roles=$(cat <<'JSON'
[
  {"allowedMemberTypes": ["User", "Application"], "displayName": "Viewer", "isEnabled": true,
   "description": "Sees everything, changes nothing.", "value": "Seatsync.Viewer",
   "id": "3f2cbd1e-2f3e-4a59-9d4c-0c6f6c0b6a01"},
  {"allowedMemberTypes": ["User", "Application"], "displayName": "Editor", "isEnabled": true,
   "description": "Maps licences, syncs and approves.", "value": "Seatsync.Editor",
   "id": "3f2cbd1e-2f3e-4a59-9d4c-0c6f6c0b6a02"},
  {"allowedMemberTypes": ["User", "Application"], "displayName": "Admin", "isEnabled": true,
   "description": "Also settings, connections, global exclusions and the configuration.",
   "value": "Seatsync.Admin", "id": "3f2cbd1e-2f3e-4a59-9d4c-0c6f6c0b6a03"}
]
JSON
)

app=$(az ad app list --display-name "$name" --query '[0].appId' --output tsv)
if [ -z "$app" ]; then
  app=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg \
    --query appId --output tsv)
fi
az ad app update --id "$app" --app-roles "$roles" --enable-id-token-issuance true \
  --identifier-uris "api://$app" \
  --web-redirect-uris "$url/.auth/login/aad/callback" --web-home-page-url "$url"
az ad sp show --id "$app" --output none 2>/dev/null || az ad sp create --id "$app" --output none
# Only people and programs that were given a role come in.
az ad sp update --id "$app" --set appRoleAssignmentRequired=true

if [ -n "$identity" ]; then
  tenant=$(az account show --query tenantId --output tsv)
  az ad app federated-credential create --id "$app" --output none --parameters "{
    \"name\": \"seatsync-sign-in\", \"subject\": \"$identity\",
    \"issuer\": \"https://login.microsoftonline.com/$tenant/v2.0\",
    \"audiences\": [\"api://AzureADTokenExchange\"]}" 2>/dev/null || true
fi

echo "SIGN_IN_CLIENT_ID=$app"
echo "Give people a role: Entra admin center, Enterprise applications, $name, Users and groups." >&2
