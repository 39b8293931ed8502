#!/bin/sh
# The same service under every MPM.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

printf 'Subject: one\n\nbody\n' >"$root/tmp/mail"
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail"
children=4
log_known='exit signal Killed'

for XIMSS_MPM in prefork worker event; do
    httpd_start
    login user@example.org password
    ok "$XIMSS_MPM: login" [ -n "$id" ]
    for n in 1 2 3 4 5 6 7 8 9 10; do
        curl -s -m 20 "$url/Session/$id/sync" -d "<XIMSS><noop id=\"$n\"/></XIMSS>" >"$root/tmp/out.$n" &
        eval "job$n=\$!"
        [ $((n % 2)) = 0 ] && eval "wait \$job$((n - 1)) \$job$n"
    done
    is "$XIMSS_MPM: requests in several children" "$(cat "$root"/tmp/out.* | grep -c 'response id')" 10
    curl -s -m 70 "$url/Session/$id/?maxWait=60" >"$root/tmp/poll" &
    waiting=$!
    http "$url/Session/$id/async" -d '<XIMSS><noop id="a"/></XIMSS>'
    wait $waiting
    is "$XIMSS_MPM: a poll is told, whatever child has it" "$(tr -d '\r' <"$root/tmp/poll")" \
        '<XIMSS respSeq="1"><response id="a"/></XIMSS>'
    # longer than the client stays: it ends with the child
    curl -s -m 40 "$url/Session/$id/?maxWait=100" >"$root/tmp/poll" &
    waiting=$!
    sync '<mailboxList id="1" filter="*"/>'
    has "$XIMSS_MPM: a batch beside a poll" "$body" 'mailbox="INBOX"'
    http "$url/Session/$id/MIME/INBOX/1-P.txt"
    is "$XIMSS_MPM: a message" "$body" "$(cat "$root/tmp/mail")"
    ok "$XIMSS_MPM: graceful restart" httpd_graceful
    wait $waiting
    is "$XIMSS_MPM: which ends a poll" "$(tr -d '\r' <"$root/tmp/poll")" '<XIMSS/>'
    sync '<noop id="1"/>'
    is "$XIMSS_MPM: the session lives" "$body" '<XIMSS><response id="1"/></XIMSS>'
    # shellcheck disable=SC2046,SC2086
    kill -9 $(httpd_children | head -n 2) 2>/dev/null
    wait_for httpd_answers
    sync '<noop id="1"/>'
    is "$XIMSS_MPM: the session survives its child" "$body" '<XIMSS><response id="1"/></XIMSS>'
    sync '<bye id="1"/>'
    is "$XIMSS_MPM: bye" "$body" '<XIMSS><response id="1"/></XIMSS>'
    httpd_stop
    httpd_judge "$XIMSS_MPM: the error log is clean"
    : >"$root/logs/error.log"
    httpd_judged=0
done
done_testing
