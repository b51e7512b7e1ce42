#!/usr/bin/env bash
# The Prefect lab: a real server and a runner on loopback, for the live tests and for trying things out by hand.
#
#   tests/lab/prefect/lab.sh install    put a pinned Prefect into .cache/lab (once)
#   tests/lab/prefect/lab.sh up         start server and runner on a free port and wait until both are ready
#   tests/lab/prefect/lab.sh env        the variables that the live tests read, while the server is up
#   tests/lab/prefect/lab.sh cloud      Prefect's own clients against the lab as if it were Prefect Cloud
#   tests/lab/prefect/lab.sh restart    stop the server and start it again: what a backend must survive
#   tests/lab/prefect/lab.sh down       stop what `up` started, and nothing else
#   tests/lab/prefect/lab.sh prefect .. Prefect's own command line against this server
#
# STREAM=false leaves the log stream of the server off, which is how Prefect comes.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
HERE=$ROOT/tests/lab/prefect
. "$ROOT/tests/lab/common.sh"
venv=$LAB/prefect home=$LAB/run-prefect

# everything a Prefect process must see; nothing of the person's own Prefect or home
enter() {
  local port; port=$(cat "$home/port")
  export HOME=$home/home PREFECT_HOME=$home/prefect PREFECT_API_URL=http://127.0.0.1:$port/api
  export PREFECT_API_AUTH_STRING=lab:$(cat "$home/password") PREFECT_SERVER_API_AUTH_STRING=lab:$(cat "$home/password")
  export PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1 PREFECT_SERVER_UI_ENABLED=false
  export PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED=$(cat "$home/stream") PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED=$(cat "$home/stream")
  export PREFECT_LOGGING_TO_API_BATCH_INTERVAL=1 PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS=1
  export PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS=5 PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30
  export DAGTOP_LAB_DIR=$home NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost PATH=$venv/bin:$PATH
}

cloud_url() { "$venv/bin/python" "$HERE/cloud.py" where "$(cat "$home/cloud-port")"; }
cloud() {
  ( enter; service "$home" cloud python -u "$HERE/cloud.py" serve "$(cat "$home/cloud-port")" "http://127.0.0.1:$(cat "$home/port")" \
      "$PREFECT_API_AUTH_STRING" "$(cat "$home/key")" )
}

server() { ( enter; service "$home" server prefect server start --host 127.0.0.1 --port "$(cat "$home/port")" ); }

up() {
  [ -x "$venv/bin/prefect" ] || die "Prefect is not installed: tests/lab/prefect/lab.sh install"
  local started=$SECONDS port
  if [ -f "$home/url" ] && answers "$venv" "$(cat "$home/url")/api/health"; then
    say "Prefect is already up at $(cat "$home/url")"; return 0
  fi
  stop_all "$home" Prefect
  rm -rf "$home"; mkdir -p "$home"/{home,prefect,out,pids}; chmod 700 "$home"
  cp "$HERE/flows.py" "$home/flows.py"
  port=$(free_port "$venv"); echo "$port" >"$home/port"; echo "${STREAM:-true}" >"$home/stream"
  secret "$venv" | tr -dc a-zA-Z0-9 | cut -c1-16 >"$home/password"
  secret "$venv" | tr -dc a-zA-Z0-9 | cut -c1-32 >"$home/key"
  say "starting Prefect on port $port"
  server
  wait_for "the server" 120 answers "$venv" "http://127.0.0.1:$port/api/health" || { stop_all "$home" Prefect; return 1; }
  ( enter; service "$home" runner python -u "$home/flows.py" )
  wait_for "the runner" 120 grep -aqs "are being served" "$home/out/runner.log" || { stop_all "$home" Prefect; return 1; }
  free_port "$venv" >"$home/cloud-port"
  cloud
  echo "http://127.0.0.1:$port" >"$home/url"
  say "Prefect is ready after $((SECONDS - started)) s"
}

restart() {
  local p i; p=$(cat "$home/pids/server")
  ours "$home" "$p" && kill -TERM -- "-$p"
  for i in $(seq 1 40); do kill -0 -- "-$p" 2>/dev/null || break; sleep 0.25; done
  kill -KILL -- "-$p" 2>/dev/null
  sleep "${1:-0}"
  server
  wait_for "the server" 120 answers "$venv" "$(cat "$home/url")/api/health"
}

show_env() {
  [ -f "$home/url" ] || return 0
  echo "export DAGTOP_TEST_PREFECT_URL=$(cat "$home/url")"
  echo "export DAGTOP_TEST_PREFECT_PASSWORD=$(cat "$home/password")"
  echo "export DAGTOP_TEST_PREFECT_CLOUD_URL=$(cloud_url)"
  echo "export DAGTOP_TEST_PREFECT_KEY=$(cat "$home/key")"
  echo "export DAGTOP_TEST_PREFECT_DIR=$home"
}

case ${1:-} in
  install) install_into prefect "Prefect $PREFECT" 13 "prefect==$PREFECT" "${PREFECT_WITH[@]}" ;;
  up) up ;;
  env) show_env ;;
  cloud) enter; exec python "$HERE/cloud.py" check "$(cloud_url)" "$(cat "$home/key")" hello/prod ;;
  restart) restart "${2:-0}" ;;
  down) stop_all "$home" Prefect ;;
  prefect) shift; enter; exec prefect "$@" ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
