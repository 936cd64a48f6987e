curl -sS -o /dev/null -D - "$BASE/catalog/v1/resources?limit=1" \
  -H "Authorization: Bearer $TOKEN" | grep -i '^ratelimit'

curl -sS "$BASE/gateway/v1/quota" \
  -H "Authorization: Bearer $TOKEN"
