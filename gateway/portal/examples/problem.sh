curl -sS "$BASE/catalog/v1/resources/no-id" \
  -H "Authorization: Bearer $TOKEN" -H 'Accept-Language: en'
