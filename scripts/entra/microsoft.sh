#!/bin/sh
# Makes the app registration that reads customers' tenants, with the least permissions.
#
#   scripts/entra/microsoft.sh app_only|gdap [identity's principal id]
#
# Needs the az CLI, signed in to the partner's tenant as somebody who may make app registrations and
# consent. Prints MICROSOFT_TENANT_ID and MICROSOFT_CLIENT_ID, and the consent link for a customer.
set -eu

mode=${1:?"say app_only or gdap"}
identity=${2:-}
name=${MICROSOFT_NAME:-Seatsync reader}
graph=00000003-0000-0000-c000-000000000000

case $mode in
  app_only) kind=appRoles; type=Role ;;
  gdap) kind=oauth2PermissionScopes; type=Scope ;;
  *) echo "say app_only or gdap" >&2; exit 2 ;;
esac

app=$(az ad app list --display-name "$name" --query '[0].appId' --output tsv)
if [ -z "$app" ]; then
  app=$(az ad app create --display-name "$name" --sign-in-audience AzureADMultipleOrgs \
    --web-redirect-uris https://localhost --query appId --output tsv)
fi
az ad sp show --id "$app" --output none 2>/dev/null || az ad sp create --id "$app" --output none

# What each is for is in docs/entra.md.
for permission in Organization.Read.All Directory.Read.All User.Read.All GroupMember.Read.All; do
  id=$(az ad sp show --id "$graph" --query "$kind[?value=='$permission'].id | [0]" --output tsv)
  az ad app permission add --id "$app" --api "$graph" --api-permissions "$id=$type" --output none \
    2>/dev/null
done
az ad app permission admin-consent --id "$app"

tenant=$(az account show --query tenantId --output tsv)
if [ -n "$identity" ]; then
  az ad app federated-credential create --id "$app" --output none --parameters "{
    \"name\": \"seatsync\", \"subject\": \"$identity\",
    \"issuer\": \"https://login.microsoftonline.com/$tenant/v2.0\",
    \"audiences\": [\"api://AzureADTokenExchange\"]}" 2>/dev/null || true
fi

echo "MICROSOFT_TENANT_ID=$tenant"
echo "MICROSOFT_CLIENT_ID=$app"
echo "Each customer's admin consents once at:" >&2
echo "https://login.microsoftonline.com/<customer's tenant>/adminconsent?client_id=$app" >&2
