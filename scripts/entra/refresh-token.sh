#!/bin/sh
# Signs the partner's service account in once, for the mode gdap, and prints its refresh token.
#
#   scripts/entra/refresh-token.sh <MICROSOFT_CLIENT_ID>
#
# Needs the az CLI, signed in to the partner's tenant as an owner of the app registration, and a
# browser in which the service account signs in, with its second factor. The app has a secret for
# as long as this takes: a code is exchanged only for an app that proves who it is.
set -eu

app=${1:?"name the client id that microsoft.sh printed"}
name=refresh-token.sh
login=https://login.microsoftonline.com/$(az account show --query tenantId --output tsv)/oauth2/v2.0

forget() {
  for key in $(az ad app credential list --id "$app" --query "[?displayName=='$name'].keyId" --output tsv); do
    az ad app credential delete --id "$app" --key-id "$key"
  done
}
trap forget EXIT
secret=$(az ad app credential reset --id "$app" --append --display-name "$name" --query password --output tsv)

echo "Open this in a private window, as the service account:" >&2
echo "$login/authorize?client_id=$app&response_type=code&prompt=login&redirect_uri=https%3A%2F%2Flocalhost&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default%20offline_access" >&2
printf 'It ends at https://localhost/?code=..., which nothing answers. Paste that address here: ' >&2
read -r address
code=$(printf '%s' "$address" | sed -n 's/.*[?&]code=\([^&]*\).*/\1/p')
[ -n "$code" ] || { echo "there is no code in that address" >&2; exit 1; }

# What is secret goes through the standard input: a command's arguments can be seen by others.
token=$(printf 'client_id=%s&grant_type=authorization_code&redirect_uri=https%%3A%%2F%%2Flocalhost&code=%s' "$app" "$code" |
  { cat; printf '&client_secret='; printf '%s' "$secret" | sed 's/%/%25/g; s/&/%26/g; s/+/%2B/g'; } |
  curl --silent --show-error --data @- "$login/token" | sed -n 's/.*"refresh_token" *: *"\([^"]*\)".*/\1/p')
[ -n "$token" ] || { echo "no refresh token was given; the code is good for some minutes only" >&2; exit 1; }
printf '%s\n' "$token"
