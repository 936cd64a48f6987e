KEY=$(openssl rand -hex 16)
for attempt in 1 2; do
  WEBHOOK=$(curl -sS "$BASE/gateway/v1/webhooks" \
    -H "Authorization: Bearer $TOKEN" \
    -H "Idempotency-Key: $KEY" \
    -H 'Content-Type: application/json' \
    -d '{"name": "sync", "url": "'"$WEBHOOK_URL"'",
         "event_types": ["catalog.resource.published.v1"]}' | jq -r .id)
  echo "$WEBHOOK"
done
