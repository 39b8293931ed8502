#!/bin/sh
# Alerts: once with the login reply, or to the sessions that are open.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

children=2
make_account user@example.org password
httpd_start

refused() {
    ctl alert "$@" 2>/dev/null
    is "$name" $? 1
}
name='no such account' refused nobody@example.org text
name='no text' refused user@example.org ''
name='not UTF-8' refused user@example.org "$(printf 'a\377')"
login user@example.org password
is 'no alert' "$(xml_get alert)" ''
http "$url/Session/$id/KILL" -d ''

ok 'an alert is posted' ctl alert user@example.org 'Quota <soon> over & done'
ok 'another one' ctl alert user@example.org 'two'
login user@example.org password
is 'a login shows them in order' "$(xml_get alert | tr '\n' '|')" 'Quota <soon> over & done|two|'
ok 'after the session' [ "$(printf '%s' "$body" | sed 's/<alert.*//')" != "${body#*<session}" ]
is 'the session element is first' "$(printf '%s' "$body" | cut -c 1-16)" '<XIMSS><session '
is 'with times' "$(xml_get alert/@gmtTime | sed 's/[0-9]/9/g' | sort -u)" '99999999T999999'
is 'local ones too' "$(xml_get alert/@localTime | sed 's/[0-9]/9/g' | sort -u)" '99999999T999999'
login user@example.org password
is 'the next login does not' "$(xml_get alert)" ''

# --- sessions that are open -----------------------------------------------------------------

# poll ACK SECONDS: the answer in $body.
poll() {
    http "$url/Session/$id/?ackSeq=$1&maxWait=$2"
}
login user@example.org password
first=$id
login user@example.org password
second=$id
http "$url/Session/$second/?ackSeq=0&maxWait=0"
is 'nothing yet' "$body" '<XIMSS/>'
curl -s -m 60 "$url/Session/$second/?ackSeq=0&maxWait=50" >"$root/tmp/woken" &
waiter=$!
ok 'an alert to live sessions' ctl alert user@example.org 'three'
wait "$waiter"
is 'wakes a poll' "$(sed 's/Time="[^"]*"//g' "$root/tmp/woken" | tr -d '\r\n')" \
    '<XIMSS respSeq="1"><alert gmt local>three</alert></XIMSS>'
id=$second
poll 1 0
is 'once' "$body" '<XIMSS/>'
login user@example.org password
is 'and not at a login' "$(xml_get alert)" ''
id=$first
http "$url/Session/$id/sync?reqSeq=1&syncAsync=1" --data-binary '<XIMSS><noop id="1"/></XIMSS>'
is 'the other session gets it with a batch' "$(xml_get alert)" 'three'
stored=$body
http "$url/Session/$id/sync?reqSeq=1&syncAsync=1" --data-binary '<XIMSS><noop id="1"/></XIMSS>'
is 'whose repeat has it, too' "$body" "$stored"
http "$url/Session/$id/sync?reqSeq=2&syncAsync=1" --data-binary '<XIMSS><noop id="1"/></XIMSS>'
is 'and no other' "$(xml_get alert)" ''
httpd_done
