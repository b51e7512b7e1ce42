#!/usr/bin/env bash
# Jobs in shell that fail, each in its own way: shell_jobs.sh NAME. What they need is in the environment.
set -uo pipefail
NAME=$1
cd "$JOB_DIR"

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*"; }
noise() {
  say "=== $NAME on $(date +%F)"
  case $((${#NAME} % 4)) in
    0) say "INFO  cache warm: 12 entries, 0 errors" ;;
    1) say "WARN  mirror a.example timed out, using mirror b (1 of 3)"; say "INFO  lock acquired" ;;
    2) [ -e /etc/etl.conf ] || say "WARN  /etc/etl.conf: not there, using defaults"; set -x ;;
    3) for i in 1 2 3; do say "extract part $i/3 ok, 0 rejected"; done ;;
  esac
}
finish() {
  local code=$?
  set +x
  [ "$code" = 0 ] && { say "done, exit 0"; return; }
  case $((${#NAME} % 3)) in
    0) rm /srv/etl/etl.lock; say "ERROR job $NAME failed with exit code $code" ;;
    1) say "retrying in 60 s (2 attempts left)"; say "giving up after 3 attempts"; echo "make: *** [Makefile:12: load] Error $code" ;;
    2) say "ERROR: Process completed with exit code $code."; say "notify: curl to hooks.example failed (ignored)" ;;
  esac
}
trap finish EXIT
noise

psql_() { psql -X -v ON_ERROR_STOP=1 "$@"; }

