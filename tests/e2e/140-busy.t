#!/bin/sh
# Busy: few requests wait for a session, the others are told so; a locked account is an error number.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

children=1
threads=16
config='XimssEngine On
<Location /status>
    SetHandler server-status
</Location>'
log_known='mailboxCreate of user@example.org: .*account is busy'
make_account user@example.org password
printf 'Subject: one\n\nbody\n' >"$root/tmp/mail"
import user@example.org INBOX "$root/tmp/mail"
httpd_start
login user@example.org password

# in_background NAME XML: a batch whose answer goes to NAME.out.
in_background() {
    curl -s -m 60 -w ' %{http_code}' "$url/Session/$id/sync" -d "<XIMSS>$2</XIMSS>" >"$root/tmp/$1.out" &
}
answered() {
    [ -s "$root/tmp/$1.out" ]
}
result() {
    wait_for answered "$1"
    tr -d '\r\n' <"$root/tmp/$1.out"
}
# Whether more than N requests are worked on (the one that asks is one).
running() {
    [ "$(curl -s "$url/status?auto" | sed -n 's/^BusyWorkers: //p')" -gt "$1" ]
}

# We hold the account's write lock, as another writer would.
exec 9>>"$(echo "$data"/accounts/*/lock)"
flock -n 9 || echo "Bail out! cannot lock the account"
in_background writer '<mailboxCreate id="1" mailbox="New"/>'
ok 'a writer waits for the account' wait_for running 1
in_background one '<noop id="2"/>'
in_background two '<noop id="3"/>'
ok 'two requests wait for the session' wait_for running 3
sync '<noop id="4"/>'
is 'the third is told to come again' "$status" 503
is 'when' "$(header Retry-After)" 1
is 'its type' "$(header Content-Type)" 'text/plain;charset=utf-8'
http "$url/Session/$id/MIME/INBOX/1-P.txt"
is 'parts do not wait for the session' "$status $(tail -n 1 "$root/tmp/body")" '200 body'
flock -u 9
is 'the writer goes on' "$(result writer)" '<XIMSS><response id="1"/></XIMSS> 200'
is 'the first waiter' "$(result one)" '<XIMSS><response id="2"/></XIMSS> 200'
is 'the second waiter' "$(result two)" '<XIMSS><response id="3"/></XIMSS> 200'

flock -n 9
sync '<mailboxCreate id="1" mailbox="Newer"/><mailboxList id="2" filter="N%"/>'
is 'a lock that is held for long' "$(xml_get response/@errorNum)" 503
is 'changes nothing, and readers read' "$(xml_get mailbox/@mailbox)" New
flock -u 9
sync '<mailboxCreate id="1" mailbox="Newer"/>'
is 'later it works' "$body" '<XIMSS><response id="1"/></XIMSS>'
httpd_done
