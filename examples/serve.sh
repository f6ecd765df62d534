#!/usr/bin/env bash
# Serves a new database, delivers some reports by hand and a signed issue of GitHub, and shows their groups.
# Usage: examples/serve.sh [path of the soulcaster binary]
set -euo pipefail
cd "$(dirname "$0")/.."
soulcaster=${1:-soulcaster}
work=$(mktemp -d)
export SOULCASTER_DB=$work/demo.db

"$soulcaster" serve --listen 127.0.0.1:0 --group-after 0 2>"$work/log" &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$work"' EXIT
until url=$(sed -n 's/^listening on //p' "$work/log") && test -n "$url"; do sleep 0.1; kill -0 $server; done

key=$("$soulcaster" keys create --quiet)
hook=$(printf hook-secret | "$soulcaster" sources add github --secret-file - --quiet | sed -n 's/^deliver to //p')

issue=soulcaster-sources/fixtures/github/issues.opened.json
signature=$(openssl dgst -sha256 -hmac hook-secret <"$issue" | sed 's/.* //')
ask=(curl --silent --show-error --fail)
mine=(-H "Authorization: Bearer $key")
for text in "README spells commit with two t's" "The app crashes when I log in" "Login crashes the app" \
  "Spelling error in the README: commit"; do
  "${ask[@]}" "${mine[@]}" "$url/ingest/manual" -d "{\"text\": \"$text\"}"
  echo
done
"${ask[@]}" "$url$hook" -H 'X-GitHub-Event: issues' -H "X-Hub-Signature-256: sha256=$signature" --data-binary "@$issue"
echo

for _ in $(seq 100); do
  status=$("${ask[@]}" "${mine[@]}" "$url/clustering/status")
  case $status in *'"pending_unclustered":0,"is_clustering":false'*) break ;; esac
  sleep 0.1
done
"$soulcaster" clusters
"${ask[@]}" "${mine[@]}" "$url/clusters"
echo
