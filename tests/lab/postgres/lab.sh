#!/usr/bin/env bash
# The PostgreSQL lab: a real server on loopback with passwords (scram) and TLS, which several programs can share.
#
#   tests/lab/postgres/lab.sh install   Debian's server, when none of the pinned major is there
#   tests/lab/postgres/lab.sh up        start it on a free port and wait until it answers
#   tests/lab/postgres/lab.sh env       the variables that the live tests read, while it is up
#   tests/lab/postgres/lab.sh halt      stop the server as a machine that goes down does; what it holds stays
#   tests/lab/postgres/lab.sh go        start it again on the same port
#   tests/lab/postgres/lab.sh down      stop what `up` started, and nothing else
#
# Everything lives under .cache/lab, which git ignores. The server refuses to run as root: then it runs as `postgres`.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
. "$ROOT/tests/lab/common.sh"
home=$LAB/run-postgres
# the pinned major; on another Debian the one that it has
server() { bin=/usr/lib/postgresql/$POSTGRES/bin; [ -x "$bin/postgres" ] || bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1); [ -x "$bin/postgres" ]; }
server

install() {
  server || debian "postgresql-$POSTGRES" || debian postgresql || die "could not install PostgreSQL"
  command -v openssl >/dev/null || debian openssl || die "could not install openssl"
  command -v python3 >/dev/null || debian python3
}

# as the user that the server runs as
as_server() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups env HOME="$home" "$@"; else "$@"; fi
}

port() { cat "$home/port"; }
# where the server keeps its files
work() { cat "$home/work"; }
ready() { "$bin/pg_isready" -q -h 127.0.0.1 -p "$(port)"; }

# a certificate authority, and the server's certificate for 127.0.0.1 and localhost
certificates() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=dagtop-lab-ca -keyout "$home/ca.key" -out "$home/ca.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$home/server.key" -out "$home/server.csr"
  openssl x509 -req -in "$home/server.csr" -CA "$home/ca.pem" -CAkey "$home/ca.key" -CAcreateserial -days 30 -out "$home/server.pem" \
    -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n')
}

start_server() {
  export DAGTOP_LAB_DIR=$home
  if [ "$(id -u)" = 0 ]; then
    service "$home" postgres setpriv --reuid=postgres --regid=postgres --init-groups env HOME="$(work)" "$bin/postgres" -D "$(work)/data"
  else
    service "$home" postgres "$bin/postgres" -D "$(work)/data"
  fi
  wait_for PostgreSQL 30 ready
}

up() {
  [ -x "$bin/postgres" ] || die "not installed: tests/lab/postgres/lab.sh install"
  stop_all "$home" PostgreSQL
  rm -rf "$home"; mkdir -p "$home"/{out,pids}
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' >"$home/port"
  (umask 077; python3 -c 'import secrets; print(secrets.token_hex(12))' >"$home/password")
  certificates >"$home/out/certificates.log" 2>&1 || { tail -n 5 "$home/out/certificates.log" >&2; die "no certificates"; }
  chmod 600 "$home/server.key"
  local work=$home
  if [ "$(id -u)" = 0 ]; then
    chown -R postgres:postgres "$home"
    if ! as_server test -x "$home"; then
      # a folder above is closed to that user
      work=$(mktemp -d) || die "no folder for the server"
      cp "$home"/{password,server.pem,server.key} "$work"
      chown -R postgres:postgres "$work"
    fi
  fi
  echo "$work" >"$home/work"
  as_server "$bin/initdb" -D "$work/data" -U dagtop --pwfile="$work/password" -A scram-sha-256 -E UTF8 --locale=C.UTF-8 >"$home/out/initdb.log" 2>&1 \
    || { tail -n 5 "$home/out/initdb.log" >&2; die "initdb failed"; }
  as_server tee -a "$work/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $(port)
unix_socket_directories = ''
ssl = on
ssl_cert_file = '$work/server.pem'
ssl_key_file = '$work/server.key'
max_connections = 60
CONF
  start_server || { stop_all "$home" PostgreSQL; return 1; }
  echo "postgres://dagtop:$(cat "$home/password")@127.0.0.1:$(port)/postgres" >"$home/url"
  say "PostgreSQL is ready on port $(port)"
}

down() {
  stop_all "$home" PostgreSQL
  local work; work=$(work 2>/dev/null) || return 0
  [ "$work" = "$home" ] || rm -rf "$work"
}

main() {
  case ${1:-} in
    install) install ;;
    up) up ;;
    env)
      [ -f "$home/url" ] || die "nothing is up: tests/lab/postgres/lab.sh up"
      echo "export DAGTOP_TEST_POSTGRES=$(cat "$home/url")"
      echo "export DAGTOP_TEST_POSTGRES_CA=$home/ca.pem"
      echo "export DAGTOP_TEST_POSTGRES_LAB=$ROOT/tests/lab/postgres/lab.sh"
      ;;
    halt)
      [ -f "$home/url" ] || die "nothing is up: tests/lab/postgres/lab.sh up"
      as_server "$bin/pg_ctl" -D "$(work)/data" -m immediate -w stop >/dev/null
      ;;
    go)
      [ -f "$home/url" ] || die "nothing is up: tests/lab/postgres/lab.sh up"
      start_server
      ;;
    down) down ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
}
main "$@"
