#!/usr/bin/env bash
# The Dagster lab: a real webserver and daemon on loopback, for the live tests and for trying things out by hand.
#
#   tests/lab/dagster/lab.sh install    put a pinned Dagster into .cache/lab (once)
#   tests/lab/dagster/lab.sh up         start both, and a webserver that only reads, on free ports; wait until all are ready
#   tests/lab/dagster/lab.sh env        the variables that the live tests read, while the servers are up
#   tests/lab/dagster/lab.sh restart    stop the webserver and start it again: what a backend must survive
#   tests/lab/dagster/lab.sh down       stop what `up` started, and nothing else
#   tests/lab/dagster/lab.sh dagster .. Dagster's own command line against this instance
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
HERE=$ROOT/tests/lab/dagster
. "$ROOT/tests/lab/common.sh"
venv=$LAB/dagster home=$LAB/run-dagster

# everything a Dagster process must see; nothing of the person's own Dagster or home
enter() {
  export HOME=$home/home DAGSTER_HOME=$home/dagster DO_NOT_TRACK=1 PYTHONUNBUFFERED=1
  export DAGTOP_LAB_DIR=$home NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost PATH=$venv/bin:$PATH
  cd "$home/code" || exit 1
}

# webserver NAME PORT OPTIONS..
webserver() {
  local name=$1 port=$2; shift 2
  ( enter; service "$home" "$name" dagster-webserver --host 127.0.0.1 --port "$port" --workspace workspace.yaml "$@" )
}

up() {
  [ -x "$venv/bin/dagster" ] || die "Dagster is not installed: tests/lab/dagster/lab.sh install"
  local started=$SECONDS port
  if [ -f "$home/url" ] && answers "$venv" "$(cat "$home/url")/server_info"; then
    say "Dagster is already up at $(cat "$home/url")"; return 0
  fi
  stop_all "$home" Dagster
  rm -rf "$home"; mkdir -p "$home"/{home,dagster,code,out,pids}; chmod 700 "$home"
  cp "$HERE"/{definitions.py,broken.py,workspace.yaml} "$home/code/"
  cp "$HERE/dagster.yaml" "$home/dagster/"
  for name in port reader; do free_port "$venv" >"$home/$name"; done
  say "starting Dagster on port $(cat "$home/port")"
  webserver webserver "$(cat "$home/port")"
  wait_for "the webserver" 180 answers "$venv" "http://127.0.0.1:$(cat "$home/port")/server_info" || { stop_all "$home" Dagster; return 1; }
  ( enter; service "$home" daemon dagster-daemon run --workspace workspace.yaml )
  webserver reader "$(cat "$home/reader")" --read-only
  wait_for "the reader" 180 answers "$venv" "http://127.0.0.1:$(cat "$home/reader")/server_info" || { stop_all "$home" Dagster; return 1; }
  wait_for "the daemon" 180 daemon_beats || { stop_all "$home" Dagster; return 1; }
  echo "http://127.0.0.1:$(cat "$home/port")" >"$home/url"
  say "Dagster is ready after $((SECONDS - started)) s"
}

daemon_beats() {
  "$venv/bin/python" - "http://127.0.0.1:$(cat "$home/port")/graphql" <<'PY'
import json, sys, urllib.request
query = {"query": "{instance{daemonHealth{allDaemonStatuses{daemonType healthy}}}}"}
request = urllib.request.Request(sys.argv[1], json.dumps(query).encode(), {"content-type": "application/json"})
answer = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10))
beats = {d["daemonType"]: d["healthy"] for d in answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]}
sys.exit(0 if beats.get("QUEUED_RUN_COORDINATOR") and beats.get("SENSOR") else 1)
PY
}

# the webserver alone: runs go on without it
restart() {
  local p i; p=$(cat "$home/pids/webserver")
  ours "$home" "$p" && kill -TERM -- "-$p"
  for i in $(seq 1 40); do kill -0 -- "-$p" 2>/dev/null || break; sleep 0.25; done
  kill -KILL -- "-$p" 2>/dev/null
  sleep "${1:-0}"
  webserver webserver "$(cat "$home/port")"
  wait_for "the webserver" 180 answers "$venv" "$(cat "$home/url")/server_info"
}

show_env() {
  [ -f "$home/url" ] || return 0
  echo "export DAGTOP_TEST_DAGSTER_URL=$(cat "$home/url")"
  echo "export DAGTOP_TEST_DAGSTER_READER=http://127.0.0.1:$(cat "$home/reader")"
  echo "export DAGTOP_TEST_DAGSTER_DIR=$home"
}

case ${1:-} in
  install) install_into dagster "Dagster $DAGSTER" 13 "dagster==$DAGSTER" "dagster-webserver==$DAGSTER" ;;
  up) up ;;
  env) show_env ;;
  restart) restart "${2:-0}" ;;
  down) stop_all "$home" Dagster ;;
  dagster) shift; enter; exec dagster "$@" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
