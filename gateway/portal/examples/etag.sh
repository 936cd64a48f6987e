ETAG=$(curl -sS -o /dev/null -w '%header{etag}' \
  "$BASE/gateway/v1/webhooks/$WEBHOOK" -H "Authorization: Bearer $TOKEN")

ETAG=$(curl -sS -o /dev/null -w '%header{etag}' \
  -X PATCH "$BASE/gateway/v1/webhooks/$WEBHOOK" \
  -H "Authorization: Bearer $TOKEN" \
  -H "If-Match: $ETAG" \
  -H 'Content-Type: application/json' \
  -d '{"state": "PAUSED"}')

curl -sS -w '%{http_code}\n' \
  -X DELETE "$BASE/gateway/v1/webhooks/$WEBHOOK" \
  -H "Authorization: Bearer $TOKEN" \
  -H "If-Match: $ETAG"
