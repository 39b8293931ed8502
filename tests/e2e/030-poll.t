#!/bin/sh
# The long poll as a blocking wait: bytes, cap, one poll at a time, the end. XIMSS_ASYNC: what of XimssAsync
# blocks it (167-blocking.t).
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

children=1
config="XimssEngine On
XimssAsync ${XIMSS_ASYNC:-Off}
XimssMaxPolls 2
MinSpareThreads 1
<Location /status>
    SetHandler server-status
</Location>"
make_account user@example.org password
[ "${XIMSS_ASYNC:-Off}" = Off ] || log_known=XM0616
httpd_start
is 'the start says so when parking was asked for' "$(httpd_count XM0616)" "$([ -z "$log_known" ] && echo 0 || echo 1)"

# poll NAME URLID SECONDS: starts a poll; its status and body go to NAME.out.
poll() {
    curl -s -m 130 -w '%{http_code}' "$url/Session/$2/?ackSeq=0&maxWait=$3&random=1" >"$root/tmp/$1.out" &
}
answered() {
    [ -s "$root/tmp/$1.out" ]
}
result() {
    wait_for answered "$1"
    tr -d '\r' <"$root/tmp/$1.out" | tr '\n' ' '
}
# Whether N polls wait in the one child.
polls_wait() {
    [ "$(curl -s "$url/status?auto" | sed -n 's/^XimssPollsOfChild: //p')" = "$1" ]
}

login user@example.org password
first=$id
http "$url/Session/$id/?maxWait=0"
is 'an idle poll' "$status" 200
is 'its bytes' "$(od -An -c "$root/tmp/body" | tr -d ' \n')" '<XIMSS/>\r\n'
is 'its type' "$(header Content-Type)" 'text/xml;charset=utf-8'
http "$url/Session/$id/get?maxWait=0&counter=44"
is 'the other URL' "$body" '<XIMSS/>'
http "$url/Session/$id?maxWait=0"
is 'without the slash' "$body" '<XIMSS/>'
http "$url/Session/$id/?maxWait=-5"
is 'a negative time is none' "$body" '<XIMSS/>'

poll one "$first" 60
ok 'a poll waits' wait_for polls_wait 1
sync '<noop id="1"/>'
is 'a batch passes it' "$body" '<XIMSS><response id="1"/></XIMSS>'
poll two "$first" 60
is 'a second poll ends the first' "$(result one)" '<XIMSS/> 200'
login user@example.org password
second=$id
poll three "$second" 60
three=$!
ok 'two polls wait' wait_for polls_wait 2
login user@example.org password
http "$url/Session/$id/?maxWait=60"
is 'over the cap: at once' "$status $body" '200 <XIMSS/>'
ok 'the two still wait' polls_wait 2
kill "$three"
ok 'a client that goes frees a place' wait_for polls_wait 1
poll three "$second" 60
ok 'for another' wait_for polls_wait 2
http "$url/Session/$first/KILL" -d ''
is 'KILL ends a poll' "$(result two | sed 's/.* //')" 550
id=$second
sync '<bye id="1"/>'
is 'bye ends a poll' "$(result three | sed 's/.* //')" 550
http "$url/Session/$first/?maxWait=60"
is 'a lost session' "$status" 550

login user@example.org password
poll four "$id" 100
ok 'a poll waits again' wait_for polls_wait 1
kill -USR1 "$httpd_pid"
is 'a graceful restart ends it' "$(result four)" '<XIMSS/> 200'
wait_for httpd_answers
http "$url/Session/$id/?maxWait=0"
is 'and the session lives' "$body" '<XIMSS/>'
httpd_done
