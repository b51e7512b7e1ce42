#!/usr/bin/env bash
# The dbt lab: a real dbt with DuckDB, for the live tests and for trying things out by hand. No server.
#
#   tests/lab/dbt/lab.sh install        put the pinned dbt into .cache/lab (once)
#   tests/lab/dbt/lab.sh new [DIR]      a fresh copy of the project, ready to run; says where
#   tests/lab/dbt/lab.sh env            the variables the live tests read
#   tests/lab/dbt/lab.sh dbt ARGS       that dbt
#
# Everything lives under .cache/lab, which git ignores.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
HERE=$ROOT/tests/lab/dbt
. "$ROOT/tests/lab/common.sh"
VENV=$LAB/dbt
export DBT_SEND_ANONYMOUS_USAGE_STATS=false

new() {
  local dir=${1:-$CACHE/lab/dbt-shop}
  [ -x "$VENV/bin/dbt" ] || die "dbt is not installed: tests/lab/dbt/lab.sh install"
  rm -rf "$dir"; mkdir -p "$dir"
  cp -r "$HERE/project/." "$dir/"; cp -r "$HERE/calendar" "$dir/calendar"
  (cd "$dir" && "$VENV/bin/dbt" --quiet deps --profiles-dir .) || die "dbt deps failed"
  echo "$dir"
}

main() {
  local verb=${1:-}; [ $# -gt 0 ] && shift
  case $verb in
    install) install_into dbt dbt 13 "${DBT[@]}" ;;
    new) new "$@" ;;
    env)
      echo "export DAGTOP_TEST_DBT=$VENV/bin/dbt"
      echo "export DAGTOP_TEST_DBT_LAB=$HERE/lab.sh"
      ;;
    dbt) exec "$VENV/bin/dbt" "$@" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
}
main "$@"
