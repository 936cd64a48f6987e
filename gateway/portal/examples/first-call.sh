curl -sS "$BASE/catalog/v1/resources?limit=2" \
  -H "Authorization: Bearer $TOKEN"
