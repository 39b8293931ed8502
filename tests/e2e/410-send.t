#!/bin/sh
# Sending: between two accounts within the request, by a program and by a dead relay through the queue, which httpd
# starts; numbered submissions while children are killed.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

modules=watchdog
make_account user@example.org password
make_account other@example.org password
# Stands in for sendmail: notes what it is given.
cat >"$root/tmp/sendmail" <<END
#!/bin/sh
echo "\$*" >>"$root/tmp/sent/arguments"
cat >>"$root/tmp/sent/mail"
END
mkdir "$root/tmp/sent"
chmod 755 "$root/tmp" "$root/tmp/sendmail"
chmod 777 "$root/tmp/sent"
touch "$root/tmp/sent/arguments" "$root/tmp/sent/mail"
chmod 666 "$root/tmp/sent/arguments" "$root/tmp/sent/mail"
config="XimssEngine On
XimssSendmail \"$root/tmp/sendmail\"
XimssMaxSubmissions 1000"
httpd_start

# email RECIPIENTS [SUBJECT]: an EMail element; RECIPIENTS are To, Cc and Bcc elements.
email() {
    printf '<EMail><From realName="U. Ser">user@example.org</From>%s<Subject>%s</Subject><MIME type="text" subtype="plain">Text.</MIME></EMail>' \
        "$1" "${2:-hello}"
}
# in_mailbox ACCOUNT MAILBOX: how many messages it has.
in_mailbox() {
    rm -rf "$root/tmp/export"
    ctl export "$1" "$2" --to "$root/tmp/export" --format eml >/dev/null && find "$root/tmp/export" -name '*.eml' | wc -l
}
has_messages() {
    [ "$(in_mailbox "$1" "$2")" -ge "$3" ]
}

# --- between accounts -----------------------------------------------------------------------

login other@example.org password
other=$id
sync '<folderOpen id="1" folder="in" mailbox="INBOX" sortField="UID"><field>Subject</field></folderOpen>'
curl -s -m 60 "$url/Session/$other/?ackSeq=0&maxWait=50" >"$root/tmp/woken" &
waiter=$!
login user@example.org password
sync "<mailboxCreate id=\"1\" mailbox=\"Sent\"/><messageSubmit id=\"2\" targetMailbox=\"Sent\" flags=\"Seen\">$(
    email '<To>other@example.org</To><Bcc>user@example.org</Bcc>')</messageSubmit>"
xml_is 'a message is submitted' '<XIMSS><response id="1"/><response id="2"/></XIMSS>'
wait "$waiter"
has 'it wakes the poll of the receiver' "$(cat "$root/tmp/woken")" 'mode="notify"'
is 'the receiver has it' "$(in_mailbox other@example.org INBOX)" 1
lacks 'without Bcc' "$(cat "$root"/tmp/export/*.eml)" Bcc
has 'with Return-Path' "$(cat "$root"/tmp/export/*.eml)" 'Return-Path: <user@example.org>'
is 'so has the receiver of the blind copy' "$(in_mailbox user@example.org INBOX)" 1
lacks 'who is named nowhere but in the trace' "$(grep -v '^Delivered-To' "$root"/tmp/export/*.eml)" 'o: user@'
is 'and the sender a copy' "$(in_mailbox user@example.org Sent)" 1
lacks 'without Bcc, too' "$(cat "$root"/tmp/export/*.eml)" Bcc
is 'nothing waits' "$(ctl queue list)" ''
sync "<messageSubmit id=\"1\" useDSN=\"yes\">$(email '<To>other@example.org</To>')</messageSubmit>"
is 'a report is asked for' "$(in_mailbox user@example.org INBOX)" 2
has 'and comes' "$(cat "$root"/tmp/export/*.eml)" 'Action: delivered'
sync "<messageSubmit id=\"1\">$(email '<To>nobody@example.org</To>')</messageSubmit>"
is 'an unknown user is refused' "$(xml_get response/@errorNum)" 522
sync '<messageSubmit id="1"><EMail><From>other@example.org</From><To>user@example.org</To><Subject>x</Subject></EMail></messageSubmit>'
is 'so is the address of another' "$(xml_get response/@errorNum)" 522

