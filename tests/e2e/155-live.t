#!/bin/sh
# Live sessions: restarts under load, a client that takes nothing, many polls beside batches, the number of sessions.
# shellcheck disable=SC2154,SC3045
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

# live_is NAME PHASE
live_is() {
    if live_out=$(python3 "$XIMSS_SRC/tests/e2e/lib/live.py" "$2" "$port" "$httpd_pid" "$first" 2>&1); then
        pass "$1"
        [ -z "$live_out" ] || printf '%s\n' "$live_out"
    else
        fail "$1" "$live_out"
    fi
}
start() {
    config="XimssEngine On
XimssMaxSessionsPerAccount ${1:-5000}
MaxKeepAliveRequests 0
KeepAliveTimeout 300
<IfModule mpm_event_module>
    AsyncRequestWorkerFactor 200
</IfModule>
<Location /status>
    SetHandler server-status
</Location>"
    httpd_start
    login user@example.org password
    first=$id
}
stop() {
    httpd_stop
    httpd_judge "$1: the error log is clean"
    : >"$root/logs/error.log"
    httpd_judged=0
}

printf 'Subject: one\n\nbody\n' >"$root/tmp/mail"
make_account user@example.org password
make_account other@example.org password
import user@example.org INBOX "$root/tmp/mail"

threads=16
start
live_is 'two graceful restarts under load lose no event and no session' restarts
stop 'restarts'

children=1
start
live_is 'a client that takes no replies is dropped' silent
one_folder() {
    [ "$(find "$root/runtime" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
}
ok 'with its files' wait_for one_folder
stop 'dropped'

children=2
threads=25
if [ "$XIMSS_MPM" != event ] || [ "$(ulimit -n)" -lt 4096 ]; then
    skip '2,000 polls' 'not the event MPM, or few open files'
else
    start
    live_is '2,000 polls on 50 workers cost batches nothing' beside
    stop 'beside'
fi

start 2
login user@example.org password
second=$id
ok 'two sessions of an account' [ -n "$second" ]
login user@example.org password
text='too many sessions of this account are open (at most 2): close one or wait until one expires'
is 'no third one' "$status $body" "200 <XIMSS><response errorNum=\"502\" errorText=\"$text\"/></XIMSS>"
http "$url/XIMSSLogin/" -d 'userName=user@example.org&password=password'
is 'by status' "$status $(header Retry-After) $body" "503 30 $text"
login user@example.org password "sessionid=$first&killOld=1"
is 'not in the place of another, either' "$(xml_get response/@errorNum)" 502
login other@example.org password
ok 'another account has its own' [ -n "$id" ]
id=$second
sync '<bye id="1"/>'
login user@example.org password
ok 'a place is free after bye' [ -n "$id" ]
httpd_done
