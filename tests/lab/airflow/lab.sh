#!/usr/bin/env bash
# The Airflow lab: real servers on loopback, for the live tests and for trying things out by hand.
#
#   tests/lab/airflow/lab.sh install [3] [2]   put pinned Airflows into .cache/lab (once; both by default)
#   tests/lab/airflow/lab.sh up 3|2            start one server on free ports and wait until it is healthy
#   tests/lab/airflow/lab.sh env               the variables the live tests read, for the servers that are up
#   tests/lab/airflow/lab.sh down [3|2]        stop what `up` started, and nothing else
#
# Everything lives under .cache/lab, which git ignores. Every wait has an end.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
HERE=$ROOT/tests/lab/airflow
. "$ROOT/tests/lab/common.sh"

# install_one 3|2
install_one() {
  case $1 in
    3) install_into airflow3 "Airflow $AIRFLOW3" 13 "apache-airflow==$AIRFLOW3" ;;
    2) install_into airflow2 "Airflow $AIRFLOW2" 12 "apache-airflow==$AIRFLOW2" ;;
    *) die "which Airflow? 3 or 2, not '$1'" ;;
  esac
}

# ---- start and stop ------------------------------------------------------------------------------------------------

# everything an Airflow process must see; nothing of the person's own Airflow or home
enter() {
  local major=$1 venv=$LAB/airflow$1 home=$LAB/run$1
  export HOME=$home/home AIRFLOW_HOME=$home/airflow PATH=$venv/bin:$PATH
  export AIRFLOW__CORE__DAGS_FOLDER=$home/dags AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE=False
  export AIRFLOW__LOGGING__BASE_LOG_FOLDER=$home/logs AIRFLOW__CORE__FERNET_KEY=$(cat "$home/fernet")
  export AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK=False AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC=2
  export DAGTOP_LAB_DIR=$home NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost PYTHONDONTWRITEBYTECODE=
  export AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG=64 AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
  local port; port=$(cat "$home/port")
  if [ "$major" = 3 ]; then
    export AIRFLOW__CORE__EXECUTOR=LocalExecutor AIRFLOW__CORE__PARALLELISM=4
    export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS='admin:admin,viewer:viewer,op:op'
    export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=$home/passwords.json
    export AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:$port/execution/
    export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__API__PORT=$port AIRFLOW__API__WORKERS=1 AIRFLOW__API__BASE_URL=http://127.0.0.1:$port
    export AIRFLOW__API__SECRET_KEY=$(cat "$home/secret") AIRFLOW__API_AUTH__JWT_SECRET=$(cat "$home/jwt")
    export AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=60 AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=15
    export AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES=1
  else
    export AIRFLOW__CORE__EXECUTOR=SequentialExecutor AIRFLOW__WEBSERVER__SECRET_KEY=$(cat "$home/secret")
    export AIRFLOW__API__AUTH_BACKENDS=airflow.api.auth.backend.basic_auth AIRFLOW__WEBSERVER__WORKERS=1
    export AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL=60 AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL=15 AIRFLOW__SCHEDULER__PARSING_PROCESSES=1
    export AIRFLOW__WEBSERVER__EXPOSE_CONFIG=True
  fi
}

