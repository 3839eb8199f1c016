#!/usr/bin/env bash
# 100,000 simulated touchpoints in order, shuffled, each twice, and in two halves with a kill -9 between: one digest.
# The same without one that counts: another. Exits 1 where that is not so.
#
#   examples/one-digest.sh                  after `make demo`, which sets up .venv
#   CUSTOMERS=300 examples/one-digest.sh    fewer touchpoints
set -euo pipefail

cd "$(dirname "$0")/.."
read -ra journey <<< "${JOURNEY:-.venv/bin/journey}"
world=(--customers "${CUSTOMERS:-5300}" --seed 7)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

engine() { "${journey[@]}" "$@"; }

# Takes the file $2 into a folder of its own called $1, and shows the digest of it.
take_in() {
    engine ingest "$work/$2" --data "$work/$1" > /dev/null
    engine digest --data "$work/$1" | grep -v position > "$work/$1.digest"
    printf '%-28s %9d lines   marketing %.12s…   sales %.12s…\n' "$1" "$(wc -l < "$work/$2")" \
        "$(awk '/marketing/ {print $2}' "$work/$1.digest")" "$(awk '/sales/ {print $2}' "$work/$1.digest")"
}

engine simulate "${world[@]}" > "$work/feed.jsonl"
engine simulate "${world[@]}" --shuffled > "$work/shuffled.jsonl"
engine simulate "${world[@]}" --duplicates 100% --shuffled > "$work/doubled.jsonl"
take_in "in order" feed.jsonl
take_in "shuffled" shuffled.jsonl
take_in "doubled and shuffled" doubled.jsonl

# The first half, killed while it is at work; then the whole, from the start.
head -n "$(($(wc -l < "$work/feed.jsonl") / 2))" "$work/feed.jsonl" > "$work/half.jsonl"
halves="$work/two halves and a kill -9"
"${journey[@]}" ingest "$work/half.jsonl" --data "$halves" > /dev/null &
until [ -s "$halves/journey.db-wal" ] && [ "$(wc -c < "$halves/journey.db-wal")" -gt 1000000 ]; do sleep 0.01; done
kill -9 $!
wait $! 2> /dev/null || true
take_in "two halves and a kill -9" feed.jsonl

# A visit that counts, left out.
visit=$(awk '/"type":"page_view"/ && !/"bot":true|"test":true|"internal"/ {print NR; exit}' "$work/feed.jsonl")
sed "${visit}d" "$work/feed.jsonl" > "$work/less.jsonl"
take_in "without one visit" less.jsonl

for one in "shuffled" "doubled and shuffled" "two halves and a kill -9"; do
    cmp -s "$work/in order.digest" "$work/$one.digest" || { echo "$one: the digest is not that of the touchpoints in order"; exit 1; }
done
if cmp -s "$work/in order.digest" "$work/without one visit.digest"; then
    echo "one touchpoint less, and the digest is the same"
    exit 1
fi
echo "the first four are equal; one touchpoint less, and it is another"
