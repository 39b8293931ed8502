#!/bin/sh
# Mail that a real Postfix hands over by LMTP.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"
. "$(dirname "$0")/lib/postfix.sh"

missing=$(postfix_missing)
[ -z "$missing" ] || skip_all "$missing"

mail_of() {
    rm -rf "$root/tmp/exported"
    ctl export "$1" "$2" --to "$root/tmp/exported" --format eml >/dev/null 2>&1
    find "$root/tmp/exported" -name '*.eml' | sort -V | while read -r file; do
        tr -d '\r' <"$file"
    done
}
has_mail() {
    mail_of "$1" "${3:-INBOX}" | grep -q "$2"
}
lmtp=yes
children=2
config='XimssEngine On
XimssMaxLMTPConnections 8'
for name in user other small zoë; do
    make_account $name@example.org password
done
ctl account set small@example.org --quota 1500
httpd_start
postfix_lmtp=$lmtp_port
postfix_more='lmtp_destination_concurrency_limit = 4'
postfix_start

# --- in by sendmail(1) -------------------------------------------------------------------------

login user@example.org password
sync '<mailboxCreate id="1" mailbox="Lists"/>'
sync '<folderOpen id="1" folder="in" mailbox="INBOX"><field>Subject</field></folderOpen>'
curl -s -m 70 "$url/Session/$id/?maxWait=60" >"$root/tmp/poll" &
waiting=$!
printf 'From: Out <out@example.net>\nSubject: one\nMessage-ID: <one@test>\n\n.\n..\nFrom me\n' |
    "$postfix_sendmail" -i -f out@example.net user@example.org other@example.org
wait $waiting
is 'a poll that waits is told' "$(tr -d '\r\n' <"$root/tmp/poll")" \
    '<XIMSS respSeq="1"><folderReport folder="in" mode="notify"/></XIMSS>'
wait_for postfix_idle
is 'the message and its trace' "$(mail_of user@example.org INBOX | sed 's/^ [A-Z][a-z][a-z], .*/ DATE/
    s/id [0-9A-F]*;.*/id ID; DATE/
    s/^Date: .*/DATE/')" 'Return-Path: <out@example.net>
Delivered-To: user@example.org
Received: from mx.test ([127.0.0.1])
 by 127.0.0.1 with LMTP;
 DATE
Received: by mx.test (Postfix, from userid 0)
	id ID; DATE
From: Out <out@example.net>
Subject: one
Message-ID: <one@test>
DATE

.
..
From me'
ok 'and to the other recipient' has_mail other@example.org 'Delivered-To: other@example.org'

# --- in by SMTP --------------------------------------------------------------------------------

# smtp SENDER RECIPIENT...: the message on standard input.
smtp() {
    python3 -c '
import smtplib, sys
client = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
client.ehlo()
options = ["SMTPUTF8", "BODY=8BITMIME"] if not "".join(sys.argv[2:]).isascii() else []
client.sendmail(sys.argv[2], sys.argv[3:], sys.stdin.buffer.read(), options)
client.quit()' "$postfix_port" "$@"
}
printf 'Subject: two\n\n\303\244\n' | smtp out@example.net user+lists@example.org
printf 'Subject: three\n\nbody\n' | smtp out@example.net 'zoë@example.org'
wait_for postfix_idle
ok 'a detail names a mailbox' has_mail user@example.org 'Subject: two' Lists
ok 'an address beyond ASCII' has_mail 'zoë@example.org' 'Delivered-To: zoë@example.org'

# --- what is refused ---------------------------------------------------------------------------

printf 'Subject: four\n\nbody\n' | smtp other@example.org nobody@example.org user@example.org
wait_for has_mail other@example.org 'Subject: Undelivered Mail'
bounce=$(mail_of other@example.org INBOX)
has 'an unknown user: the sender is told' "$bounce" 'Final-Recipient: rfc822; nobody@example.org' 'Status: 5.1.1' \
    'Return-Path: <>'
ok 'the known one has it' has_mail user@example.org 'Subject: four'
{
    printf 'Subject: five\n\n'
    head -c 600 /dev/zero | tr '\0' x
} >"$root/tmp/five"
smtp other@example.org small@example.org <"$root/tmp/five"
wait_for has_mail small@example.org 'Subject: five'
sed 's/five/six/' "$root/tmp/five" | smtp other@example.org small@example.org
deferred() {
    grep -q 'dsn=4.2.2, status=deferred' "$postfix_log"
}
ok 'no room: Postfix keeps it' wait_for deferred
ctl account set small@example.org --quota 10k
ok 'until there is room' wait_for has_mail small@example.org 'Subject: six'

# --- many --------------------------------------------------------------------------------------

/usr/sbin/smtp-source -s 8 -m 200 -l 3000 -f many@example.net -t other@example.org "127.0.0.1:$postfix_port"
wait_for postfix_idle || wait_for postfix_idle || wait_for postfix_idle
is 'two hundred, several at a time' "$(mail_of other@example.org INBOX | grep -c '^Return-Path: <many@example.net>')" 200
is 'no connection was refused' "$(grep -c 'too many connections' "$postfix_log")" 0

postfix_stop
httpd_done