login user@example.org password
for try in 1 2; do
    http "$url/Session/$id/sync?reqSeq=1&random=$try" -H 'Content-Type: text/xml' --data-binary \
        "<XIMSS><messageSubmit id=\"1\">$(email '<To>other@example.org</To>')</messageSubmit></XIMSS>"
    xml_is "a numbered submission: answer $try" '<XIMSS><response id="1"/></XIMSS>'
done
is 'is done once' "$(in_mailbox other@example.org INBOX)" 3

# --- by a program ---------------------------------------------------------------------------

sync "<messageSubmit id=\"1\">$(email '<To>a@example.com</To><Bcc>b@example.com</Bcc>' outside)</messageSubmit>"
xml_is 'a message to others' '<XIMSS><response id="1"/></XIMSS>'
sent() {
    grep -q 'a@example.com' "$root/tmp/sent/arguments"
}
ok 'the queue sends it' wait_for sent
has 'with its sender' "$(cat "$root/tmp/sent/arguments")" 'user@example.org'
has 'to the receiver of the blind copy' "$(cat "$root/tmp/sent/arguments")" 'b@example.com'
is 'which is not named in it' "$(grep -c 'b@example.com' "$root/tmp/sent/mail")" 0
is 'once' "$(grep -c '^Subject: outside' "$root/tmp/sent/mail")" 1
emptied() {
    [ -z "$(ctl queue list)" ]
}
ok 'nothing waits then' wait_for emptied

# --- exactly once, while children are killed --------------------------------------------------

log_known='exit signal Killed'
before=$(in_mailbox other@example.org INBOX)
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
login user@example.org password
while [ -z "$id" ]; do
    login user@example.org password
done
number=1
wrong=0
while [ "$number" -le 30 ]; do
    status=0
    tries=0
    while [ "$status" != 200 ] && [ "$tries" -lt 200 ]; do
        tries=$((tries + 1))
        http "$url/Session/$id/sync?reqSeq=$number&random=$tries" -H 'Content-Type: text/xml' --data-binary \
            "<XIMSS><messageSubmit id=\"$number\" targetMailbox=\"Sent\">$(email '<To>other@example.org</To>' "number $number")</messageSubmit></XIMSS>"
    done
    [ "$body" = "<XIMSS><response id=\"$number\"/></XIMSS>" ] || wrong=$((wrong + 1))
    number=$((number + 1))
done
touch "$root/tmp/stop"
wait "$killer"
ok 'the server answers again' wait_for httpd_answers
is 'every submission was answered' "$wrong" 0
# What a killed child left in the outbox is due half a minute later.
ctl queue retry user@example.org >/dev/null 2>&1
ctl queue run --once >/dev/null
is 'and done once: copies' "$(in_mailbox user@example.org Sent)" 31
is 'deliveries' "$(in_mailbox other@example.org INBOX)" $((before + 30))
is 'each of them' "$(cat "$root"/tmp/export/*.eml | grep -c '^Subject: number')" 30
is 'none twice' "$(cat "$root"/tmp/export/*.eml | grep '^Subject: number' | sort | uniq -d)" ''
ok 'and the accounts are sound' ctl check
httpd_judge

# --- by a relay that is dead ------------------------------------------------------------------

log_known=
httpd_stop
config='XimssEngine On
XimssRelay 127.0.0.1
XimssRelayPort 1
XimssQueueFirstPause 1
XimssQueueGiveUp 3'
httpd_start
reports=$(in_mailbox user@example.org INBOX)
login user@example.org password
sync "<messageSubmit id=\"1\">$(email '<To>c@example.com</To>' dead)</messageSubmit>"
xml_is 'the relay is dead, the message is taken' '<XIMSS><response id="1"/></XIMSS>'
has 'and waits' "$(ctl queue list user@example.org)" '<user@example.org> <c@example.com>'
ok 'in the end a report comes' wait_for has_messages user@example.org INBOX $((reports + 1))
has 'that it failed' "$(cat "$root"/tmp/export/*.eml)" 'Final-Recipient: rfc822; c@example.com'
ok 'and nothing waits' wait_for emptied

