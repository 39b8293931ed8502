#!/bin/sh
# Sessions outlive graceful restarts and the death of children.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

children=3
printf 'Subject: one\n\nbody\n' >"$root/tmp/mail"
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail"
httpd_start
log_known='exit signal Killed'

browse='<folderBrowse id="b" folder="f"><index from="0" till="9"/></folderBrowse>'
works() {
    sync "$browse"
    is "$1" "$(xml_get folderReport/SUBJECT | tail -n 1)$(xml_get folderReport/Subject) $(xml_get response/@errorNum)" 'one '
}
login user@example.org password
sync '<folderOpen id="1" folder="f" mailbox="INBOX" sortField="UID"><field>Subject</field></folderOpen>'
is 'a folder is open' "$(xml_get response/@errorNum)" ''
works 'before'

# Requests that go on during what follows; each but those to a dying child must succeed.
(
    while [ ! -e "$root/tmp/stop" ]; do
        curl -s -m 20 -o /dev/null -w '%{http_code}\n' "$url/Session/$id/sync" -d "<XIMSS>$browse</XIMSS>"
    done >"$root/tmp/codes"
) &
load=$!

old_children=$(httpd_children)
ok 'a graceful restart' httpd_graceful
works 'after the first restart'
# shellcheck disable=SC2046,SC2086
kill -9 $(httpd_children) 2>/dev/null
wait_for httpd_answers
works 'after all children were killed'
ok 'a second graceful restart' httpd_graceful
works 'after the second restart'
# shellcheck disable=SC2046,SC2086
kill -9 $(httpd_children | head -n 1) 2>/dev/null
works 'while a child was killed'
ok 'a third graceful restart' httpd_graceful
works 'after the third restart'
: >"$root/tmp/stop"
wait "$load"
ok 'requests went on' [ "$(grep -c 200 "$root/tmp/codes")" -gt 5 ]
is 'none lost the session' "$(sort -u "$root/tmp/codes" | grep -v -e 200 -e 000)" ''

old_gone() {
    for child in $old_children; do
        ! kill -0 "$child" || return 1
    done
}
ok 'old children leave' wait_for old_gone
login user@example.org password
ok 'new sessions are made' [ -n "$id" ]

# --- limits in shared memory ----------------------------------------------------------------

log_known='exit signal Killed|XM0606'
config='XimssEngine On
XimssMaxSessions 5'
httpd_write
ok 'a restart with another table size' httpd_graceful
works_now() {
    sync '<noop id="1"/>'
    is "$1" "$body" '<XIMSS><response id="1"/></XIMSS>'
}
works_now 'keeps the table'
is 'and says so' "$(httpd_count XM0606)" 1

# --- a full stop ----------------------------------------------------------------------------

httpd_stop
ok 'session files are left' [ -n "$(ls "$root/runtime")" ]
httpd_start
sync '<noop id="1"/>'
is 'a full stop ends sessions' "$status" 550
runtime_empty() {
    [ -z "$(ls "$root/runtime")" ]
}
ok 'and the next start sweeps their files' wait_for runtime_empty
httpd_done
