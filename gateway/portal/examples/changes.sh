touch changes.cursor
CURSOR=$(cat changes.cursor)
PAGE=$(curl -sS -G "$BASE/catalog/v1/changes" -d limit=1000 \
  ${CURSOR:+--data-urlencode "cursor=$CURSOR"})
echo "$PAGE" | jq -c '.items[]'
echo "$PAGE" | jq -r .next > changes.cursor
