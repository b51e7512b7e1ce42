#!/usr/bin/env bash
# The channels lab: a real mail server (aiosmtpd) and a real syslog server (rsyslog) on loopback, and vendors' own
# libraries that judge what channels send to services that can't run here.
#
#   tests/lab/channels/lab.sh install   put them into .cache/lab (once); rsyslog comes from Debian
#   tests/lab/channels/lab.sh up        start both servers on free ports and wait until they are ready
#   tests/lab/channels/lab.sh env       the variables that the live tests read, while they are up
#   tests/lab/channels/lab.sh down      stop what `up` started, and nothing else
#
# Everything lives under .cache/lab, which git ignores.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
HERE=$ROOT/tests/lab/channels
. "$ROOT/tests/lab/common.sh"
venv=$LAB/channels home=$LAB/run-channels cards=$LAB/channels-cards
PATH=$PATH:/usr/sbin:/sbin

modules() { ls /usr/lib/*/rsyslog/"$1".so >/dev/null 2>&1; }

install() {
  install_into channels "the peers of channels" 13 "${CHANNELS[@]}"
  command -v rsyslogd >/dev/null && modules lmnsd_gtls || debian rsyslog rsyslog-gnutls || die "could not install rsyslog"
  # a package of its own since Debian 13
  modules mmnormalize || debian rsyslog-mmnormalize || die "could not install rsyslog's mmnormalize"
  command -v npm >/dev/null || debian nodejs npm
  if [ "$(cat "$cards/.installed" 2>/dev/null)" != "$ADAPTIVECARDS" ]; then
    mkdir -p "$cards"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$cards" "adaptivecards@$ADAPTIVECARDS" \
      || die "could not install adaptivecards"
    echo "$ADAPTIVECARDS" >"$cards/.installed"
  fi
}

# one message a line, as rsyslog has parsed it
rsyslog_conf() {
  cat <<CONF
global(workDirectory="$home/spool" maxMessageSize="8k"
  DefaultNetstreamDriverCAFile="$home/ca.pem" DefaultNetstreamDriverCertFile="$home/cert.pem" DefaultNetstreamDriverKeyFile="$home/key.pem")
module(load="mmnormalize")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="$(cat "$home/udp")")
input(type="imtcp" address="127.0.0.1" port="$(cat "$home/tcp")")
input(type="imtcp" address="127.0.0.1" port="$(cat "$home/tls")" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="parsed" type="list" option.jsonf="on") {
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="facility" name="syslogfacility-text" format="jsonf")
  property(outname="severity" name="syslogseverity-text" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}
action(type="omfile" file="$home/syslog.jsonl" template="parsed")
# CEF, by liblognorm's own parser
template(name="cef" type="list") { property(name="\$!all-json") constant(value="\n") }
action(type="mmnormalize" rule=["rule=:%cef:cef%"])
if \$parsesuccess == "OK" then action(type="omfile" file="$home/cef.jsonl" template="cef")
CONF
}

connects() { "$venv/bin/python" -c "import socket; socket.create_connection(('127.0.0.1', $1), 2)" 2>/dev/null; }

up() {
  [ -x "$venv/bin/python" ] || die "not installed: tests/lab/channels/lab.sh install"
  stop_all "$home" "the peers of channels"
  rm -rf "$home"; mkdir -p "$home"/{out,pids,spool,mail}; chmod 700 "$home"
  local p; for p in udp tcp tls starttls smtps; do free_port "$venv" >"$home/$p"; done
  secret "$venv" | tr -dc a-zA-Z0-9 | cut -c1-20 >"$home/password"
  "$venv/bin/python" "$HERE/peer.py" certificates "$home" || die "no certificates"
  rsyslog_conf >"$home/rsyslog.conf"
  : >"$home/syslog.jsonl"; : >"$home/cef.jsonl"
  export DAGTOP_LAB_DIR=$home
  service "$home" rsyslog rsyslogd -n -i "$home/rsyslog.pid" -f "$home/rsyslog.conf"
  service "$home" smtp "$venv/bin/python" -u "$HERE/peer.py" smtp "$home"
  for p in tcp tls starttls smtps; do
    wait_for "$p" 30 connects "$(cat "$home/$p")" || { stop_all "$home" "the peers of channels"; return 1; }
  done
  echo up >"$home/url"
  say "mail and syslog are ready"
}

main() {
  case ${1:-} in
    install) install ;;
    up) up ;;
    env)
      [ -f "$home/url" ] || die "nothing is up: tests/lab/channels/lab.sh up"
      echo "export DAGTOP_TEST_CHANNELS=$home"
      echo "export DAGTOP_TEST_CHANNELS_PEER='$venv/bin/python $HERE/peer.py'"
      echo "export DAGTOP_TEST_CHANNELS_CARD='node $HERE/card.js $cards'"
      ;;
    down) stop_all "$home" "the peers of channels" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
}
main "$@"
