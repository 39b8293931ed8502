#!/bin/sh
# Mail out by a real Postfix: through its sendmail and as a relay, to a plain server and back to another account by
# LMTP; reports of success and failure come back; a relay that is dead for a while.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"
. "$(dirname "$0")/lib/postfix.sh"

missing=$(postfix_missing)
[ -z "$missing" ] || skip_all "$missing"

make_account user@example.org password
make_account second@example.org password
sink_pid=
sink_stop() {
    [ -z "$sink_pid" ] || kill "$sink_pid" 2>/dev/null
    sink_pid=
}
# sink_start [PORT]: a plain SMTP server; sets $sink_port.
sink_start() {
    rm -f "$root/sink/port"
    python3 "$XIMSS_SRC/tests/e2e/lib/smtpsink.py" "$root/sink" "$@" >"$root/logs/sink.log" 2>&1 &
    sink_pid=$!
    wait_for test -s "$root/sink/port"
    sink_port=$(cat "$root/sink/port")
}
mkdir "$root/sink"
sink_start

# start CONFIGURATION: the server with a way out.
start() {
    httpd_stop
    config="XimssEngine On
$1"
    httpd_start
    login user@example.org password
}
modules=watchdog
lmtp=yes
start 'XimssQueue Off'
# alias.test is no domain of ours: mail for it goes out, and comes back by LMTP.
postfix_lmtp=$lmtp_port
postfix_sink=$sink_port
postfix_more='virtual_alias_domains = alias.test
virtual_alias_maps = inline:{second@alias.test=second@example.org}'
postfix_start
trap 'sink_stop; postfix_stop; httpd_cleanup' EXIT

