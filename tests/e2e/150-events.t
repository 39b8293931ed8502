#!/bin/sh
# Events by the long poll: folder notifications from other sessions, other processes and programs outside httpd;
# batches that are kept until acknowledged; asynchronous batches; the end.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

config='XimssEngine On
XimssMaxPolls 7
<Location /status>
    SetHandler server-status
</Location>'
log_known='exit signal Killed'
mkdir -p "$root/tmp/mail"
for n in 1 2 3; do
    printf 'Subject: m%s\n\nbody %s\n' $n $n >"$root/tmp/mail/$n"
done
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail"
httpd_start

notify='<folderReport folder="in" mode="notify"/>'

# poll URLID ACK SECONDS: the answer is in $body.
poll() {
    http "$url/Session/$1/?ackSeq=$2&maxWait=$3"
}
# poll_start NAME URLID ACK: a poll of a minute in the background.
poll_start() {
    rm -f "$root/tmp/$1.out"
    curl -s -m 130 -w ' %{http_code}' "$url/Session/$2/?ackSeq=$3&maxWait=60" >"$root/tmp/$1.out" &
}
answered() {
    grep -q ' [0-9][0-9][0-9]$' "$root/tmp/$1.out"
}
result() {
    wait_for answered "$1"
    tr -d '\r\n' <"$root/tmp/$1.out"
}
# as URLID XML: a batch in that session.
as() {
    id=$1
    sync "$2"
}
mark() {
    as "$1" "<messageMark id=\"m\" folder=\"in\" flags=\"$2\"><UID>1</UID></messageMark>"
}

login user@example.org password
a=$id
login user@example.org password
b=$id
open='<folderOpen id="o" folder="in" mailbox="INBOX"><field>FLAGS</field></folderOpen>'
as "$a" "$open"
is 'a folder is open' "$(xml_get response/@errorNum)" ''
as "$b" "$open"
poll "$a" 0 0
is 'nothing happened so far' "$body" '<XIMSS/>'

# --- changes of another session --------------------------------------------------------------

poll_start one "$a" 0
mark "$b" Flagged
is 'a poll that waits is told' "$(result one)" "<XIMSS respSeq=\"1\">$notify</XIMSS> 200"
poll "$a" 0 0
is 'without acknowledgement: the same again' "$body" "<XIMSS respSeq=\"1\">$notify</XIMSS>"
mark "$b" Seen
poll "$a" 0 0
is 'unchanged' "$body" "<XIMSS respSeq=\"1\">$notify</XIMSS>"
poll "$a" 1 0
is 'one notification until the client syncs' "$body" '<XIMSS/>'
as "$a" '<folderSync id="s" folder="in"/>'
is 'the sync has the changes' "$(xml_get folderReport/FLAGS)" 'Recent,Seen,Flagged'
poll "$a" 1 0
is 'after the sync: nothing' "$body" '<XIMSS/>'
mark "$b" Answered
poll "$a" 1 0
is 'and then the next' "$body" "<XIMSS respSeq=\"2\">$notify</XIMSS>"
poll "$b" 0 0
is 'who changes it is told, too' "$body" "<XIMSS respSeq=\"1\">$notify</XIMSS>"
http "$url/Session/$b/get?maxWait=0"
is 'without ackSeq all is acknowledged' "$body" '<XIMSS/>'
as "$a" '<folderSync id="s" folder="in"/><folderReopen id="r" folder="in"/>'
poll "$a" 2 0
is 'a folder that was opened again: nothing' "$body" '<XIMSS/>'
as "$a" '<folderOpen id="o" folder="out" mailbox="Archive" mailboxClass=""/>'
as "$b" '<messageCopy id="c" folder="in" targetMailbox="Archive"><UID>1</UID><UID>2</UID></messageCopy>'
poll "$a" 2 0
is 'the target of a copy' "$body" '<XIMSS respSeq="3"><folderReport folder="out" mode="notify"/></XIMSS>'
as "$a" '<folderSync id="s" folder="out" limit="1"/>'
poll "$a" 3 0
is 'a sync that was limited: there is more' "$body" '<XIMSS respSeq="4"><folderReport folder="out" mode="notify"/></XIMSS>'
as "$a" '<folderClose id="x" folder="out"/>'
as "$b" '<messageCopy id="c" folder="in" targetMailbox="Archive"><UID>1</UID></messageCopy>'
poll "$a" 4 0
is 'of a closed folder: nothing' "$body" '<XIMSS/>'

# --- all children, and programs outside -----------------------------------------------------

as "$b" '<folderSync id="s" folder="in"/>'
ack=4
tries=0
told=0
while [ $tries -lt 20 ]; do
    tries=$((tries + 1))
    as "$a" '<folderSync id="s" folder="in"/>'
    poll_start one "$a" $ack
    if [ $((tries % 2)) = 0 ]; then
        mark "$b" Flagged
    else
        mark "$b" Unflagged
    fi
    ack=$((ack + 1))
    [ "$(result one)" != "<XIMSS respSeq=\"$ack\">$notify</XIMSS> 200" ] || told=$((told + 1))