# --- what the administrator may do --------------------------------------------------------------

httpd_stop
config='XimssEngine On
XimssQueue Off'
printf 'sendmail %s\nfirst-pause 1000\n' "$root/tmp/sendmail" >"$data/queue.conf"
[ -z "$httpd_user" ] || chown "$httpd_user" "$data/queue.conf"
httpd_start
login user@example.org password
sync "<messageSubmit id=\"1\">$(email '<To>d@example.com</To>')</messageSubmit><messageSubmit id=\"2\">$(email '<To>e@example.com</To>')</messageSubmit>"
is 'two messages wait' "$(ctl queue list | wc -l)" 2
message=$(ctl queue list | awk '/<d@/ { print $2 }')
is 'one is dropped' "$(ctl queue drop user@example.org "$message")" 'dropped: 1'
ctl queue drop user@example.org "$message" 2>/dev/null
is 'once' $? 1
printf 'sendmail /bin/false\nfirst-pause 1000\n' >"$data/queue.conf"
is 'the other is not sent' "$(ctl queue run --once)" 'sent 0, failed 0, waiting 1, held 0'
is 'and not tried again at once' "$(ctl queue run --once)" 'sent 0, failed 0, waiting 0, held 0'
printf 'sendmail %s\n' "$root/tmp/sendmail" >"$data/queue.conf"
is 'but on demand' "$(ctl queue retry user@example.org)" 'to be tried at once: 1'
is 'it is sent' "$(ctl queue run --once)" 'sent 1, failed 0, waiting 0, held 0'
ok 'to whom it was for' grep -q 'e@example.com' "$root/tmp/sent/arguments"
is 'the other one never was' "$(grep -c 'd@example.com' "$root/tmp/sent/arguments")" 0
# Without httpd's help, as a service of the system would run it.
"$XIMSSCTL" -d "$data" queue run >"$root/tmp/service" 2>&1 &
service=$!
sync "<messageSubmit id=\"1\">$(email '<To>g@example.com</To>')</messageSubmit>"
ok 'a run that goes on sends what comes' wait_for grep -q 'g@example.com' "$root/tmp/sent/arguments"
ok 'until nothing is left' wait_for emptied
kill "$service"
wait "$service" 2>/dev/null
has 'and says so' "$(cat "$root/tmp/service")" 'sent 1, failed 0, waiting 0, held 0'

# A run that dies when the message is out: nobody but the test knows that it is.
cat >"$root/tmp/kill" <<END
#!/bin/sh
echo "\$*" >>"$root/tmp/sent/arguments"
cat >/dev/null
kill -9 \$PPID
END
chmod 755 "$root/tmp/kill"
printf 'sendmail %s\n' "$root/tmp/kill" >"$data/queue.conf"
sync "<messageSubmit id=\"1\">$(email '<To>f@example.com</To>')</messageSubmit>"
ctl queue run --once >/dev/null 2>&1
is 'a run is killed' $? 137
has 'its message is being sent, as far as one knows' "$(ctl queue list)" ' sending '
ctl queue retry user@example.org >/dev/null 2>&1
is 'which cannot be tried again' $? 1
printf 'sendmail %s\n' "$root/tmp/sendmail" >"$data/queue.conf"
is 'the next run holds it' "$(ctl queue run --once 2>/dev/null)" 'sent 0, failed 0, waiting 0, held 1'
has 'and it is shown' "$(ctl queue list)" ' held <user@example.org> <f@example.com> '
is 'it was sent once' "$(grep -c 'f@example.com' "$root/tmp/sent/arguments")" 1
is 'the administrator may have it sent again' "$(ctl queue retry user@example.org)" 'to be tried at once: 1'
is 'then it is' "$(ctl queue run --once)" 'sent 1, failed 0, waiting 0, held 0'
is 'once more' "$(grep -c 'f@example.com' "$root/tmp/sent/arguments")" 2
is 'and nothing is left' "$(ctl queue list)" ''
echo 'nonsense' >"$data/queue.conf"
ctl queue run --once >/dev/null 2>&1
is 'a wrong queue.conf is an error' $? 1
httpd_done
