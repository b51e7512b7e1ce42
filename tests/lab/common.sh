# What every lab needs. Sourced after ROOT is set.
# Everything lives under .cache/lab, which git ignores. Every wait has an end.
CACHE=$ROOT/.cache
LAB=$CACHE/lab
. "$ROOT/tests/lab/pins.sh"

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# ---- install -------------------------------------------------------------------------------------------------------

# Debian packages, only when something is missing. Args: package names.
debian() {
  command -v apt-get >/dev/null || die "missing: $* (this is no Debian machine: install them by hand)"
  local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  say "installing Debian packages: $*"
  $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$@" >/dev/null
}

# A real interpreter (not a shim, not a venv) whose minor version is between $1 and $2.
find_python() {
  local c found
  for c in python3.12 python3.11 python3.10 python3.13 python3 /usr/bin/python3; do
    command -v "$c" >/dev/null 2>&1 || continue
    found=$("$c" -c 'import os, sys
lo, hi = int(sys.argv[1]), int(sys.argv[2])
exe = getattr(sys, "_base_executable", None) or sys.executable
if sys.version_info[0] == 3 and lo <= sys.version_info[1] <= hi: print(os.path.realpath(exe))' "$1" "$2" 2>/dev/null)
    [ -n "$found" ] && { echo "$found"; return 0; }
  done
  return 1
}

install_uv() {
  [ -x "$CACHE/uv/bin/uv" ] && return 0
  command -v python3 >/dev/null || debian python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
  mkdir -p "$CACHE"
  python3 -m venv "$CACHE/uv" && "$CACHE/uv/bin/pip" install -q --disable-pip-version-check uv \
    || die "could not install uv with pip: see the lines above"
}

# install_into VENV NAME HIGHEST_MINOR SPEC...: once for each list of specs
install_into() {
  local venv=$LAB/$1 name=$2 hi=$3 python; shift 3
  [ "$(cat "$venv/.installed" 2>/dev/null)" = "$*" ] && return 0
  install_uv
  rm -rf "$venv"; mkdir -p "$LAB"
  if python=$(find_python 10 "$hi"); then
    UV_NO_MANAGED_PYTHON=1 "$CACHE/uv/bin/uv" venv -q --python "$python" "$venv" || die "uv could not make $venv with $python"
  else
    say "no Python 3.10 to 3.$hi on this machine: asking uv for its own 3.12"
    "$CACHE/uv/bin/uv" venv -q --python 3.12 "$venv" || die "$name needs Python 3.10 to 3.$hi: install one and run this again"
  fi
  say "installing $name"
  "$CACHE/uv/bin/uv" pip install -q --python "$venv/bin/python" "$@" || die "could not install $name"
  echo "$*" >"$venv/.installed"
}

# ---- start and stop ------------------------------------------------------------------------------------------------

free_port() { "$1/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
secret() { "$1/bin/python" -c 'import secrets, base64; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'; }

# answers VENV URL: does it answer 200?
answers() {
  "$1/bin/python" - "$2" <<'PY' >/dev/null 2>&1
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=10).read()
PY
}

# service HOME NAME CMD...: a process group of its own, its id in HOME/pids/NAME
service() {
  local home=$1 name=$2; shift 2
  setsid "$@" >"$home/out/$name.log" 2>&1 </dev/null &
  echo $! >"$home/pids/$name"
}

# the process groups of HOME that still run, one id a line
alive() {
  local f p
  for f in "$1"/pids/*; do
    [ -f "$f" ] || continue
    p=$(cat "$f"); kill -0 -- "-$p" 2>/dev/null && echo "$p"
  done
}

# ours HOME GROUP: after a reboot the number may be someone else's; only a group whose leader works for this lab is ours
ours() {
  tr '\0' '\n' 2>/dev/null <"/proc/$2/environ" | grep -qx "DAGTOP_LAB_DIR=$1" || [ ! -d "/proc/$2" ]
}

# wait_for WHAT SECONDS CMD...: until CMD succeeds, for as long as anything of $home runs
wait_for() {
  local what=$1 most=$2 i; shift 2
  for i in $(seq 1 $((most * 2))); do
    "$@" && return 0
    [ -n "$(alive "$home")" ] || break
    sleep 0.5
  done
  say "$what did not become ready:"; tail -n 5 "$home"/out/*.log >&2
  return 1
}

# stop_all HOME NAME: ends what `service` started there, and what those started in sessions of their own
stop_all() {
  local home=$1 name=$2 i p
  [ -d "$home/pids" ] || return 0
  for p in $(alive "$home"); do ours "$home" "$p" && kill -TERM -- "-$p" 2>/dev/null; done
  for i in $(seq 1 40); do [ -n "$(alive "$home")" ] || break; sleep 0.25; done
  for p in $(alive "$home"); do kill -KILL -- "-$p" 2>/dev/null; done
  # what works in a session of its own carries the lab's folder in its environment
  for p in /proc/[0-9]*; do
    tr '\0' '\n' 2>/dev/null <"$p/environ" | grep -qx "DAGTOP_LAB_DIR=$home" && kill -KILL "${p#/proc/}" 2>/dev/null
  done
  rm -rf "$home/pids" "$home/url"
  say "stopped $name"
}
