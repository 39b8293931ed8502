#!/bin/sh
# Idle sessions end, also when nobody asks; a waiting poll counts as activity; the status page counts.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

config='XimssEngine On
XimssSessionTimeout 2
XimssMaxSessions 3
<Location /status>
    SetHandler server-status
</Location>'
make_account user@example.org password
httpd_start

sessions_are() {
    [ "$(curl -s "$url/status?auto" | sed -n 's/^XimssSessions: //p')" = "$1" ]
}
login user@example.org password
first=$id
login user@example.org password
ok 'the status page counts sessions' sessions_are 2
has 'slots, too' "$(curl -s "$url/status?auto")" 'XimssSessionSlots: 3'
has 'the page for people' "$(curl -s "$url/status")" '2 of 3 sessions'
curl -s "$url/Session/$first/?maxWait=60" >"$root/tmp/poll" &
poll=$!
ok 'an idle session is swept without a request for it' wait_for sessions_are 1
sync '<noop id="1"/>'
is 'it is lost' "$status" 550
http "$url/Session/$id/?ackSeq=0&maxWait=60"
is 'its poll is told so, once' "$body" '<XIMSS respSeq="1"><bye/></XIMSS>'
http "$url/Session/$id/?ackSeq=1&maxWait=60"
is 'then it is lost, too' "$status" 550
ok 'its files are gone' wait_for [ "$(ls "$root/runtime" | wc -l)" = 1 ]
id=$first
sync '<noop id="1"/>'
is 'the session of a poll lives' "$body" '<XIMSS><response id="1"/></XIMSS>'
kill $poll
login user@example.org password
login user@example.org password
login user@example.org password
has 'no slot is left' "$body" '<response errorNum="502"'
httpd_done