# patiently COMMAND...: waits for what goes by several programs, some of which look once a second.
patiently() {
    wait_for "$@" || wait_for "$@" || wait_for "$@"
}
# submit TO SUBJECT [ATTRIBUTES]: sends a message to one address.
submit() {
    sync "<messageSubmit id=\"1\" $3><EMail><From realName=\"U. Ser\">user@example.org</From><To>$1</To><Subject>$2</Subject><MIME type=\"text\" subtype=\"plain\">One.&#x0A;.&#x0A;.two
Fr&#xFC;her</MIME></EMail></messageSubmit>"
    xml_is "it is taken: $2" '<XIMSS><response id="1"/></XIMSS>'
}
# mail_with ACCOUNT SUBJECT: the message of ACCOUNT's INBOX that says so in a line; prints it.
mail_with() {
    rm -rf "$root/tmp/exported"
    ctl export "$1" INBOX --to "$root/tmp/exported" --format eml >/dev/null 2>&1
    grep -lr "^Subject: $2" "$root/tmp/exported" | head -n 1 | xargs -r cat | tr -d '\r'
}
came() {
    [ -n "$(mail_with "$@")" ]
}
# sunk SUBJECT: the number of the message in the sink that has it.
sunk() {
    grep -l "^Subject: $1" "$root"/sink/*.eml 2>/dev/null | sed 's/.*\/\(.*\)\.eml/\1/'
}
arrived() {
    [ -n "$(sunk "$1")" ]
}
emptied() {
    [ -z "$(ctl queue list)" ]
}
# two_ways NAME: messages to the sink and to another account, by whatever way is set.
two_ways() {
    submit friend@sink.test "$1 to the sink"
    ok "$1: a message arrives in a plain server" patiently arrived "$1 to the sink"
    number=$(sunk "$1 to the sink")
    is "$1: once" "$(sunk "$1 to the sink" | wc -l)" 1
    is "$1: with its envelope" "$(cat "$root/sink/$number.env")" 'user@example.org
friend@sink.test'
    is "$1: with its text" "$(python3 -c '
import email, email.policy, sys
message = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
print(message.get_content(), end="")' "$root/sink/$number.eml" | tr -d '\r')" 'One.
.
.two
Früher'
    submit second@alias.test "$1 to a second account"
    ok "$1: a message comes back by LMTP to another account" patiently came second@example.org "$1 to a second account"
    has "$1: as it was sent" "$(mail_with second@example.org "$1 to a second account")" \
        'Return-Path: <user@example.org>' 'Delivered-To: second@example.org' 'From: "U. Ser" <user@example.org>'
}
# report_of NAME: the report in the sender's INBOX about an address: its fields for programs.
report_of() {
    rm -rf "$root/tmp/exported"
    ctl export user@example.org INBOX --to "$root/tmp/exported" --format eml >/dev/null 2>&1
    grep -lr "^Final-Recipient: rfc822; *$1" "$root/tmp/exported" | head -n 1 | xargs -r python3 -c '
import email, sys
message = email.message_from_binary_file(open(sys.argv[1], "rb"))
print(message.get_content_type(), message.get_param("report-type"), message["Return-Path"])
for part in message.walk():
    if part.get_content_type() == "message/delivery-status":
        for group in part.get_payload():
            for name, value in group.items():
                print(name + ":", value)'
}
reported() {
    [ -n "$(report_of "$1")" ]
}
# reports NAME: what fails and what succeeds is told to the sender.
reports() {
    submit 550@sink.test "$1 to nobody"
    ok "$1: a report of failure comes back" patiently reported 550@sink.test
    has "$1: it says so" "$(report_of 550@sink.test)" 'multipart/report delivery-status <>' 'Action: failed' \
        'Status: 5.7.1' 'as you asked'
    submit "glad-$1@sink.test" "$1 with a wish" 'useDSN="yes"'
    ok "$1: a report of success comes back" patiently reported "glad-$1@sink.test"
    has "$1: it says so" "$(report_of "glad-$1@sink.test")" 'multipart/report delivery-status <>' 'Action: relayed'
    ok "$1: nothing waits" patiently emptied
}

# confirmation NAME: one leaves with the null sender.
confirmation() {
    printf 'Return-Path: <%s>\nFrom: asks@sink.test\nTo: user@example.org\nSubject: please\nMessage-ID: <%s@sink.test>\nDisposition-Notification-To: <%s>\n\ntext\n' \
        "asks-$1@sink.test" "$1" "asks-$1@sink.test" >"$root/tmp/asks"
    import user@example.org Asked "$root/tmp/asks"
    sync '<folderOpen id="1" folder="asked" mailbox="Asked" sortField="UID"><field>UID</field></folderOpen><messageConfirm id="2" folder="asked" UID="1" type="manual"/>'
    ok "$1: a confirmation arrives" patiently arrived 'Displayed: please'
    is "$1: without a sender" "$(cat "$root/sink/$(sunk 'Displayed: please').env")" "
asks-$1@sink.test"
    rm -f "$root/sink/$(sunk 'Displayed: please').eml"
}

# --- by its sendmail ----------------------------------------------------------------------------

start "XimssSendmail \"$postfix_sendmail\""
postfix_set "virtual_transport=lmtp:[127.0.0.1]:$lmtp_port"
two_ways sendmail
reports sendmail
confirmation sendmail

# --- as a relay ---------------------------------------------------------------------------------

ctl account delete user@example.org
make_account user@example.org password
start "XimssRelay 127.0.0.1
XimssRelayPort $postfix_port"
postfix_set "virtual_transport=lmtp:[127.0.0.1]:$lmtp_port"
two_ways relay
reports relay
confirmation relay

# --- as a relay that talks TLS only ---------------------------------------------------------------

mkdir "$root/tls"
# certificate NAME: an authority, and a certificate for localhost that it has signed.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj '/CN=Test authority' \
        -keyout "$root/tls/$1-ca.key" -out "$root/tls/$1-ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout "$root/tls/$1.key" \
        -out "$root/tls/$1.csr" 2>/dev/null
    printf 'subjectAltName=DNS:localhost\n' >"$root/tls/$1.ext"
    openssl x509 -req -in "$root/tls/$1.csr" -CA "$root/tls/$1-ca.pem" -CAkey "$root/tls/$1-ca.key" -CAcreateserial \
        -days 1 -extfile "$root/tls/$1.ext" -out "$root/tls/$1.pem" 2>/dev/null
}
certificate right
certificate wrong
start "XimssRelay localhost
XimssRelayPort $postfix_port
XimssRelayTLS STARTTLS
XimssRelayCAFile \"$root/tls/right-ca.pem\"
XimssQueueFirstPause 1
XimssQueueLongestPause 1"
postfix_set "virtual_transport=lmtp:[127.0.0.1]:$lmtp_port" "smtpd_tls_cert_file=$root/tls/wrong.pem" \
    "smtpd_tls_key_file=$root/tls/wrong.key" smtpd_tls_security_level=encrypt
submit friend@sink.test 'by TLS'
refused_certificate() {
    ctl queue list | grep -q 'certificate'
}
ok 'the certificate of another authority is refused' patiently refused_certificate
ok 'and nothing leaves' test -z "$(sunk 'by TLS')"
postfix_set "smtpd_tls_cert_file=$root/tls/right.pem" "smtpd_tls_key_file=$root/tls/right.key"
ok 'once it is right, the message leaves' patiently arrived 'by TLS'
has 'by TLS' "$(cat "$root/sink/$(sunk 'by TLS').eml")" 'with ESMTPS'
postfix_set smtpd_tls_security_level=none

# --- a plain relay that refuses, and reports of our own -------------------------------------------

ctl account delete user@example.org
make_account user@example.org password
start "XimssRelay 127.0.0.1
XimssRelayPort $sink_port
XimssQueueFirstPause 1
XimssQueueLongestPause 1"
reports plain

# --- a relay that is dead for a while -------------------------------------------------------------

sink_stop
submit friend@sink.test 'to the dead'
tried_twice() {
    ctl queue list | grep -Eq 'attempts=([2-9]|[1-9][0-9])'
}
ok 'it is tried again' patiently tried_twice
has 'and why it waits is told' "$(ctl queue list)" 'onnection refused'
sink_start "$sink_port"
ok 'when the relay is back, it arrives' patiently arrived 'to the dead'
ok 'nothing waits' patiently emptied
is 'it arrived once' "$(sunk 'to the dead' | wc -l)" 1
httpd_done
