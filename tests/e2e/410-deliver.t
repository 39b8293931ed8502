#!/bin/sh
# ximssctl deliver: a message from a pipe.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

# deliver WORD...: exit code and messages of a delivery of standard input.
deliver() {
    ctl deliver "$@" 2>&1
    echo $?
}
newest() {
    rm -rf "$root/tmp/exported"
    ctl export user@example.org "$1" --to "$root/tmp/exported" --format eml >/dev/null
    cat "$(find "$root/tmp/exported" -name '*.eml' | sort -V | tail -n 1)"
}
unset SENDER
make_account user@example.org password
make_account small@example.org password
ctl account set small@example.org --quota 150
httpd_start

# --- what is stored ----------------------------------------------------------------------------

is 'a message' "$(printf 'Subject: one\n\nbody' | deliver user@example.org -f from@example.com)" 0
is 'its trace' "$(newest INBOX)" 'Return-Path: <from@example.com>
Delivered-To: user@example.org
Subject: one

body'
printf 'From line@example.com Mon Jan  1 00:00:00 2024\nSubject: two\n\n' >"$root/tmp/two"
is 'with a From line' "$(deliver user@example.org <"$root/tmp/two")" 0
is 'that tells the sender' "$(newest INBOX)" 'Return-Path: <line@example.com>
Delivered-To: user@example.org
Subject: two'
SENDER='<environment@example.com>' deliver user@example.org <"$root/tmp/two" >/dev/null
is 'the environment tells better' "$(newest INBOX | head -n 1)" 'Return-Path: <environment@example.com>'
SENDER=x@example.com deliver -f '' user@example.org <"$root/tmp/two" >/dev/null
is 'the command best' "$(newest INBOX | head -n 1)" 'Return-Path: <>'
sed 's/line@example.com/MAILER-DAEMON/' "$root/tmp/two" | deliver user@example.org >/dev/null
is 'a bounce has no sender' "$(newest INBOX | head -n 1)" 'Return-Path: <>'
login user@example.org password
sync '<mailboxCreate id="1" mailbox="Box"/>'
is 'to a mailbox' "$(deliver USER+box@Example.Org <"$root/tmp/two")" 0
has 'there it is' "$(newest Box)" 'Subject: two'
printf 'A: 1\r\n\r\nb' | deliver user@example.org -f 'a
B: 2' >/dev/null
is 'lines end as in the message, and nothing is smuggled in' "$(newest INBOX | od -An -c | tr -d ' \n')" \
    "$(printf 'Return-Path: <a?B: 2>\r\nDelivered-To: user@example.org\r\nA: 1\r\n\r\nb' | od -An -c | tr -d ' \n')"

# --- refusals ----------------------------------------------------------------------------------

printf 'A: 1\n\n' >"$root/tmp/mail"
is 'no such user: for good' "$(deliver nobody@example.org <"$root/tmp/mail")" 'ximssctl: nobody@example.org: there is no such user here
1'
is 'no such domain' "$(deliver user@example.com <"$root/tmp/mail" | tail -n 1)" 1
is 'a loop' "$(printf 'Delivered-To: user@example.org\n\n' | deliver user@example.org | tail -n 1)" 1
deliver small@example.org <"$root/tmp/mail" >/dev/null
is 'no room: for now' "$(head -c 60 /dev/zero | tr '\0' x | deliver small@example.org)" 'ximssctl: small@example.org: account is over quota
75'
is 'never room: for good' "$(head -c 160 /dev/zero | tr '\0' x | deliver small@example.org | tail -n 1)" 1
is 'too large' "$(head -c 104857601 /dev/zero | deliver user@example.org)" 'ximssctl: standard input: a message has at most 104857600 bytes
1'
is 'nothing is left of it' "$(find "$data" -name 'spool*')" ''
is 'no data folder: for now' "$("$XIMSSCTL" -d "$root/none" deliver user@example.org <"$root/tmp/mail" 2>/dev/null
    echo $?)" 75
is 'no input: for now' "$(deliver user@example.org <&- | tail -n 1)" 75
for words in '' 'a b' '-x user@example.org' 'user@example.org -f'; do
    # shellcheck disable=SC2086
    is "wrong usage: $words" "$(deliver $words <"$root/tmp/mail" | tail -n 1)" 2
done

# --- who hears of it ---------------------------------------------------------------------------

login user@example.org password
sync '<folderOpen id="1" folder="in" mailbox="INBOX"><field>Subject</field></folderOpen>'
curl -s -m 70 "$url/Session/$id/?maxWait=60" >"$root/tmp/poll" &
waiting=$!
deliver user@example.org <"$root/tmp/two" >/dev/null
wait $waiting
is 'a poll that waits is told' "$(tr -d '\r\n' <"$root/tmp/poll")" \
    '<XIMSS respSeq="1"><folderReport folder="in" mode="notify"/></XIMSS>'

httpd_done
