execute="$SIDECAR/v1/execute/retail_analytics"
json="Content-Type: application/json"
statement='{"statement": "SELECT c1 FROM sys.dummy2", "format": "collection"}'

# A password of the SQL node, as without the sidecar.
curl --fail-with-body --cacert "$CA" --user "alice:$PASSWORD" -H "$json" -d "$statement" "$execute"

# A token of the provider: as a bearer token, or as the password of the user "id_token".
curl --fail-with-body --cacert "$CA" --oauth2-bearer "$ID_TOKEN" -H "$json" -d "$statement" "$execute"
curl --fail-with-body --cacert "$CA" --user "id_token:$ID_TOKEN" -H "$json" -d "$statement" "$execute"

# A session: the answer's access_token is good for eight hours, whatever the life of the ID token.
curl --fail-with-body --cacert "$CA" -H "$json" -d "{\"database\": \"retail_analytics\", \"id_token\": \"$ID_TOKEN\"}" "$SIDECAR/v1/sso_token"
