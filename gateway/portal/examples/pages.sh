NEXT=
while :; do
  PAGE=$(curl -sS -G "$BASE/catalog/v1/resources" -d limit=100 \
    ${NEXT:+--data-urlencode "cursor=$NEXT"} \
    -H "Authorization: Bearer $TOKEN")
  echo "$PAGE" | jq -r '.items[].id'
  NEXT=$(echo "$PAGE" | jq -r '.next // empty')
  [ -n "$NEXT" ] || break
done
