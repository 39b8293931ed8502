#!/bin/sh
# Numbered batches over HTTP: repeated, out of order, and while children are killed.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

children=2
printf 'Subject: one\n\nbody\n' >"$root/tmp/mail"
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail"
httpd_start
log_known='exit signal Killed'

# numbered SEQ XML: a batch with reqSeq in the query.
numbered() {
    http "$url/Session/$id/sync?reqSeq=$1&random=$$" -H 'Content-Type: text/xml' \
        --data-binary "<XIMSS>$2</XIMSS>"
}
folders() {
    sync '<mailboxList id="l"/>'
    xml_get mailbox/@mailbox | grep -c "$1"
}

login user@example.org password
numbered 0 '<mailboxCreate id="1" mailbox="zero"/>'
is 'the first number may be 0' "$status $body" '200 <XIMSS><response id="1"/></XIMSS>'
numbered 0 '<mailboxCreate id="1" mailbox="zero"/>'
is 'a repeat has the same reply' "$status $body" '200 <XIMSS><response id="1"/></XIMSS>'
numbered 5 '<mailboxCreate id="5" mailbox="five"/>'
is 'numbers may jump' "$body" '<XIMSS><response id="5"/></XIMSS>'
numbered 4 '<mailboxCreate id="4" mailbox="four"/>'
is 'an older number is refused' "$status $body" '400 XIMSS request sequence error'
numbered x '<mailboxCreate id="4" mailbox="four"/>'
is 'and what is no number' "$status $body" '400 XIMSS request sequence error'
is 'and nothing is done' "$(folders four)" 0
http "$url/Session/$id/sync" --data-binary '<XIMSS reqSeq="6"><mailboxCreate id="6" mailbox="six"/></XIMSS>'
http "$url/Session/$id/sync" --data-binary '<XIMSS reqSeq="6"><mailboxCreate id="6" mailbox="six"/></XIMSS>'
is 'the number may stand at the root' "$body" '<XIMSS><response id="6"/></XIMSS>'
sync '<mailboxCreate id="7" mailbox="six"/>'
ok 'without a number a batch runs again' [ "$(xml_get response/@errorNum)" = 511 ]

numbered 7 '<folderOpen id="1" folder="f" mailbox="INBOX" sortField="UID"/>'
opened=$body
ok 'a graceful restart' httpd_graceful
numbered 7 '<folderOpen id="1" folder="f" mailbox="INBOX" sortField="UID"/>'
is 'a repeat after it' "$body" "$opened"

# Copies and syncs; children are killed meanwhile. A request that got no answer is repeated until it has one.
(
    kills=0
    while [ ! -e "$root/tmp/stop" ] && [ "$kills" -lt 8 ]; do
        kills=$((kills + 1))
        # shellcheck disable=SC2046
        kill -9 $(httpd_children) 2>/dev/null
        wait_for httpd_answers
    done
) &
killer=$!
wrong=0
repeats=0
round=1
while [ "$round" -le 60 ]; do
    tries=0
    status=000
    while [ "$status" != 200 ] && [ "$tries" -lt 100 ]; do
        numbered $((round + 10)) '<messageCopy id="1" folder="f" targetMailbox="INBOX"><UID>1</UID></messageCopy><folderSync id="2" folder="f"/>'
        tries=$((tries + 1))
    done
    repeats=$((repeats + tries - 1))
    expected="<XIMSS><response id=\"1\"/><folderReport folder=\"f\" id=\"2\" index=\"$round\" messages=\"$((round + 1))\" mode=\"added\" UID=\"$((round + 1))\" unseen=\"$((round + 1))\"/><response id=\"2\"/></XIMSS>"
    if [ "$body" != "$expected" ]; then
        wrong=$((wrong + 1))
        echo "# round $round: $status $body"
    fi
    round=$((round + 1))
done
: >"$root/tmp/stop"
wait "$killer"
echo "# $repeats repeats" # by chance: test_replay dies at every point
is 'every batch ran once, and its reply came whole' "$wrong" 0
wait_for httpd_answers
sync '<folderReopen id="1" folder="f"/>'
is 'as many copies as batches' "$(xml_get folderReport/@messages)" 61

httpd_done
