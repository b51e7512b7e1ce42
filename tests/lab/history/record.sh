#!/usr/bin/env bash
# Makes tests/fixtures/history anew: two pipelines of real work, run one after the other for so long, and what
# `dagtop export` tells of them. What else the machine does meanwhile is in their durations, as in life.
#
#   tests/lab/history/record.sh [SECONDS]     3600 without; DAGTOP is the program [target/release/dagtop]
set -eu
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
program=${DAGTOP:-$ROOT/target/release/dagtop}
home=$(mktemp -d)
serve=
trap '[ -z "$serve" ] || kill "$serve"; rm -rf "$home"' EXIT
export HOME=$home WORK=$home/work
unset XDG_CONFIG_HOME XDG_STATE_HOME DAGTOP_CONFIG
mkdir -p "$WORK" "$home/.config/dagtop"
cp "$ROOT/tests/lab/history/extract.py" "$WORK"
printf '[[backend]]\nname = "real"\nkind = "local"\npipelines = ["%s/*.toml"]\n' "$ROOT/tests/lab/history" >"$home/.config/dagtop/config.toml"
"$program" serve 2>"$home/serve" &
serve=$!
end=$(($(date +%s) + ${1:-3600}))
while [ "$(date +%s)" -lt "$end" ]; do
  for pipeline in orders search; do
    "$program" act trigger "real/$pipeline" --yes >/dev/null 2>&1
    sleep 11
  done
done
# what was told last is kept within a few seconds
sleep 5
kill "$serve"; wait "$serve" || true; serve=
mkdir -p "$ROOT/tests/fixtures/history"
for what in runs nodes; do
  "$program" export "$what" --format csv >"$ROOT/tests/fixtures/history/$what.csv"
done