case $NAME in
  prep_command) load_warehouse --date 2026-11-26 || exit ;;
  prep_unbound) echo "rate is $RATE" ;;
  prep_syntax) printf 'for f in a b; do\n  echo $f\nfi\n' >step.sh; bash step.sh || exit ;;
  prep_sql_syntax) printf 'select id,\n  sum(amount)\nfrm orders group by 1;\n' >q.sql; psql_ "$PG_URL" -f q.sql || exit ;;
  prep_interpreter) printf '#!/opt/python9/bin/python\n' >run.py; chmod +x run.py; ./run.py || exit ;;
  prep_option) sort --by-key data.csv || exit ;;
  prep_java_class) java -cp . com.example.etl.LoadOrders || exit ;;
  prep_group_by) psql_ "$PG_URL" -c "create temp table o(r text, a int); select r, sum(a) from o" || exit ;;
  definition_function) psql_ "$PG_URL" -c "select shared_fx_rate('EUR', current_date)" || exit ;;
  definition_library) printf 'to_eur() { convert_currency "$1" EUR; }\n' >lib.sh; printf '. ./lib.sh\nto_eur 12\n' >step.sh; bash step.sh || exit ;;
  data_invalid) psql_ "$PG_URL" -c "create temp table s(v text); insert into s values ('12'),('12,50'); select v::numeric from s" || exit ;;
  data_copy) printf '1,2\n3,4,5\n' >in.csv; psql_ "$PG_URL" -c "create temp table s(a int, b int)" -c "\\copy s from in.csv csv" || exit ;;
  data_column) sqlite3 w.db "create table orders(id, total_eur); select id, total from orders;" || exit ;;
  data_date) psql_ "$PG_URL" -c "select '2026-02-31'::date" || exit ;;
  data_jq) printf '{"rows": [1, 2' >in.json; python3 -c 'import json; json.load(open("in.json"))' || exit ;;
  write_unique) psql_ "$PG_URL" -c "create temp table o(id int primary key)" -c "insert into o values (1)" -c "insert into o values (1)" || exit ;;
  write_sqlite_unique) sqlite3 w.db "create table o(id integer primary key); insert into o values(1); insert into o values(1);" || exit ;;
  write_sqlite_readonly) sqlite3 w.db "create table o(id)"; sqlite3 -readonly w.db "insert into o values(1)" || exit ;;
  write_exists) psql_ "$PG_URL" -c "create table if not exists tgt(id int)"; psql_ "$PG_URL" -c "create table tgt(id int)" || exit ;;
  write_columns) sqlite3 w.db "create table o(a, b); insert into o values(1, 2, 3);" || exit ;;
  write_mkdir) mkdir out; mkdir out || exit ;;
  write_check) psql_ "$PG_URL" -c "create temp table o(n int check (n > 0))" -c "insert into o values (-1)" || exit ;;
  resources_disk) seq 1 1000000 >/dev/full || exit ;;
  resources_killed) bash -c 'echo "sorting 80 GB"; kill -9 $$'; code=$?; say "sort ended with $code"; (exit $code) || exit ;;
  resources_memory) (ulimit -v 200000; sort --buffer-size=1G /dev/zero) || exit ;;
  resources_heap) printf 'import java.util.*;\nclass Load { public static void main(String[] a) { List<long[]> l = new ArrayList<>(); while (true) l.add(new long[1 << 20]); } }\n' >Load.java; java -Xmx64m Load.java || exit ;;
  resources_args) /bin/echo $(seq 1 500000) >/dev/null || exit ;;
  timeout_timeout) timeout 0.5 sleep 10; code=$?; say "load ended with exit code $code"; (exit $code) || exit ;;
  timeout_psql) PGOPTIONS='-c statement_timeout=300' psql_ "$PG_URL" -c "select count(*), pg_sleep(9)" || exit ;;
  timeout_curl) curl -sS -m 1 "$HTTP/slow" || exit ;;
  dependency_dns) curl -sS http://warehouse.invalid/export || exit ;;
  dependency_refused) curl -sS http://127.0.0.1:1/export || exit ;;
  dependency_psql) psql_ "host=127.0.0.1 port=1 dbname=dwh" -c "select 1" || exit ;;
  dependency_503) curl -sS --fail "$HTTP/503" || exit ;;
  dependency_tls) curl -sS "$HTTPS/export" || exit ;;
  dependency_reset) curl -sS "$HTTP/reset" || exit ;;
  credentials_psql) PGPASSWORD=wrong psql_ "${PG_URL/etl:etl/reader:wrong}" -c "select 1" || exit ;;
  credentials_401) curl -sS --fail "$HTTP/401" || exit ;;
  credentials_file) setpriv --reuid 65534 --clear-groups cat /etc/shadow || exit ;;
  credentials_table) psql_ "$PG_URL" -c "set role reader" -c "select * from payroll" || exit ;;
  credentials_exec) printf 'echo\n' >load; chmod 600 load; setpriv --reuid 65534 --clear-groups bash -c ./load || exit ;;
  missing_input_file) cat raw/orders-2026-11-26.csv | wc -l || exit ;;
  missing_input_table) psql_ "$PG_URL" -c "insert into mart select * from staging.orders_2026_11_26" || exit ;;
  missing_input_sqlite) sqlite3 w.db "select count(*) from customers" || exit ;;
  missing_input_wait) for i in 1 2 3; do say "waiting for landing/orders_20261126.csv ($i/3)"; sleep 0.1; done; say "ERROR upstream file landing/orders_20261126.csv has not arrived"; exit 4 ;;
  missing_input_curl) curl -sS --fail "$HTTP/404" || exit ;;
  quality_rows) n=$(printf '1\n2\n' | wc -l); [ "$n" -ge 100 ] || { say "ERROR data quality: expected at least 100 rows in orders, got $n"; exit 5; } ;;
  quality_check) say "check orders.amount >= 0: ok"; say "check orders.customer_id not null: 41 rows failed"; say "ERROR 1 of 2 data quality checks failed"; exit 5 ;;
  code_segfault) bash -c 'kill -SEGV $$'; code=$?; (exit $code) || exit ;;
  code_division) bash -c 'rows=0; echo $((100 / rows))' || exit ;;
  code_java) printf 'class Load { static String s; public static void main(String[] a) { System.out.println("batch 1 ok"); s.length(); } }\n' >Load.java; java Load.java || exit ;;
  code_java_caused) printf 'class Load { static void f() { try { int[] r = new int[3]; r[7] = 1; } catch (RuntimeException e) { throw new IllegalStateException("stage merge failed", e); } }\n public static void main(String[] a) { f(); } }\n' >Load.java; java Load.java || exit ;;
  stopped_term) sleep 20 & pid=$!; (sleep 0.3; kill -TERM $pid) & wait $pid; code=$?; say "load was ended by SIGTERM, exit code $code"; (exit $code) || exit ;;
  stopped_int) bash -c 'trap "echo caught SIGINT, leaving; exit 130" INT; (sleep 0.3; kill -INT $$) & for i in 1 2 3 4 5 6; do sleep 0.2; done' || exit ;;
  stopped_psql) (sleep 0.7; psql -X -q "$PG_URL" -c "select pg_cancel_backend(pid) from pg_stat_activity where query like '%sleep_for_cancel%' and pid <> pg_backend_pid()" >/dev/null) & psql_ "$PG_URL" -c "select pg_sleep(5) as sleep_for_cancel" || exit ;;
  fine_shell) say "0 errors, 0 warnings"; say "WARN  slow answer (timeout is 30 s)" ;;
  fine_retry) curl -sS --fail "$HTTP/503" || { say "WARN  retrying in 1 s"; curl -sS --fail "$HTTP/ok"; echo; } ; say "load completed successfully" ;;
  fine_grep) say "INFO  grep for failed rows: none"; say "INFO  killed_jobs=0 evicted=0 denied=0" ;;
  *) echo "no such job: $NAME" >&2; exit 2 ;;
esac
