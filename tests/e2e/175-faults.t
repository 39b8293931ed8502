#!/bin/sh
# Children are killed at known points: while a batch holds the session's lock and waits for the account, after its commit
# while its reply is on the way, while a poll waits. What was promised is there, once.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

children=2
config='XimssEngine On
<Location /status>
    SetHandler server-status
</Location>'
{
    printf 'Subject: large\n\n'
    head -c 12000000 /dev/zero | tr '\0' x | fold -w 1000
} >"$root/tmp/mail"
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail"
httpd_start
log_known='exit signal Killed'

# numbered SEQ XML: a batch with reqSeq, as a client repeats it.
numbered() {
    http "$url/Session/$id/sync?reqSeq=$1&random=$$" -d "<XIMSS>$2</XIMSS>"
}
in_background() {
    curl -s -m 60 -o /dev/null "$url/Session/$id/sync?reqSeq=$1" -d "<XIMSS>$2</XIMSS>" &
}
busy() {
    [ "$(curl -s "$url/status?auto" | sed -n 's/^BusyWorkers: //p')" -gt "$1" ]
}
# as URLID XML: a batch in that session.
as() {
    before=$id
    id=$1
    sync "$2"
    id=$before
}
kill_all() {
    # shellcheck disable=SC2046
    kill -9 $(httpd_children) 2>/dev/null
    wait_for httpd_answers
}
mailboxes() {
    as "$other" "<mailboxList id=\"l\" filter=\"$1\"/>"
    xml_get mailbox/@mailbox | grep -c .
}

login user@example.org password
other=$id
login user@example.org password

# Inside the session's lock, before the commit: we hold the account's lock, as another writer would.
exec 9>>"$(echo "$data"/accounts/*/lock)"
flock -n 9 || echo "Bail out! cannot lock the account"
in_background 1 '<mailboxCreate id="1" mailbox="one"/>'
ok 'a batch holds the session and waits' wait_for busy 1
in_background 1 '<mailboxCreate id="1" mailbox="one"/>'
ok 'a repeat waits for the session' wait_for busy 2
kill_all
flock -u 9
is 'nothing was done' "$(mailboxes one)" 0
numbered 1 '<mailboxCreate id="1" mailbox="one"/>'
is 'the repeat does it' "$body" '<XIMSS><response id="1"/></XIMSS>'
numbered 1 '<mailboxCreate id="1" mailbox="one"/>'
is 'once' "$body $(mailboxes one)" '<XIMSS><response id="1"/></XIMSS> 1'

# The first and its repeat, none of them killed.
flock -n 9
in_background 2 '<mailboxCreate id="2" mailbox="two"/>'
wait_for busy 1
in_background 2 '<mailboxCreate id="2" mailbox="two"/>'
repeat=$!
wait_for busy 2
flock -u 9
wait $repeat
numbered 2 '<mailboxCreate id="2" mailbox="two"/>'
is 'a repeat while the first runs' "$body $(mailboxes two)" '<XIMSS><response id="2"/></XIMSS> 1'

# After the commit: a client that reads nothing of a reply that no buffer holds.
sync '<folderOpen id="o" folder="in" mailbox="INBOX"/>'
large='<mailboxCreate id="3" mailbox="three"/><folderRead id="4" folder="in" UID="1" totalSizeLimit="50000000"/>'
cat >"$root/tmp/deaf.py" <<'PYTHON'
import socket, sys, time
port, path, body = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
with socket.create_connection(("127.0.0.1", port)) as connection:
    connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
    connection.recv(1)
    print("answered", flush=True)
    time.sleep(60)
PYTHON
python3 "$root/tmp/deaf.py" "$port" "/Session/$id/sync?reqSeq=3" "<XIMSS>$large</XIMSS>" >"$root/tmp/deaf" &
deaf=$!
ok 'a batch is done and its reply on the way' wait_for grep -q answered "$root/tmp/deaf"
is 'others see what it did' "$(mailboxes three)" 1
kill_all
kill $deaf
numbered 3 "$large"
is 'the repeat is answered from what was kept' "$(xml_get response/@id | tr '\n' ' ')$(xml_get response/@errorNum)" '3 4 '
is 'and nothing done again' "$(mailboxes three)" 1

# While a poll waits: what happens then is told to the next one.
curl -s -m 60 -o /dev/null "$url/Session/$id/?ackSeq=0&maxWait=60" &
waiting=$!
poll_waits() {
    [ "$(for _ in 1 2 3 4; do curl -s "$url/status?auto"; done | sed -n 's/^XimssPollsOfChild: //p' | sort -n | tail -n 1)" = 1 ]
}
ok 'a poll waits' wait_for poll_waits
# shellcheck disable=SC2046
kill -9 $(httpd_children) 2>/dev/null
wait $waiting
ctl import user@example.org INBOX "$root/tmp/mail" >"$root/tmp/ctl.log"
wait_for httpd_answers
http "$url/Session/$id/?ackSeq=0&maxWait=60"
is 'its child is killed, mail comes, the next poll tells' "$body" '<XIMSS respSeq="1"><folderReport folder="in" mode="notify"/></XIMSS>'
httpd_done
