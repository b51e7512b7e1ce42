# For the labs whose servers are Python packages: a pinned package in a virtual environment under .cache, put there by uv.
# Sourced. Needs ROOT and CACHE; gives say, die, debian, find_python, install_uv and python_env.

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

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

# python_env VENV HIGHEST_MINOR PINS...: these packages and nothing else; does nothing when they are there.
python_env() {
  local venv=$1 hi=$2 python; shift 2
  [ "$(cat "$venv/.installed" 2>/dev/null)" = "$*" ] && return 0
  install_uv
  rm -rf "$venv"; mkdir -p "$(dirname "$venv")"
  if python=$(find_python 10 "$hi"); then
    UV_NO_MANAGED_PYTHON=1 "$CACHE/uv/bin/uv" venv -q --python "$python" "$venv" || die "uv could not make $venv with $python"
  else
    say "no Python 3.10 to 3.$hi on this machine: asking uv for its own 3.12"
    "$CACHE/uv/bin/uv" venv -q --python 3.12 "$venv" || die "$1 needs Python 3.10 to 3.$hi: install one and run this again"
  fi
  say "installing $*"
  "$CACHE/uv/bin/uv" pip install -q --python "$venv/bin/python" "$@" || die "could not install $*"
  echo "$*" >"$venv/.installed"
}