done
is 'whatever child changes, whatever child waits' $told 20
as "$a" '<folderSync id="s" folder="in"/>'
poll_start one "$a" $ack
import user@example.org INBOX "$root/tmp/mail"
ack=$((ack + 1))
is 'an import from outside' "$(result one)" "<XIMSS respSeq=\"$ack\">$notify</XIMSS> 200"
as "$a" '<folderSync id="s" folder="in"/>'
rm -f "$data"/wake/*
import user@example.org INBOX "$root/tmp/mail"
poll "$a" $ack 0
ack=$((ack + 1))
is 'no word of it came: the next poll sees it' "$body" "<XIMSS respSeq=\"$ack\">$notify</XIMSS>"

# --- with the reply, and asynchronous batches -----------------------------------------------

as "$a" '<folderSync id="s" folder="in"/>'
poll "$a" $ack 0
mark "$b" Flagged
mark "$b" Unflagged
http "$url/Session/$a/sync?syncAsync=1" --data-binary '<XIMSS><noop id="1"/></XIMSS>'
is 'with the reply of a batch' "$body" "<XIMSS><response id=\"1\"/>$notify</XIMSS>"
http "$url/Session/$a/sync?syncAsync=1" --data-binary '<XIMSS><noop id="2"/></XIMSS>'
is 'it is delivered then' "$body" '<XIMSS><response id="2"/></XIMSS>'
poll "$a" $ack 0
is 'the poll, too, has nothing' "$body" '<XIMSS/>'

poll_start one "$a" $ack
http "$url/Session/$a/async" --data-binary '<XIMSS><noop id="3"/><noop id="4"/></XIMSS>'
is 'an asynchronous batch' "$status $body" '200 <XIMSS></XIMSS>'
ack=$((ack + 1))
is 'its reply comes by the poll' "$(result one)" \
    "<XIMSS respSeq=\"$ack\"><response id=\"3\"/><response id=\"4\"/></XIMSS> 200"
http "$url/Session/$a/async" --data-binary '<XIMSS><noop id="5"/></XIMSS>'
http "$url/Session/$a/async" --data-binary '<XIMSS><noop id="6"/></XIMSS>'
http "$url/Session/$a/async" --data-binary '<XIMSS><noop id="7"/></XIMSS>'
poll "$a" $ack 0
ack=$((ack + 1))
is 'several in order' "$body" \
    "<XIMSS respSeq=\"$ack\"><response id=\"5\"/><response id=\"6\"/><response id=\"7\"/></XIMSS>"
http "$url/Session/$a/async" --data-binary '<XIMSS><noop id="8"/></XIMSS>'
poll "$a" $((ack - 1)) 0
has 'what is not acknowledged stays as it is' "$body" "respSeq=\"$ack\"" '<response id="7"/></XIMSS>'
poll "$a" $ack 0
ack=$((ack + 1))
is 'the next follows' "$body" "<XIMSS respSeq=\"$ack\"><response id=\"8\"/></XIMSS>"
http "$url/Session/$a/async?reqSeq=1" --data-binary '<XIMSS><noop id="9"/></XIMSS>'
http "$url/Session/$a/async?reqSeq=1&random=2" --data-binary '<XIMSS><noop id="9"/></XIMSS>'
is 'a repeated batch' "$status $body" '200 <XIMSS></XIMSS>'
poll "$a" $ack 0
ack=$((ack + 1))
is 'is answered once' "$body" "<XIMSS respSeq=\"$ack\"><response id=\"9\"/></XIMSS>"
as "$a" '<folderSync id="s" folder="in"/>'
mark "$b" Unread
for n in 1 2; do
    http "$url/Session/$a/sync?reqSeq=2&syncAsync=1&random=$n" --data-binary '<XIMSS><noop id="10"/></XIMSS>'
    is "what went with a reply is repeated with it: $n" "$body" "<XIMSS><response id=\"10\"/>$notify</XIMSS>"
done
poll_start one "$a" $ack
# Whether a poll, once more, has ended the one before.
taken_over() {
    poll "$a" $ack 0
    answered one
}
wait_for taken_over
is 'a second poll ends the first' "$(result one)" '<XIMSS/> 200'

# --- restarts and deaths --------------------------------------------------------------------

as "$a" '<folderSync id="s" folder="in"/>'
mark "$b" Flagged
httpd_graceful
httpd_graceful
poll "$a" $ack 0
ack=$((ack + 1))
is 'an event outlives two graceful restarts' "$body" "<XIMSS respSeq=\"$ack\">$notify</XIMSS>"
lost=0
tries=0
while [ $tries -lt 10 ]; do
    tries=$((tries + 1))
    as "$a" '<folderSync id="s" folder="in"/>'
    # the batch may or may not be done: what is done must be told
    flag=$([ $((tries % 2)) = 0 ] && echo Flagged || echo Unflagged)
    curl -s -m 20 -o /dev/null "$url/Session/$b/sync" --data-binary \
        "<XIMSS><messageMark id=\"m\" folder=\"in\" flags=\"$flag\"><UID>1</UID></messageMark></XIMSS>" &
    batch=$!
    for child in $(httpd_children); do
        kill -9 "$child" 2>/dev/null
    done
    wait $batch
    wait_for httpd_answers
    poll "$a" $ack 0
    case $body in
    *"$notify"*) ack=$((ack + 1)) ;;
    *)
        as "$a" '<folderSync id="s" folder="in"/>'
        [ -z "$(xml_get folderReport/@mode)" ] || lost=$((lost + 1))
        ;;
    esac
done
is 'kill -9 of all children loses no event' $lost 0

# --- the end --------------------------------------------------------------------------------

login user@example.org password
old=$id
poll_start three "$old" 0
login user@example.org password "sessionid=$old&killOld=1"
is 'another session took its place: bye' "$(result three)" '<XIMSS respSeq="1"><bye/></XIMSS> 200'
poll "$b" 100 0
poll_start one "$a" $ack
poll_start two "$b" 100
ctl account delete user@example.org >"$root/tmp/ctl.log" 2>&1
is 'the account is deleted: bye' "$(result one)" "<XIMSS respSeq=\"$((ack + 1))\"><bye/></XIMSS> 200"
has 'in each session' "$(result two)" '<bye/>'
poll "$a" $((ack + 1)) 0
is 'then the session is lost' "$status" 550
httpd_done