up() {
  local major=$1 venv=$LAB/airflow$1 home=$LAB/run$1 started=$SECONDS
  [ -x "$venv/bin/airflow" ] || die "Airflow $major is not installed: tests/lab/airflow/lab.sh install $major"
  if [ -f "$home/url" ]; then
    answers "$venv" "$(cat "$home/url")$( [ "$major" = 3 ] && echo /api/v2/version || echo /api/v1/version)" && { say "Airflow $major is already up at $(cat "$home/url")"; return 0; }
  fi
  down "$major"
  rm -rf "$home"; mkdir -p "$home"/{home,airflow,logs,out,pids}; chmod 700 "$home"
  cp -r "$HERE/dags" "$home/dags"
  free_port "$venv" >"$home/port"; secret "$venv" >"$home/fernet"; secret "$venv" >"$home/secret"; secret "$venv" >"$home/jwt"
  secret "$venv" | tr -dc a-zA-Z0-9 | cut -c1-16 >"$home/password"
  local port password; port=$(cat "$home/port") password=$(cat "$home/password")
  say "starting Airflow $major on port $port"
  (
    enter "$major"
    if [ "$major" = 3 ]; then
      printf '{"admin":"%s","viewer":"%s","op":"%s"}\n' "$password" "$password" "$password" >"$home/passwords.json"
      timeout 180 airflow db migrate >"$home/out/migrate.log" 2>&1 || die "airflow db migrate failed: $(tail -3 "$home/out/migrate.log")"
      service "$home" api-server airflow api-server
      service "$home" scheduler airflow scheduler --skip-serve-logs
      service "$home" triggerer airflow triggerer --skip-serve-logs
      service "$home" dag-processor airflow dag-processor
    else
      timeout 180 airflow db migrate >"$home/out/migrate.log" 2>&1 || die "airflow db migrate failed: $(tail -3 "$home/out/migrate.log")"
        timeout 180 airflow users create -u admin -p "$password" -r Admin -f lab -l lab -e admin@localhost \
        >>"$home/out/migrate.log" 2>&1 || die "airflow users create failed: $(tail -3 "$home/out/migrate.log")"
      service "$home" webserver airflow webserver --hostname 127.0.0.1 --port "$port"
      service "$home" scheduler airflow scheduler --skip-serve-logs
    fi
    timeout 180 airflow pools set lab_slot 1 "one slot" >>"$home/out/migrate.log" 2>&1
    timeout 180 airflow variables set lab_region eu >>"$home/out/migrate.log" 2>&1
    true
  ) || { down "$major"; return 1; }
  local i api=v2; [ "$major" = 2 ] && api=v1
  for i in $(seq 1 180); do
    if answers "$venv" "http://127.0.0.1:$port/api/$api/version"; then
      echo "http://127.0.0.1:$port" >"$home/url"
      say "Airflow $major answers after $((SECONDS - started)) s"
      wait_for_dags "$major" && return 0
      break
    fi
    [ -n "$(alive "$home")" ] || break
    sleep 1
  done
  say "Airflow $major did not become healthy:"; tail -n 5 "$home"/out/*.log >&2
  down "$major"; return 1
}

# The DAG files are parsed when every DAG of the lab is listed and the scheduler's heart beats.
wait_for_dags() {
  local major=$1 venv=$LAB/airflow$1 home=$LAB/run$1
  "$venv/bin/python" - "$major" "$(cat "$home/url")" "$(cat "$home/password")" <<'PY' || return 1
import base64, json, sys, time, urllib.request
major, url, password = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def call(path, data=None, headers={}):
    req = urllib.request.Request(url + path, data=data and json.dumps(data).encode(), headers={"Content-Type": "application/json", **headers})
    return json.load(opener.open(req, timeout=30))
deadline, want, have, health = time.time() + 240, 128, 0, {}
while time.time() < deadline:
    try:
        if major == "3":
            auth = {"Authorization": "Bearer " + call("/auth/token", {"username": "admin", "password": password})["access_token"]}
            health, api = call("/api/v2/monitor/health"), "/api/v2"
        else:
            auth = {"Authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}
            health, api = call("/api/v1/health"), "/api/v1"
        have = call(api + "/dags?limit=1", headers=auth)["total_entries"]
        errors = call(api + "/importErrors", headers=auth)["total_entries"]
        if have >= want and errors >= 1 and health["scheduler"]["status"] == "healthy":
            print(f"lab: {have} DAGs parsed", file=sys.stderr); sys.exit(0)
    except Exception as e:
        health = e
    time.sleep(2)
print(f"lab: after 240 s only {have} of {want} DAGs are there; last health: {health}", file=sys.stderr); sys.exit(1)
PY
}

down() { stop_all "$LAB/run$1" "Airflow $1"; }

show_env() {
  local major home
  for major in 3 2; do
    home=$LAB/run$major
    [ -f "$home/url" ] || continue
    echo "export DAGTOP_TEST_AIRFLOW${major}_URL=$(cat "$home/url")"
    echo "export DAGTOP_TEST_AIRFLOW${major}_PASSWORD=$(cat "$home/password")"
    echo "export DAGTOP_TEST_AIRFLOW${major}_DIR=$home"
  done
}

main() {
  local verb=${1:-}; [ $# -gt 0 ] && shift
  case $verb in
    install) [ $# -gt 0 ] || set -- 3 2; local m; for m in "$@"; do install_one "$m"; done ;;
    up) up "${1:?which Airflow? 3 or 2}" ;;
    down) [ $# -gt 0 ] || set -- 3 2; local m; for m in "$@"; do down "$m"; done ;;
    env) show_env ;;
    airflow) local m=${1:?which Airflow? 3 or 2}; shift; ( enter "$m"; exec airflow "$@" ) ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
}
main "$@"
