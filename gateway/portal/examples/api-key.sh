curl -sS "$BASE/catalog/v1/resources?limit=2" \
  -H "X-Api-Key: $API_KEY"
